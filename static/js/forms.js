// Comfort for every form: what needs reading gets the focus, and a form is sent once.
(() => {
  "use strict";

  const HOLD = 10000; // ms; after that a stalled form may be sent again
  const announcer = document.querySelector("[data-announcer]");

  const first = document.querySelector("[data-focus]");
  if (first) first.focus();

  // What a page says as it comes is read out only once it changes.
  const said = Array.from(document.querySelectorAll("main [role=status].banner, main > [role=status] > .banner"), (box) => box.textContent.trim());
  const words = said.filter(Boolean).join(" ");
  if (words) setTimeout(() => { announcer.textContent = words; }, 500);

  // navigator.cookieEnabled is true in browsers that then drop every cookie: try one.
  const keepsCookies = () => {
    document.cookie = "cookie-check=1; path=/; max-age=5; samesite=strict";
    const kept = document.cookie.includes("cookie-check=1");
    document.cookie = "cookie-check=; path=/; max-age=0; samesite=strict";
    return kept;
  };

  const blocked = document.querySelector("[data-cookies-blocked]");
  if (blocked) blocked.hidden = keepsCookies();

  const release = (form) => {
    const button = form.querySelector("[aria-disabled]");
    delete form.dataset.held;
    if (!button) return;
    button.removeAttribute("aria-disabled");
    button.textContent = button.dataset.label;
  };

  // The button is not disabled: it keeps the focus, its name and its value.
  const hold = (form, button) => {
    form.dataset.held = "";
    announcer.textContent = announcer.dataset.busy;
    button.dataset.label = button.textContent;
    button.textContent = announcer.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    setTimeout(release, HOLD, form);
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if ("held" in form.dataset) event.preventDefault();
    else hold(form, event.submitter || form.querySelector("[type=submit]"));
  });

  // A page brought back by the Back button must not stay held.
  addEventListener("pageshow", () => document.querySelectorAll("[data-held]").forEach(release));
})();
