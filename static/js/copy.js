// Buttons that copy what stands beside them, or keep it as a file; it never leaves the browser.
(() => {
  "use strict";

  const announcer = document.querySelector("[data-announcer]");

  // Without the clipboard of newer browsers: what is selected can be copied.
  const copyOldWay = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.appendChild(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };

  const copy = (text) => (navigator.clipboard
    ? navigator.clipboard.writeText(text).catch(() => copyOldWay(text))
    : Promise.resolve(copyOldWay(text)));

  document.querySelectorAll("[data-copy]").forEach((button) => {
    const row = button.closest("[data-copy-row]");
    button.hidden = false;
    if (row) row.hidden = false;
    button.addEventListener("click", () => {
      copy(button.dataset.copy).then(() => {
        button.focus();
        announcer.textContent = "";
        announcer.textContent = button.dataset.copied;
        button.textContent = button.dataset.copied;
      });
    });
  });

  document.querySelectorAll("[data-download]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const file = URL.createObjectURL(new Blob([button.dataset.text], { type: "text/plain;charset=utf-8" }));
      const link = document.createElement("a");
      link.href = file;
      link.download = button.dataset.download;
      link.click();
      URL.revokeObjectURL(file);
    });
  });
})();
