// Have a passkey answer the question of a form; without one, the page says what else there is.
(() => {
  "use strict";

  const form = document.querySelector("form[data-passkey]");
  if (!form || !window.PublicKeyCredential || !navigator.credentials) return;

  const answer = form.elements.passkey_answer;
  const announcer = document.querySelector("[data-announcer]");
  const refusal = form.querySelector("[data-passkey-refused]");

  const bytes = (text) => Uint8Array.from(
    atob(text.replace(/-/g, "+").replace(/_/g, "/")),
    (sign) => sign.charCodeAt(0),
  );
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (keys) => keys.map((key) => ({ ...key, id: bytes(key.id) }));

  const ask = (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    if (!options.user) {
      publicKey.allowCredentials = named(options.allowCredentials);
      return navigator.credentials.get({ publicKey });
    }
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = named(options.excludeCredentials);
    return navigator.credentials.create({ publicKey });
  };

  const told = (key) => {
    const response = { clientDataJSON: text(key.response.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach((part) => {
      if (key.response[part]) response[part] = text(key.response[part]);
    });
    if (key.response.getTransports) response.transports = key.response.getTransports();
    return JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, response });
  };

  form.hidden = false;
  document.querySelectorAll("[data-passkey-missing]").forEach((note) => { note.hidden = true; });

  let asking = false;
  form.addEventListener("submit", (event) => {
    if (answer.value) return;
    event.preventDefault();
    event.stopPropagation(); // it is not being sent yet
    if (asking) return;
    asking = true;
    refusal.hidden = true;
    announcer.textContent = "";
    ask(JSON.parse(form.dataset.passkey)).then(
      (key) => {
        answer.value = told(key);
        form.querySelector("[type=submit]").click();
      },
      () => { // declined, timed out, or there already
        refusal.hidden = false;
        announcer.textContent = refusal.textContent;
      },
    ).then(() => { asking = false; });
  });

  // A page brought back by the Back button asks anew.
  addEventListener("pageshow", () => { answer.value = ""; });
})();
