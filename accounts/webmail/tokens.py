"""The code and the tokens of a log-in at the webmail: derived, and never stored.

Each is the number of the log-in, which token of its line it is, and a keyed hash of both. A copy of
the database opens nothing, and whoever asks once more in time is given the same.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from accounts.models import WebmailLogin
from otp.counting import keyed_names

_TOKEN = re.compile(r"([0-9a-f]{32})\.([0-9]{1,8})\.([0-9a-f]{64})", re.ASCII)


class Kind(StrEnum):
    CODE = "webmail-code"
    ACCESS = "webmail-access"
    REFRESH = "webmail-refresh"


@dataclass(frozen=True)
class Read:
    """What a token that the portal made says of itself."""

    uid: UUID
    turn: int


@sensitive_variables()
def make(kind: Kind, login: WebmailLogin, turn: int) -> str:
    said = f"{login.pk.hex}.{turn}"
    return f"{said}.{keyed_names.name_of(kind, said)}"


@sensitive_variables()
def read(kind: Kind, token: str) -> Read | None:
    """Say whose token it is; None of what the portal has not made as one of this kind."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    uid, turn, given = match.groups()
    names = keyed_names.names_of(kind, f"{uid}.{turn}")
    if not any(constant_time_compare(given, name) for name in names):
        return None
    return Read(UUID(uid), int(turn))


@sensitive_variables("token")
def digest_of(token: str) -> str:
    """Give what the mail server makes of a token that it is shown, to find its row."""
    return hashlib.sha256(token.encode()).hexdigest()
