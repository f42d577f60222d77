"""The browsers that have logged in to an account: its owner is told of a new one, and lists them.

Only names of the tokens in their cookies are stored (accounts.access.known_browsers).
"""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import caller
from accounts.access import known_browsers
from accounts.access.browsers import in_words, name_browser
from accounts.credentials import app_passwords, notices
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.models import Account, AuditEvent, Device
from otp.counting import limits
from otp.counting.limits import Limit

# Whoever has the password can come with ever new browsers: the owner is not told of each.
TOLD = Limit("device-told", 5, dt.timedelta(days=1))

LISTED = 50  # the last seen; each log-in may have left one

# The first browser of somebody who has just chosen a password is no news: the mail about the
# password has said so.
JUST_CHOSEN = dt.timedelta(hours=1)

KEPT = dt.timedelta(seconds=known_browsers.REMEMBERED)


@dataclass(frozen=True)
class Listed:
    """A device, as its owner sees it."""

    row: Device
    is_this: bool

    @property
    def browser(self) -> str:
        return in_words(self.row.browser)


def note(request: HttpRequest, response: HttpResponse, account: Account) -> None:
    """Note a log-in: the browser knows the account from now on, and its owner is told of a new one.

    A browser whose cookie names the account and which has no row logged in before there were rows:
    nobody is told of it. One that was forgotten is new, and gets another token.
    """
    browser = name_browser(request.headers.get("User-Agent", ""))
    client = caller.current().address or None
    token = known_browsers.signed_token(request, account.address)
    if not token or not _see(account, token, browser, client):
        token = known_browsers.new_token()
        _enter(account, token, browser, client)
    known_browsers.remember(response, request, account.address, token)


def of(account: Account, request: HttpRequest) -> list[Listed]:
    """List the browsers that know the account, the last seen first."""
    token = known_browsers.signed_token(request, account.address)
    here = Device.name_of(token) if token else ""
    devices = Device.objects.filter(account=account, forgotten_at=None).order_by("-last_seen_at")
    return [Listed(device, device.token_name == here) for device in devices[:LISTED]]


def forget(account: Account, pk: int) -> bool:
    """Forget a browser: its next log-in is one of a new browser. False where it is not known."""
    return _forget(account, pk, AuditEvent.Event.DEVICE_FORGOTTEN)


def disown(account: Account, pk: int, *, but: str | None) -> bool:
    """Do what is wanted by somebody whose account another has used in this browser.

    It is forgotten, and all sessions but the one of the key `but` end, in mail programs too, and
    with them the app passwords, of which the other may have made one. False where it is not known.
    """
    with transaction.atomic():
        if not _forget(account, pk, AuditEvent.Event.DEVICE_DISOWNED):
            return False
        account.end_sessions(but=but)
        end_mail_sessions(account)
        if app_passwords.end_all(account, actor=account):
            notices.app_passwords_ended(account)
    return True


def tell_by_sms(account: Account, *, wanted: bool) -> None:
    """Turn the SMS about new browsers on or off, on record."""
    with transaction.atomic():
        others = Account.objects.filter(pk=account.pk).exclude(new_device_sms=wanted)
        if others.update(new_device_sms=wanted):
            event = AuditEvent.Event.ACCOUNT_EDITED
            AuditEvent.record(event, account, actor=account, fields=["new_device_sms"])


def _see(account: Account, token: str, browser: str, client: str | None) -> bool:
    """Note that a browser came again; False where it was forgotten."""
    if Device.objects.see(account.pk, token, browser, client):
        return True
    row, _ = Device.objects.get_or_create(
        account=account,
        token_name=Device.name_of(token),
        defaults={"browser": browser, "client": client},
    )
    return row.forgotten_at is None


def _enter(account: Account, token: str, browser: str, client: str | None) -> None:
    with transaction.atomic():
        is_first = not Device.objects.filter(account=account).exists()
        Device.objects.create(
            account=account, token_name=Device.name_of(token), browser=browser, client=client
        )
        event = AuditEvent.Event.NEW_DEVICE
        AuditEvent.record(event, account, actor=account, browser=browser)
        if is_first and _has_just_chosen(account):
            return
        if limits.charge(TOLD, account.address).granted:
            notices.new_device(account, browser=browser, client=client)


def _has_just_chosen(account: Account) -> bool:
    at = account.password_changed_at
    return at is not None and timezone.now() - at < JUST_CHOSEN


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
