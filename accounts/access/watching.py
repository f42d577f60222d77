"""What IT should know of log-ins: sprays, failures above the usual, staff who are held."""

import datetime as dt
from collections.abc import Iterator
from ipaddress import ip_address

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.access.limits import OFFICE_FACTOR
from accounts.models import Account, AuditEvent
from otp.counting import keyed_names

LATELY = dt.timedelta(hours=1)
USUAL_OVER = dt.timedelta(days=7)
MANY_NAMES = 20  # tried in vain by one caller, lately
FEWEST_FAILURES = 100  # lately, below which nothing is above the usual
ABOVE_USUAL = 5  # times the usual

Event = AuditEvent.Event


def spraying() -> Iterator[str]:
    """Name callers that tried many names; an office that shares one address may try more."""
    callers = (
        _since(LATELY, Event.LOGIN_FAILED)
        .exclude(client=None)
        .values_list("client")
        .annotate(names=Count("address_key", distinct=True))
        .filter(names__gte=MANY_NAMES)
        .order_by("-names")
    )
    for client, names in callers:
        if names >= MANY_NAMES * (OFFICE_FACTOR if _is_office(client) else 1):
            yield _("%(client)s đã thử mật khẩu của %(names)d người trong một giờ") % {
                "client": client,
                "names": names,
            }


def failing() -> Iterator[str]:
    """Say when far more log-ins fail than usual, from however many callers."""
    lately = _since(LATELY, Event.LOGIN_FAILED).count()
    if lately < FEWEST_FAILURES:
        return
    before = _since(USUAL_OVER, Event.LOGIN_FAILED).count() - lately
    usual = before / (USUAL_OVER / LATELY - 1)
    if lately >= ABOVE_USUAL * usual:
        yield _("%(count)d lần nhập sai mật khẩu trong một giờ, bình thường %(usual)d") % {
            "count": lately,
            "usual": usual,
        }


def staff_held() -> Iterator[str]:
    """Name staff whose log-in is held because strangers, or they, failed too often."""
    held = set(_since(LATELY, Event.LOGIN_HELD).values_list("address_key", flat=True))
    if not held:
        return
    for address in Account.objects.filter(is_staff=True).values_list("address", flat=True):
        if not held.isdisjoint(keyed_names.names_of("address", address)):
            yield _("Đăng nhập của %(address)s đang bị tạm dừng vì thử sai nhiều lần") % {
                "address": address
            }


KINDS = {"spraying": spraying, "failures": failing, "staff-held": staff_held}


def _since(span: dt.timedelta, event: AuditEvent.Event) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(at__gt=Now() - span, event=event)


def _is_office(client: str) -> bool:
    return any(ip_address(client) in network for network in settings.OFFICE_NETWORKS)
