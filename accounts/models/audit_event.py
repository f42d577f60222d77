"""What happened to whom: the audit trail, to which rows are only ever added."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import caller
from accounts.models.account import Account
from accounts.models.program import Hook, HookMessage
from otp.counting import keyed_names

_TOLD = frozenset(Hook.Event.values)
_TOLD_OF_PEOPLE = _TOLD - Hook.OF_CAMPAIGNS


@dataclass(frozen=True)
class Ground:
    """Why staff do something to somebody's account: in words, and the number of the ticket."""

    why: str = ""
    ticket: str = ""
    checked: bool = False  # the caller read the words back that went to the registered number
    unchecked: str = ""  # why the caller was not checked, where it was asked for
    program: str = ""  # by which of IT's programs it was done
    by_itself: bool = False  # done by a campaign in the name of whoever agreed to it

    @property
    def detail(self) -> dict[str, object]:
        """Give what of it goes on record."""
        words: dict[str, object] = {"why": self.why, "ticket": self.ticket}
        if self.checked:
            words["checked"] = True
        if self.unchecked:
            words["unchecked"] = self.unchecked
        if self.program:
            words["program"] = self.program
        return words


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    def concerning(self, account: Account) -> "AuditQuerySet":
        """Keep what happened to `account`, also what was tried from outside with its addresses."""
        addresses = account.addresses.values_list("address", flat=True)
        keys = [key for each in addresses for key in keyed_names.names_of("address", each)]
        # An address may have been another account's: what that one did is not told here.
        return self.filter(Q(account=account) | Q(account=None, address_key__in=keys))

    def about(self, address: str) -> "AuditQuerySet":
        """Keep what was tried with `address`, which need not exist."""
        return self.filter(address_key__in=keyed_names.names_of("address", address))


