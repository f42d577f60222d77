"""The only door to a new password: the policy, the hash, and all that must follow."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import directory, notices, proposals
from accounts.mailserver import end_mail_sessions
from accounts.models import Account, AuditEvent
from otp import codes

# What the mail server's own policy says of a password that the portal's would take.
NOT_TAKEN = {
    "short": _("Máy chủ thư cần mật khẩu dài hơn. Hãy ghép 4 từ không liên quan với nhau."),
    "young": _(
        "Mật khẩu vừa được đổi nên máy chủ thư chưa cho đổi tiếp. Hãy thử lại vào ngày mai, hoặc"
        " gọi hotline nếu cần gấp."
    ),
    "used": _("Mật khẩu này đã dùng trước đây. Hãy đặt một mật khẩu khác hẳn."),
    "policy": _(
        "Máy chủ thư không nhận mật khẩu này theo quy định riêng của máy chủ. Hãy đặt một mật khẩu"
        " dài hơn và khác hẳn các mật khẩu trước."
    ),
}

_RENEWED = ("password", "has_default_password", "password_changed_at", "new_phone")

P = ParamSpec("P")
R = TypeVar("R")

_places = threading.BoundedSemaphore(settings.HASHES_AT_ONCE)


class Busy(Exception):
    """So many passwords are being hashed that there was no place in time (DS-01)."""


def bounded(function: Callable[P, R]) -> Callable[P, R]:
    """Let only a few run at a time, each while it holds a place; raises `Busy` for the others."""

    @functools.wraps(function)
    def in_a_place(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _places.acquire(timeout=settings.HASH_QUEUE):
            raise Busy
        try:
            return function(*args, **kwargs)
        finally:
            _places.release()

    return in_a_place


class BoundedArgon2Hasher(Argon2PasswordHasher):
    """Argon2id at 19 MiB, two passes, one lane (OWASP), a few at a time.

    So many log-ins at once as a process has threads must not need so many times the memory.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    encode = bounded(Argon2PasswordHasher.encode)
    verify = bounded(Argon2PasswordHasher.verify)


@sensitive_variables("password")
def change_password(
    account: Account,
    password: str,
    *,
    event: AuditEvent.Event,
    keep_session: str | None = None,
    unless: Callable[[], bool] = lambda: False,
) -> bool:
    """Give `account` a new password, and do all that must happen with it, or nothing at all.

    Every other session, here and in mail programs, and every live code, grant and pending phone
    change of the account ends; the change is audited, and told by SMS and by mail. Raises
    ValidationError with every rule that the password breaks, before anything is spent. `unless` is
    asked inside the transaction; when it says so, nothing is changed and the answer is False.

    Where the directory has the password, it is written there last. What the directory does not
    take (ValidationError) or does not answer (`directory.NoAnswer`) leaves all here as it was.
    """
    validate_password(password, account)
    change = _Change(account, event, keep_session, unless)
    if not account.is_in_directory:
        # Before the transaction: it takes time, and may find no place.
        return change.make(make_password(password))
    with directory.entry_of(account.address) as entry:
        # A new one of those that open nothing: sessions that know the last one end with it.
        return change.make(make_password(None), last=lambda: _write(entry, password))


@dataclass(frozen=True)
class _Change:
    account: Account
    event: AuditEvent.Event
    keep_session: str | None
    unless: Callable[[], bool]

    @sensitive_variables("encoded")
    def make(self, encoded: str, *, last: Callable[[], None] = lambda: None) -> bool:
        with transaction.atomic():
            # The account before its codes and sessions, as everywhere: two changes that took them
            # in different order would wait for each other.
            account = Account.objects.select_for_update().get(pk=self.account.pk)
            if self.unless():
                return False
            _renew(account, encoded)
            account.end_sessions(but=self.keep_session)
            end_mail_sessions(account)
            codes.revoke(account.address)
            proposals.drop_for(account)
            self._record(account)
            notices.password_changed(account)
            # The one call over the network with a transaction open. It has to be: only so does a
            # failure undo all of the above. It has an end in time, and nothing comes after it.
            last()
        for name in _RENEWED:
            setattr(self.account, name, getattr(account, name))
        return True

    def _record(self, account: Account) -> None:
        AuditEvent.record(self.event, account.address, account=account, actor=account)
        if self.event is AuditEvent.Event.PASSWORD_RESET and account.changed_phone_lately:
            AuditEvent.record(AuditEvent.Event.RESET_AFTER_PHONE, account.address, account=account)


@sensitive_variables("encoded")
def _renew(account: Account, encoded: str) -> None:
    account.password = encoded
    account.has_default_password = False
    account.password_changed_at = timezone.now()
    account.new_phone = ""
    account.save(update_fields=_RENEWED)


@sensitive_variables("password")
def _write(entry: directory.Open, password: str) -> None:
    try:
        entry.set_password(password)
    except directory.Refused as refused:
        raise ValidationError(NOT_TAKEN[refused.reason], code=refused.reason) from None
