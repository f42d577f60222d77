"""A webmail and a mail server that ask the portal, and the browser that goes between them."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client, override_settings

from accounts.models import AuditEvent
from accounts.webmail.set_up import SetUp
from tests.support import cast

BACK = "https://webmail.hagiang.gov.vn/index.php/login/oauth"
SECRET, MAIL_SECRET = "geheim-w-" + "4b1f" * 8, "geheim-m-" + "9c2e" * 8
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
SET_UP = SetUp(BACK, SECRET, MAIL_SECRET, PEM)

VERIFIER = "kiem-chung-" * 5
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
ASKED = {
    "response_type": "code",
    "client_id": "webmail",
    "redirect_uri": BACK,
    "scope": "openid email",
    "state": "trang-thai-7",
    "nonce": "mot-lan-3",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


class SignOn(cast.Cast):
    def setUp(self):
        super().setUp()
        self.enterContext(override_settings(WEBMAIL_SSO=SET_UP))
        self.set_up_people()

    # A browser

    def authorize(self, client=None, **changes):
        asked = {name: value for name, value in (ASKED | changes).items() if value is not None}
        return (client or self.client).get("/sso/authorize", asked)

    def come_back(self, client=None, **changes):
        """Go from the webmail through the portal and back; give what the webmail is told."""
        page = self.authorize(client, **changes)
        assert page.status_code == 200, (page.status_code, page.headers)
        r = (client or self.client).get(page.context["onward"])
        return {name: value[0] for name, value in parse_qs(urlsplit(r.url).query).items()}

    # The webmail, and the mail server

    def post(self, name, data, client_id="webmail", secret=SECRET):
        shown = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        return Client().post(f"/sso/{name}", data, headers={"Authorization": f"Basic {shown}"})

    def exchange(self, code, **changes):
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        return self.post("token", asked | {"code_verifier": VERIFIER} | changes)

    def renew(self, token):
        return self.post("token", {"grant_type": "refresh_token", "refresh_token": token})

    def introspect(self, token):
        return self.post("introspect", {"token": token}, "mail-server", MAIL_SECRET).json()

    def is_open(self, given):
        return self.introspect(given["access_token"])["active"]

    def sign_on(self, name="an"):
        """Log in at the portal, and by that at the webmail; give its tokens."""
        client = Client()
        self.log_in(name, client=client)
        r = self.exchange(self.come_back(client)["code"])
        assert r.status_code == 200, r.content
        return r.json()

    def events(self, event):
        return AuditEvent.objects.filter(event=event, account=self.an)
