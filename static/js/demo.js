// The simulated phone: bring in new messages and the staff's current codes without a reload.
(() => {
  "use strict";

  const EVERY = 2000; // ms

  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelectorAll("[data-refresh]").forEach((old) => {
      const fresh = page.querySelector(`[data-refresh="${old.dataset.refresh}"]`);
      if (fresh && fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
    });
  };

  setInterval(() => {
    if (!document.hidden) refresh().catch(() => {}); // the server may be restarting
  }, EVERY);
})();
