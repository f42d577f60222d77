"""Change of phone: a new number counts once its code came back (memo, part 1; PH-02)."""

from typing import Self

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.access import askers
from accounts.credentials.phones import put_in_force
from accounts.models import Account, AuditEvent
from accounts.self_service import pending_code
from accounts.self_service.pending_code import PendingCode
from otp import codes
from otp.codes import Answer, Verdict
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
    def start(cls, session: SessionBase, account: Account, phone: str) -> Self | None:
        """Send a code to the new number, or raise `TooSoon`, `Paused` or `AlreadyInForce`.

        The old number stays in force. Asking again for the same number while its code is good
        sends nothing. Where the office wants no confirmation, the number counts at once and the
        answer is None.
        """
        if phone == account.phone and account.phone_is_confirmed:
            _call_off(account)
            raise AlreadyInForce
        if not settings.PHONE_CONFIRMATION:
            with transaction.atomic():
                put_in_force(_locked(account), phone)
            return None
        current = cls.resume(session, account)
        if current and current.state.live and account.new_phone == phone:
            return current
        nonce = pending_code.new_nonce()
        with transaction.atomic():
            account = _locked(account)
            issued = codes.issue(
                account.address, Purpose.PHONE, nonce=nonce, asker=askers.current(account.address)
            )
            account.new_phone = phone
            account.save(update_fields=["new_phone"])
            pending_code.send(issued, to=phone, wording=settings.PROFILE.sms.phone_code)
            AuditEvent.record(AuditEvent.Event.PHONE_ASKED, account, actor=account)
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

    @sensitive_variables("guess")
    def check_code(self, guess: str) -> Answer:
        """Check the code; a right one puts the number in force."""
        answer = self.state.check(self.session, guess)
        if answer.verdict is not Verdict.RIGHT:
            return answer
        with transaction.atomic():
            account = _locked(self.account)
            # Called off by a reset, or overtaken by another number, whose code this is not.
            if not (self.state.is_for(account.new_phone) and self.state.spend()):
                return Answer(Verdict.SPENT, 0)
            put_in_force(account, account.new_phone)
        del self.session[Purpose.PHONE]
        return answer


def _locked(account: Account) -> Account:
    return Account.objects.select_for_update().get(pk=account.pk)


def _call_off(account: Account) -> None:
    """Forget a new number that was never confirmed: the person has come back to the old one."""
    Account.objects.filter(pk=account.pk).update(new_phone="")
