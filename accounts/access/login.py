"""Who may come in: the password, counted before it is looked at, and the second factor."""

import datetime as dt

from django.conf import settings
from django.contrib.auth import authenticate, login
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import caller, directory
from accounts.access import drafts, known_browsers, sessions
from accounts.access.browsers import name_browser
from accounts.access.limits import network_of
from accounts.addresses import AddressError, canonical
from accounts.credentials import decoy_hashes
from accounts.credentials.hashers import Busy
from accounts.credentials.policy import MAX_LENGTH, STAFF_MIN_LENGTH
from accounts.models import Account, AuditEvent, PhoneMember
from accounts.organisation import factor_demands
from otp.counting import limits
from otp.counting.limits import Limit
from otp.outbox import alerts
from otp.sentences import as_stored

# Wrong passwords for one address, of all strangers together. A browser that logged in before, and
# each network of the office's, has a count of its own: strangers hold nobody out of those (QU-12).
# Nobody is locked, and "Quên mật khẩu" stays open.
FAILURES = Limit("login", 10, dt.timedelta(minutes=15))
_HOLDS = Limit("login-hold", 1, FAILURES.period)  # on record, of each count

TOO_SHORT = "password_too_short"  # in the session: typed at log-in, and no longer enough
FACTOR_ASKED = "factor_asked"  # in the session: the second factor is still to be shown
FACTOR_DEMANDED = "factor_demanded"  # in the session: one is to be set up before anything else
PHONE_ASKED = "phone_asked"  # in the session: a campaign asks for a number since the log-in

LOG_IN_AS = "log_in_as"  # in the session: the name to begin with, after a new password

_TYPED_AT = "password_at"

_COME_IN = "UPDATE accounts_account SET last_login = %s WHERE id = %s"


