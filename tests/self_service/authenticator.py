"""A device that keeps passkeys, in software: what a browser would send of it."""

import hashlib
import json
import secrets
import struct

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url as text

ORIGIN = "http://testserver"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """Keeps one key; `count` is how often it was used, as it says itself."""

    def __init__(self, *, counts=True):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = 0
        self.counts = counts

    def register(self, options, *, origin=ORIGIN):
        """Answer the question for a new passkey."""
        asked = json.loads(options)
        public = self.key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(key)
        said = self._said(asked["rp"]["id"], ATTESTED) + attested
        response = {
            "attestationObject": text(
                cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})
            ),
            "clientDataJSON": text(_client_data("webauthn.create", asked, origin)),
            "transports": ["internal", "hybrid", "pigeon"],
        }
        return self._answer(response)

    def sign(self, options, *, origin=ORIGIN, host=None):
        """Answer the question for a passkey that is known."""
        asked = json.loads(options)
        self.count += self.counts
        said = self._said(host or asked["rpId"], 0)
        client = _client_data("webauthn.get", asked, origin)
        signature = self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "authenticatorData": text(said),
                "clientDataJSON": text(client),
                "signature": text(signature),
            }
        )

    def _said(self, host, flags):
        name = hashlib.sha256(host.encode()).digest()
        return name + struct.pack(">BI", PRESENT | VERIFIED | flags, self.count)

    def _answer(self, response):
        name = text(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _client_data(kind, asked, origin):
    return json.dumps(
        {"type": kind, "challenge": asked["challenge"], "origin": origin, "crossOrigin": False}
    ).encode()
