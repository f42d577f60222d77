// Before the session ends the page says so, and how to go on. Other tabs may have used it meanwhile.
(() => {
  "use strict";

  const box = document.querySelector("[data-session]");
  if (!box) return;

  const SHARED = "session-ends"; // in localStorage: when, by the visitor's own clock
  const LATEST = 5000; // ms from one look to the next
  const warnedBefore = Number(box.dataset.warnedBefore) * 1000;
  const words = box.querySelector("[data-session-words]");
  const button = box.querySelector("[data-session-stay]");
  const announcer = document.querySelector("[data-announcer]");
  const clock = document.querySelector("[data-session-clock]");
  // The server says how long is left, in whole minutes; the visitor's own clock may be wrong.
  const drawn = Date.now() + Number(box.dataset.minutes) * 60000;
  let end = drawn;

  // As the server writes it, whatever zone the visitor's machine believes to be in.
  const OFFICE = { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Ho_Chi_Minh" };
  const time = (at) => new Date(at).toLocaleTimeString("vi", OFFICE);

  const share = () => {
    try { localStorage.setItem(SHARED, String(end)); } catch (_) { /* forbidden: each tab by itself */ }
  };

  const shared = () => {
    try { return Number(localStorage.getItem(SHARED)) || 0; } catch (_) { return 0; }
  };

  const put = (text) => {
    if (words.textContent === text) return;
    words.textContent = text;
    if (announcer) announcer.textContent = text;
    else box.setAttribute("role", "alert"); // in the administration
  };

  const look = () => {
    if (button) end = Math.max(end, shared());
    const left = end - Date.now();
    box.hidden = left > warnedBefore;
    if (clock && end > drawn) clock.textContent = clock.textContent.replace(/\d\d:\d\d/, time(end));
    if (left <= 0) {
      put(box.dataset.over);
      if (button) button.hidden = true;
    } else if (left <= warnedBefore) {
      put(words.dataset.sessionWords.replace("{time}", time(end)));
    }
  };

  if (button) {
    button.addEventListener("click", () => {
      fetch(box.dataset.stay, { headers: { Accept: "application/json" } })
        .then((answer) => answer.json())
        .then(({ left }) => {
          end = Date.now() + left * 1000;
          share();
        })
        .catch(() => { end = Date.now(); }) // a log-in page: it is over
        .then(look);
    });
  }

  share();
  look();
  setInterval(look, LATEST);
})();
