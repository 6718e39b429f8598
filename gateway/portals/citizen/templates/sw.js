"use strict";
// Keeps the form on the phone, and sends what waits when the network is back.
importScripts({{ queue | tojson }});
const CACHE = "lapor-{{ version }}";
const SHELL = {{ assets | tojson }};
const FORM = "/", AWAY = "/luring";

addEventListener("install", (event) => event.waitUntil(
  caches.open(CACHE).then((cache) => cache.addAll([...SHELL, FORM, AWAY])).then(() => skipWaiting())));

addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await clients.claim();
})()));

addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (SHELL.includes(url.pathname + url.search)) {
    event.respondWith(caches.match(request).then((kept) => kept || fetch(request)));
  } else if (request.mode === "navigate" && url.pathname === FORM) {
    event.respondWith(form(request));
  } else if (request.mode === "navigate" && url.pathname.startsWith("/lacak")) {
    event.respondWith(fetch(request).catch(() => caches.match(AWAY)));
  }
});

async function form(request) {
  try {
    const fresh = await fetch(request);
    if (fresh.ok) (await caches.open(CACHE)).put(FORM, fresh.clone());
    return fresh;
  } catch {
    return caches.match(FORM);
  }
}

addEventListener("sync", (event) => {
  if (event.tag === "lapor") event.waitUntil(Queue.flush().then((left) => {
    if (left) throw new Error("not yet");  // the browser tries again later
  }));
});