class AuditEvent(models.Model):
    """What happened to whom: written by the rule that did it, never changed (a trigger refuses).

    An address that is not known to exist stands here only by its keyed name (LG-06). Of a removed
    account, keyed name, caller and details are gone (accounts.audit.forgetting).
    """

    class Event(models.TextChoices):
        LOGGED_IN = "logged-in", pgettext_lazy("event", "Đăng nhập")
        LOGIN_FAILED = "login-failed", pgettext_lazy("event", "Đăng nhập không thành công")
        LOGIN_HELD = "login-held", _("Tạm dừng đăng nhập vì thử sai nhiều lần")
        LOGGED_OUT = "logged-out", pgettext_lazy("event", "Đăng xuất")
        SESSIONS_ENDED = "sessions-ended", pgettext_lazy("event", "Đăng xuất các phiên khác")
        NEW_DEVICE = "new-device", _("Đăng nhập từ thiết bị mới")
        DEVICE_FORGOTTEN = "device-forgotten", _("Bỏ một thiết bị đã đăng nhập")
        DEVICE_DISOWNED = "device-disowned", _("Báo thiết bị không phải của mình")
        APP_PASSWORD_MADE = "app-password-made", pgettext_lazy("event", "Tạo mật khẩu ứng dụng")
        APP_PASSWORD_ENDED = "app-password-ended", _("Hủy mật khẩu ứng dụng")
        APP_PASSWORDS_ENDED = "app-passwords-ended", _("Hủy mọi mật khẩu ứng dụng")
        WEBMAIL_OPENED = "webmail-opened", _("Đăng nhập webmail qua cổng")
        WEBMAIL_CLOSED = "webmail-closed", _("Đăng xuất webmail")
        WEBMAIL_REUSED = "webmail-reused", _("Kết thúc phiên webmail vì khóa bị dùng lại")
        FACTOR_RIGHT = "factor-right", pgettext_lazy("event", "Xác thực hai lớp")
        FACTOR_WRONG = "factor-wrong", _("Xác thực hai lớp không đúng")
        CODE_RIGHT = "code-right", _("Nhập đúng mã xác thực")
        CODE_WRONG = "code-wrong", _("Nhập sai mã xác thực")
        CODE_SPENT = "code-spent", _("Nhập mã xác thực đã hết hiệu lực")
        PASSWORD_RESET = "password-reset", _("Lấy lại mật khẩu bằng tin nhắn")
        PASSWORD_CHANGED = "password-changed", pgettext_lazy("event", "Đổi mật khẩu")
        PHONE_ASKED = "phone-asked", _("Yêu cầu đổi số điện thoại")
        PHONE_CHANGED = "phone-changed", _("Đổi số điện thoại")
        PHONE_CONFIRMED = "phone-confirmed", _("Xác thực số điện thoại")
        PHONE_VOUCHED = "phone-vouched", _("Số điện thoại được nhập là đã xác nhận")
        PHONE_DOUBTED = "phone-doubted", _("Số điện thoại bị nghi không còn của chủ hộp thư")
        PHONE_FIRST = "phone-first", _("Khai số điện thoại lần đầu")
        RESET_AFTER_PHONE = "reset-after-phone", _("Lấy lại mật khẩu ngay sau khi đổi số")
        SLIP_GIVEN = "slip-given", pgettext_lazy("event", "In phiếu kích hoạt")
        SLIP_ENDED = "slip-ended", _("Hủy phiếu kích hoạt")
        SLIP_RIGHT = "slip-right", _("Nhập đúng mã kích hoạt")
        SLIP_WRONG = "slip-wrong", _("Nhập sai mã kích hoạt")
        ACTIVATED = "activated", pgettext_lazy("event", "Kích hoạt tài khoản")
        MAILBOX_ENTRUSTED = (
            "mailbox-entrusted",
            pgettext_lazy("event", "Giao người phụ trách hộp thư"),
        )
        MAILBOX_HANDED_OVER = "mailbox-handed-over", _("Bàn giao hộp thư")
        REMOVAL_PROPOSED = "removal-proposed", pgettext_lazy("event", "Đề nghị xóa tài khoản")
        REMOVAL_CONFIRMED = "removal-confirmed", _("Xác nhận xóa tài khoản")
        REMOVAL_WITHDRAWN = "removal-withdrawn", _("Rút lại đề nghị xóa tài khoản")
        REMOVAL_SPARED = "removal-spared", _("Đưa ra khỏi danh sách xóa")
        ACCOUNT_REMOVED = "account-removed", pgettext_lazy("event", "Xóa tài khoản")
        DEPARTURE_PLANNED = "departure-planned", pgettext_lazy("event", "Ghi ngày nghỉ việc")
        DEPARTURE_CALLED_OFF = "departure-called-off", pgettext_lazy("event", "Hủy ngày nghỉ việc")
        LEFT = "left", _("Đóng tài khoản vì nghỉ việc")
        LOCKED = "locked", pgettext_lazy("event", "Khóa tài khoản")
        UNLOCKED = "unlocked", pgettext_lazy("event", "Mở khóa tài khoản")
        ACCOUNT_EDITED = "account-edited", _("Sửa thông tin tài khoản")
        BRAKES_CHANGED = "brakes-changed", _("Thay đổi giới hạn gửi mã")
        ALIASES_CHANGED = "aliases-changed", _("Sửa địa chỉ khác của tài khoản")
        ADDRESS_RENAMED = "address-renamed", _("Đổi tên miền của địa chỉ")
        FACTOR_ENROLLED = "factor-enrolled", pgettext_lazy("event", "Cài đặt xác thực hai lớp")
        FACTOR_TURNED_OFF = "factor-turned-off", pgettext_lazy("event", "Tắt xác thực hai lớp")
        FACTOR_PROPOSED = "factor-proposed", _("Đề nghị bỏ xác thực hai lớp (cán bộ hỗ trợ)")
        FACTOR_DECLINED = "factor-declined", _("Không duyệt bỏ xác thực hai lớp (cán bộ hỗ trợ)")
        FACTOR_RESET = "factor-reset", pgettext_lazy("event", "Đặt lại xác thực hai lớp")
        FACTOR_DEMAND_EDITED = "factor-demand-edited", _("Sửa yêu cầu xác thực hai lớp")
        PASSKEY_ADDED = "passkey-added", pgettext_lazy("event", "Thêm passkey")
        PASSKEY_REMOVED = "passkey-removed", pgettext_lazy("event", "Bỏ passkey")
        RECOVERY_CODES_MADE = "recovery-codes-made", pgettext_lazy("event", "Tạo mã dự phòng mới")
        STAFF_APPOINTED = "staff-appointed", _("Giao vai trò")
        STAFF_DISMISSED = "staff-dismissed", _("Thôi vai trò")
        LOOKED_UP = "looked-up", _("Tra cứu")
        VIEWED = "viewed", _("Xem thông tin tài khoản")
        CALLER_ASKED = "caller-asked", pgettext_lazy("event", "Nhắn từ đối chiếu người gọi")
        CALLER_RIGHT = "caller-right", _("Đối chiếu đúng người gọi")
        CALLER_WRONG = "caller-wrong", _("Người gọi đọc lại không đúng")
        PHONE_REVEALED = "phone-revealed", _("Xem đủ số điện thoại")
        CODE_GRANTED = "code-granted", _("Cấp thêm một mã trong ngày")
        RECOVERY_REOPENED = (
            "recovery-reopened",
            pgettext_lazy("event", "Mở lại việc lấy lại mật khẩu"),
        )
        SESSIONS_CUT = "sessions-cut", _("Kết thúc các phiên đăng nhập (cán bộ hỗ trợ)")
        PHONE_PROPOSED = "phone-proposed", _("Đề nghị đổi số điện thoại (cán bộ hỗ trợ)")
        PHONE_APPROVED = "phone-approved", _("Duyệt đổi số điện thoại (cán bộ hỗ trợ)")
        PHONE_DECLINED = "phone-declined", _("Không duyệt đổi số điện thoại (cán bộ hỗ trợ)")
        LOGIN_NOTICE_EDITED = "login-notice-edited", _("Sửa thông báo ở trang đăng nhập")
        UNIT_EDITED = "unit-edited", _("Sửa đơn vị")
        IMPORTED = "imported", pgettext_lazy("event", "Nhập tài khoản từ tệp")
        EXPORTED = "exported", _("Xuất danh sách")
        DEFAULT_MARKED = "default-marked", pgettext_lazy("event", "Đánh dấu còn mật khẩu mặc định")
        NOTICE_SENT = "notice-sent", _("Gửi thông báo")
        CAMPAIGN_PLANNED = "campaign-planned", _("Lập chiến dịch")
        CAMPAIGN_STARTED = "campaign-started", pgettext_lazy("event", "Bắt đầu chiến dịch")
        CAMPAIGN_STEP = "campaign-step", _("Bước của chiến dịch")
        CAMPAIGN_STOPPED = "campaign-stopped", pgettext_lazy("event", "Dừng chiến dịch")
        CAMPAIGN_RESUMED = "campaign-resumed", pgettext_lazy("event", "Tiếp tục chiến dịch")
        PHONE_POSTPONED = "phone-postponed", _("Để sau việc cập nhật số điện thoại")
        PHONE_EXCUSED = "phone-excused", pgettext_lazy("event", "Miễn cập nhật số điện thoại")
        PHONE_EXCUSE_ENDED = "phone-excuse-ended", _("Bỏ miễn cập nhật số điện thoại")
        DATA_TAKEN = "data-taken", _("Tải dữ liệu của mình")
        DATA_REQUESTED = "data-requested", _("Gửi yêu cầu về dữ liệu cá nhân")
        DATA_REQUEST_WITHDRAWN = "data-request-withdrawn", _("Rút lại yêu cầu về dữ liệu cá nhân")
        DATA_REQUEST_ANSWERED = (
            "data-request-answered",
            pgettext_lazy("event", "Trả lời yêu cầu về dữ liệu cá nhân"),
        )
        PROGRAM_ADMITTED = "program-admitted", _("Cấp khóa cho chương trình của CNTT")
        PROGRAM_ENDED = "program-ended", _("Hủy khóa của chương trình của CNTT")
        PROGRAM_REPEATED = "program-repeated", _("Chương trình của CNTT khóa, mở khóa không đổi gì")
        PROGRAM_LOADED = "program-loaded", _("Chương trình của CNTT nhập tài khoản")
        HOOK_MADE = "hook-made", pgettext_lazy("event", "Tạo webhook")
        HOOK_EDITED = "hook-edited", pgettext_lazy("event", "Sửa webhook")
        HOOK_SWITCHED = "hook-switched", _("Bật, tắt webhook")
        HOOK_SECRET_MADE = "hook-secret-made", _("Thay khóa ký của webhook")
        HOOK_ENDED = "hook-ended", pgettext_lazy("event", "Hủy webhook")
        AUDIT_VIEWED = "audit-viewed", _("Xem nhật ký")
        AUDIT_PRUNED = "audit-pruned", _("Xóa nhật ký quá hạn lưu")
        AUDIT_FORGOTTEN = "audit-forgotten", _("Xóa dữ liệu cá nhân trong nhật ký")

    at = models.DateTimeField(_("lúc"), default=timezone.now, db_index=True)
    event = models.CharField(_("việc"), max_length=32, choices=Event)
    ok = models.BooleanField(_("thành công"), default=True)
    reason = models.CharField(_("lý do"), max_length=64, blank=True)
    # No database constraint: a removed account must not take its history with it.
    account = models.ForeignKey(
        Account,
        verbose_name=_("tài khoản"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,  # below, with the time
        related_name="+",
    )
    actor = models.ForeignKey(
        Account,
        verbose_name=_("người làm"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    address_key = models.CharField(_("mã băm của địa chỉ"), max_length=64, blank=True)
    client = models.GenericIPAddressField(_("địa chỉ IP"), null=True)
    request_id = models.CharField(_("mã yêu cầu"), max_length=32, blank=True)
    detail = models.JSONField(_("chi tiết"), default=dict)
    # Drawn by the database; once the row is forgotten there is a seal in its place.
    salt = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    seal = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = _("nhật ký")
        verbose_name_plural = pgettext_lazy("plural", "nhật ký")
        # Each is read newest first, a page at a time: by whose it is, by who did it, by what was
        # typed, by what happened. Without the time in them, a page is a walk over all of these.
        indexes = [
            models.Index(name="audit_account_at", fields=["account", "at"]),
            models.Index(name="audit_actor_at", fields=["actor", "at"]),
            models.Index(name="audit_address_key_at", fields=["address_key", "at"]),
            models.Index(name="audit_event_at", fields=["event", "at"]),
            # What one person did to another, or to the portal, among all that people do themselves.
            models.Index(
                name="audit_help_at",
                fields=["at"],
                condition=Q(actor__isnull=False) & ~Q(account=models.F("actor")),
            ),
            # Who has ever been staff is read from its edge: a million people act on themselves.
            models.Index(
                name="audit_staff_at",
                fields=["actor", "at"],
                condition=Q(event__in=["looked-up", "viewed", "audit-viewed"]),
            ),
            # Who locks by hand, and how those that are locked became so.
            models.Index(
                name="audit_locked_by",
                fields=["actor"],
                condition=Q(event="locked") & ~Q(reason="campaign"),
            ),
            models.Index(
                name="audit_locked",
                fields=["account", "-id"],
                include=["actor", "reason"],
                condition=Q(event="locked"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()}, {timezone.localtime(self.at):%d/%m/%Y %H:%M:%S}"

    def get_event_display(self) -> str:  # type: ignore[no-redef]  # the plugin knows Django's
        """Name the event. Django's own would translate every name there is, anew for each row."""
        return self.name_of(self.event)

    @classmethod
    def name_of(cls, event: str) -> str:
        """Name an event; give it as it stands, where only a newer release knows it."""
        return str(cls.Event(event).label) if event in cls.Event else event

    @classmethod
    def record(
        cls,
        event: "AuditEvent.Event",
        account: Account | None = None,
        *,
        address: str = "",
        actor: Account | None = None,
        ok: bool = True,
        reason: str = "",
        ground: Ground | None = None,
        **detail: object,
    ) -> None:
        """Write what happened; part of the transaction of the change that it tells of.

        `account` is whom it happened to. Where there may be none, `address` is what was tried.
        """
        if ground:
            detail |= ground.detail
        row = cls._row(event, account, detail, actor=actor, ok=ok, reason=reason, address=address)
        row.save(force_insert=True)
        cls._tell_programs([(row, account)])

    @classmethod
    def record_many(
        cls,
        event: "AuditEvent.Event",
        happened: Iterable[tuple[Account, Mapping[str, object]]],
        *,
        actor: Account | None = None,
        reason: str = "",
    ) -> None:
        """Write the same for many accounts, each with its own details, in few statements."""
        rows = [
            (cls._row(event, account, detail, actor=actor, reason=reason), account)
            for account, detail in happened
        ]
        AuditEvent.objects.bulk_create([row for row, _account in rows], batch_size=1000)
        cls._tell_programs(rows)

    @staticmethod
    def _tell_programs(rows: "Iterable[tuple[AuditEvent, Account | None]]") -> None:
        """Queue it for the webhooks that are told of such events: whom, and no details."""
        told = [(row, account) for row, account in rows if row.ok and row.event in _TOLD]
        people = [
            (account, row.at) for row, account in told if account and row.event in _TOLD_OF_PEOPLE
        ]
        if people:
            HookMessage.objects.tell_of_people(told[0][0].event, people)
        for row, account in told:
            # Of a campaign's steps its end is told; most of the others are of one person each.
            if account is None and row.event not in _TOLD_OF_PEOPLE and row.reason in ("", "done"):
                kind = row.detail.get("kind", "password")
                about = {"campaign": row.detail["campaign"], "kind": kind}
                HookMessage.objects.tell(row.event, about, row.at)

    @classmethod
    def _row(
        cls,
        event: "AuditEvent.Event",
        account: Account | None,
        detail: Mapping[str, object],
        *,
        actor: Account | None,
        reason: str,
        ok: bool = True,
        address: str = "",
    ) -> "AuditEvent":
        who = caller.current()
        if account and not address:
            address = account.address
        return cls(
            event=event,
            ok=ok,
            reason=reason,
            account=account,
            actor=actor,
            address_key=keyed_names.name_of("address", address),
            client=who.address or None,
            request_id=who.request_id,
            detail=dict(detail),
        )


class AuditLink(models.Model):
    """A link of the chain: made by the database as each row of the trail is committed (AD-11).

    `row` is the SHA-256 of the row, `digest` that of the link before, of the row's time and of
    `row`: a row that was changed, taken out or put in is found by `manage.py verify_audit`, also
    after old rows were deleted.
    """

    seq = models.BigIntegerField(primary_key=True)
    event_id = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    row = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.seq} {self.digest[:8]}"


class AuditHead(models.Model):
    """The link up to which the chain was found whole; one row, moved forward by functions alone.

    The daily verification goes on behind it. `whole_at` is when the whole chain was last found
    whole; None: something was wrong since.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    whole_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="audit_head_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


class AuditShipment(models.Model):
    """How far the trail is in a place outside the portal: up to which link that place has it all.

    `length` is that of the file up to there: what a run that was killed wrote behind it is cut off.
    """

    class Place(models.TextChoices):
        FILE = "file", _("tệp")
        SYSLOG = "syslog", _("máy chủ syslog")

    place = models.CharField(max_length=8, primary_key=True, choices=Place)
    seq = models.BigIntegerField(default=0)
    length = models.BigIntegerField(default=0)
    shipped_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.place} {self.seq}"
