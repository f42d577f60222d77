// How long a code still lives: shown every second, said aloud at the start, at one minute and at the end.
(() => {
  "use strict";

  const clock = document.querySelector("[data-countdown]");
  if (!clock) return;

  const announcer = document.querySelector("[data-announcer]");
  // The server says how long is left; the visitor's own clock may be wrong.
  const left = Date.parse(clock.dataset.until) - Date.parse(clock.dataset.now);
  const end = Date.now() + left;

  const words = (seconds) => seconds > 0
    ? clock.dataset.left
      .replace("{minutes}", Math.floor(seconds / 60))
      .replace("{seconds}", seconds % 60)
    : clock.dataset.over;

  let before = Infinity;
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const reached = (mark) => seconds <= mark && mark < before;
    clock.textContent = words(seconds);
    if (before === Infinity || reached(60) || reached(0)) announcer.textContent = words(seconds);
    if (seconds === 0) clearInterval(timer);
    before = seconds;
  };

  clock.hidden = false;
  const timer = setInterval(tick, 1000);
  tick();
})();
