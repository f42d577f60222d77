"""The browsers that have logged in to an account: its owner is told of a new one, and lists them.

Only names of the tokens in their cookies are stored (accounts.access.known_browsers).
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import caller
from accounts.access import known_browsers
from accounts.access.browsers import name_browser
from accounts.credentials import notices
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, AuditEvent, Device
from otp.counting import keyed_names, limits
from otp.counting.limits import Limit

# Whoever has the password can come with ever new browsers: the owner is not told of each.
TOLD = Limit("device-told", 5, dt.timedelta(days=1))

KEPT = dt.timedelta(seconds=known_browsers.REMEMBERED)

# One that was forgotten is new again. The conflict decides between two log-ins at once.
_ENTER = """
INSERT INTO accounts_device AS device
    (account_id, token_name, browser, client, first_seen_at, last_seen_at)
VALUES (%(account)s, %(token)s, %(browser)s, %(client)s, %(now)s, %(now)s)
ON CONFLICT (account_id, token_name) DO UPDATE SET
    browser = excluded.browser, client = excluded.client, forgotten_at = NULL,
    first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at
WHERE device.forgotten_at IS NOT NULL
RETURNING id
"""


@dataclass(frozen=True)
class Listed:
    """A device, as its owner sees it."""

    row: Device
    is_this: bool


def note(request: HttpRequest, response: HttpResponse, account: Account) -> None:
    """Note a log-in: the browser knows the account from now on, and its owner is told of a new one.

    A browser whose cookie names the account and which has no row logged in before there were rows:
    nobody is told of it.
    """
    was_known = known_browsers.is_known(request, account.address)
    token = known_browsers.remember(response, request, account.address)
    name, now = _name(token), timezone.now()
    browser = name_browser(request.headers.get("User-Agent", ""))
    client = caller.current().address or None
    device = Device.objects.filter(account=account, token_name=name)
    seen = {"browser": browser, "client": client, "last_seen_at": now}
    if device.filter(forgotten_at=None).update(**seen):
        return
    with transaction.atomic():
        is_new = device.exists() or not was_known
        values = {"account": account.pk, "token": name, "now": now}
        if not _enter(values | {"browser": browser, "client": client}) or not is_new:
            return
        event = AuditEvent.Event.NEW_DEVICE
        AuditEvent.record(event, account, actor=account, browser=browser)
        if limits.charge(TOLD, account.address).granted:
            notices.new_device(account, browser=browser, client=client)


def _enter(values: dict[str, Any]) -> bool:
    """Enter a browser; False where another log-in in it was quicker."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, values)
        return cursor.fetchone() is not None


def of(account: Account, request: HttpRequest) -> list[Listed]:
    """List the browsers that know the account, the last seen first."""
    token = known_browsers.token_of(request, account.address)
    here = _name(token) if token else ""
    devices = Device.objects.filter(account=account, forgotten_at=None).order_by("-last_seen_at")
    return [Listed(device, device.token_name == here) for device in devices]


def forget(account: Account, pk: int) -> bool:
    """Forget a browser: its next log-in is one of a new browser. False where it is not known."""
    return _forget(account, pk, AuditEvent.Event.DEVICE_FORGOTTEN)


def disown(account: Account, pk: int, *, but: str | None) -> bool:
    """Do what is wanted by somebody whose account another has used in this browser.

    It is forgotten, and all sessions but the one of the key `but` end, in mail programs too. False
    where it is not known.
    """
    with transaction.atomic():
        if not _forget(account, pk, AuditEvent.Event.DEVICE_DISOWNED):
            return False
        account.end_sessions(but=but)
        end_mail_sessions(account)
    return True


def _forget(account: Account, pk: int, event: AuditEvent.Event) -> bool:
    with transaction.atomic():
        rows = Device.objects.select_for_update()
        device = rows.filter(account=account, pk=pk, forgotten_at=None).first()
        if device is None:
            return False
        device.forgotten_at = timezone.now()
        device.save(update_fields=["forgotten_at"])
        AuditEvent.record(event, account, actor=account, browser=device.browser)
    return True


def _name(token: str) -> str:
    return keyed_names.oldest_name_of("device", token)
