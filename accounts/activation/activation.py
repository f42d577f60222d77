"""One browser's way from a slip to a password: kept in its session, put in force at its end."""

import datetime as dt
from dataclasses import asdict, dataclass, replace
from typing import Self
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.access import sessions
from accounts.access.login import FAILURES
from accounts.activation import slips
from accounts.credentials.passwords import change_password
from accounts.credentials.phones import put_in_force
from accounts.models import Account, ActivationSlip, AuditEvent
from accounts.self_service import pending_code
from accounts.self_service.pending_code import PendingCode
from otp import codes
from otp.codes import Answer, TooSoon
from otp.counting import limits
from otp.counting.ceilings import Paused
from otp.counting.tightening import CallerHeld
from otp.models import Purpose

OPEN_FOR = dt.timedelta(minutes=30)  # from the right signs to a confirmed number
_KEY = "activation"


class ActivationOver(Exception):
    """The slip was used, given again or taken back, or too much time has passed."""


@dataclass(frozen=True)
class _Opened:
    """A slip whose signs were right in this browser."""

    slip: str
    account_id: int
    asked: str  # the address as it was typed
    until: str


class Activation:
    """The way of one newcomer in one browser."""

    def __init__(self, session: SessionBase, opened: _Opened, account: Account) -> None:
        self.session = session
        self.account = account
        self.asked = opened.asked
        self._slip = UUID(opened.slip)

    @classmethod
    @sensitive_variables("typed")
    def start(cls, session: SessionBase, asked: str, typed: str) -> bool:
        """Open the way where the signs are those of the address's slip; raises `CallerHeld`."""
        address = Account.objects.main_address(asked)
        slip = slips.find(address, typed)
        if slip is None:
            return False
        opened = _Opened(
            slip=str(slip.pk),
            account_id=slip.account_id,
            asked=asked,
            until=(timezone.now() + OPEN_FOR).isoformat(),
        )
        session.cycle_key()
        session.pop(Purpose.PHONE, None)
        session[_KEY] = asdict(opened)
        AuditEvent.record(AuditEvent.Event.SLIP_RIGHT, slip.account)
        return True

    @classmethod
    def resume(cls, session: SessionBase) -> Self | None:
        """Take up the way, while the slip and the time for it last."""
        kept = session.get(_KEY)
        if kept is None:
            return None
        opened = _Opened(**kept)
        slip = (
            ActivationSlip.objects.open()
            .filter(pk=opened.slip, account__in=slips.newcomers())
            .select_related("account")
            .first()
        )
        if slip is None:
            return None
        found = cls(session, opened, slip.account)
        in_time = timezone.now() < dt.datetime.fromisoformat(opened.until)
        return found if in_time or (found.state and found.state.has_grant) else None

    @property
    def state(self) -> PendingCode | None:
        """The code that went to the number, as far as it is this account's."""
        state = PendingCode.load(self.session, Purpose.PHONE)
        return state if state and state.account_id == self.account.pk else None

    @sensitive_variables()
    def ask(self, phone: str, *, nonce: str) -> None:
        """Send a code to the number, or raise `TooSoon`, `Paused` or `CallerHeld`.

        Asking again for the same number while its code is good sends nothing; the form's `nonce`
        finds the code again whose answer was lost.
        """
        state, waiting = self.state, self.account.new_phone
        if waiting == phone and state and state.is_for(phone) and (state.live or state.has_grant):
            return
        try:
            self._issue(phone, nonce)
        except (TooSoon, Paused, CallerHeld) as refusal:
            issued = codes.issued_to(self.account.address, Purpose.PHONE, nonce=nonce)
            if issued and self.account.new_phone == phone:
                self._keep(issued, nonce, phone)
                return
            if isinstance(refusal, TooSoon):
                codes.note_refusal(self.account.address, Purpose.PHONE)
            raise

    @sensitive_variables()
    def _issue(self, phone: str, nonce: str) -> None:
        """Enter the code, queue its message and save the session: all or nothing."""
        store = sessions.of(self.session)
        with store.all_or_nothing(), transaction.atomic():
            issued = pending_code.send(
                self.account.address,
                Purpose.PHONE,
                to=phone,
                wording=settings.PROFILE.sms.phone_code,
                nonce=nonce,
            )
            account = Account.objects.select_for_update().filter(pk=self.account.pk).first()
            if account is None:
                raise SessionInterrupted("The account was removed meanwhile.")
            account.new_phone = phone
            account.save(update_fields=["new_phone"])
            AuditEvent.record(AuditEvent.Event.PHONE_ASKED, account)
            self._keep(issued, nonce, phone)
            store.save_now()

    @sensitive_variables()
    def _keep(self, issued: codes.Issued, nonce: str, phone: str) -> None:
        PendingCode.of(
            issued,
            nonce=nonce,
            account_id=self.account.pk,
            address=self.account.address,
            phone=phone,
            asked=self.asked,
        ).keep(self.session)

    @sensitive_variables("guess")
    def check_code(self, guess: str) -> Answer:
        """Check the code; once it is right, a password may be chosen within `GRANT`."""
        assert self.state is not None
        return self.state.check(self.session, guess, remnant={_KEY: dict(self.session[_KEY])})

    @sensitive_variables("password")
    def finish(self, password: str) -> None:
        """Put number and password in force and use up the slip: all of it, or nothing.

        A refused password raises ValidationError and costs nothing. Raises `ActivationOver` where
        the slip or the grant of the code is over.
        """
        state = self.state
        if state is None:
            raise ActivationOver
        store = sessions.of(self.session)
        number = ""

        def is_over() -> bool:
            nonlocal number
            # Under the lock of the account, which `change_password` has taken.
            newcomer = slips.newcomers().filter(pk=self.account.pk).first()
            slip = ActivationSlip.objects.open().select_for_update().filter(pk=self._slip)
            if newcomer is None or not slip.exists() or not state.is_for(newcomer.new_phone):
                return True
            number = newcomer.new_phone
            return not state.spend()

        def also(account: Account) -> None:
            put_in_force(account, number)
            ActivationSlip.objects.filter(pk=self._slip).update(used_at=timezone.now())
            self.session.pop(_KEY, None)
            replace(state, done=True).keep(self.session)
            store.save_now()

        with store.all_or_nothing():
            done = change_password(
                self.account,
                password,
                event=AuditEvent.Event.ACTIVATED,
                keep_session=store.session_key,
                unless=is_over,
                also=also,
            )
        if not done:
            raise ActivationOver
        # Wrong passwords typed before must not keep the new one waiting.
        limits.clear(FAILURES, self.account.address)
