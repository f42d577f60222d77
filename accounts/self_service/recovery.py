"""Forgot password: an address, a code by SMS, a new password (memo, part 2)."""

from dataclasses import dataclass, field, replace
from typing import Self

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.access import sessions
from accounts.access.limits import charge_word, give_back_word
from accounts.access.login import FAILURES
from accounts.credentials import extra_codes, passkeys, second_factor
from accounts.credentials.passwords import change_password
from accounts.models import Account, AuditEvent
from accounts.self_service import pending_code
from accounts.self_service.pending_code import PendingCode
from accounts.self_service.repeats import was_changed_lately
from otp import codes
from otp.codes import Answer, TooSoon
from otp.counting import keyed_names, limits
from otp.counting.ceilings import Paused, ProofNeeded
from otp.counting.tightening import CallerHeld
from otp.models import Purpose

_FACTOR_SHOWN = "recovery_factor"  # in the session: for which code the second factor was shown


class RecoveryOver(Exception):
    """The grant of a right code was used, has run out, or the account is no longer recoverable."""


@dataclass(frozen=True)
class _Ask:
    """What was asked for, and by which form."""

    address: str  # of the account, where there is one: what is counted
    asked: str  # as it was typed
    account: Account | None  # whose number the pages show
    nonce: str = field(repr=False)

    @property
    def phone(self) -> str:
        """The number that gets the code; "" where nobody does."""
        return self.account.phone_for_codes if self.account else ""

    @property
    def first_way(self) -> str:
        """The way that whoever has the number chose; "" where nobody did."""
        if self.account is None:
            return ""
        keeper = None if self.account.phone_is_known else self.account.keeper
        return (keeper or self.account).code_way

    def state(self, issued: codes.Issued) -> PendingCode:
        account = self.account
        return PendingCode.of(
            issued,
            nonce=self.nonce,
            account_id=account.pk if account else 0,
            address=self.address,
            phone=account.shown_phone if account else decoy_phone(self.asked),
            asked=self.asked,
        )


