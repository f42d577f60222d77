"""Single sign-on for the webmail: who may ask the portal, and what it signs with."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

SHORTEST_KEY = 2048  # bits of RSA


@dataclass(frozen=True)
class SetUp:
    """Where the webmail is led back to, and the secrets: its own, the mail server's, the key."""

    redirect_uri: str = ""
    secret: str = field(default="", repr=False)
    mail_secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)  # PEM

    @property
    def is_on(self) -> bool:
        return bool(self.redirect_uri)


def load(env: Env, *, over_https: bool) -> SetUp:
    """Read the variables. Raises ImproperlyConfigured, which names the one to mend."""
    told = {
        "WEBMAIL_SSO_REDIRECT_URI": env.str("WEBMAIL_SSO_REDIRECT_URI", ""),
        "WEBMAIL_SSO_SECRET": env.str("WEBMAIL_SSO_SECRET", ""),
        "WEBMAIL_SSO_MAIL_SECRET": env.str("WEBMAIL_SSO_MAIL_SECRET", ""),
        "WEBMAIL_SSO_KEY": env.str("WEBMAIL_SSO_KEY", ""),
    }
    if not any(told.values()):
        return SetUp()
    for name, value in told.items():
        if not value:
            raise ImproperlyConfigured(f"{name} is not set. See deploy/env.example.")
    redirect_uri, secret, mail_secret, key = told.values()
    if secret == mail_secret:
        raise ImproperlyConfigured("WEBMAIL_SSO_MAIL_SECRET is the same as WEBMAIL_SSO_SECRET.")
    return SetUp(
        redirect_uri=_redirect_uri(redirect_uri, over_https=over_https),
        secret=secret,
        mail_secret=mail_secret,
        key=_key(key),
    )


def _redirect_uri(uri: str, *, over_https: bool) -> str:
    if not _is_whole(uri, ("https",) if over_https else ("https", "http")):
        raise ImproperlyConfigured(
            "WEBMAIL_SSO_REDIRECT_URI must look like"
            " https://webmail.example.gov.vn/index.php/login/oauth"
        )
    return uri


def _is_whole(uri: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(uri)
        host = parts.hostname if parts.port != 0 else ""
    except ValueError:
        return False
    return bool(host) and parts.scheme in schemes and not set("?#@ ") & set(uri)


def _key(pem: str) -> str:
    # Few offices have single sign-on, and each process would load it.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_KEY:
        raise ImproperlyConfigured(
            f"WEBMAIL_SSO_KEY must be an RSA key of at least {SHORTEST_KEY} bits, in PEM and"
            " without a pass phrase."
        )
    return pem
