"""How webhooks stand: what waits, since when one fails, why, in words."""

import datetime as dt
from collections.abc import Iterator

from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Hook, HookMessage

TOLD_AFTER = dt.timedelta(hours=1)  # of failures, IT is alerted

_WORDS = {
    "": gettext_lazy("Chưa gửi lần nào"),
    "name": gettext_lazy("Không tìm thấy tên máy nhận"),
    "network": gettext_lazy("Máy nhận ở mạng chưa được phép (WEBHOOK_NETWORKS)"),
    "connect": gettext_lazy("Không kết nối được"),
    "tls": gettext_lazy("Chứng thư của máy nhận không được tin cậy"),
    "no-answer": gettext_lazy("Máy nhận không trả lời kịp"),
    "redirect": gettext_lazy("Máy nhận chuyển sang địa chỉ khác, không đi theo"),
}


def in_words(outcome: str) -> str:
    """Say what came of a try."""
    if not outcome.startswith("http-"):
        return str(_WORDS.get(outcome, outcome))
    status = outcome.removeprefix("http-")
    if status.startswith("2"):
        return _("Máy nhận đã nhận (%(status)s)") % {"status": status}
    return _("Máy nhận trả lời lỗi %(status)s") % {"status": status}


def all_hooks() -> "QuerySet[Hook]":
    """Give them, those that have not ended first, each with the number of what waits."""
    waiting = Q(messages__state=HookMessage.State.WAITING)
    counted = Hook.objects.annotate(waiting=Count("messages", filter=waiting))
    return counted.select_related("unit").order_by(F("ended_at").desc(nulls_first=True), "-pk")


def failing() -> Iterator[str]:
    """Tell of those that have taken nothing for a while though something waits."""
    late = Hook.objects.filter(is_on=True, failing_since__lt=Now() - TOLD_AFTER)
    for hook in late.order_by("pk"):
        since = timezone.localtime(hook.failing_since)
        yield _("Webhook “%(name)s” không giao được từ %(since)s: %(why)s") % {
            "name": hook.name,
            "since": date_format(since, "DATETIME_FORMAT"),
            "why": in_words(hook.outcome),
        }


def waiting() -> tuple[int, float]:
    """Give how many messages wait, and for how many seconds the oldest has."""
    found = (
        HookMessage.objects.waiting()
        .filter(hook__is_on=True)
        .aggregate(count=Count("pk"), longest=Now() - Min("happened_at"))
    )
    longest = found["longest"] or dt.timedelta()
    return found["count"], max(longest, dt.timedelta()).total_seconds()
