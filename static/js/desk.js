// Comfort at the desk: "/" goes to the search box, a key opens one of the commonest actions, "?" lists
// them.
(() => {
  "use strict";

  const OFF = "desk-keys-off"; // in localStorage, for who uses a voice or hits keys by accident
  const list = document.querySelector("[data-keys]");
  const door = document.querySelector("[data-keys-door]");

  const stored = () => {
    try { return localStorage.getItem(OFF) === "1"; } catch (_) { return false; }
  };

  const store = (off) => {
    try { localStorage.setItem(OFF, off ? "1" : ""); } catch (_) { /* forbidden: for this page only */ }
  };

  let off = stored();

  const showList = (shown) => {
    list.hidden = !shown;
    const button = door.querySelector("[data-keys-button]");
    button.setAttribute("aria-expanded", String(shown));
    if (shown) list.focus();
    else if (list.contains(document.activeElement)) button.focus();
  };

  if (list) {
    const box = list.querySelector("[data-keys-off]");
    box.checked = off;
    box.addEventListener("change", () => {
      off = box.checked;
      store(off);
    });
    door.hidden = false;
    door.querySelector("[data-keys-button]").addEventListener("click", () => showList(list.hidden));
  }

  const find = () => {
    const box = document.querySelector("[data-find], #id_words");
    if (box) box.focus();
    return Boolean(box);
  };

  const press = (key) => {
    if (!/^[a-z]$/.test(key)) return false;
    const target = document.querySelector(`[data-key="${key}"]`);
    if (target) target.click();
    return Boolean(target);
  };

  const answer = (key) => {
    if (key === "/") return find();
    if (key === "?" && list) {
      showList(list.hidden);
      return true;
    }
    return press(key);
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && list && !list.hidden) showList(false);
    const typing = event.target.closest("input, textarea, select");
    if (off || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (answer(event.key)) event.preventDefault();
  });
})();
