"""Alerts to IT by mail and webhook: at most one an hour for each kind of trouble."""

import datetime as dt
import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from otp import codes, outbox
from otp.counting import ceilings, limits, tightening
from otp.counting.limits import Limit
from otp.models import CODES_A_DAY, Code, GatewayState, Message, Meter, Purpose
from otp.sentences import as_stored
from otp.suppliers import certificates, doveadm, webhook
from otp.suppliers.code_ways import ZNS
from otp.suppliers.gateway import Mail, SmsError, send_mail
from otp.suppliers.zns import tokens

logger = logging.getLogger(__name__)

EACH = dt.timedelta(hours=1)
LONGEST_QUEUE = dt.timedelta(seconds=60)
DAY = dt.timedelta(days=1)
LOOK_AT_CERTIFICATES = 3600.0  # seconds
UNUSED_ADDRESSES = 1  # in a day, that asked for all their codes and used none
FEWEST_FOR_RATIO = 20  # codes in a day, below which a ratio says nothing
LOWEST_RATIO = 0.5  # of codes used to codes sent
# Each address whose codes were burnt is told of at once, and once a day (`_TOLD_OF_BURNT`).
_EACH_OF = {"certificate": DAY, "unused": dt.timedelta(seconds=1)}
_TOLD_OF_BURNT = Limit("alert-burnt", 1, DAY)

_looked_at_certificates = -LOOK_AT_CERTIFICATES


def watch(kind: str, look: Callable[[], Iterator[str]], *, each: dt.timedelta = EACH) -> None:
    """Have one more kind of trouble looked for: what the rooms above know of.

    It is told of once in each such span.
    """
    _KINDS[kind] = look
    _EACH_OF[kind] = each


def raise_due() -> list[str]:
    """Look for every kind of trouble and tell of what is there; give the kinds told of."""
    told = []
    for kind, look in _KINDS.items():
        lines = list(look())
        if lines and raise_now(kind, "portal", lines):
            told.append(kind)
    return [*told, *_raise_steps()]


def _raise_steps() -> list[str]:
    """Tell of the step at which the portal has tightened, and anew of each further one."""
    now = tightening.situation()
    if not now.step:
        return []
    line = _("Cổng đang siết lại vì có người dò mã, bước %(step)d/%(last)d: %(label)s") % {
        "step": now.step,
        "last": max(tightening.Step),
        "label": now.label,
    }
    used = _("Đã dùng %(percent)d %% số lần nhập sai được phép") % {
        "percent": round(100 * now.guessing)
    }
    return ["step"] if raise_now("step", str(int(now.step)), [line, used]) else []


def raise_now(kind: str, about: str, lines: list[str]) -> bool:
    """Tell of one trouble, at most once an hour for what it is about; say whether it was told.

    What leaves is queued, in the caller's transaction where there is one: pages may call this, with
    lines that are worded as what is stored.
    """
    if not limits.charge(_limit(kind), about).granted:
        return False
    _log(kind)
    with transaction.atomic(), as_stored():
        for address in settings.ALERT_EMAILS:
            outbox.queue_mail(address, to=address, subject=_subject(lines), text=_letter(lines))
        outbox.queue_hook(webhook.body_of(kind, lines))
    return True


def raise_past_the_outbox(kind: str, lines: list[str]) -> bool:
    """Tell of one trouble that may be the outbox's own, as `raise_now` does; never in a page."""
    limit = _limit(kind)
    if not limits.charge(limit, "portal").granted:
        return False
    told = tell_past_the_outbox(kind, lines)
    if not told:
        limits.clear(limit, "portal")  # the next look tries again
    return told


def tell_past_the_outbox(kind: str, lines: list[str]) -> bool:
    """Hand an alert over here and now; say whether anybody took it, or nobody is to be told."""
    _log(kind)
    ways: list[Callable[[], str]] = []
    # First, because a mail server that is silent takes its time for each address.
    if settings.ALERT_WEBHOOK_URL:
        ways.append(functools.partial(webhook.post, webhook.body_of(kind, lines)))
    ways += [
        functools.partial(send_mail, Mail(address, _subject(lines), _letter(lines)))
        for address in settings.ALERT_EMAILS
    ]
    taken = [way for way in ways if _goes(way)]
    return bool(taken) or not ways


def _log(kind: str) -> None:
    # Its lines may name a person, whom only those who are told need to know.
    logger.warning("alert %s", kind)


def was_raised(kind: str, about: str) -> bool:
    """Say whether this trouble was told of within the hour."""
    return limits.used_up_until(_limit(kind), about) is not None