class LoginHeld(Exception):
    """Too many wrong passwords for one address, whether or not it exists; over at `until`."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(until)
        self.until = until


class AccountBackend(ModelBackend):
    """The one place where a password opens anything; every door counts here."""

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: object,
    ) -> Account | None:
        """Find the account with this name and password, or None.

        Raises `LoginHeld`, `Busy` or `directory.NoAnswer`. The try is charged before the hash is
        computed and given back when the password is right, so that parallel tries cannot outrun
        the limit. An unknown name costs a hash of those stored, and the same bind.
        """
        address, account = Account.objects.owner_of(read_name(username or ""))
        counted_as = counted_for(request, address)
        # Drawn for everybody, so that the statements are the same; and first, so that nothing but
        # the comparison follows a charge.
        decoy = decoy_hashes.drawn_for(address)
        charge = limits.charge(FAILURES, counted_as)
        if not charge.granted:
            note_hold(address, counted_as)
            raise LoginHeld(charge.until)
        try:
            right = _is_right(account, password or "", decoy)
        except (Busy, directory.NoAnswer):
            if _was_not_compared(account):
                limits.give_back(FAILURES, counted_as)
            raise
        if not right or account is None or not account.may_log_in:
            reason = "closed" if right else "password"
            AuditEvent.record(
                AuditEvent.Event.LOGIN_FAILED, account, address=address, ok=False, reason=reason
            )
            return None
        limits.give_back(FAILURES, counted_as)
        return account

    def user_can_authenticate(self, user: object) -> bool:
        return isinstance(user, Account) and user.may_log_in


@sensitive_variables("password")
def log_in(request: HttpRequest, username: str, password: str) -> Account | None:
    """Open a session for the person with this name and password; None says only "not right".

    The session is a new one: nothing done in the browser before the log-in goes on in it.
    """
    account = authenticate(request, username=username, password=password)
    if not isinstance(account, Account):
        return None
    noted: dict[str, object] = {_TYPED_AT: timezone.now().isoformat()}
    if account.is_staff and len(password) < STAFF_MIN_LENGTH:
        # Chosen before the person was staff (PW-02).
        noted[TOO_SHORT] = True
    try:
        open_session(request, account, noted)
    except DatabaseError:
        if Account.objects.filter(pk=account.pk).exists():
            raise
        # Removed while the password was compared: nobody has this name any more.
        request.session.flush()
        return None
    return account


def open_session(
    request: HttpRequest, account: Account, noted: dict[str, object] | None = None
) -> None:
    """Log somebody in who has shown who they are: in a new session that has this noted, on record.

    All that the session says is written once, with the record.
    """
    kept = drafts.carried_over(request.session, account)
    request.session.flush()
    with transaction.atomic():
        login(request, account)
        # Into the account's row: a factor that is turned on meanwhile is seen after it, or finds
        # the session, and ends it.
        _note_login(account)
        request.session.update(kept | (noted or {}))
        drafts.mark_forms(request)
        request.session["staff"] = account.is_staff
        request.session["browser"] = name_browser(request.headers.get("User-Agent", ""))
        request.session["client"] = caller.current().address
        standing = factor_demands.standing_of(account)
        if standing.has_factor and not account.is_staff:
            # Staff are asked at the pages of the staff (accounts.access.staff).
            request.session[FACTOR_ASKED] = True
        elif standing.is_due:
            request.session[FACTOR_DEMANDED] = True
        if standing.is_listed and PhoneMember.objects.asking(account):
            request.session[PHONE_ASKED] = True
        sessions.of(request.session).save_now()
        AuditEvent.record(AuditEvent.Event.LOGGED_IN, account, actor=account)
    if account.is_superuser:
        _alarm(account)


def _note_login(account: Account) -> None:
    """Write when somebody came in last; raises DatabaseError where they were removed meanwhile.

    In the place of Django's own receiver (accounts.apps), which takes several times as long.
    """
    account.last_login = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_COME_IN, [account.last_login, account.pk])
        if not cursor.rowcount:
            raise DatabaseError("The account was removed meanwhile.")


def _alarm(account: Account) -> None:
    """Tell IT that an account for emergencies is in use (AD-03)."""
    with as_stored():
        line = _("Tài khoản toàn quyền %(address)s vừa đăng nhập") % {"address": account.address}
    alerts.raise_now("superuser", account.address, [line])


@sensitive_variables("password")
def confirm_password(request: HttpRequest, account: Account, password: str) -> bool:
    """Check the password of somebody who is logged in, under the same count; raises `LoginHeld`.

    Raises SessionInterrupted where the account was closed or removed meanwhile: then no password
    is right, and to call it wrong would be a lie.
    """
    if authenticate(request, username=account.address, password=password) == account:
        return True
    found = Account.objects.filter(pk=account.pk).first()
    if found is None or not found.may_log_in:
        raise SessionInterrupted("The account was closed or removed meanwhile.")
    return False


def forget_failures(request: HttpRequest, address: str) -> None:
    """Forget the wrong passwords of this browser or network: the account has a new one."""
    limits.clear(FAILURES, counted_for(request, address))


def counted_for(request: HttpRequest | None, address: str) -> str:
    """Say whose count a try at the account of this main address belongs to."""
    browser = known_browsers.token_of(request, address) if request else ""
    network = network_of([*settings.STAFF_NETWORKS, *settings.OFFICE_NETWORKS])
    return f"{address} {browser or network}".rstrip()


def note_hold(address: str, counted_as: str) -> None:
    """Put a hold on record, once: whoever goes on trying must not fill the trail (GO-07)."""
    with transaction.atomic():
        if limits.charge(_HOLDS, counted_as).granted:
            AuditEvent.record(AuditEvent.Event.LOGIN_HELD, address=address, ok=False)


def read_name(username: str) -> str:
    """Give the one spelling under which a name that was typed is counted and looked up."""
    try:
        return canonical(username)
    except AddressError:
        # Counted like any name, and found nowhere: no account is stored under such a spelling.
        # The look-up is in the database, which takes no NUL.
        return f"?{username[:MAX_LENGTH]}".replace("\0", "?")


def note_password_typed(session: SessionBase) -> None:
    session[_TYPED_AT] = timezone.now().isoformat()


def password_is_fresh(session: SessionBase, *, within: int) -> bool:
    """Whether the password was typed in this session no more than `within` seconds ago (PH-01)."""
    typed_at = session.get(_TYPED_AT)
    if not typed_at:
        return False
    return timezone.now() - dt.datetime.fromisoformat(typed_at) <= dt.timedelta(seconds=within)


@sensitive_variables("password", "compared")
def _is_right(account: Account | None, password: str, decoy: str) -> bool:
    # No password is empty, or that long; but a hash that was taken over may be one of nothing. The
    # work is the same for every name, and does not grow.
    usable = 0 < len(password) <= MAX_LENGTH
    compared = password if usable else "-"
    if account is None:
        decoy_hashes.compare(compared, decoy)
        if directory.is_in_charge():
            directory.opens("", compared)
        return False
    return account.check_password(compared) and usable


def _was_not_compared(account: Account | None) -> bool:
    """Whether a try that came to nothing told nothing either.

    With the directory away, a password that is here was still found to be wrong: such a try
    counts, or the staff's passwords could be guessed at for as long.
    """
    return not (directory.is_in_charge() and account and account.has_usable_password())
