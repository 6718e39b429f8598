// A one-time link says its code behind the "#", where no log has it: move it into the form.
"use strict";
(() => {
  const form = document.getElementById("begin");
  const code = location.hash.slice(1);
  if (!form || !code) return;
  history.replaceState(null, "", location.pathname);
  form.elements.code.value = code;
  form.requestSubmit();
})();
