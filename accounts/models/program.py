"""Programs of IT: their tokens and calls, and the webhooks by which they hear what happened."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.account import Account
from accounts.models.names import NameField
from otp.counting import keyed_names


class ProgramToken(models.Model):
    """The token of a program of IT's, by its SHA-256: what it opens, from where, until when.

    It stays once it has ended: its name is in the trail, and is nobody else's.
    """

    class Scope(models.TextChoices):
        STATUS = "status", _("Xem tình trạng hệ thống")
        FIGURES = "figures", _("Xem đơn vị và số liệu")
        ACCOUNTS = "accounts", _("Xem tài khoản")
        LOCKS = "locks", _("Khóa, mở khóa tài khoản")
        LOADING = "loading", _("Nhập tài khoản")
        CAMPAIGNS = "campaigns", _("Xem chiến dịch")
        MESSAGES = "messages", _("Xem tin đã gửi (không có số và nội dung)")

    name = NameField(_("tên"), max_length=64, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16), verbose_name=_("được làm gì"))
    # With those below it; none: the whole province.
    unit = models.ForeignKey(
        "accounts.Unit", verbose_name=_("đơn vị"), null=True, on_delete=models.PROTECT
    )
    networks = ArrayField(models.CharField(max_length=43), verbose_name=_("từ mạng nào"))
    made_at = models.DateTimeField(_("tạo lúc"), default=timezone.now)
    last_day = models.DateField(_("dùng được đến hết ngày"))
    ended_at = models.DateTimeField(_("hủy lúc"), null=True)
    last_used_on = models.DateField(_("dùng gần nhất"), null=True)

    class Meta:
        verbose_name = _("chương trình của CNTT")
        verbose_name_plural = pgettext_lazy("plural", "chương trình của CNTT")
        constraints = (
            models.CheckConstraint(
                name="a_program_token_is_a_hash",
                condition=models.Q(digest__regex="^[0-9a-f]{64}$", name__gt=""),
            ),
            models.CheckConstraint(
                name="a_program_token_opens_something",
                condition=models.Q(scopes__len__gt=0)
                & models.Q(
                    scopes__contained_by=[
                        *("status", "figures", "accounts", "locks", "loading", "campaigns"),
                        "messages",
                    ]
                ),
            ),
            # What left the portal is of no unit.
            models.CheckConstraint(
                name="a_program_token_of_a_unit_reads_no_messages",
                condition=models.Q(unit=None) | ~models.Q(scopes__contains=["messages"]),
            ),
            models.CheckConstraint(
                name="a_program_token_is_of_a_network", condition=models.Q(networks__len__gt=0)
            ),
        )

    def __str__(self) -> str:
        return str(self.name)


class ProgramCall(models.Model):
    """A call that may come again under its key, and what was answered; nothing in clear."""

    token = models.ForeignKey(ProgramToken, on_delete=models.CASCADE)
    key_digest = models.CharField(max_length=64)
    content_digest = models.CharField(max_length=64)
    answer = models.JSONField(default=dict)
    called_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("lệnh của chương trình")
        verbose_name_plural = pgettext_lazy("plural", "lệnh của chương trình")
        constraints = (
            models.UniqueConstraint(
                fields=["token", "key_digest"], name="a_program_uses_a_key_once"
            ),
        )

    def __str__(self) -> str:
        return self.key_digest[:8]


class Hook(models.Model):
    """An address that is told what happened, and how it has fared; its secret is derived.

    It stays once it has ended: each name that it had is in the trail, and is nobody else's.
    """

    class Event(models.TextChoices):
        """What may be told, by the audit trail's own names."""

        IMPORTED = "imported", pgettext_lazy("event", "Nhập tài khoản từ tệp")
        ACTIVATED = "activated", pgettext_lazy("event", "Kích hoạt tài khoản")
        LOCKED = "locked", pgettext_lazy("event", "Khóa tài khoản")
        UNLOCKED = "unlocked", pgettext_lazy("event", "Mở khóa tài khoản")
        LEFT = "left", _("Đóng tài khoản vì nghỉ việc")
        ACCOUNT_EDITED = "account-edited", _("Sửa thông tin tài khoản")
        ADDRESS_RENAMED = "address-renamed", _("Đổi tên miền của địa chỉ")
        MAILBOX_HANDED_OVER = "mailbox-handed-over", _("Bàn giao hộp thư tổ chức")
        ACCOUNT_REMOVED = "account-removed", pgettext_lazy("event", "Xóa tài khoản")
        PHONE_FIRST = "phone-first", _("Khai số điện thoại lần đầu")
        PHONE_CHANGED = "phone-changed", _("Đổi số điện thoại")
        PHONE_APPROVED = "phone-approved", _("Duyệt đổi số điện thoại")
        PHONE_CONFIRMED = "phone-confirmed", _("Xác thực số điện thoại")
        PHONE_VOUCHED = "phone-vouched", _("Nhập số đã xác nhận")
        PHONE_DOUBTED = "phone-doubted", _("Số điện thoại bị nghi không còn đúng")
        PASSWORD_RESET = "password-reset", _("Lấy lại mật khẩu")
        PASSWORD_CHANGED = "password-changed", pgettext_lazy("event", "Đổi mật khẩu")
        CAMPAIGN_STARTED = "campaign-started", _("Chiến dịch bắt đầu")
        CAMPAIGN_STOPPED = "campaign-stopped", _("Chiến dịch bị dừng")
        CAMPAIGN_RESUMED = "campaign-resumed", _("Chiến dịch tiếp tục")
        CAMPAIGN_STEP = "campaign-step", _("Chiến dịch xong")

    OF_CAMPAIGNS = frozenset(each.value for each in Event if each.name.startswith("CAMPAIGN_"))
    PING = "ping"  # the one that IT asks for

    name = NameField(_("tên"), max_length=64, unique=True)
    former_names = ArrayField(models.CharField(max_length=64), default=list, db_default=[])
    url = models.CharField(_("nơi nhận"), max_length=300)
    events = ArrayField(models.CharField(max_length=32), verbose_name=_("báo việc gì"))
    # With those below it; none: the whole province, and campaigns.
    unit = models.ForeignKey(
        "accounts.Unit", verbose_name=_("đơn vị"), null=True, on_delete=models.PROTECT
    )
    # From it and the pepper the secret is derived: no copy of the database signs anything.
    seed = models.CharField(max_length=32)
    is_on = models.BooleanField(_("đang bật"), default=True)
    made_at = models.DateTimeField(_("tạo lúc"), default=timezone.now)
    ended_at = models.DateTimeField(_("hủy lúc"), null=True)
    # Who has the claim with this number sends, and nobody else until it is over.
    claim = models.BigIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    failures = models.IntegerField(_("lỗi liên tiếp"), default=0)
    failing_since = models.DateTimeField(_("lỗi từ"), null=True)
    paused_until = models.DateTimeField(_("thử lại lúc"), null=True)
    tried_at = models.DateTimeField(_("gửi gần nhất lúc"), null=True)
    taken_at = models.DateTimeField(_("nhận gần nhất lúc"), null=True)
    outcome = models.CharField(_("kết quả gần nhất"), max_length=16, blank=True, default="")

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = pgettext_lazy("plural", "webhook")
        constraints = (
            models.CheckConstraint(name="a_hook_has_a_name", condition=Q(name__gt="")),
            models.CheckConstraint(name="a_hook_tells_something", condition=Q(events__len__gt=0)),
            models.CheckConstraint(
                name="a_hook_leads_to_an_address", condition=Q(url__regex="^https?://[^/]")
            ),
            models.CheckConstraint(
                name="a_hook_has_a_seed", condition=Q(seed__regex="^[0-9a-f]{32}$")
            ),
            models.CheckConstraint(
                name="a_hook_that_ended_is_off", condition=Q(ended_at=None) | Q(is_on=False)
            ),
            # What stands behind the host may be a secret of the receiver's.
            models.CheckConstraint(
                name="a_hook_that_ended_keeps_its_host_alone",
                condition=Q(ended_at=None) | Q(url__regex="^https?://[^/?#@]+$"),
            ),
        )

    def __str__(self) -> str:
        return str(self.name)


