"""People: who they are, what they may do, what happened to them."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts import caller, directory
from accounts.addresses import AddressError, canonical
from otp import pepper, phones

STORED_PHONE = r"^(\+84[35789][0-9]{8})?$"
WATCHED_AFTER_CHANGE = dt.timedelta(hours=72)  # in which a reset also warns the old number (PH-05)


class Unit(models.Model):
    """An office of the province; units form a tree."""

    name = models.CharField("tên đơn vị", max_length=200)
    code = models.CharField("tên viết tắt", max_length=50, blank=True)
    parent = models.ForeignKey(
        "self",
        verbose_name="đơn vị cấp trên",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
    )

    class Meta:
        verbose_name = "đơn vị"
        verbose_name_plural = "đơn vị"
        constraints = [
            models.UniqueConstraint(
                name="unit_name_once", fields=["parent", "name"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="unit_not_its_own_parent",
                condition=~Q(parent=models.F("id")) | Q(parent__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountManager(BaseUserManager["Account"]):
    def create_user(self, address: str, password: str | None = None, **fields: Any) -> "Account":
        """Make an account. The password is taken as it is: the policy is the caller's to ask."""
        account = self.model(address=canonical(address), **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def create_superuser(self, address: str, password: str, **fields: Any) -> "Account":
        return self.create_user(
            address, password, **{"is_staff": True, "is_superuser": True, **fields}
        )

    def recoverable(self, address: str) -> "Account | None":
        """Find the account that may get its password back by SMS, with its unit."""
        account = self.filter(address=address).first()
        return account if account and account.is_recoverable else None


class Account(AbstractBaseUser, PermissionsMixin):
    """A mailbox of a person or an organisation, and who may use the portal."""

    class Kind(models.TextChoices):
        PERSON = "person", "cá nhân"
        ORGANISATION = "organisation", "tổ chức"

    # Wider than Django's: another mail system's SHA512-CRYPT takes up to 146 (accounts.moving_in).
    password = models.CharField("mật khẩu", max_length=255)
    address = models.EmailField("địa chỉ thư điện tử", unique=True)
    full_name = models.CharField("họ và tên", max_length=150, blank=True)
    kind = models.CharField("loại", max_length=16, choices=Kind, default=Kind.PERSON)
    unit = models.ForeignKey(
        Unit, verbose_name="đơn vị", null=True, blank=True, on_delete=models.PROTECT
    )

    # E.164, or "" for none. Only `phone` is in force; `new_phone` waits for its code, and
    # `old_phone` is warned for a while after a change (PH-05).
    phone = models.CharField("số điện thoại", max_length=16, blank=True)
    phone_confirmed_at = models.DateTimeField("xác nhận số lúc", null=True, blank=True)
    phone_changed_at = models.DateTimeField("đổi số lúc", null=True, blank=True)
    new_phone = models.CharField(max_length=16, blank=True, editable=False)
    old_phone = models.CharField(max_length=16, blank=True, editable=False)

    has_default_password = models.BooleanField("còn mật khẩu mặc định", default=False)
    password_changed_at = models.DateTimeField("đổi mật khẩu lúc", null=True, blank=True)
    is_active = models.BooleanField("đang sử dụng", default=True)
    locked_at = models.DateTimeField("khóa lúc", null=True, blank=True)
    is_staff = models.BooleanField("nhân viên hỗ trợ", default=False)
    created_at = models.DateTimeField("tạo lúc", default=timezone.now, editable=False)

    objects = AccountManager()

    USERNAME_FIELD = "address"
    EMAIL_FIELD = "address"

    class Meta:
        verbose_name = "tài khoản"
        verbose_name_plural = "tài khoản"
        constraints = [
            models.CheckConstraint(
                name="account_address_is_canonical",
                condition=Q(address__regex=r"^[a-z0-9._+-]+@[a-z0-9.-]+$"),
            ),
            models.CheckConstraint(
                name="account_phones_are_vietnamese_mobiles",
                condition=Q(phone__regex=STORED_PHONE)
                & Q(new_phone__regex=STORED_PHONE)
                & Q(old_phone__regex=STORED_PHONE),
            ),
            models.CheckConstraint(
                name="account_confirmed_means_a_phone",
                condition=Q(phone_confirmed_at__isnull=True) | ~Q(phone=""),
            ),
        ]

    def __str__(self) -> str:
        return self.address

    def clean(self) -> None:
        """Keep addresses in the one spelling by which people are found."""
        super().clean()
        try:
            self.address = canonical(self.address)
        except AddressError:
            raise ValidationError({"address": "Địa chỉ phải thuộc tên miền của cơ quan."}) from None

    def check_password(self, raw_password: str) -> bool:
        """Check a password, and bring an old hash up to date unless it was changed meanwhile.

        Raises `directory.NoAnswer`.
        """

        def upgrade(password: str) -> None:
            stored = self.password
            self.password = make_password(password)
            Account.objects.filter(pk=self.pk, password=stored).update(password=self.password)

        if check_password(raw_password, self.password, upgrade):
            return True
        if not directory.is_in_charge():
            return False
        # Every account costs a hash and a bind, wherever its password is.
        return directory.opens(self.address if self.is_in_directory else "", raw_password)

    @property
    def is_in_directory(self) -> bool:
        """Whether the password is the directory's: it is, unless there is one here."""
        return directory.is_in_charge() and not self.has_usable_password()

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def may_log_in(self) -> bool:
        return self.is_active and not self.is_locked

    @property
    def has_phone(self) -> bool:
        return bool(self.phone)

    @property
    def phone_is_confirmed(self) -> bool:
        return self.has_phone and self.phone_confirmed_at is not None

    @property
    def phone_is_in_force(self) -> bool:
        return self.phone_is_confirmed or (self.has_phone and not settings.PHONE_CONFIRMATION)

    @property
    def is_recoverable(self) -> bool:
        """Whether the password may be got back by SMS: only a number in force counts."""
        return self.may_log_in and self.phone_is_in_force

    @property
    def phone_masked(self) -> str:
        return phones.mask(self.phone, settings.PHONE_MASK_DIGITS)

    @property
    def phone_tail(self) -> str:
        return self.phone_masked.strip("*")

    @property
    def new_phone_masked(self) -> str:
        return phones.mask(self.new_phone, settings.PHONE_MASK_DIGITS)

    @property
    def changed_phone_lately(self) -> bool:
        """Whether an older number is still to be warned of what is done with the new one."""
        if not (self.old_phone and self.phone_changed_at):
            return False
        return timezone.now() - self.phone_changed_at < WATCHED_AFTER_CHANGE

    def end_sessions(self, *, but: str | None = None) -> int:
        """End the person's sessions, all or all but the one with the key `but`."""
        others = Session.objects.filter(account=self)
        if but:
            others = others.exclude(pk=Session.name_of(but))
        return others.delete()[0]


class Session(AbstractBaseSession):
    """A browser's session. `session_key` is a one-way name of the key that the cookie holds."""

    session_key = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, db_index=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = "phiên"
        verbose_name_plural = "phiên"
        db_table = "accounts_session"

    @staticmethod
    def name_of(key: str) -> str:
        return pepper.oldest_name_of("session", key)

    @classmethod
    def get_session_store_class(cls) -> type[Any]:
        from accounts.sessions import SessionStore

        return SessionStore


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    def concerning(self, account: Account) -> "AuditQuerySet":
        """Keep what happened to `account`, also what was tried from outside with its address."""
        keys = pepper.names_of("address", account.address)
        return self.filter(Q(account=account) | Q(address_key__in=keys))


class AuditEvent(models.Model):
    """What happened to whom: written by the rule that did it, never changed (a trigger refuses).

    An address that is not known to exist stands here only by its keyed name (LG-06).
    """

    class Event(models.TextChoices):
        LOGGED_IN = "logged-in", "Đăng nhập"
        LOGIN_FAILED = "login-failed", "Đăng nhập không thành công"
        LOGIN_HELD = "login-held", "Tạm dừng đăng nhập vì thử sai nhiều lần"
        LOGGED_OUT = "logged-out", "Đăng xuất"
        SESSIONS_ENDED = "sessions-ended", "Đăng xuất các phiên khác"
        FACTOR_RIGHT = "factor-right", "Xác thực bước hai"
        FACTOR_WRONG = "factor-wrong", "Xác thực bước hai không đúng"
        CODE_RIGHT = "code-right", "Nhập đúng mã xác thực"
        CODE_WRONG = "code-wrong", "Nhập sai mã xác thực"
        CODE_SPENT = "code-spent", "Nhập mã xác thực đã hết hiệu lực"
        PASSWORD_RESET = "password-reset", "Lấy lại mật khẩu bằng tin nhắn"
        PASSWORD_CHANGED = "password-changed", "Đổi mật khẩu"
        PHONE_ASKED = "phone-asked", "Yêu cầu đổi số điện thoại"
        PHONE_CHANGED = "phone-changed", "Đổi số điện thoại"
        PHONE_CONFIRMED = "phone-confirmed", "Xác nhận số điện thoại"
        PHONE_FIRST = "phone-first", "Khai số điện thoại lần đầu"
        RESET_AFTER_PHONE = "reset-after-phone", "Lấy lại mật khẩu ngay sau khi đổi số"
        LOCKED = "locked", "Khóa tài khoản"
        UNLOCKED = "unlocked", "Mở khóa tài khoản"
        ACCOUNT_EDITED = "account-edited", "Sửa thông tin tài khoản"
        BRAKES_CHANGED = "brakes-changed", "Sửa phanh gửi mã"

    at = models.DateTimeField("lúc", default=timezone.now, db_index=True)
    event = models.CharField("việc", max_length=32, choices=Event)
    ok = models.BooleanField("thành công", default=True)
    reason = models.CharField("lý do", max_length=64, blank=True)
    # No database constraint: a removed account must not take its history with it.
    account = models.ForeignKey(
        Account,
        verbose_name="tài khoản",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    actor = models.ForeignKey(
        Account,
        verbose_name="người làm",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    address_key = models.CharField(max_length=64, blank=True, db_index=True)
    client = models.GenericIPAddressField("địa chỉ mạng", null=True)
    request_id = models.CharField("mã yêu cầu", max_length=32, blank=True)
    detail = models.JSONField("chi tiết", default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = "nhật ký"
        verbose_name_plural = "nhật ký"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.event}"

    @classmethod
    def record(
        cls,
        event: "AuditEvent.Event",
        address: str,
        *,
        account: Account | None = None,
        actor: Account | None = None,
        ok: bool = True,
        reason: str = "",
        **detail: object,
    ) -> None:
        """Write what happened to `address`; part of the transaction of the change it tells of."""
        row = cls.of(event, address, account=account, actor=actor, ok=ok, reason=reason, **detail)
        row.save(force_insert=True)

    @classmethod
    def of(
        cls,
        event: "AuditEvent.Event",
        address: str,
        *,
        account: Account | None = None,
        actor: Account | None = None,
        ok: bool = True,
        reason: str = "",
        **detail: object,
    ) -> "AuditEvent":
        """Make a row, for those who write many at once."""
        who = caller.current()
        return cls(
            event=event,
            ok=ok,
            reason=reason,
            account=account,
            actor=actor,
            address_key=pepper.name_of("address", address),
            client=who.address or None,
            request_id=who.request_id,
            detail=detail,
        )
