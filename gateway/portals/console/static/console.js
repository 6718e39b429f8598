// What htmx leaves open: lists that show what changed, keys, ages, and a lost gateway.
"use strict";
(() => {
  const body = document.body;
  const byId = (id) => document.getElementById(id);

  // A lost gateway: two polls of a part in a row that brought nothing, or one that hangs.
  const SILENCE = 6000;
  const failed = new Map(); // by part: polls in a row that brought nothing
  const asked = new Map(); // by part: since when it waits for an answer
  const look = () => {
    const now = performance.now();
    const hangs = [...asked.values()].some((since) => now - since > SILENCE);
    byId("stale").hidden = !hangs && ![...failed.values()].some((count) => count > 1);
  };
  const ask = (part) => { if (!asked.has(part)) asked.set(part, performance.now()); };
  const heard = (part, well) => {
    asked.delete(part);
    if (well) failed.delete(part); else failed.set(part, (failed.get(part) ?? 0) + 1);
    look();
  };
  const partOf = (event) => {
    const { verb, path } = event.detail.requestConfig;
    return verb === "get" && path.includes("/parts/") ? path.split("?")[0] : null;
  };
  body.addEventListener("htmx:beforeRequest", (event) => {
    const part = partOf(event);
    if (part) ask(part);
  });
  body.addEventListener("htmx:afterRequest", (event) => {
    const part = partOf(event);
    const { status } = event.detail.xhr;
    if (part) heard(part, status >= 200 && status < 300);
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    // A proxy's error page in place of a part would end its polls.
    if (event.detail.xhr.status >= 400 && partOf(event)) event.detail.shouldSwap = false;
  });
  setInterval(look, 1000);

  // Ages, by the gateway's clock.
  const ages = document.querySelector("meta[name=ages]");
  const words = JSON.parse(ages.content);
  const ahead = Number(ages.dataset.now) * 1000 - Date.now();
  const UNITS = [[86400, "days"], [3600, "hours"], [60, "minutes"], [1, "seconds"]];
  const tick = () => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.max(0, Math.floor((Date.now() + ahead - Date.parse(time.dateTime)) / 1000));
      const [size, unit] = UNITS.find((each) => seconds >= each[0]) ?? UNITS[3];
      const age = words[unit].replace("{count}", Math.floor(seconds / size));
      const text = seconds < 60 ? words.now : words.ago.replace("{age}", age);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(tick, 5000);

  // A card that is dealt with goes away, and the focus would fall back to the top of the page.
  let busy = null; // the card that the keyboard was in when its request left
  let next = null;
  const beside = (card) => [card.nextElementSibling, card.previousElementSibling]
    .find((element) => element?.matches(".card")) ?? byId("main");
  body.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.target.closest(".card");
    if (card?.contains(document.activeElement)) busy = card;
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== busy) return;
    next = [busy.id, beside(busy)];
    busy = null;
  });
  body.addEventListener("htmx:afterRequest", () => { // afterSettle is silent when nothing came in
    if (next && document.activeElement === body) (byId(next[0]) ?? next[1]).focus();
    next = null;
    count();
  });

  // Lists that show what changed.
  const drawn = new WeakMap(); // when a card was drawn again: nobody has read it yet
  const total = byId("count");
  const count = () => {
    if (!total) return;
    const shown = document.querySelectorAll("#cards > .card:not(.gone)").length;
    const say = (number) => Number(number).toLocaleString(document.documentElement.lang);
    const text = total.dataset.text.replace("{shown}", say(shown));
    total.textContent = Number(total.dataset.total)
      ? text.replace("{total}", say(total.dataset.total)) : "";
    const empty = byId("none");
    empty.textContent = Number(total.dataset.total) ? empty.dataset.done : empty.dataset.none;
  };
  const build = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };
  const redraw = (old, html, changed) => {
    const card = build(html);
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    for (const input of old.querySelectorAll("input:not([type=hidden])")) {
      const same = card.querySelector(`input[name="${input.name}"]`);
      if (same) same.value = input.value;
    }
    const [was, is] = [old, card].map((each) => each.querySelector("details.archive"));
    if (was && is) is.open = was.open;
    const badge = document.createElement("span");
    badge.className = "badge changed";
    badge.textContent = changed;
    card.querySelector(".end").before(badge, " ");
    old.replaceWith(card);
    htmx.process(card);
    drawn.set(card, performance.now());
    if (active) (active.name && card.querySelector(`input[name="${active.name}"]`) || card).focus();
    byId("announce").textContent = `${card.querySelector("a")?.textContent ?? ""} ${changed}`;
  };
  const leave = (card, note) => {
    if (card.matches(".gone") || card.querySelector(".htmx-request")) return;
    if (card.contains(document.activeElement)) card.focus(); // what had it is hidden now
    card.classList.add("gone");
    for (const each of card.querySelectorAll("fieldset, input")) each.disabled = true;
    const said = document.createElement("p");
    said.className = "notice";
    said.textContent = note;
    card.querySelector(".line").after(said);
    byId("announce").textContent = note;
    setTimeout(() => {
      if (card.contains(document.activeElement)) beside(card).focus();
      card.remove();
      count();
    }, 3000);
  };
  const keep = (list) => {
    const { live, every, changed, more } = list.dataset;
    const button = byId(list.dataset.new);
    const fresh = new Map(); // by id: cards that wait to be shown
    let mark = list.dataset.mark;
    const show = () => {
      for (const { html, urgent } of fresh.values()) {
        const card = build(html);
        if (urgent) list.prepend(card); else list.append(card);
        htmx.process(card);
      }
      fresh.clear();
      offer();
      count();
    };
    const offer = () => {
      button.hidden = fresh.size === 0;
      button.textContent = button.dataset.text.replace("{count}", fresh.size);
    };
    const take = (told) => {
      for (const card of told.cards) {
        const old = byId(card.id);
        if (old?.matches(".gone")) continue;
        if (!old && (card.urgent || more === undefined)) fresh.set(card.id, card);
        else if (old && old.dataset.version !== String(card.version)) redraw(old, card.html, changed);
      }
      for (const { id, note } of told.gone) {
        fresh.delete(id);
        const card = byId(id);
        if (card) leave(card, note);
      }
      if (told.missed) byId("missed").hidden = false;
      if (total && "total" in told) total.dataset.total = told.total;
      if (!list.querySelector(".card")) show(); else offer();
      count();
    };
    const poll = async () => {
      ask(live);
      try {
        const headers = { "HX-Request": "true", "HX-Current-URL": location.href };
        const signal = AbortSignal.timeout(10000);
        const answer = await fetch(`${live}?${mark}`, { headers, signal });
        const login = answer.headers.get("HX-Redirect");
        if (login) { location.href = login; return; }
        if (answer.status === 200) take(await answer.json());
        if (answer.ok) mark = answer.headers.get("Live-Mark") ?? mark;
        heard(live, answer.ok);
      } catch {
        heard(live, false);
      }
      setTimeout(poll, Number(every));
    };
    button.addEventListener("click", () => {
      show();
      list.querySelector(".card")?.focus();
    });
    setTimeout(poll, Number(every));
  };
  document.querySelectorAll("[data-live]").forEach(keep);

  // Keys, where a list of cards has them.
  const list = document.querySelector("[data-keys]");
  if (!list || !byId("keys-on")) return;
  const CHOICE = "kanal.keys"; // in the browser's own store: "off"
  const UNREAD = 1000; // milliseconds in which no key decides on a card that was drawn again
  const [dialog, on] = [byId("keys"), byId("keys-on")];
  const apply = () => {
    on.checked = localStorage.getItem(CHOICE) !== "off";
    list.classList.toggle("keyed", on.checked);
  };
  on.addEventListener("change", () => {
    localStorage.setItem(CHOICE, on.checked ? "on" : "off");
    apply();
  });
  byId("show-keys").hidden = false;
  byId("show-keys").addEventListener("click", () => dialog.showModal());
  apply();

  const current = () => document.activeElement?.closest?.("[data-keys] > .card");
  const go = (step) => {
    const cards = [...list.querySelectorAll(":scope > .card")];
    const at = cards.indexOf(current());
    const card = cards[at < 0 ? 0 : Math.min(Math.max(at + step, 0), cards.length - 1)];
    card?.focus();
  };
  const KEYS = {
    j: () => go(1),
    k: () => go(-1),
    a: (card) => card?.querySelector("input[type=search]")?.focus(),
    e: (card) => {
      const box = card?.querySelector("details.archive");
      if (!box) return;
      box.open = true;
      box.querySelector("input[name=reason]").focus();
    },
    "?": () => dialog.showModal(),
  };
  const decide = (card, nth) => {
    if (!card || performance.now() - (drawn.get(card) ?? -UNREAD) < UNREAD) return;
    card.querySelectorAll(".ranked .choice")[nth - 1]?.click();
  };
  document.addEventListener("keydown", (event) => {
    if (!on.checked || dialog.open || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest("input, textarea, select");
    const card = current();
    if (typing) {
      if (event.key === "Escape" && card) card.focus();
      const found = event.key === "Enter" && typing.type === "search"
        && card?.querySelector("[id^=found-] .choice");
      if (found) { event.preventDefault(); found.focus(); }
      return;
    }
    const act = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null;
    if (act) { event.preventDefault(); act(card); }
    else if (/^[1-5]$/.test(event.key)) decide(card, Number(event.key));
  });
})();