def _limit(kind: str) -> Limit:
    return Limit(f"alert-{kind}", 1, _EACH_OF.get(kind, EACH))


def _subject(lines: list[str]) -> str:
    return (_("Cổng mật khẩu thư công vụ cần xem: %(line)s") % {"line": lines[0]})[:200]


def _letter(lines: list[str]) -> str:
    return "\n".join([*lines, "", settings.PUBLIC_BASE_URL])


def _goes(way: Callable[[], str]) -> bool:
    try:
        way()
    except SmsError as error:
        logger.error("an alert did not leave: %s", error.reason)  # noqa: TRY400  (no stack needed)
        return False
    return True


def _gateways_down() -> Iterator[str]:
    for state in GatewayState.objects.paused().exclude(name=doveadm.NAME):
        yield _("Nhà cung cấp SMS %(name)s không gửi được (%(reason)s)") % {
            "name": state.name,
            "reason": state.last_reason,
        }


def _zalo_without_tokens() -> Iterator[str]:
    words = {
        "none": _("Chưa có token Zalo, mã không gửi được qua Zalo"),
        "sealed": _("Không mở được token Zalo đã lưu, mã không gửi được qua Zalo"),
        "refused": _("Zalo không gia hạn token nữa, mã sắp không gửi được qua Zalo"),
    }
    trouble = tokens.trouble() if ZNS in settings.CODE_WAYS.order else ""
    if trouble:
        yield _("%(trouble)s: hãy nhập cặp token mới (manage.py zns_tokens)") % {
            "trouble": words[trouble]
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
    addresses = [key for key in _burnt() if limits.charge(_TOLD_OF_BURNT, key).granted]
    if len(addresses) >= UNUSED_ADDRESSES:
        yield _(
            "%(count)d địa chỉ đã yêu cầu hết số mã trong ngày mà không dùng mã nào; có thể người"
            " khác đang yêu cầu mã thay chủ hộp thư (xem Báo cáo, mục Mã)"
        ) % {"count": len(addresses)}


def _burnt() -> Iterable[str]:
    """Name the addresses whose codes of the day were sent and have all run out unused.

    Not those that were asked for in the owner's own browser alone, which burns nobody else's.
    """
    unverified = Q(verified_at__isnull=True)
    return (
        _sent()
        .values("address_key")
        .annotate(
            asked=Count("pk"),
            used=Count("pk", filter=~unverified),
            alive=Count("pk", filter=unverified & Q(expires_at__gt=Now())),
            by_owner=Count("pk", filter=Q(from_own_browser=True)),
        )
        .filter(asked__gte=CODES_A_DAY, used=0, alive=0)
        .exclude(by_owner=F("asked"))
        .values_list("address_key", flat=True)
    )


def _ratio_low() -> Iterator[str]:
    counts = _sent_today().aggregate(
        sent=Count("pk"), used=Count("pk", filter=Q(verified_at__isnull=False))
    )
    if counts["sent"] >= FEWEST_FOR_RATIO and counts["used"] < LOWEST_RATIO * counts["sent"]:
        yield _("Chỉ %(used)d trên %(sent)d mã gửi trong ngày được dùng") % counts


def _sent_today() -> "models.QuerySet[Code]":
    # What was asked for within the grant may still be used.
    return _sent().filter(issued_at__lt=Now() - codes.GRANT)


def _sent() -> "models.QuerySet[Code]":
    return Code.objects.filter(
        purpose=Purpose.RECOVERY,
        issued_at__gt=Now() - DAY,
        message__state__in=[Message.State.ACCEPTED, Message.State.DELIVERED],
    )


def _certificates_end() -> Iterator[str]:
    global _looked_at_certificates
    if time.monotonic() - _looked_at_certificates < LOOK_AT_CERTIFICATES:
        return
    _looked_at_certificates = time.monotonic()
    for seen in certificates.look():
        if seen.ends_at is None:
            yield _("Chứng thư của %(place)s đã hết hạn hoặc không được tin cậy") % {
                "place": seen.place
            }
        elif seen.is_soon:
            yield _("Chứng thư của %(place)s hết hạn ngày %(day)s") % {
                "place": seen.place,
                "day": f"{seen.ends_at:%d/%m/%Y}",
            }


_KINDS: dict[str, Callable[[], Iterator[str]]] = {
    "gateway": _gateways_down,
    "zalo": _zalo_without_tokens,
    "mail-server": _mail_server_deaf,
    "queue": _queue_long,
    "ceiling": _ceilings_near,
    "guessing": _guessing,
    "unused": _unused,
    "ratio": _ratio_low,
    "certificate": _certificates_end,
}
