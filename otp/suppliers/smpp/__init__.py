"""SMPP 3.4, over an office's own line to an operator: how that line is set up."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, validate

LONG_TEXTS = ("udh", "payload")
RECEIPT_IDS = ("same", "decimal")
WINDOW = 10  # messages handed over and not answered yet
LONGEST_NAME, LONGEST_PASSWORD, LONGEST_TYPE, LONGEST_SOURCE = 15, 8, 12, 20  # SMPP 3.4, 4.1.5
PORTS = {"smpps": 3550, "smpp": 2775}


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """Where the operator's centre is, who the office is there, and what the contract says."""

    url: str = ""
    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    source: str = ""
    ca_file: str = ""
    window: int = WINDOW
    long_texts: str = LONG_TEXTS[0]
    receipt_ids: str = RECEIPT_IDS[0]
    leased_line: bool = False
    dead: frozenset[str] = frozenset()

    @property
    def is_secured(self) -> bool:
        return urlsplit(self.url).scheme == "smpps"

    @property
    def place(self) -> tuple[str, int]:
        """Host and port of the centre."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or PORTS[parts.scheme]

    @property
    def is_private(self) -> bool:
        """Say whether nobody on the way reads what is sent: by TLS, on this machine, or by wire.

        In clear it goes only to an address of a private network, and where the office says so.
        """
        host = self.place[0]
        if self.is_secured or host == "localhost":
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or (self.leased_line and address.is_private)


def load(env: Env) -> SetUp:
    """Read the variables of SMPP. Raises ImproperlyConfigured, which names the one to mend."""
    return SetUp(
        url=_url(env.str("SMPP_URL", "")),
        system_id=_short("SMPP_SYSTEM_ID", env.str("SMPP_SYSTEM_ID", ""), LONGEST_NAME),
        password=_short("SMPP_PASSWORD", env.str("SMPP_PASSWORD", ""), LONGEST_PASSWORD),
        system_type=_short("SMPP_SYSTEM_TYPE", env.str("SMPP_SYSTEM_TYPE", ""), LONGEST_TYPE),
        source=_short("SMPP_SOURCE", env.str("SMPP_SOURCE", ""), LONGEST_SOURCE),
        ca_file=env.str("SMPP_CA_FILE", ""),
        window=env.int("SMPP_WINDOW", WINDOW, validate=validate.Range(1, 1000)),
        long_texts=env.str("SMPP_LONG_TEXTS", LONG_TEXTS[0], validate=validate.OneOf(LONG_TEXTS)),
        receipt_ids=env.str(
            "SMPP_RECEIPT_IDS", RECEIPT_IDS[0], validate=validate.OneOf(RECEIPT_IDS)
        ),
        leased_line=env.bool("SMPP_LEASED_LINE", False),
        dead=frozenset(env.list("SMPP_DEAD", [], subcast=str)),
    )


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    # The address is shown where the password may not be.
    if url and (not whole or "@" in url or parts.path.strip("/") or parts.query):
        raise ImproperlyConfigured(
            "SMPP_URL must be smpps://HOST:PORT, or smpp://HOST:PORT for a line in clear; who the"
            " office is stands in SMPP_SYSTEM_ID and SMPP_PASSWORD."
        )
    return url


def _short(name: str, value: str, longest: int) -> str:
    if len(value) > longest or not value.isascii():
        raise ImproperlyConfigured(f"{name} must be at most {longest} characters of ASCII.")
    return value
