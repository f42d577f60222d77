"""Change of phone: a new number counts once its code came back (memo, part 1; PH-02)."""

import secrets
from typing import Self

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.access import sessions
from accounts.credentials.phones import put_in_force
from accounts.models import Account, AuditEvent, PhoneMember
from accounts.self_service import pending_code, repeats
from accounts.self_service.pending_code import PendingCode
from otp import codes
from otp.codes import Answer, TooSoon, Verdict
from otp.counting.ceilings import Paused
from otp.counting.tightening import CallerHeld
from otp.models import Purpose


class AlreadyInForce(Exception):
    """The number typed is the one in force, and confirmed."""


class PhoneChange:
    """One change under way, kept in the session of the browser that asked for it."""

    def __init__(self, session: SessionBase, account: Account, state: PendingCode) -> None:
        self.session = session
        self.account = account
        self.state = state

    @classmethod
    @sensitive_variables()
    def start(
        cls, session: SessionBase, account: Account, phone: str, *, nonce: str = ""
    ) -> Self | None:
        """Send a code to the new number, or raise `TooSoon`, `Paused` or `AlreadyInForce`.

        The old number stays in force. Asking again for the same number while its code is good
        sends nothing; the form's `nonce` finds the code again whose answer was lost. Where the
        office wants no confirmation, the number counts at once and the answer is None.
        """
        wanted = account.phone_is_in_doubt or account.phone_is_overdue or _is_asked_again(account)
        if phone == account.phone and account.phone_is_confirmed and not wanted:
            _call_off(account)
            raise AlreadyInForce
        if not settings.PHONE_CONFIRMATION:
            with transaction.atomic():
                put_in_force(_locked(account), phone)
            return None
        current = cls.resume(session, account)
        if current and current.state.live and account.new_phone == phone:
            return current
        nonce = nonce or secrets.token_urlsafe()
        try:
            return cls._issue(session, account, phone, nonce)
        except (TooSoon, Paused, CallerHeld) as refusal:
            issued = codes.issued_to(account.address, Purpose.PHONE, nonce=nonce)
            if issued and Account.objects.filter(pk=account.pk, new_phone=phone).exists():
                return cls._begin(session, account, issued, nonce, phone)
            if isinstance(refusal, TooSoon):
                codes.note_refusal(account.address, Purpose.PHONE)
            raise

    @classmethod
    @sensitive_variables()
    def _issue(cls, session: SessionBase, account: Account, phone: str, nonce: str) -> Self:
        """Enter the code, queue its message and save the session: all or nothing."""
        store = sessions.of(session)
        with store.all_or_nothing(), transaction.atomic():
            # Before the account is locked, so that nobody who is refused waits for it. A new code
            # is in nobody's way, and a session that was ended meanwhile takes it back below.
            issued = pending_code.send(
                account.address,
                Purpose.PHONE,
                to=phone,
                wording=settings.PROFILE.sms.phone_code,
                nonce=nonce,
            )
            account = _locked(account)
            account.new_phone = phone
            account.save(update_fields=["new_phone"])
            AuditEvent.record(AuditEvent.Event.PHONE_ASKED, account, actor=account)
            change = cls._begin(session, account, issued, nonce, phone)
            store.save_now()
        return change

    @classmethod
    @sensitive_variables()
    def _begin(
        cls, session: SessionBase, account: Account, issued: codes.Issued, nonce: str, phone: str
    ) -> Self:
        state = PendingCode.of(
            issued, nonce=nonce, account_id=account.pk, address=account.address, phone=phone
        )
        state.keep(session)
        return cls(session, account, state)

    @classmethod
    def resume(cls, session: SessionBase, account: Account) -> Self | None:
        """Take up the change that this browser began for `account`."""
        state = PendingCode.load(session, Purpose.PHONE)
        if state is None or state.account_id != account.pk:
            return None
        return cls(session, account, state)

    @property
    def is_done(self) -> bool:
        """Whether the number that this code went to is in force."""
        return self.state.done and self.state.is_for(self.account.phone)

    @sensitive_variables("guess")
    def check_code(self, guess: str) -> Answer:
        """Check the code; a right one puts the number in force, in the same transaction."""
        answer = self.state.check(
            self.session,
            guess,
            first=self._lock,
            then=self._put_in_force,
            remnant=repeats.remnant_of(self.account),
            once=True,
        )
        if answer.verdict is Verdict.RIGHT:
            self.account.refresh_from_db()
            # Called off by a reset, or overtaken by another number, whose code this is not.
            if not self.state.is_for(self.account.phone):
                return Answer(Verdict.SPENT, 0)
        return answer

    def _lock(self) -> None:
        self.account = _locked(self.account)

    def _put_in_force(self) -> None:
        if self.state.is_for(self.account.new_phone) and self.state.spend():
            put_in_force(self.account, self.account.new_phone)


def _locked(account: Account) -> Account:
    """Lock the account; whose account was removed meanwhile has no session either."""
    found = Account.objects.select_for_update().filter(pk=account.pk).first()
    if found is None:
        raise SessionInterrupted("The account was removed meanwhile.")
    return found


def _is_asked_again(account: Account) -> bool:
    """Whether a campaign wants the number confirmed anew: it was confirmed too long ago."""
    return PhoneMember.objects.asking(account) is not None


def _call_off(account: Account) -> None:
    """Forget a new number that was never confirmed: the person has come back to the old one."""
    Account.objects.filter(pk=account.pk).update(new_phone="")
