// The inbox with a keyboard and a thumb: nothing here is needed, all of it saves time.
"use strict";
(() => {
  const body = document.body;
  const OFF = "kanal-keys-off";
  const store = { // a browser that keeps nothing still works
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* for this page only */ } },
  };
  const $ = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  // Times tick: what was "3 minutes ago" does not stay so while the page is open.
  const ages = body.querySelector("[data-ages]")?.dataset.ages;
  const words = ages ? JSON.parse(ages) : null;
  const UNITS = [[86400, "days"], [3600, "hours"], [60, "minutes"]];
  const tick = () => {
    if (!words) return;
    for (const time of all("time[data-ago]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const unit = UNITS.find(([size]) => seconds >= size);
      const count = unit && Math.floor(seconds / unit[0]);
      const age = unit && words[unit[1]].replace("{count}", count);
      const text = unit ? words.ago.replace("{age}", age) : words.now;
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(tick, 20000);

  // One keyboard map: single letters, off while somebody types, and to be switched off.
  const dialog = $("#keys");
  const toggle = $("#keys-off");
  if (toggle) {
    toggle.checked = store.get(OFF) === "1";
    toggle.addEventListener("change", () => store.set(OFF, toggle.checked ? "1" : "0"));
  }
  for (const button of all("[data-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog?.showModal());
  }
  const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const row = (step) => {
    const rows = all("[data-row]");
    const at = rows.findIndex((each) => each.contains(document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    $("a", next ?? document.createElement("p"))?.focus();
  };
  const act = (name) => {
    const box = document.getElementById(`act-${name}`);
    if (!box) return false;
    box.open = true;
    box.scrollIntoView({ block: "nearest" });
    $("textarea, input:not([type=hidden]), select, button", box)?.focus();
    return true;
  };
  const ACTS = { a: "answer", p: "progress", q: "ask", r: "refuse", d: "delegate", n: "note", v: "verify" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (typing(event.target) || store.get(OFF) === "1" || dialog?.open) return;
    const { key } = event;
    let done = true;
    if (key === "j") row(1);
    else if (key === "k") row(-1);
    else if (key === "o") document.activeElement?.closest("[data-row]")?.querySelector("a")?.click();
    else if (key === "?") dialog?.showModal();
    else if (/^[1-5]$/.test(key)) {
      const box = $(`[data-box="${key}"]`);
      done = Boolean(box);
      box?.click();
    } else done = key in ACTS && act(ACTS[key]);
    if (done) event.preventDefault();
  });
  for (const link of all("[data-act]")) {
    link.addEventListener("click", (event) => { if (act(link.dataset.act)) event.preventDefault(); });
  }

  // A template fills the text; the blank in it is what is left to say.
  for (const choice of all("select[data-fills]")) {
    choice.addEventListener("change", () => {
      const text = document.getElementById(choice.dataset.fills);
      const filled = choice.selectedOptions[0]?.dataset.text;
      if (!text || !filled) return;
      text.value = filled;
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.focus();
      const blank = filled.indexOf("___");
      if (blank >= 0) text.setSelectionRange(blank, blank + 3);
    });
  }
  for (const button of all("[data-plain]")) button.hidden = true; // without scripts it does the same

  // Photos that are too many or too large are said before they travel.
  for (const form of all("form[data-most-files]")) {
    const inputs = all("input[type=file]", form);
    const check = () => {
      const files = inputs.flatMap((input) => [...input.files]);
      const many = files.length > Number(form.dataset.mostFiles);
      const large = files.some((file) => file.size > Number(form.dataset.maxFile));
      const fault = many ? form.dataset.many : large ? form.dataset.large : "";
      for (const input of inputs) input.setCustomValidity(input.files.length ? fault : "");
      if (fault) inputs.find((input) => input.files.length)?.reportValidity();
    };
    for (const input of inputs) input.addEventListener("change", check);
  }

  // A report that changes under the hand: forms say which state of it was read.
  body.addEventListener("htmx:afterSettle", () => {
    tick();
    const shown = $("#file[data-version]")?.dataset.version;
    const stale = all("input[name=version]").filter((input) => shown && input.value !== shown);
    if (!stale.length) return;
    for (const input of stale) input.value = shown;
    const changed = $("#changed");
    if (changed) changed.hidden = false;
  });
  // A colleague returned it: say so once, and ask no more.
  body.addEventListener("htmx:responseError", (event) => {
    const file = $("#file");
    if (event.detail.xhr.status !== 404 || event.detail.elt !== file) return;
    $("#gone").hidden = false;
    file.replaceWith(file.cloneNode(true));
    for (const button of all(".acts button")) button.disabled = true;
  });
  if (body.querySelector(".faulty")) body.querySelector(".faulty").focus();
})();
