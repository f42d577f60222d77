// Password fields: show and hide, warn of Caps Lock and of a Vietnamese input method, tick the rules.
(() => {
  "use strict";

  const UNTYPEABLE = /[^\x20-\x7e]/;

  const reveal = (box, input) => {
    const button = box.querySelector("[data-reveal]");
    const label = box.querySelector("[data-reveal-label]");
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      label.textContent = shown ? label.dataset.hide : label.dataset.show;
    };
    button.hidden = false;
    button.addEventListener("click", () => show(input.type === "password"));
    // Browsers offer to remember, and later suggest, what stood in a text field.
    input.form.addEventListener("submit", () => show(false));
  };

  const warn = (box, input) => {
    const capsLock = box.querySelector("[data-caps-lock]");
    const inputMethod = box.querySelector("[data-input-method]");
    const look = (event) => {
      if (event.getModifierState) capsLock.hidden = !event.getModifierState("CapsLock");
    };
    input.addEventListener("keydown", look);
    input.addEventListener("keyup", look);
    input.addEventListener("blur", () => { capsLock.hidden = true; });
    input.addEventListener("input", () => { inputMethod.hidden = !UNTYPEABLE.test(input.value); });
  };

  document.querySelectorAll("[data-password]").forEach((box) => {
    const input = box.querySelector("input");
    reveal(box, input);
    warn(box, input);
  });

  const MET = {
    length: (password, bounds) =>
      password.length >= Number(bounds.minLength) && password.length <= Number(bounds.maxLength),
    upper: (password) => /[A-Z]/.test(password),
    lower: (password) => /[a-z]/.test(password),
    digit: (password) => /[0-9]/.test(password),
    special: (password) => /[!-/:-@[-`{-~]/.test(password),
    ascii: (password) => password !== "" && !UNTYPEABLE.test(password),
  };

  document.querySelectorAll("[data-rules-for]").forEach((list) => {
    const input = document.getElementById(list.dataset.rulesFor);
    if (!input) return;
    const tick = () => list.querySelectorAll("[data-rule]").forEach((item) => {
      const rule = MET[item.dataset.rule];
      const met = Boolean(rule) && rule(input.value, list.dataset);
      item.classList.toggle("rules__item--met", met);
      item.querySelector("[data-met]").hidden = !met;
    });
    input.addEventListener("input", tick);
    tick();
  });
})();
