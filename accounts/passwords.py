"""The only door to a new password: the policy, the hash, and all that must follow."""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts import notices
from accounts.mailserver import end_mail_sessions
from accounts.models import Account, AuditEvent
from otp import codes

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
    """
    validate_password(password, account)
    encoded = make_password(password)  # before the transaction: it takes time and may find no place
    with transaction.atomic():
        # The account before its codes and sessions, as everywhere: two changes that took them in
        # different order would wait for each other.
        Account.objects.select_for_update().get(pk=account.pk)
        if unless():
            return False
        account.password = encoded
        account.has_default_password = False
        account.password_changed_at = timezone.now()
        account.new_phone = ""
        account.save(
            update_fields=["password", "has_default_password", "password_changed_at", "new_phone"]
        )
        account.end_sessions(but=keep_session)
        end_mail_sessions(account)
        codes.revoke(account.address)
        AuditEvent.record(event, account.address, account=account, actor=account)
        if event is AuditEvent.Event.PASSWORD_RESET and account.changed_phone_lately:
            AuditEvent.record(AuditEvent.Event.RESET_AFTER_PHONE, account.address, account=account)
        notices.password_changed(account)
    return True
