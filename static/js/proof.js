// While the portal is under attack, a page carries a task: find the number whose hash is the
// challenge. The form waits for it, and needs no more of the person than a few seconds.
(() => {
  "use strict";

  const field = document.querySelector("[data-proof]");
  if (!field || !window.crypto || !crypto.subtle) return;
  const { algorithm, challenge, maxNumber, salt, signature } = JSON.parse(field.dataset.proof);
  const announcer = document.querySelector("[data-announcer]");
  const encoder = new TextEncoder();
  let waiting = false;

  const hex = (bytes) =>
    Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const isNumber = async (number) =>
    hex(await crypto.subtle.digest(algorithm, encoder.encode(salt + number))) === challenge;

  const find = async () => {
    for (let number = 0; number <= maxNumber; number += 1) {
      if (await isNumber(number)) return number;
    }
    return null;
  };

  field.form.addEventListener(
    "submit",
    (event) => {
      if (field.value) return;
      event.preventDefault();
      event.stopPropagation();
      waiting = true;
      announcer.textContent = announcer.dataset.busy;
    },
    true,
  );

  find().then((number) => {
    if (number === null) return;
    field.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
    if (waiting) field.form.querySelector("[type=submit]").click();
  });
})();
