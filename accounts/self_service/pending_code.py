"""A code that somebody was asked for: what the session keeps of it between two pages."""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.access import askers, sessions
from accounts.models import AuditEvent
from accounts.pages import fixed
from accounts.self_service.forms import AddressForm
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


_NONCE = re.compile(r"[0-9a-f]{64}")


def nonce_for(request: HttpRequest) -> str:
    """Make the secret by which a code knows the browser that asked for it.

    The forms that ask for a code carry it, so that the same form sent again, or opened and filled
    in again, is known where the answer was lost, and the session's cookie with it. It is derived
    from the cookie against forged forms, which such a browser still has.
    """
    if "CSRF_COOKIE" not in request.META:
        get_token(request)  # sets the cookie
    return keyed_names.name_of("nonce", request.META["CSRF_COOKIE"])


def first_look(request: HttpRequest, template: str, form: type[AddressForm]) -> HttpResponse:
    """Answer a first look at a page with this form, which carries the nonce."""
    own = {"csrf_token": fixed.form_token(request), "step": nonce_for(request)}
    return fixed.page(
        request, template, lambda places: {"form": form(nonce=places["step"])}, own=own
    )


def nonce_of(request: HttpRequest) -> str:
    """Take the nonce that came with the form, or else the browser's own."""
    sent = request.POST.get("step", "")
    return sent if _NONCE.fullmatch(sent) else nonce_for(request)


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
        session[self.purpose] = self.values()

    def values(self) -> dict[str, Any]:
        values = asdict(self)
        times = {name: values[name].isoformat() for name in _TIMES if values[name]}
        return values | times

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
    def check(
        self,
        session: SessionBase,
        guess: str,
        *,
        first: Callable[[], object] = lambda: None,
        then: Callable[[], object] = lambda: None,
        remnant: dict[str, Any] | None = None,
        once: bool = False,
    ) -> Answer:
        """Check a guess and write down what came of it; a right one changes the session's key.

        A right code, its audit row, the session and what `then` does are one transaction, in which
        `first` takes the locks that come before those of codes. The browser that lost the answer
        may type the same code again within the grant; under its old key it finds this step, and
        what is in `remnant`. `once` says that `then` spends the grant.
        """
        store = sessions.of(session)

        def go_on(verified_at: dt.datetime) -> None:
            again = replace(self, expires_at=verified_at + codes.GRANT)
            store.renew(leaving={self.purpose: again.values()} | (remnant or {}))
            replace(self, verified_at=verified_at, done=once).keep(session)

        def accepted() -> None:
            self._record(Verdict.RIGHT)
            go_on(timezone.now())
            then()
            store.save_now()

        with store.all_or_nothing():
            answer = codes.verify(
                uuid.UUID(self.code_id),
                Purpose(self.purpose),
                guess,
                nonce=self.nonce,
                asker=askers.current(self.address),
                first=first,
                accepted=accepted,
            )
        if answer.verdict is Verdict.SPENT:
            answer = self._check_again(guess, go_on, used=once)
        if answer.verdict is not Verdict.RIGHT:
            self._note_fault(session, answer)
        return answer

    @sensitive_variables("guess")
    def _check_again(
        self, guess: str, go_on: Callable[[dt.datetime], None], *, used: bool
    ) -> Answer:
        """Take the code that was right before: the answer was lost, or the button clicked twice."""
        again = codes.repeat(
            uuid.UUID(self.code_id), Purpose(self.purpose), guess, nonce=self.nonce, used=used
        )
        if again.verified_at:
            go_on(again.verified_at)
            return Answer(Verdict.RIGHT, 0)
        return Answer(Verdict.WRONG, 1) if again.may_try_again else Answer(Verdict.SPENT, 0)

    def _note_fault(self, session: SessionBase, answer: Answer) -> None:
        self._record(answer.verdict)
        if not answer.tries_left:
            replace(self, expires_at=timezone.now()).keep(session)

    def _record(self, verdict: Verdict) -> None:
        AuditEvent.record(
            _EVENTS[verdict],
            address=self.address,
            ok=verdict is Verdict.RIGHT,
            reason=self.purpose,
        )

    def outlook(self) -> codes.Outlook | None:
        return codes.outlook_of(uuid.UUID(self.code_id), self.address)

    def as_of(self, outlook: codes.Outlook | None) -> Self:
        """Give the same with what has come of the next code since: a place may be back."""
        if outlook is None:
            return self
        return replace(self, next_at=outlook.next_at, left_today=outlook.left_today)

    def spend(self) -> bool:
        """Use up the grant, in the transaction of what it permits."""
        return codes.spend(uuid.UUID(self.code_id), Purpose(self.purpose), nonce=self.nonce)


@sensitive_variables()
def send(
    address: str,
    purpose: Purpose,
    *,
    to: str,
    wording: str,
    nonce: str,
    proved: bool = True,
    first: str = "",
) -> codes.Issued:
    """Issue a code to whoever is calling, and put it into the outbox, or raise as the ledger does.

    `to` is "" for a decoy, and all else is the same. `first` is the way that its owner chose.
    """
    minutes = settings.OTP_LIFETIME // 60
    # Filled in piece by piece: the place of the digits stays until the moment of sending.
    text = wording.replace("{minutes}", str(minutes)).replace(
        "{hotline}", settings.PROFILE.hotline.number
    )
    if settings.SMS_ORIGIN_LINE:
        text += f"\n{origin_line()}"
    return outbox.send_code(
        address,
        purpose,
        to=to,
        text=text,
        nonce=nonce,
        proved=proved,
        asker=askers.current(address),
        first=first,
    )


def origin_line() -> str:
    """Give the last line by which phones offer the code to this site, and to no other."""
    return f"@{urlsplit(settings.PUBLIC_BASE_URL).hostname} #{outbox.CODE_PLACE}"
