"""Accounts: a mailbox of a person or an organisation, its password and its number."""

import datetime as dt
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import directory
from accounts.addresses import AddressError, canonical
from accounts.models.address import CANONICAL, OWNER, Address, AddressQuarantine
from accounts.models.factor import has_factor
from accounts.models.names import FoldedWords, NameField
from accounts.models.phone_state import confirmed_too_long_ago
from accounts.models.session import Session, WebmailLogin
from accounts.models.unit import Unit
from otp import phones

STORED_PHONE = r"^(\+84[35789][0-9]{8})?$"
MOST_SUPERUSERS = 2
LONGEST_NAME = 150  # characters
WATCHED_AFTER_CHANGE = dt.timedelta(hours=72)  # in which a reset also warns the old number (PH-05)


# The few of whom something is so, for lists and counts of them: in which order, and who. There are
# none of those who never logged in: each log-in would have to write every index of the account, as
# a new password does, which is rarer.
_FEW = {
    "default_password": ("-id", Q(has_default_password=True)),
    "out_of_use": ("-id", Q(is_active=False)),
    "of_organisation": ("-id", Q(kind="organisation")),
    "mailbox": ("address", Q(kind="organisation", is_active=True, is_staff=False)),
    "without_phone": ("-id", Q(phone="")),
    "phone_doubted": ("-id", Q(phone_doubted_at__isnull=False)),
    "confirmed": ("phone_confirmed_at", Q(phone_confirmed_at__isnull=False, phone_doubted_at=None)),
    "locked": ("locked_at -id", Q(locked_at__isnull=False)),
    "staff": ("-id", Q(is_staff=True)),
    # Among whom are all who may get a slip; whether they ever logged in is read of each.
    "newcomer": (
        "-id",
        Q(phone="", is_active=True, is_staff=False, locked_at=None)
        & (Q(has_default_password=True) | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)),
    ),
}
# What says where codes go: three accounts whole would be four times the work.
_FOR_CODES = (
    *("address", "kind", "phone", "phone_confirmed_at", "phone_doubted_at"),
    *("is_active", "locked_at", "code_way"),
)
_WHOSE_CODES = ("", "custody__responsible__", "custody__deputy__")


class AccountManager(BaseUserManager["Account"]):
    # An address is one account's: what is found by it is not sorted, which `first` would do.
    def get_queryset(self) -> "models.QuerySet[Account]":
        return super().get_queryset().defer("words")

    def create_user(self, address: str, password: str | None = None, **fields: Any) -> "Account":
        """Make an account. The password is taken as it is: the policy is the caller's to ask.

        Raises ValidationError where the address is kept from being given again.
        """
        account = self.model(address=canonical(address), **fields)
        if refusal := AddressQuarantine.objects.refusal_of(account.address):
            raise ValidationError(refusal)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def create_superuser(self, address: str, password: str, **fields: Any) -> "Account":
        """Make an account for the day when all else fails; there are two at most (AD-03)."""
        if self.filter(is_superuser=True).count() >= MOST_SUPERUSERS:
            raise ValidationError("There are two superusers already: use create_staff.")
        return self.create_user(
            address, password, **{"is_staff": True, "is_superuser": True, **fields}
        )

    def reached_at(self, address: str) -> "Account | None":
        """Find the account by its own address or an alias, with whether it `has_factor`."""
        return next(iter(self.with_factor().filter(addresses__address=address)), None)

    def owner_of(self, address: str) -> "tuple[str, Account | None]":
        """Give what `main_address` gives, and the account: one statement too."""
        account = next(iter(self.raw(OWNER, [address])), None)
        return account.address if account else address, account

    def main_address(self, address: str) -> str:
        """Give the address under which the owner of `address` is counted; itself where it has none.

        One statement that tells nothing: an account and its aliases have one count (QU-04, EN-04).
        """
        owners = self.filter(addresses__address=address)
        return next(iter(owners.values_list("address", flat=True)), address)

    def asked_for(self, address: str) -> "tuple[str, Account | None]":
        """Give what `main_address` gives, and whose number the pages of a lost password show.

        One statement too. The account gets a code only where it `is_recoverable`.
        """
        columns = [prefix + name for prefix in _WHOSE_CODES for name in _FOR_CODES]
        found = self.with_custody().filter(addresses__address=address).only(*columns)
        account = next(iter(found), None)
        shown = account if account and account.shows_phone else None
        return account.address if account else address, shown

    def with_factor(self) -> "models.QuerySet[Account]":
        """Read with the accounts what the property `has_factor` asks else: no statement more."""
        return self.annotate(has_factor=has_factor())  # type: ignore[no-redef]  # the property

    def with_custody(self) -> "models.QuerySet[Account]":
        """Read accounts with those who are responsible for them: one statement for every kind."""
        return self.select_related("custody__responsible", "custody__deputy")


