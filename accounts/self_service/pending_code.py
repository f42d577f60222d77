"""A code that somebody was asked for: what the session keeps of it between two pages."""

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass, field, fields, replace
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.access import askers
from accounts.models import AuditEvent
from otp import codes, outbox, phones
from otp.codes import Answer, Verdict
from otp.counting import keyed_names
from otp.models import Purpose

_EVENTS = {
    Verdict.RIGHT: AuditEvent.Event.CODE_RIGHT,
    Verdict.WRONG: AuditEvent.Event.CODE_WRONG,
    Verdict.SPENT: AuditEvent.Event.CODE_SPENT,
}

_TIMES = ("expires_at", "next_at", "verified_at")


def new_nonce() -> str:
    """Make the secret by which a code knows the browser that asked for it."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class PendingCode:
    """A row of the ledger as its asker sees it. No code and no number is in it."""

    code_id: str
    purpose: str
    nonce: str = field(repr=False)
    account_id: int  # whose it was when it was issued; 0 for a decoy
    address: str  # of the account, where there is one: what is counted
    asked: str  # as it was typed: to show the other would tell what it is an alias of
    phone_key: str = field(repr=False)  # a keyed name, by which the number is known again
    phone_masked: str
    expires_at: dt.datetime
    next_at: dt.datetime  # when another code may be asked for
    left_today: int
    verified_at: dt.datetime | None = None
    done: bool = False

    @classmethod
    def of(
        cls,
        issued: codes.Issued,
        *,
        nonce: str,
        account_id: int,
        address: str,
        phone: str,
        asked: str = "",
    ) -> Self:
        return cls(
            code_id=str(issued.id),
            purpose=issued.purpose,
            nonce=nonce,
            account_id=account_id,
            address=address,
            asked=asked or address,
            phone_key=keyed_names.name_of("phone", phone),
            phone_masked=phones.mask(phone, settings.PHONE_MASK_DIGITS),
            expires_at=issued.expires_at,
            next_at=issued.next_at,
            left_today=issued.left_today,
        )

    @classmethod
    def load(cls, session: SessionBase, purpose: Purpose) -> Self | None:
        kept = session.get(purpose)
        if kept is None or kept.keys() != {each.name for each in fields(cls)}:
            # None, or one that an older version of the portal wrote.
            return None
        times = {name: dt.datetime.fromisoformat(kept[name]) for name in _TIMES if kept[name]}
        return cls(**(kept | times))

    def keep(self, session: SessionBase) -> None:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        times = {name: values[name].isoformat() for name in _TIMES if values[name]}
        session[self.purpose] = values | times

    def is_for(self, phone: str) -> bool:
        """Whether the code went to this number."""
        return bool(phone) and self.phone_key in keyed_names.names_of("phone", phone)

    @property
    def phone_tail(self) -> str:
        return self.phone_masked.strip("*")

    @property
    def live(self) -> bool:
        """Whether the code may still be typed in."""
        return self.verified_at is None and timezone.now() < self.expires_at

    @property
    def has_grant(self) -> bool:
        """Whether the code was right, and what it permits can still be done."""
        if self.verified_at is None or self.done:
            return False
        return timezone.now() < self.verified_at + codes.GRANT

    @property
    def has_lapsed(self) -> bool:
        """Whether the code was right, and nothing was done with it in time."""
        return self.verified_at is not None and not (self.done or self.has_grant)

    @sensitive_variables("guess")
    def check(self, session: SessionBase, guess: str) -> Answer:
        """Check a guess and write down what came of it; a right one changes the session's key."""
        purpose = Purpose(self.purpose)
        answer = codes.verify(
            uuid.UUID(self.code_id),
            purpose,
            guess,
            nonce=self.nonce,
            asker=askers.current(self.address),
        )
        AuditEvent.record(
            _EVENTS[answer.verdict],
            address=self.address,
            ok=answer.verdict is Verdict.RIGHT,
            reason=purpose,
        )
        if answer.verdict is Verdict.RIGHT:
            session.cycle_key()
            replace(self, verified_at=timezone.now()).keep(session)
        elif not answer.tries_left:
            replace(self, expires_at=timezone.now()).keep(session)
        return answer

    def spend(self) -> bool:
        """Use up the grant, in the transaction of what it permits."""
        return codes.spend(uuid.UUID(self.code_id), Purpose(self.purpose), nonce=self.nonce)


def send(issued: codes.Issued, *, to: str, wording: str) -> None:
    """Put a code into the outbox; `to` is "" for a decoy, and all else is the same."""
    minutes = settings.OTP_LIFETIME // 60
    # Filled in piece by piece: the place of the digits stays until the moment of sending.
    text = wording.replace("{minutes}", str(minutes)).replace(
        "{hotline}", settings.PROFILE.hotline.number
    )
    if settings.SMS_ORIGIN_LINE:
        text += f"\n{origin_line()}"
    outbox.queue_code(issued, to=to, text=text)


def origin_line() -> str:
    """Give the last line by which phones offer the code to this site, and to no other."""
    return f"@{urlsplit(settings.PUBLIC_BASE_URL).hostname} #{outbox.CODE_PLACE}"