# For each happening and each hook that is told of it. One statement, whether or not there are any;
# the walk up from a unit is made for hooks of a unit alone.
_QUEUE = """
INSERT INTO accounts_hookmessage
    (uid, hook_id, event, happened_at, data, address_key, state, tries, due_at, outcome)
SELECT gen_random_uuid(), hook.id, %(event)s, happened.at, happened.data, happened.address_key,
    'waiting', 0, statement_timestamp(), ''
FROM unnest(%(at)s::timestamptz[], %(data)s::jsonb[], %(address_keys)s::text[], %(units)s::bigint[])
        WITH ORDINALITY AS happened(at, data, address_key, unit, place)
JOIN accounts_hook AS hook ON hook.ended_at IS NULL AND %(event)s = ANY(hook.events) AND (
    hook.unit_id IS NULL OR hook.unit_id IN (
        WITH RECURSIVE above AS (
            SELECT id, parent_id FROM accounts_unit WHERE id = happened.unit
            UNION
            SELECT unit.id, unit.parent_id
            FROM accounts_unit AS unit JOIN above ON unit.id = above.parent_id
        )
        SELECT id FROM above
    )
)
ORDER BY happened.place, hook.id
"""
_AT_ONCE = 1_000  # happenings in one statement


class HookMessageQuerySet(models.QuerySet["HookMessage"]):
    def waiting(self) -> Self:
        return self.filter(state=HookMessage.State.WAITING)

    def tell_of_people(self, event: str, people: Iterable[tuple[Account, dt.datetime]]) -> None:
        """Queue what happened to accounts, in the transaction of its cause."""
        told = [
            (at, {"address": account.address, "unit": account.unit_id}, account.unit_id)
            for account, at in people
            if account.address
        ]
        for start in range(0, len(told), _AT_ONCE):
            some = told[start : start + _AT_ONCE]
            self._queue(
                event,
                at=[at for at, _, _ in some],
                data=[json.dumps(data) for _, data, _ in some],
                address_keys=[
                    keyed_names.name_of("address", str(d["address"])) for _, d, _ in some
                ],
                units=[unit for _, _, unit in some],
            )

    def tell(self, event: str, data: dict[str, object], at: dt.datetime) -> None:
        """Queue what happened to nobody in particular; hooks of a unit are not told."""
        self._queue(event, at=[at], data=[json.dumps(data)], address_keys=[""], units=[None])

    def forget(self, address_keys: Collection[str]) -> None:
        """Delete all that is of the people of these addresses, sent or not."""
        self.filter(address_key__in=address_keys).delete()

    @staticmethod
    def _queue(event: str, **columns: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_QUEUE, {"event": event, **columns})


