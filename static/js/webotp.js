// Let a phone fill the code in from its SMS. It is never sent by itself: the visitor reads it first.
(() => {
  "use strict";

  const input = document.querySelector("input[autocomplete=one-time-code]");
  if (!input || !("OTPCredential" in window)) return;

  const waiting = new AbortController();
  input.form.addEventListener("submit", () => waiting.abort());
  addEventListener("pagehide", () => waiting.abort());

  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: waiting.signal }).then(
    (credential) => {
      if (!credential || input.value) return;
      input.value = credential.code;
      input.focus();
    },
    () => {}, // declined, timed out or aborted: the visitor types the code
  );
})();
