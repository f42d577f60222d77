"""Alerts to IT by mail: at most one an hour for each kind of trouble."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from otp import codes, outbox
from otp.counting import ceilings, limits
from otp.counting.limits import Limit
from otp.models import CODES_A_DAY, Code, GatewayState, Message, Meter, Purpose
from otp.suppliers import doveadm

logger = logging.getLogger(__name__)

EACH = dt.timedelta(hours=1)
LONGEST_QUEUE = dt.timedelta(seconds=60)
DAY = dt.timedelta(days=1)
UNUSED_ADDRESSES = 5  # in a day, that asked for all their codes and used none
FEWEST_FOR_RATIO = 20  # codes in a day, below which a ratio says nothing
LOWEST_RATIO = 0.5  # of codes used to codes sent


def watch(kind: str, look: Callable[[], Iterator[str]]) -> None:
    """Have one more kind of trouble looked for: what the rooms above know of."""
    _KINDS[kind] = look


def raise_due() -> list[str]:
    """Look for every kind of trouble and tell of what is there; give the kinds told of."""
    told = []
    for kind, look in _KINDS.items():
        lines = list(look())
        if lines and raise_now(kind, "portal", lines):
            told.append(kind)
    return told


def raise_now(kind: str, about: str, lines: list[str]) -> bool:
    """Tell of one trouble, at most once an hour for what it is about; say whether it was told."""
    if not limits.charge(_limit(kind), about).granted:
        return False
    _tell(kind, lines)
    return True


def was_raised(kind: str, about: str) -> bool:
    """Say whether this trouble was told of within the hour."""
    return limits.used_up_until(_limit(kind), about) is not None


def _limit(kind: str) -> Limit:
    return Limit(f"alert-{kind}", 1, EACH)


def _tell(kind: str, lines: list[str]) -> None:
    logger.warning("alert %s: %s", kind, "; ".join(lines))
    subject = _("Cổng mật khẩu thư công vụ cần xem: %(line)s") % {"line": lines[0]}
    text = "\n".join([*lines, "", settings.PUBLIC_BASE_URL])
    with transaction.atomic():
        for address in settings.ALERT_EMAILS:
            outbox.queue_mail(address, to=address, subject=subject[:200], text=text)


def _gateways_down() -> Iterator[str]:
    for state in GatewayState.objects.paused().exclude(name=doveadm.NAME):
        yield _("Nhà cung cấp SMS %(name)s không gửi được (%(reason)s)") % {
            "name": state.name,
            "reason": state.last_reason,
        }


def _mail_server_deaf() -> Iterator[str]:
    for state in GatewayState.objects.paused().filter(name=doveadm.NAME):
        yield _("Máy chủ thư không nhận lệnh kết thúc phiên (%(reason)s)") % {
            "reason": state.last_reason
        }
    left = Message.objects.filter(
        channel=Message.Channel.KICK, state=Message.State.EXPIRED, changed_at__gt=Now() - DAY
    ).count()
    if left:
        yield _("%(count)d lần đổi mật khẩu hoặc khóa mà phiên thư cũ chưa kết thúc được") % {
            "count": left
        }


def _queue_long() -> Iterator[str]:
    waited = outbox.oldest_waiting()
    if waited and waited > LONGEST_QUEUE:
        yield _("Tin nhắn chờ gửi đã %(seconds)d giây") % {"seconds": waited.total_seconds()}


def _ceilings_near() -> Iterator[str]:
    for reading in ceilings.readings():
        if reading.is_near:
            yield f"{reading.label}: {reading.count}/{reading.most}"


def _guessing() -> Iterator[str]:
    closed = Meter.objects.filter(
        key__startswith="streak:", count__gte=codes.STREAK, until__gt=Now()
    ).count()
    if closed:
        yield _(
            "%(count)d địa chỉ bị đóng lấy lại mật khẩu vì nhập sai mã %(streak)d lần liên tiếp"
        ) % {"count": closed, "streak": codes.STREAK}


def _unused() -> Iterator[str]:
    addresses = (
        _sent_today()
        .values("address_key")
        .annotate(asked=Count("pk"), used=Count("pk", filter=Q(verified_at__isnull=False)))
        .filter(asked__gte=CODES_A_DAY, used=0)
        .count()
    )
    if addresses >= UNUSED_ADDRESSES:
        yield _("%(count)d địa chỉ được hỏi hết mã trong ngày mà không dùng mã nào") % {
            "count": addresses
        }


def _ratio_low() -> Iterator[str]:
    counts = _sent_today().aggregate(
        sent=Count("pk"), used=Count("pk", filter=Q(verified_at__isnull=False))
    )
    if counts["sent"] >= FEWEST_FOR_RATIO and counts["used"] < LOWEST_RATIO * counts["sent"]:
        yield _("Chỉ %(used)d trên %(sent)d mã gửi trong ngày được dùng") % counts


def _sent_today() -> "models.QuerySet[Code]":
    # What was asked for within the grant may still be used.
    return Code.objects.filter(
        purpose=Purpose.RECOVERY,
        issued_at__gt=Now() - DAY,
        issued_at__lt=Now() - codes.GRANT,
        message__state__in=[Message.State.ACCEPTED, Message.State.DELIVERED],
    )


_KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "gateway": _gateways_down,
    "mail-server": _mail_server_deaf,
    "queue": _queue_long,
    "ceiling": _ceilings_near,
    "guessing": _guessing,
    "unused": _unused,
    "ratio": _ratio_low,
}