class HookMessage(models.Model):
    """What one hook is told: written in the transaction of its cause, sent at least once.

    Whom it happened to is kept only until it is taken or given up.
    """

    KEPT = dt.timedelta(days=7)  # once it is taken or given up

    class State(models.TextChoices):
        WAITING = "waiting", _("đang chờ")
        TAKEN = "taken", _("đã nhận")
        GIVEN_UP = "given-up", _("không giao được")

    uid = models.UUIDField(_("số hiệu"), default=uuid.uuid4, unique=True)
    hook = models.ForeignKey(
        Hook,
        on_delete=models.CASCADE,
        related_name="messages",
        db_index=False,  # below
    )
    event = models.CharField(
        _("việc"), max_length=32, choices=[*Hook.Event.choices, (Hook.PING, _("Gửi thử"))]
    )
    happened_at = models.DateTimeField(_("xảy ra lúc"), default=timezone.now, db_index=True)
    data = models.JSONField(default=dict)
    address_key = models.CharField(max_length=64, blank=True, default="", db_index=True)
    state = models.CharField(_("trạng thái"), max_length=16, choices=State, default=State.WAITING)
    tries = models.SmallIntegerField(_("số lần gửi"), default=0)
    due_at = models.DateTimeField(_("gửi từ lúc"), default=timezone.now)
    settled_at = models.DateTimeField(_("xong lúc"), null=True)
    outcome = models.CharField(_("kết quả"), max_length=16, blank=True, default="")

    objects = HookMessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("tin webhook")
        verbose_name_plural = pgettext_lazy("plural", "tin webhook")
        constraints = (
            models.CheckConstraint(
                name="a_hook_message_forgets_whom_it_was_of",
                condition=Q(state="waiting", settled_at=None)
                | Q(state__in=["taken", "given-up"], settled_at__isnull=False, data={}),
            ),
        )
        indexes = (
            models.Index(
                name="hook_message_next",
                fields=["hook", "due_at", "id"],
                condition=Q(state="waiting"),
            ),
            # A ping goes before all that waits, of which there may be much.
            models.Index(
                name="hook_message_ping",
                fields=["hook"],
                condition=Q(state="waiting", event="ping"),
            ),
            models.Index(name="hook_message_of_hook", fields=["hook", "-id"]),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.uid}"
