"""Log-ins at the webmail: begun in a session of the portal, renewed by the webmail, ended.

They end with the sessions of their owner (`Account.end_sessions`): with a new password, a lock,
"Đăng xuất các phiên khác", a removal. Locks are taken in one order: the account, its session, its
log-in at the webmail. A log-in is begun while its session is held, and sessions are ended before
log-ins: so none is left that was being begun meanwhile.
"""

import datetime as dt
from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import caller
from accounts.access.browsers import name_browser
from accounts.access.limits import TooManyRequests
from accounts.models import Account, AuditEvent, Session, WebmailLogin
from accounts.webmail import tokens
from accounts.webmail.tokens import Kind
from otp.counting import limits
from otp.counting.limits import Limit

CODE_LIFE = dt.timedelta(seconds=60)
ACCESS_LIFE = dt.timedelta(minutes=10)
IDLE = dt.timedelta(hours=1)  # after which tokens that nobody renewed are renewed no longer
REPEATED = dt.timedelta(seconds=30)  # in which a renewal may come again: its answer may be lost

BEGUN = Limit("webmail-logins", 30, dt.timedelta(minutes=10))  # of one account

Event = AuditEvent.Event


@dataclass(frozen=True)
class Turn:
    """The tokens that are handed out for a log-in."""

    login: WebmailLogin
    number: int

    @property
    def seconds_left(self) -> int:
        """Give how long its access token still opens mail."""
        until = _access_until(self.login)
        return max(0, int((until - timezone.now()).total_seconds()))


def begin(request: HttpRequest, account: Account, *, challenge: str, nonce: str) -> str | None:
    """Begin a log-in of whoever is logged in here; give its code, or None where the session ended.

    Raises TooManyRequests.
    """
    now = timezone.now()
    with transaction.atomic():
        if not _holds(account.pk) or not _holds_session(request):
            return None
        charge = limits.charge(BEGUN, str(account.pk))
        if not charge.granted:
            raise TooManyRequests(BEGUN.name, charge.until)
        login = WebmailLogin.objects.create(
            account=account,
            browser=name_browser(request.headers.get("User-Agent", "")),
            client=caller.current().address or None,
            challenge=challenge,
            nonce=nonce,
            begun_at=now,
            ends_at=now + dt.timedelta(seconds=settings.SESSION_LONGEST),
        )
    return tokens.make(Kind.CODE, login, 0)


@sensitive_variables("code")
def by_code(code: str) -> WebmailLogin | None:
    """Give the log-in of a code that is good, held until the caller's transaction is over.

    A code that comes again is in a second pair of hands: what was given for it ends.
    """
    read = tokens.read(Kind.CODE, code)
    login = _held(read.uid) if read else None
    if login is None:
        return None
    if login.turn:
        _end_reused(login)
        return None
    return login if timezone.now() < login.begun_at + CODE_LIFE else None


def open_by_code(login: WebmailLogin) -> Turn:
    """Put the first turn in force, on record as what the person did who is behind the webmail."""
    turn = _turn(login)
    caller.enter(replace(caller.current(), address=login.client or ""))
    AuditEvent.record(Event.WEBMAIL_OPENED, login.account, actor=login.account)
    return turn


@sensitive_variables("token")
def by_refresh_token(token: str) -> Turn | None:
    """Put the turn in force that follows a refresh token; None of a token that is over.

    Once the next is in use, one that comes again is in a second pair of hands: the log-in ends. In
    the first seconds it is the webmail's own, whose answer was lost or which asked twice at once:
    it is given what it was given.
    """
    read = tokens.read(Kind.REFRESH, token)
    login = _held(read.uid) if read else None
    if login is None or read is None:
        return None
    now = timezone.now()
    if now >= login.ends_at or now >= _turned_at(login) + IDLE:
        return None
    if read.turn == login.turn:
        return _turn(login)
    if read.turn == login.turn - 1 and now < _turned_at(login) + REPEATED:
        return Turn(login, login.turn)
    _end_reused(login)
    return None


@sensitive_variables("token")
def by_access_token(token: str) -> Turn | None:
    """Give the turn whose access token this is, while it opens its owner's mailbox."""
    read = tokens.read(Kind.ACCESS, token)
    if read is None:
        return None
    login = WebmailLogin.objects.select_related("account").filter(pk=read.uid).first()
    if login is None or not _opens_mail(login.account):
        return None
    now = timezone.now()
    is_in_force = read.turn == login.turn and now < _access_until(login)
    was_just_renewed = read.turn == login.turn - 1 and now < _turned_at(login) + REPEATED
    if not login.turn or not (is_in_force or was_just_renewed):
        return None
    return Turn(login, read.turn)


@sensitive_variables("token")
def end_by_token(token: str) -> None:
    """End the log-in of an access or refresh token, whichever turn it is of."""
    read = tokens.read(Kind.REFRESH, token) or tokens.read(Kind.ACCESS, token)
    login = _held(read.uid) if read else None
    if login is not None:
        AuditEvent.record(Event.WEBMAIL_CLOSED, login.account, actor=login.account)
        login.delete()


def of(account: Account, at_most: int) -> list[WebmailLogin]:
    """List what is open of an account, the newest first; none where there is no single sign-on.

    Whoever has the password can open as many as he likes: no more are read than `at_most`.
    """
    if not settings.WEBMAIL_SSO.is_on:
        return []
    now = timezone.now()
    rows = WebmailLogin.objects.filter(account=account, turn__gt=0, ends_at__gt=now)
    return list(rows.filter(turned_at__gt=now - IDLE).order_by("-turned_at")[:at_most])


def mail_name(login: WebmailLogin) -> str:
    """Give the name under which Postfix knows its sessions, which ends with it (mail_sessions)."""
    return f"webmail-{login.pk.hex}/{login.account.address}"


def _held(uid: UUID) -> WebmailLogin | None:
    """Give a log-in whose account may open mail, both held; None where it has ended."""
    owner = WebmailLogin.objects.filter(pk=uid).values_list("account", flat=True).first()
    if owner is None or not _holds(owner):
        return None
    rows = WebmailLogin.objects.select_related("account").select_for_update(of=("self",))
    return rows.filter(pk=uid).first()


def _holds(account: int) -> bool:
    found = Account.objects.select_for_update().filter(pk=account).first()
    return found is not None and _opens_mail(found)


def _holds_session(request: HttpRequest) -> bool:
    name = Session.name_of(request.session.session_key or "")
    return Session.objects.select_for_update().filter(pk=name).exists()


def _opens_mail(account: Account) -> bool:
    return account.may_log_in and not account.default_password_is_over


def _end_reused(login: WebmailLogin) -> None:
    AuditEvent.record(Event.WEBMAIL_REUSED, login.account, ok=False)
    login.delete()


@sensitive_variables("token")
def _turn(login: WebmailLogin) -> Turn:
    login.turn += 1
    login.turned_at = timezone.now()
    token = tokens.make(Kind.ACCESS, login, login.turn)
    login.former_digest, login.access_digest = login.access_digest, tokens.digest_of(token)
    login.save(update_fields=["turn", "turned_at", "access_digest", "former_digest"])
    return Turn(login, login.turn)


def _turned_at(login: WebmailLogin) -> dt.datetime:
    return login.turned_at or login.begun_at


def _access_until(login: WebmailLogin) -> dt.datetime:
    return min(_turned_at(login) + ACCESS_LIFE, login.ends_at)
