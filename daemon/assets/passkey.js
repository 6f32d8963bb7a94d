// Passkeys: makes one on this device, and signs a vote with one. Everything else works without this script.
// What is signed is the SHA-256 of the vote's statement, which is checked against the page first.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const tell = (form, message) => {
    const place = form.querySelector("[data-told]");
    if (place) {
      place.textContent = message;
      place.hidden = message === "";
    }
  };

  const put = (form, fields) => {
    for (const [name, value] of Object.entries(fields)) {
      let input = form.querySelector(`input[type=hidden][name="${name}"]`);
      if (!input) {
        input = document.createElement("input");
        input.type = "hidden";
        input.name = name;
        form.append(input);
      }
      input.value = value;
    }
  };

  const why = (error) =>
    error && error.name === "NotAllowedError"
      ? "The passkey was not used: it was cancelled, or took too long. Nothing was decided."
      : `The passkey could not be used (${(error && error.message) || error}). Nothing was decided.`;

  // The statement comes from the gate; what is on this page must be what it says.
  const statement = async (form, decision) => {
    const answer = await fetch(`${form.dataset.statement}?decision=${decision}`, { cache: "no-store" });
    if (!answer.ok) {
      throw new Error((await answer.json()).detail);
    }
    const asked = await answer.json();
    const said = JSON.parse(asked.statement);
    if (said.digest !== form.elements.digest.value || said.decision !== decision) {
      throw new Error("the gate asks to sign something else than this page shows");
    }
    return asked;
  };

  const sign = async (form, decision) => {
    const asked = await statement(form, decision);
    const whole = new TextEncoder().encode(`nightshift/vote/v1\0${asked.statement}`);
    const challenge = await crypto.subtle.digest("SHA-256", whole);
    const allowed = asked.credentials.map((id) => ({ type: "public-key", id: bytes(id) }));
    const made = await navigator.credentials.get({
      publicKey: { challenge, rpId: asked.rp_id, allowCredentials: allowed, userVerification: "required", timeout: 120000 },
    });
    put(form, {
      decision,
      proof: "webauthn",
      vote_no: String(asked.vote_no),
      ts: asked.ts,
      credential: text(made.rawId),
      authenticator_data: text(made.response.authenticatorData),
      client_data: text(made.response.clientDataJSON),
      signature: text(made.response.signature),
    });
  };

  const make = async (form) => {
    const asked = form.dataset;
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(asked.challenge),
        rp: { id: asked.rp, name: "nightshift" },
        user: { id: new TextEncoder().encode(asked.person), name: asked.person, displayName: asked.person },
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
        attestation: "none",
        timeout: 120000,
      },
    });
    put(form, { attestation: text(made.response.attestationObject), client_data: text(made.response.clientDataJSON) });
  };

  const ready = window.isSecureContext && window.PublicKeyCredential;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!ready) {
      tell(form, "This browser has no passkeys here: they need https.");
      continue;
    }
    for (const button of form.querySelectorAll("button[disabled]")) {
      button.disabled = false;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const decision = event.submitter && event.submitter.value;
      tell(form, "");
      const work = form.dataset.passkey === "make" ? make(form) : sign(form, decision);
      work.then(() => form.submit()).catch((error) => tell(form, why(error)));
    });
  }
})();
