"""Passwords for mail programs: drawn here, shown once, each ended by itself.

Each opens the mailbox and nothing else: the portal's own pages never take one (PW-12).

Of each a salted SHA-512 is kept, which the mail server compares at once. A slow hash is for what
people think up; of 96 bits drawn by chance nobody tries even a small part.

The mail server takes one row at a time, so it looks for the one whose digest is that of what was
typed: the first 8 bits of its SHA-256. Those 8 leave 88 to guess. More would say more of a
person's own password, whenever it is typed where none but app passwords open, to whoever reads the
database's log of statements.
"""

import base64
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.credentials import notices
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, AppPassword, AuditEvent, MailLogin
from accounts.pages.requests import row_key
from otp import office

MOST = 10  # of one account
REPEATED = dt.timedelta(minutes=1)  # in which the same form may come again

# As they are typed into telephones. Without vowels, d, w and z no Vietnamese keyboard makes an
# accent of two letters, and no word comes up; without l, nothing is taken for a digit.
_LETTERS = "bcfghjkmnpqrstvx"
_GROUPS, _GROUP = 6, 4  # 24 letters of 4 bits: 96 bits

_SALT = 16  # bytes

Event = AuditEvent.Event


class TooMany(Exception):
    """The account has as many as it may have."""


class NameTaken(Exception):
    """Another of the account has this name."""


@dataclass(frozen=True)
class Made:
    """A new one: its row, and the password, which is known now and never again."""

    row: AppPassword
    password: str


def are_offered() -> bool:
    """Whether people can make some: where Dovecot knows what to do with them."""
    return settings.APP_PASSWORDS != "off"


def alone_open_mail() -> bool:
    """Whether people's own passwords open the portal only (PW-13)."""
    return bool(settings.APP_PASSWORDS == "only")


def uses_are_told() -> bool:
    """Whether Dovecot says which one opened a mailbox."""
    return bool(settings.AUTH_POLICY_TOKEN)


def of(account: Account) -> list[AppPassword]:
    """List those of an account, the newest first."""
    return list(AppPassword.objects.filter(account=account).order_by("-made_at", "-pk"))


def count_owners() -> int:
    """Count the accounts that have some."""
    return AppPassword.objects.values("account").distinct().count()


@sensitive_variables()
def make(account: Account, name: str) -> Made:
    """Make one of that name. Raises TooMany or NameTaken.

    One of the name that is of this minute and was never used is replaced: whoever sends the form
    once more has not seen it.
    """
    with transaction.atomic():
        # Two at a time are counted one after the other.
        Account.objects.select_for_update().get(pk=account.pk)
        there = AppPassword.objects.filter(account=account)
        same = there.filter(name=name).first()
        if same is not None and not _is_unseen(same):
            raise NameTaken
        if same is not None:
            same.delete()
            end_mail_sessions(account)
        elif there.count() >= MOST:
            raise TooMany
        made = _draw(account, name, taken=set(there.values_list("digest", flat=True)))
        AuditEvent.record(Event.APP_PASSWORD_MADE, account, actor=account, name=name)
        notices.app_password_made(account, name=name)
    return made


def end(account: Account, pk: int) -> AppPassword | None:
    """End one of an account, and what is open in its mail programs; None where it is none of its.

    The mail server knows no session by its password: all end, and those whose password still opens
    come back by themselves.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        row = AppPassword.objects.filter(account=account, pk=pk).first()
        if row is None:
            return None
        row.delete()
        end_mail_sessions(account)
        AuditEvent.record(Event.APP_PASSWORD_ENDED, account, actor=account, name=row.name)
        notices.app_password_ended(account, name=row.name)
    return row


def end_all(account: Account, *, actor: Account | None) -> int:
    """End all of an account, on record, as part of the caller's work; say how many there were.

    The caller ends mail sessions, and tells the owner.
    """
    ended, _ = AppPassword.objects.filter(account=account).delete()
    if ended:
        AuditEvent.record(Event.APP_PASSWORDS_ENDED, account, actor=actor, count=ended)
    return ended


def note_use(account: Account, app: str, protocol: MailLogin.Protocol) -> None:
    """Note that one of the account's has opened its mailbox today; `app` is what Dovecot says."""
    key = row_key(app)
    if key is None:
        return
    used = {"last_used_on": office.today(), "last_protocol": protocol}
    AppPassword.objects.filter(account=account, pk=key).exclude(**used).update(**used)


def _is_unseen(row: AppPassword) -> bool:
    return row.last_used_on is None and timezone.now() - row.made_at < REPEATED


@sensitive_variables()
def _draw(account: Account, name: str, *, taken: set[str]) -> Made:
    while True:
        password = "-".join(
            "".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)
        )
        if (digest := digest_of(password)) not in taken:
            break
    row = AppPassword.objects.create(
        account=account, name=name, digest=digest, encoded=_hashed(password)
    )
    return Made(row, password)


@sensitive_variables("password")
def digest_of(password: str) -> str:
    """Give what the mail server makes of a typed password to find its row."""
    return hashlib.sha256(password.encode()).hexdigest()[:2]


@sensitive_variables()
def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()
