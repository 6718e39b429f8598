"use strict";
// What waits on this phone, shared by the page and the service worker. A submission is put here
// before it is sent and taken out when it was taken; its key makes a second sending a repeat.
const Queue = (() => {
  const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel("lapor") : null;

  const open = () => new Promise((resolve, reject) => {
    const asked = indexedDB.open("lapor", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("waiting", { keyPath: "key" });
      asked.result.createObjectStore("sent", { keyPath: "key" });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

  async function work(mode, act) {
    const base = await open();
    try {
      return await new Promise((resolve, reject) => {
        const unit = base.transaction(["waiting", "sent"], mode);
        const asked = act(unit.objectStore("waiting"), unit.objectStore("sent"));
        unit.oncomplete = () => resolve(asked && asked.result);
        unit.onabort = unit.onerror = () => reject(unit.error);
      });
    } finally {
      base.close();
    }
  }

  const put = (item) => work("readwrite", (waiting) => waiting.put(item));
  const waiting = () => work("readonly", (store) => store.getAll());
  const sent = () => work("readonly", (_, store) => store.getAll());
  const remove = (key) => work("readwrite", (store, done) => { store.delete(key); done.delete(key); });
  const settle = (item, said) => work("readwrite", (store, done) => {
    store.delete(item.key);
    done.put({ key: item.key, title: item.title, ...said });
  });

  // Resolves to {ok, said}, {faults, title} (the sender must mend it), or {later, status}.
  async function send(item) {
    const form = new FormData();
    for (const [name, value] of item.fields) form.append(name, value);
    let answer, said;
    try {
      const headers = { "Accept-Language": item.lang };
      answer = await fetch(item.action, { method: "POST", body: form, headers });
      said = await answer.json();
    } catch {
      return { later: true, status: answer ? answer.status : 0 };
    }
    if (answer.ok) return { ok: true, said };
    if ([400, 403, 413].includes(answer.status)) return { faults: said.faults || {}, title: said.title, status: answer.status };
    return { later: true, status: answer.status, title: said.title };
  }

  // Sends what waits, oldest first; resolves to how much is left that may be sent later.
  async function flush() {
    const all = async () => {
      let left = 0;
      for (const item of (await waiting()).sort((a, b) => a.at - b.at)) {
        if (item.faults) continue;
        const came = await send(item);
        if (came.ok) await settle(item, came.said);
        else if (came.faults) await put({ ...item, faults: came.faults, status: came.status, said: came.title });
        else { left += 1; await put({ ...item, status: came.status, said: came.title }); }
      }
      if (channel) channel.postMessage("changed");
      return left;
    };
    return navigator.locks ? navigator.locks.request("lapor", all) : all();
  }

  return { put, waiting, sent, remove, send, flush, channel };
})();