class Account(AbstractBaseUser, PermissionsMixin):
    """A mailbox of a person or an organisation, and who may use the portal."""

    class Kind(models.TextChoices):
        PERSON = "person", _("cá nhân")
        ORGANISATION = "organisation", _("tổ chức")

    address = models.EmailField(_("địa chỉ thư điện tử"), unique=True)
    # Longer than Django's own: hashes of older systems are kept as they came.
    password = models.CharField(_("mật khẩu"), max_length=255)
    full_name = NameField(_("họ và tên"), max_length=LONGEST_NAME, blank=True)
    kind = models.CharField(_("loại"), max_length=16, choices=Kind, default=Kind.PERSON)
    unit = models.ForeignKey(
        Unit, verbose_name=_("đơn vị"), null=True, blank=True, on_delete=models.PROTECT
    )

    # E.164, or "" for none. Only `phone` is in force; `new_phone` waits for its code, and
    # `old_phone` is warned for a while after a change (PH-05).
    phone = models.CharField(_("số điện thoại"), max_length=16, blank=True)
    phone_confirmed_at = models.DateTimeField(_("xác thực số lúc"), null=True, blank=True)
    phone_changed_at = models.DateTimeField(_("đổi số lúc"), null=True, blank=True)
    # In doubt, it gets no code until its owner has confirmed it again: it may be somebody else's.
    phone_doubted_at = models.DateTimeField(_("số bị nghi ngờ lúc"), null=True, blank=True)
    phone_reminded_at = models.DateTimeField(null=True, blank=True, editable=False)
    new_phone = models.CharField(max_length=16, blank=True, editable=False)
    old_phone = models.CharField(max_length=16, blank=True, editable=False)
    code_way = models.CharField(max_length=8, blank=True, default="", db_default="")
    # Whether an SMS, too, tells of a log-in in a new browser.
    new_device_sms = models.BooleanField(
        _("nhắn tin khi có thiết bị mới"), default=False, db_default=False
    )

    has_default_password = models.BooleanField(_("còn mật khẩu mặc định"), default=False)
    # After this the mail server refuses a default password that was never changed.
    default_password_until = models.DateTimeField(
        _("mật khẩu mặc định dùng được đến"), null=True, blank=True
    )
    password_changed_at = models.DateTimeField(_("đổi mật khẩu lúc"), null=True, blank=True)
    is_active = models.BooleanField(_("đang sử dụng"), default=True)
    locked_at = models.DateTimeField(_("khóa lúc"), null=True, blank=True)
    is_staff = models.BooleanField(_("cán bộ hỗ trợ, quản trị"), default=False)
    created_at = models.DateTimeField(_("tạo lúc"), default=timezone.now, editable=False)
    # By which a name is looked up; kept, because folding a million names takes too long.
    words = models.GeneratedField(
        expression=FoldedWords("full_name"), output_field=SearchVectorField(), db_persist=True
    )

    objects = AccountManager()

    USERNAME_FIELD = "address"
    EMAIL_FIELD = "address"

    class Meta:
        verbose_name = _("tài khoản")
        verbose_name_plural = pgettext_lazy("plural", "tài khoản")
        constraints = [
            models.CheckConstraint(
                name="account_address_is_canonical",
                condition=Q(address__regex=CANONICAL),
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
        indexes = [
            # Not `fastupdate`: a look-up after a large import must not read through its backlog.
            GinIndex("words", name="account_name_words", fastupdate=False),
            models.Index(
                OpClass(Reverse("phone"), name="text_pattern_ops"), name="account_phone_ending"
            ),
            models.Index(name="account_full_name", fields=["full_name", "-id"]),  # lists in order
            *(
                models.Index(name=f"account_{name}", fields=order.split(), condition=condition)
                for name, (order, condition) in _FEW.items()
            ),
        ]
        # What each role may do stands in accounts.organisation.roles.
        permissions = [
            ("use_desk", "Tra cứu ở trang hỗ trợ"),
            ("help_person", "Cấp thêm mã, mở lại, khóa, kết thúc phiên"),
            ("check_caller", "Nhắn từ đối chiếu cho người gọi"),
            ("reveal_phone", "Xem đủ số điện thoại trong một phút"),
            ("propose_phone", "Đề nghị đổi số điện thoại, bỏ xác thực hai lớp"),
            ("approve_phone", "Duyệt đề nghị đổi số điện thoại, bỏ xác thực hai lớp"),
            ("reset_factor", "Đặt lại xác thực hai lớp của đồng nghiệp"),
            ("change_aliases", "Sửa các địa chỉ khác của tài khoản"),
            ("lock_account", "Khóa, mở khóa hàng loạt"),
            ("print_slips", "In phiếu kích hoạt"),
            ("end_accounts", "Lập ngày nghỉ việc"),
            ("answer_requests", "Trả lời yêu cầu về dữ liệu cá nhân"),
            ("remove_accounts", "Đề nghị và xác nhận xóa tài khoản"),
            ("mark_default", "Đánh dấu còn mật khẩu mặc định"),
            ("send_notice", "Gửi thông báo hàng loạt"),
            ("import_accounts", "Nhập tài khoản từ tệp"),
            ("confirm_phones", "Coi số điện thoại được nhập là đã xác nhận"),
            ("hand_over", "Giao, bàn giao hộp thư của tổ chức"),
            ("export_accounts", "Xuất danh sách tài khoản"),
            ("run_campaigns", "Chạy chiến dịch mật khẩu mặc định"),
            ("view_reports", "Xem báo cáo"),
            ("export_audit", "Xuất nhật ký"),
        ]

    def __str__(self) -> str:
        return self.address

    def clean(self) -> None:
        """Keep addresses in the one spelling by which people are found."""
        super().clean()
        if not self.address:
            return  # its field has said what is wrong with it
        try:
            self.address = canonical(self.address)
        except AddressError as error:
            raise ValidationError({"address": error.sentence}) from None
        if Address.objects.filter(address=self.address).exclude(account=self.pk).exists():
            raise ValidationError({"address": _("Địa chỉ này đã thuộc về một tài khoản khác.")})
        is_new = self._state.adding
        if is_new and (refusal := AddressQuarantine.objects.refusal_of(self.address)):
            raise ValidationError({"address": refusal})

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

    @cached_property
    def has_factor(self) -> bool:
        """Whether a second factor is asked for, once read; `with_factor()` reads it beforehand."""
        return Account.objects.filter(has_factor(), pk=self.pk).exists()

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def may_log_in(self) -> bool:
        return self.is_active and not self.is_locked

    @property
    def default_password_is_over(self) -> bool:
        """Whether the mail server refuses the default password by now."""
        until = self.default_password_until
        return self.has_default_password and until is not None and until <= timezone.now()

    @property
    def default_password_needs_code(self) -> bool:
        """Whether the default password is changed by a code only: where a number can get one."""
        return self.has_default_password and self.is_recoverable

    @property
    def has_phone(self) -> bool:
        return bool(self.phone)

    @property
    def phone_is_confirmed(self) -> bool:
        return self.has_phone and self.phone_confirmed_at is not None

    @property
    def phone_is_known(self) -> bool:
        """Whether there is a number for codes, be it in doubt."""
        return self.phone_is_confirmed or (self.has_phone and not settings.PHONE_CONFIRMATION)

    @property
    def phone_is_in_doubt(self) -> bool:
        return self.has_phone and self.phone_doubted_at is not None

    @property
    def phone_is_in_force(self) -> bool:
        return self.phone_is_known and not self.phone_is_in_doubt

    @property
    def phone_is_overdue(self) -> bool:
        """Whether the number was confirmed so long ago that its owner is asked again."""
        before = confirmed_too_long_ago()
        at = self.phone_confirmed_at
        return self.phone_is_known and before is not None and at is not None and at < before

    @property
    def is_recoverable(self) -> bool:
        """Whether the password may be got back by SMS: only a number in force counts."""
        return self.may_log_in and bool(self.phone_for_codes)

    @property
    def keeper(self) -> "Account | None":
        """Give who gets the codes of an organisation's mailbox that has no number of its own.

        The deputy does while the responsible person cannot.
        """
        custody = getattr(self, "custody", None)
        if custody is None or self.kind != self.Kind.ORGANISATION:
            return None
        keepers = filter(None, (custody.responsible, custody.deputy))
        return next((keeper for keeper in keepers if keeper.may_log_in), None)

    @property
    def phone_for_codes(self) -> str:
        """Give the number to which codes go: its own, or its keeper's; "" where there is none."""
        if self.phone_is_known:
            return self.phone if self.phone_is_in_force else ""
        keeper = self.keeper
        return keeper.phone if keeper and keeper.phone_is_in_force else ""

    @property
    def shown_phone(self) -> str:
        """Give the number that strangers are shown the end of, whether or not it gets codes."""
        if self.phone_is_known:
            return self.phone
        keeper = self.keeper
        return keeper.phone if keeper and keeper.phone_is_known else ""

    @property
    def shows_phone(self) -> bool:
        """Whether a stranger who asks for a code is shown a number of this account.

        One in doubt gets no code, and its pages stay as they were: else they would tell of it.
        """
        return self.may_log_in and bool(self.shown_phone)

    @property
    def has_way_in(self) -> bool:
        """Whether there is a password, or a number by which one can be had."""
        return self.has_usable_password() or self.is_in_directory or self.phone_is_in_force

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
        """End the person's sessions, all or all but the one of the key `but`, and the webmail's."""
        others = Session.objects.filter(account=self)
        ended = (others.exclude(pk=Session.name_of(but)) if but else others).delete()[0]
        WebmailLogin.end_of(self)  # last: accounts.webmail.logins says why
        return ended
