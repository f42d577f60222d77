// "/" goes to the search box of the desk, unless somebody is typing.
"use strict";

document.addEventListener("keydown", (event) => {
  const box = document.querySelector("[data-find], #id_words");
  const typing = event.target.closest("input, textarea, select");
  if (event.key !== "/" || typing || !box || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  box.focus();
});
