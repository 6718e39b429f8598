"use strict";
// The form with JavaScript: draft, location, smaller photos, sending now or later, receipt.
// Everything also works without this file.
const $ = (id) => document.getElementById(id);

if ("serviceWorker" in navigator) addEventListener("load", () => navigator.serviceWorker.register("/sw.js"));

// Tracking page: the secret stands behind # in the link, where no server sees it.
const track = $("track");
if (track && location.hash.length > 1 && !$("faults")) {
  $("secret").value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  if ($("number").value) track.requestSubmit();
}

const copy = $("r-copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(`${$("r-number").textContent} ${$("r-secret").textContent} ${$("r-open").href}`);
    copy.textContent = copy.dataset.done;
  });
}

const form = $("report");
if (form) start();

function start() {
  const words = form.dataset;
  const uuid = () => crypto.randomUUID ? crypto.randomUUID() : form.elements.key.value;
  let key = uuid();
  form.noValidate = true;
  $("date").max = new Date(Date.now() - new Date().getTimezoneOffset() * 6e4).toISOString().slice(0, 10);

  // Draft
  const DRAFT = "lapor-draft", KEPT = ["kind", "title", "body", "date", "address", "agency", "topic", "anonim", "rahasia", "publik"];
  const load = () => { try { return JSON.parse(localStorage.getItem(DRAFT)); } catch { return null; } };
  const keep = () => {
    const typed = new FormData(form), draft = {};
    for (const name of KEPT) if (typed.get(name)) draft[name] = typed.get(name);
    try { localStorage.setItem(DRAFT, JSON.stringify(draft)); } catch { return; }
    $("draft").hidden = !draft.title && !draft.body;
  };
  const forget = () => { try { localStorage.removeItem(DRAFT); } catch { /* nothing was kept */ } $("draft").hidden = true; };
  const fill = (values) => {
    for (const [name, value] of Object.entries(values)) {
      const field = form.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value === "yes";
      else field.value = value;
    }
  };
  const draft = load();
  if (draft && !$("title").value && !$("body").value) { fill(draft); $("draft").hidden = !draft.title && !draft.body; }
  form.addEventListener("input", keep);
  $("draft-clear").addEventListener("click", () => { clear(); $("title").focus(); });

  // Location
  const gps = $("gps"), PLACE = ["latitude", "longitude", "accuracy", "location_consent"];
  const place = (values, said) => {
    PLACE.forEach((name, i) => { form.elements[name].value = values[i] ?? ""; });
    $("gps-remove").hidden = !values.length;
    $("gps-said").textContent = said;
  };
  if (navigator.geolocation) {
    gps.hidden = false;
    $("gps-find").addEventListener("click", () => {
      $("gps-said").textContent = gps.dataset.wait;
      navigator.geolocation.getCurrentPosition(
        ({ coords: c }) => place([c.latitude.toFixed(6), c.longitude.toFixed(6), Math.round(c.accuracy), "yes"],
          gps.dataset.found.replace("{meters}", Math.round(c.accuracy))),
        () => place([], gps.dataset.failed),
        { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 });
    });
    $("gps-remove").addEventListener("click", () => { place([], ""); $("gps-find").focus(); });
  }

  // Attachments: photos are made smaller, which saves data and drops what the camera wrote into them
  let picked = [];
  const MOST = 1600;
  async function smaller(file) {
    if (!/^image\/(jpeg|png|webp|hei[cf])$/.test(file.type)) return file;
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, MOST / Math.max(image.width, image.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * scale);
      canvas.height = Math.round(image.height * scale);
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.82));
      return blob ? new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" }) : file;
    } catch {
      return file;
    }
  }
  const showPicked = () => {
    const list = $("picked");
    list.replaceChildren(...picked.map((file, i) => {
      const size = file.size < 1e6 ? `${Math.ceil(file.size / 1024)} KB` : `${(file.size / 1048576).toFixed(1)} MB`;
      return line(`${file.name} (${size})`, [[list.dataset.remove, () => { picked.splice(i, 1); showPicked(); }, file.name]]);
    }));
  };
  for (const input of [$("camera"), $("choose")]) {
    input.addEventListener("change", async () => {
      const files = [...input.files];
      input.value = "";
      for (const file of files) picked.push(await smaller(file));
      showPicked();
    });
  }

  // Faults
  function faulty(faults, title) {
    for (const p of form.querySelectorAll(".fault[id]")) { p.hidden = true; p.textContent = ""; }
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    const box = $("faults"), names = Object.keys(faults);
    const heading = box.querySelector("h2");
    heading.dataset.own ??= heading.textContent;
    heading.textContent = names.length ? heading.dataset.own : title || heading.dataset.own;
    box.querySelector("ul").replaceChildren(...names.map((name) => {
      const item = document.createElement("li"), field = $(name), p = $(`${name}-fault`);
      if (p) { p.textContent = faults[name]; p.hidden = false; }
      if (!field) { item.textContent = faults[name]; return item; }
      if (field.matches("input,textarea,select")) field.setAttribute("aria-invalid", "true");
      const link = document.createElement("a");
      link.href = `#${name}`;
      link.textContent = faults[name];
      link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); });
      item.append(link);
      return item;
    }));
    box.hidden = !names.length && !title;
    if (!box.hidden) box.focus();
  }
  function unfit() {
    const faults = {};
    for (const field of form.elements) {
      if (!field.name || field.type === "file" || field.name in faults) continue;
      const typed = field.value.trim().length;
      const short = field.required && typed < (field.minLength > 0 ? field.minLength : 1);
      if (short || !field.validity.valid) faults[field.name] = field.dataset.fault || field.validationMessage;
    }
    const files = $("attachments").dataset, large = picked.find((file) => file.size > 5 * 1024 * 1024);
    if (large) faults.attachments = files.large.replace("{name}", large.name);
    if (picked.length > 5) faults.attachments = files.many;
    const complaint = form.elements.kind.value === "complaint";
    if (complaint && !$("address").value.trim() && !form.elements.latitude.value) faults.address = $("address").dataset.fault;
    return faults;
  }

  // Sending
  function gathered() {
    const typed = new FormData(form);
    typed.delete("attachments");
    typed.set("key", key);
    return [...typed.entries(), ...picked.map((file) => ["attachments", file])];
  }
  function busy(on) {
    $("send").disabled = on;
    $("progress").textContent = on ? words.sending : "";
  }
  function clear() {
    form.reset();
    picked = [];
    showPicked();
    place([], "");
    forget();
    key = uuid();
  }
  function show(said) {
    clear();
    $("writing").hidden = true;
    if (said.tracking) {
      $("r-call").textContent = said.danger || "";
      $("r-danger").hidden = !said.danger;
      $("r-number").textContent = said.written;
      $("r-secret").textContent = said.secret;
      $("r-open").href = said.url;
    } else {
      $("held-said").textContent = said.held;
    }
    const name = said.tracking ? "receipt" : "held";
    $(name).hidden = false;
    $(`${name}-title`).focus();
    scrollTo(0, 0);
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if ($("send").disabled) return;
    const faults = unfit();
    faulty(faults);
    if (Object.keys(faults).length) return;
    busy(true);
    const item = { key, action: words.action, lang: document.documentElement.lang, title: $("title").value, at: Date.now(), fields: gathered() };
    try { await submit(item); } finally { busy(false); }
  });
  async function submit(item) {
    let came;
    try {
      await Queue.put(item);  // first kept, then sent: a closed page loses nothing
      await Queue.flush();
      const done = (await Queue.sent()).find((each) => each.key === item.key);
      const left = (await Queue.waiting()).find((each) => each.key === item.key);
      came = done ? { ok: true, said: done } : left && left.faults ? { faults: left.faults, title: left.said, status: left.status } : { later: true, kept: true, title: left && left.said };
      if (!came.later) await Queue.remove(item.key);
    } catch {
      came = await Queue.send(item);  // nothing can be kept in this browser
    }
    if (came.ok) show(came.said);
    else if (came.faults) faulty(came.faults, came.status === 413 ? words.large : came.title);
    else if (came.kept) { clear(); await later(came.title); }
    else faulty({}, came.title || words.away);
    await list();
  }
  async function later(why) {
    $("progress").textContent = why || words.stored;
    try {
      const worker = await navigator.serviceWorker.getRegistration();
      await worker.sync.register("lapor");
    } catch { /* no Background Sync here: sent when this page is opened again */ }
  }

  // What waits, and what was sent meanwhile
  function line(text, buttons, extra) {
    const item = document.createElement("li"), p = document.createElement("span");
    p.textContent = text;
    item.append(p);
    if (extra) item.append(extra);
    for (const [said, act, about] of buttons) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      button.textContent = said;
      button.setAttribute("aria-label", `${said}: ${about}`);
      button.addEventListener("click", act);
      item.append(button);
    }
    return item;
  }
  function number(each) {
    if (!each.tracking) return document.createTextNode(` ${each.held}`);
    const box = document.createElement("span"), link = document.createElement("a");
    box.className = "kept";
    link.href = each.url;
    link.textContent = words.open;
    for (const [name, value] of [[words.number, each.written], [words.secret, each.secret]]) {
      const row = document.createElement("span");
      row.textContent = `${name}: ${value}`;
      box.append(row);
    }
    box.append(link);
    return box;
  }
  async function list() {
    let waiting, sent;
    try { [waiting, sent] = await Promise.all([Queue.waiting(), Queue.sent()]); } catch { return; }
    const drop = (each) => [words.remove, async () => { await Queue.remove(each.key); await list(); }, each.title];
    const mend = (each) => [words.mend, async () => {
      fill(Object.fromEntries(each.fields.filter(([, value]) => typeof value === "string")));
      picked = each.fields.filter(([, value]) => typeof value !== "string").map(([, value]) => value);
      showPicked();
      await Queue.remove(each.key);
      await list();
      faulty(each.faults, each.said);
    }, each.title];
    $("outbox").hidden = !waiting.length;
    $("outbox").querySelector("ul").replaceChildren(...waiting.map((each) =>
      line(each.faults ? `${each.title}: ${words.refused}` : each.title, each.faults ? [mend(each), drop(each)] : [drop(each)])));
    $("sent").hidden = !sent.length;
    $("sent").querySelector("ul").replaceChildren(...sent.map((each) => line(each.title, [drop(each)], number(each))));
  }
  const flush = async () => {
    try {
      if ((await Queue.waiting()).length) await Queue.flush();
    } catch { return; }
    await list();
    if (!(await Queue.waiting()).length && $("progress").textContent === words.stored) $("progress").textContent = "";
  };
  $("send-now").addEventListener("click", flush);
  addEventListener("online", flush);
  if (Queue.channel) Queue.channel.addEventListener("message", list);
  flush().then(list);
}
