// What htmx leaves open: say when the page has lost the gateway, and keep the keyboard's place.
"use strict";
(() => {
  const stale = document.getElementById("stale");
  const body = document.body;
  const silent = new Set(); // the parts whose latest poll brought no answer
  let busy = null; // the card that the keyboard was in when its request left
  let next = null;

  const heard = (event, well) => {
    const { verb, path } = event.detail.requestConfig;
    if (verb !== "get") return;
    const part = path.split("?")[0];
    if (well) silent.delete(part); else silent.add(part);
    stale.hidden = silent.size === 0;
  };
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    body.addEventListener(name, (event) => heard(event, false));
  }
  body.addEventListener("htmx:afterRequest", (event) => {
    const { status } = event.detail.xhr;
    if (status) heard(event, status < 500);
  });

  // A card that is dealt with goes away, and the focus would fall back to the top of the page.
  body.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.target.closest(".card");
    if (card?.contains(document.activeElement)) busy = card;
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== busy) return;
    const after = [busy.nextElementSibling, busy.previousElementSibling];
    next = after.find((element) => element?.matches(".card")) ?? document.getElementById("main");
    busy = null;
  });
  body.addEventListener("htmx:afterRequest", () => { // afterSettle is silent when nothing came in
    if (next && document.activeElement === body) next.focus();
    next = null;
  });
})();
