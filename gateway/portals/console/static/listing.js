// Rows by keyboard: j and k go down and up, Enter opens as it does on every link.
"use strict";
(() => {
  const rows = [...document.querySelectorAll(".listing a.goto")];
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const at = rows.findIndex((row) => row.closest("tr").contains(document.activeElement));
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
})();