class Recovery:
    """One browser's way through the three steps, kept in its session."""

    def __init__(self, session: SessionBase, state: PendingCode) -> None:
        self.session = session
        self.state = state

    @classmethod
    @sensitive_variables()
    def start(
        cls,
        session: SessionBase,
        asked: str,
        *,
        nonce: str,
        proved: bool = False,
        word: str = "",
    ) -> Self:
        """Ask for a code for the owner of an address, or raise what `otp.codes.issue` raises.

        Nothing is sent, and nothing is charged, while this browser has a good code or a grant for
        the same address, or while nothing can be sent to anybody (`Paused`). The form's `nonce`
        finds the code again whose answer was lost; `word` opens the place that the hotline gave.
        Whether the address exists changes nothing that can be seen or measured: the ledger, the
        look-ups and the outbox see the same statements.
        """
        if word:
            charge_word()
        address, account = Account.objects.asked_for(asked)
        current = cls.resume(session)
        if current and current.state.address == address and current.stands:
            return current
        ask = _Ask(address, asked, account, nonce)
        try:
            return cls._issue(session, ask, proved=proved, word=word)
        except (TooSoon, Paused, CallerHeld, ProofNeeded) as refusal:
            issued = codes.issued_to(address, Purpose.RECOVERY, nonce=ask.nonce)
            if issued:
                return cls._take_up(session, ask, issued)
            if isinstance(refusal, TooSoon):
                codes.note_refusal(address, Purpose.RECOVERY)
            if word and isinstance(refusal, Paused):
                give_back_word()
            raise

    @classmethod
    def _issue(cls, session: SessionBase, ask: _Ask, *, proved: bool, word: str) -> Self:
        """Enter the code, queue its message and save the session: all or nothing."""
        store = sessions.of(session)
        with store.all_or_nothing(), transaction.atomic():
            if word:
                extra_codes.redeem(ask.address, word)
            issued = pending_code.send(
                ask.address,
                Purpose.RECOVERY,
                to=ask.phone,
                wording=settings.PROFILE.sms.recovery_code,
                nonce=ask.nonce,
                proved=proved,
                first=ask.first_way,
            )
            state = ask.state(issued)
            state.keep(session)
            store.save_now()
        return cls(session, state)

    @classmethod
    def _take_up(cls, session: SessionBase, ask: _Ask, issued: codes.Issued) -> Self:
        """Go on with what this very form was issued before: its answer was lost."""
        state = ask.state(issued)
        state.keep(session)
        return cls(session, state)

    @classmethod
    def resume(cls, session: SessionBase) -> Self | None:
        """Take up the way where this browser left it."""
        state = PendingCode.load(session, Purpose.RECOVERY)
        return cls(session, state) if state else None

    @property
    def stands(self) -> bool:
        """Whether this browser can go on without a new code."""
        return self.state.live or self.state.has_grant

    @property
    def is_remnant(self) -> bool:
        """Whether the browser knows only the key from before the code was right."""
        return sessions.of(self.session).is_remnant

    @sensitive_variables("guess")
    def check_code(self, guess: str) -> Answer:
        """Check the code; once it is right, a new password may be chosen within `GRANT`."""
        return self.state.check(self.session, guess)

    def lacks_factor(self) -> bool:
        """Whether the account has a second factor, which is to be shown before a new password.

        Only who gave the right code may be told: it is told of nobody else's account.
        """
        if self.session.get(_FACTOR_SHOWN) == self.state.code_id or not self.state.has_grant:
            return False
        account = self.account()
        return account is not None and second_factor.is_enrolled(account)

    @sensitive_variables("typed")
    def show_factor(self, typed: str) -> bool:
        """Check a code of the app, or a recovery code; a right one is good for this code alone.

        Raises `second_factor.NotYet`, and `RecoveryOver` when there is no grant (any more).
        """
        account = self._granted()
        with sessions.of(self.session).all_or_nothing():
            return second_factor.is_right(account, typed, then=self._keep_factor)

    @sensitive_variables("answer")
    def show_passkey(self, answer: str) -> bool:
        """Check what a passkey answered, as `show_factor` does; raises `passkeys.Lapsed` too."""
        account = self._granted()
        with sessions.of(self.session).all_or_nothing():
            return passkeys.is_right(self.session, account, answer, then=self._keep_factor)

    def passkey_question(self) -> str:
        """Ask for a passkey of the account; "" where it has none, or nobody may ask."""
        account = self.account()
        if account is None or not self.lacks_factor():
            return ""
        return passkeys.question(self.session, account, purpose=passkeys.RECOVERY)

    def _granted(self) -> Account:
        account = self.account()
        if account is None or not self.state.has_grant:
            raise RecoveryOver
        return account

    def _keep_factor(self) -> None:
        self.session[_FACTOR_SHOWN] = self.state.code_id
        sessions.of(self.session).save_now()

    @sensitive_variables("password")
    def finish(self, password: str) -> None:
        """Set the new password and end this recovery.

        A refused password raises ValidationError and costs nothing: the grant stays. Sending the
        same password again (a double click) is no fault. Raises `RecoveryOver` when there is no
        grant (any more).
        """
        account = self.account()
        with sessions.of(self.session).all_or_nothing():
            was_set = account is not None and self._set(account, password)
        if account is None or not was_set:
            # The address stays, so that it need not be typed again.
            replace(self.state, verified_at=None, expires_at=timezone.now()).keep(self.session)
            raise RecoveryOver
        # Wrong passwords typed before must not keep the new one waiting.
        limits.clear(FAILURES, account.address)
        self._end(account)

    def _end(self, account: Account) -> None:
        if self.session.get(SESSION_KEY) == str(account.pk):
            # The person was logged in here, and that session has ended with all the others.
            self.session.clear()
        replace(self.state, done=True).keep(self.session)

    def account(self) -> Account | None:
        """Look the account up anew: it may have been locked since the code was asked for.

        It is the one whose number got the code, whoever has the address by now (SE-06).
        """
        account = Account.objects.with_custody().filter(pk=self.state.account_id).first()
        return account if account and account.is_recoverable else None

    @sensitive_variables("password")
    def _set(self, account: Account, password: str) -> bool:
        store = sessions.of(self.session)

        def also(account: Account) -> None:
            self._end(account)
            store.save_now()

        changed = change_password(
            account,
            password,
            event=AuditEvent.Event.PASSWORD_RESET,
            keep_session=store.session_key,
            # The factor may have been turned on meanwhile.
            unless=lambda: self.lacks_factor() or not self.state.spend(),
            also=also,
        )
        return changed or self._was_set_to(password)

    @sensitive_variables("password")
    def _was_set_to(self, password: str) -> bool:
        account = self.account()
        return self.state.verified_at is not None and bool(
            account
            and account.password_changed_at
            and account.password_changed_at > self.state.verified_at
            and was_changed_lately(account)
            and account.check_password(password)
        )


def decoy_phone(address: str) -> str:
    """Make up a number for an address that has none: always the same, and like a real one."""
    name = keyed_names.oldest_name_of("decoy", address)
    return f"+849{int(name, 16) % 10**8:08d}"
