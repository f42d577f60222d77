"""The only door to a new password: the policy, the hash, and all that must follow."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import directory
from accounts.credentials import app_passwords, factor_proposals, notices, phone_proposals
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, AuditEvent
from otp import codes
from otp.outbox import alerts
from otp.sentences import as_stored

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


@sensitive_variables("password")
def change_password(
    account: Account,
    password: str,
    *,
    event: AuditEvent.Event,
    keep_session: str | None = None,
    unless: Callable[[], bool] = lambda: False,
    also: Callable[[Account], object] = lambda _: None,
    at_terminal: bool = False,
) -> bool:
    """Give `account` a new password, and do all that must happen with it, or nothing at all.

    Every other session, here and in mail programs, and every live code, grant, app password and
    pending phone change of the account ends; the change is audited, and told by SMS and by mail.
    Raises ValidationError with every rule that the password breaks, before anything is spent.
    `unless` is asked inside the transaction; when it says so, or the account was removed meanwhile,
    nothing is changed and the answer is False. What `also` does (the session that goes on) is part
    of the transaction. `at_terminal` says on record that an operator did it, of whom no more is
    known.

    Where the directory has the password, it is written there last. What the directory does not
    take (ValidationError) or does not answer (`directory.NoAnswer`) leaves all here as it was.
    """
    validate_password(password, account)
    change = _Change(account, event, keep_session, unless, also, at_terminal)
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
    also: Callable[[Account], object]
    at_terminal: bool

    @sensitive_variables("encoded")
    def make(self, encoded: str, *, last: Callable[[], None] = lambda: None) -> bool:
        with transaction.atomic():
            # The account before its codes and sessions, as everywhere: two changes that took them
            # in different order would wait for each other.
            account = Account.objects.select_for_update().filter(pk=self.account.pk).first()
            if account is None or self.unless():
                return False
            _renew(account, encoded)
            account.end_sessions(but=self.keep_session)
            end_mail_sessions(account)
            codes.revoke(account.address)
            phone_proposals.drop_for(account)
            factor_proposals.drop_for(account)
            self._record(account)
            # One may have been made by whoever knew the old password (PR-07).
            ended = app_passwords.end_all(account, actor=self._actor(account))
            notices.password_changed(account, app_passwords=ended)
            self.also(account)
            # The one call over the network with a transaction open. It has to be: only so does a
            # failure undo all of the above. It has an end in time, and nothing comes after it.
            last()
        for name in _RENEWED:
            setattr(self.account, name, getattr(account, name))
        return True

    def _actor(self, account: Account) -> Account | None:
        return None if self.at_terminal else account

    def _record(self, account: Account) -> None:
        AuditEvent.record(
            self.event,
            account,
            actor=self._actor(account),
            reason="terminal" if self.at_terminal else "",
        )
        if self.event is AuditEvent.Event.PASSWORD_RESET and account.changed_phone_lately:
            AuditEvent.record(AuditEvent.Event.RESET_AFTER_PHONE, account)
            with as_stored():
                line = str(_("%(address)s: lấy lại mật khẩu ngay sau khi đổi số điện thoại"))
            alerts.raise_now(
                "reset-after-phone", account.address, [line % {"address": account.address}]
            )


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
    except directory.PasswordRefused as refused:
        raise ValidationError(NOT_TAKEN[refused.reason], code=refused.reason) from None
