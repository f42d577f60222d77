"""The tables: ledger of codes, outbox, states of gateways, brakes and meters."""

import datetime as dt
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Count, F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# The office's rule: codes so far apart, so many a day, the day being that of the office's clock.
# The constraints and the code are both built from these: to change the rule,
# change them here and run `makemigrations`.
GAP = dt.timedelta(minutes=5)
CODES_A_DAY = 2
OFFICE_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LATELY = dt.timedelta(hours=1)  # over which a gateway's errors are counted
GUESSES = 5  # wrong tries after which a code is dead
CALLER_TRIES = 3  # so many, where words are read back on the telephone


class Purpose(models.TextChoices):
    """What a code was asked for; it opens nothing else."""

    RECOVERY = "recovery", _("lấy lại mật khẩu")
    PHONE = "phone", _("xác thực số điện thoại")
    CALLER = "caller", _("đối chiếu người gọi")  # words that are read back, and no code at all


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class LocalDay(Func):
    """The day on the wall calendar of a time zone."""

    template = "(%(expressions)s AT TIME ZONE '%(zone)s')::date"
    output_field = models.DateField()


class Code(models.Model):
    """The ledger: one row for every code asked for, whether or not the address exists.

    The digits are nowhere in it: they are derived from the pepper and the random id.
    """

    id = models.UUIDField(_("số hiệu"), primary_key=True, default=uuid.uuid4, editable=False)
    address_key = models.CharField(max_length=64)
    purpose = models.CharField(_("mục đích"), max_length=16, choices=Purpose)
    pepper_id = models.CharField(max_length=8)
    browser_key = models.CharField(max_length=64)
    issued_at = models.DateTimeField(_("cấp lúc"))
    gap_until = models.DateTimeField(_("mã kế tiếp từ"))
    expires_at = models.DateTimeField(_("hết hiệu lực lúc"))
    local_day = models.GeneratedField(
        expression=LocalDay("issued_at", zone=OFFICE_ZONE.key),
        output_field=models.DateField(),
        db_persist=True,
        verbose_name=_("ngày"),
    )
    ordinal = models.SmallIntegerField(_("mã thứ mấy trong ngày"))
    voided = models.BooleanField(_("không tính vào ngày"), default=False)
    # Voided by the hotline, or because nothing was sent to anybody: then the pages may say so. A
    # place that was given back because a gateway refused the number is counted on all pages, so
    # that none tells of it.
    given_back = models.BooleanField(_("hỗ trợ cấp lại"), db_default=False)
    # In which somebody had logged in before with this address; None: by an earlier release.
    from_own_browser = models.BooleanField(_("trình duyệt đã quen"), null=True)
    attempts = models.SmallIntegerField(_("số lần nhập"), default=0)
    verified_at = models.DateTimeField(_("nhập đúng lúc"), null=True)
    used_at = models.DateTimeField(_("dùng lúc"), null=True)
    # How often another one was asked for too soon after this one, and when.
    refused = models.IntegerField(_("lần bị từ chối sau đó"), db_default=0)
    refused_first_at = models.DateTimeField(_("bị từ chối lần đầu lúc"), null=True)
    refused_last_at = models.DateTimeField(_("bị từ chối lần cuối lúc"), null=True)

    class Meta:
        verbose_name = _("mã xác thực")
        verbose_name_plural = pgettext_lazy("plural", "mã xác thực")
        constraints = [
            ExclusionConstraint(
                name="code_gap",
                expressions=[
                    ("address_key", RangeOperators.EQUAL),
                    ("purpose", RangeOperators.EQUAL),
                    (TsTzRange("issued_at", "gap_until"), RangeOperators.OVERLAPS),
                ],
            ),
            models.UniqueConstraint(
                name="code_place_in_the_day",
                fields=["address_key", "purpose", "local_day", "ordinal"],
                condition=Q(voided=False),
            ),
            models.CheckConstraint(
                name="code_two_a_day", condition=Q(ordinal__range=(1, CODES_A_DAY))
            ),
            models.CheckConstraint(
                name="code_gap_kept", condition=Q(gap_until__gte=F("issued_at") + GAP)
            ),
            # A code dies before the next can be asked for: the newest is the only one alive.
            models.CheckConstraint(
                name="code_one_alive", condition=Q(expires_at__lte=F("gap_until"))
            ),
            models.CheckConstraint(name="code_guesses", condition=Q(attempts__range=(0, GUESSES))),
            models.CheckConstraint(
                name="code_tries_of_a_caller",
                condition=~Q(purpose="caller") | Q(attempts__lte=CALLER_TRIES),
            ),
            models.CheckConstraint(
                name="code_verified_before_used",
                condition=Q(used_at__isnull=True) | Q(verified_at__isnull=False),
            ),
            models.CheckConstraint(
                name="code_given_back_is_voided", condition=Q(given_back=False) | Q(voided=True)
            ),
            models.CheckConstraint(
                name="code_known_purpose", condition=Q(purpose__in=Purpose.values)
            ),
        ]
        indexes = [
            models.Index(name="code_issued", fields=["issued_at"]),
            # The codes of an office's day: lists, reports, the first page of the staff.
            models.Index(name="code_day", fields=["local_day", "issued_at"]),
            models.Index(name="code_voided", fields=["issued_at"], condition=Q(voided=True)),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Message(models.Model):
    """The outbox: everything that leaves the portal, written in the transaction of its cause.

    `to` and `text` are kept only until the message is handed over; of a code, `text` holds the
    wording with the place of the digits, never the digits.
    """

    class Channel(models.TextChoices):
        SMS = "sms", "SMS"
        MAIL = "mail", _("thư điện tử")
        KICK = "kick", _("kết thúc phiên thư")
        HOOK = "hook", _("cảnh báo")

    class State(models.TextChoices):
        QUEUED = "queued", _("đang chờ gửi")
        SENDING = "sending", _("đang gửi")
        ACCEPTED = "accepted", _("nhà mạng đã nhận")
        DELIVERED = "delivered", _("đã tới máy")
        REJECTED = "rejected", _("nhà mạng từ chối")
        FAILED = "failed", _("không tới được")
        UNKNOWN = "unknown", _("không rõ đã gửi hay chưa")
        EXPIRED = "expired", _("quá hạn, không gửi")
        SKIPPED = "skipped", _("không gửi")

    code = models.OneToOneField(Code, null=True, on_delete=models.CASCADE, related_name="message")
    address_key = models.CharField(max_length=64)
    # The keyed name of the number, by which reports on it are known: of a decoy too.
    phone_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    channel = models.CharField(_("kênh"), max_length=8, choices=Channel)
    to = models.CharField(max_length=254, blank=True)
    to_masked = models.CharField(_("gửi đến"), max_length=254, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    state = models.CharField(_("trạng thái"), max_length=16, choices=State)
    reason = models.CharField(_("lý do"), max_length=64, blank=True)
    gateway = models.CharField(_("nhà cung cấp"), max_length=32, blank=True)
    gateway_id = models.CharField(_("mã của nhà cung cấp"), max_length=64, blank=True)
    tries = models.SmallIntegerField(_("số lần gửi"), default=0)
    created_at = models.DateTimeField(_("tạo lúc"))
    due_at = models.DateTimeField(_("gửi từ lúc"))
    good_until = models.DateTimeField(_("gửi trước lúc"))
    changed_at = models.DateTimeField(_("đổi trạng thái lúc"))
    accepted_at = models.DateTimeField(_("nhà mạng nhận lúc"), null=True)
    # Of a code that may go by several ways (otp.suppliers.second_way).
    ways = ArrayField(models.CharField(max_length=8), default=list, db_default=[])
    other_ways = models.JSONField(default=list, db_default=[])
    receipt_due_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("tin nhắn")
        verbose_name_plural = pgettext_lazy("plural", "tin nhắn")
        constraints = [
            # LG-08: number and wording are gone once the message is handed over or given up.
            models.CheckConstraint(
                name="message_forgets_where_it_went",
                condition=Q(state__in=["queued", "sending"]) | Q(to="", text="", subject=""),
            ),
            models.CheckConstraint(
                name="message_known_state",
                condition=Q(
                    state__in=[
                        "queued",
                        "sending",
                        "accepted",
                        "delivered",
                        "rejected",
                        "failed",
                        "unknown",
                        "expired",
                        "skipped",
                    ]
                ),
            ),
        ]
        indexes = [
            models.Index(
                name="message_due",
                fields=["due_at"],
                condition=Q(state__in=["queued", "sending"]),
            ),
            # What the sender takes next: a code, an end of mail sessions, a notice.
            models.Index(
                name="message_codes_due",
                fields=["due_at"],
                condition=Q(state="queued", code__isnull=False),
            ),
            models.Index(
                models.ExpressionWrapper(
                    Q(channel="kick"), output_field=models.BooleanField()
                ).desc(),
                "due_at",
                name="message_notices_due",
                condition=Q(state="queued", code__isnull=True),
            ),
            models.Index(name="message_created", fields=["created_at"]),
            models.Index(name="message_gateway_id", fields=["gateway_id"]),
            models.Index(name="message_address_key", fields=["address_key"]),
            # What a gateway, or one that is out of service, was handed: lists, newest first.
            models.Index(name="message_gateway", fields=["gateway", "created_at"]),
            # The few that are looked for: what did not arrive, with its code and with all that is
            # counted of it, and what is no SMS.
            models.Index(
                name="message_not_arrived",
                fields=["state", "created_at"],
                include=["channel", "gateway", "reason", "code"],
                condition=Q(state__in=["rejected", "failed", "unknown", "expired", "skipped"]),
            ),
            models.Index(
                name="message_no_sms",
                fields=["channel", "created_at"],
                condition=Q(channel__in=["mail", "kick", "hook"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.pk}"


class DeadNumberDay(models.Model):
    """A day on which a supplier said of a number, known by its keyed name, that nobody has it."""

    phone_key = models.CharField(max_length=64)
    local_day = models.DateField()
    sent_at = models.DateTimeField(db_index=True)  # the message that did not arrive
    reason = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="dead_number_once_a_day", fields=["phone_key", "local_day"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phone_key[:8]} {self.local_day}"


@dataclass(frozen=True)
class Errors:
    """How many of the messages handed to a gateway did not go well."""

    count: int
    of: int

    def __str__(self) -> str:
        percent = round(100 * self.count / self.of) if self.of else 0
        return f"{self.count}/{self.of} ({percent} %)"


class GatewayQuerySet(models.QuerySet["GatewayState"]):
    def paused(self) -> "GatewayQuerySet":
        return self.filter(paused_until__gt=Now())


_WENT_WELL = (Message.State.ACCEPTED, Message.State.DELIVERED)
_WENT_BADLY = (Message.State.REJECTED, Message.State.FAILED, Message.State.UNKNOWN)


class GatewayState(models.Model):
    """How a gateway has fared: what its breaker goes by, and what IT sees."""

    name = models.CharField(_("tên"), max_length=32, primary_key=True)
    failures = models.IntegerField(_("lỗi liên tiếp"), default=0)
    paused_until = models.DateTimeField(_("tạm dừng đến"), null=True)
    last_success_at = models.DateTimeField(_("gửi được lần cuối lúc"), null=True)
    last_failure_at = models.DateTimeField(_("lỗi lần cuối lúc"), null=True)
    last_reason = models.CharField(_("lý do"), max_length=64, blank=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        verbose_name = _("nhà cung cấp SMS")
        verbose_name_plural = pgettext_lazy("plural", "nhà cung cấp SMS")

    def __str__(self) -> str:
        return self.name

    def errors_lately(self) -> Errors:
        """Count what became of the last hour's messages by this gateway."""
        counts = Message.objects.filter(
            gateway=self.name, created_at__gt=Now() - LATELY, state__in=[*_WENT_WELL, *_WENT_BADLY]
        ).aggregate(count=Count("pk", filter=Q(state__in=_WENT_BADLY)), of=Count("pk"))
        return Errors(**counts)


class SupplierTokens(models.Model):
    """The tokens that a supplier gave and takes back, sealed; renewed by one process at a time."""

    supplier = models.CharField(max_length=32, primary_key=True)
    sealed = models.TextField()
    ends_at = models.DateTimeField()  # when the access token does
    leased_until = models.DateTimeField(null=True)  # by whoever renews it
    refused_at = models.DateTimeField(null=True)  # when the supplier would renew it no more

    def __str__(self) -> str:
        return self.supplier


class Brakes(models.Model):
    """The one row with which IT slows or stops what the whole portal sends (QU-08)."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    sending_stopped = models.BooleanField(_("dừng gửi mã"), default=False)
    proof_of_work = models.BooleanField(
        _("yêu cầu trình duyệt giải phép tính trước khi gửi mã (chống tự động)"), default=False
    )
    set_by_hand = models.BooleanField(
        _("giữ nguyên các giới hạn đã nhập"),
        default=False,
        db_default=False,
        help_text=(
            _("Bỏ chọn thì mỗi đêm hệ thống tính lại các giới hạn theo số tài khoản và mức dùng.")
        ),
    )
    codes_an_hour = models.PositiveIntegerField(_("mã tối đa trong một giờ"), default=300)
    codes_a_day = models.PositiveIntegerField(_("mã tối đa trong một ngày"), default=1000)
    guesses_an_hour = models.PositiveIntegerField(
        _("lần nhập sai tối đa trong một giờ"), default=600
    )
    guesses_a_day = models.PositiveIntegerField(
        _("lần nhập sai tối đa trong một ngày"), default=1000
    )
    changed_at = models.DateTimeField(_("sửa lúc"), auto_now=True)

    class Meta:
        verbose_name = _("giới hạn gửi mã")
        verbose_name_plural = pgettext_lazy("plural", "giới hạn gửi mã")
        constraints = [models.CheckConstraint(name="brakes_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(_("Giới hạn gửi mã"))


class Meter(models.Model):
    """A count of something that must not happen too often, forgotten at a moment."""

    key = models.CharField(max_length=160, primary_key=True)
    count = models.IntegerField()
    until = models.DateTimeField()
    # When each was counted, the oldest first, where the window slides (otp.counting.limits).
    charged_at = ArrayField(models.DateTimeField(), default=list, db_default=[])

    class Meta:
        verbose_name = _("bộ đếm")
        verbose_name_plural = pgettext_lazy("plural", "bộ đếm")

    def __str__(self) -> str:
        return self.key
