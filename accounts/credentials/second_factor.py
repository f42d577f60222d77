"""The second factor of an account: an app's codes, and recovery codes for the day it is lost.

The other kind, passkeys, is in `passkeys`.
"""

import base64
import datetime as dt
import secrets
import unicodedata
from collections.abc import Callable, Iterable

import segno
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from django_otp import login as remember_factor
from django_otp import verify_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import notices
from accounts.models import Account, AuditEvent, Passkey
from accounts.models.audit_event import Ground
from accounts.models.factor import has_factor
from otp.counting import keyed_names, limits
from otp.counting.limits import Limit

CODES_MADE = 10
FEW_CODES = 3  # left, at which new ones should be made
_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is taken for another
_LENGTH = 10  # of a recovery code: 49 bits
APP_DIGITS = 6
_PENDING = "pending_app"  # in the session: which secret it was shown

# A try that is not looked at is on record once for each wait.
_WAITS = Limit("factor-wait", 1, dt.timedelta(days=1))


class NotYet(Exception):
    """Wrong codes came before, so this one was not looked at; the next one is, from `until` on."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(until)
        self.until = until


def is_enrolled(account: Account) -> bool:
    """Whether there is an app or a passkey, as of now."""
    return Account.objects.filter(has_factor(), pk=account.pk).exists()


def has_app(account: Account) -> bool:
    return bool(TOTPDevice.objects.devices_for_user(account, confirmed=True).exists())


def pending(session: SessionBase, account: Account) -> TOTPDevice:
    """Give the secret that waits to be put into the app; the same in one session until it is.

    Another session gets another one: who was in before may have seen it, and would have the factor
    too.
    """
    waiting = TOTPDevice.objects.filter(user=account, confirmed=False)
    device = waiting.filter(pk=session.get(_PENDING)).first()
    return device or _new_pending(session, account)


def _new_pending(session: SessionBase, account: Account) -> TOTPDevice:
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        TOTPDevice.objects.filter(user=account, confirmed=False).delete()
        device = TOTPDevice.objects.create(
            user=account, confirmed=False, name="app", digits=APP_DIGITS
        )
        session[_PENDING] = device.pk
    return device


def secret_of(device: TOTPDevice) -> str:
    """Spell the secret as it is typed into an app: base 32, in fours."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def qr_code(device: TOTPDevice) -> str:
    """Draw what an app reads, as SVG."""
    drawn: str = segno.make_qr(device.config_url, error="m").svg_inline(
        svgclass="qr", lineclass=None, omitsize=True, border=4
    )
    return drawn


@sensitive_variables()
def enrol(request: HttpRequest, typed: str) -> list[str] | None:
    """Confirm the app with its first code; None where it was wrong.

    Give new recovery codes where there were none. This session has shown its factor from then on,
    and all others end (ASVS 7.4.3). The person is told by mail (ASVS 6.3.7). Raises `NotYet`.
    """
    account = request.user
    assert isinstance(account, Account)
    device = pending(request.session, account)
    refuse_before_time(account, device)
    with transaction.atomic():
        # The account before its devices, as everywhere.
        Account.objects.select_for_update().get(pk=account.pk)
        # None where it was shown in another session meanwhile, and so made anew.
        device = TOTPDevice.objects.select_for_update().filter(pk=device.pk).first()
        right = device and device.verify_is_allowed()[0] and device.verify_token(cleaned(typed))
        made = None
        if right and not has_app(account):
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            made = first_codes(account)
            account.end_sessions(but=request.session.session_key)
            AuditEvent.record(AuditEvent.Event.FACTOR_ENROLLED, account, actor=account)
            notices.factor_enrolled(account)
        else:
            AuditEvent.record(
                AuditEvent.Event.FACTOR_WRONG,
                account,
                actor=account,
                ok=False,
                reason="enrolment",
            )
    if made is not None:
        remember(request, device)
    return made


@sensitive_variables()
def check(request: HttpRequest, typed: str) -> bool:
    """Check a code of the app, or a recovery code; a right one changes the session's key.

    Raises `NotYet`. The devices themselves slow down guessing, and take a code once (django-otp).
    """
    account = request.user
    assert isinstance(account, Account)
    device = _try(account, typed)
    if device is None:
        return False
    remember(request, device)
    return True


@sensitive_variables()
def is_right(account: Account, typed: str, *, then: Callable[[], object]) -> bool:
    """Check a code of somebody who is not logged in; what `then` does is part of its use.

    Raises `NotYet`.
    """
    for device in _devices(account, cleaned(typed)):
        # Before the transaction: the wait has to stay on record.
        refuse_before_time(account, device)
    with transaction.atomic():
        right = _try(account, typed) is not None
        if right:
            then()
    return right


@sensitive_variables()
def turn_off(account: Account, typed: str, *, also: Callable[[Account], object]) -> bool:
    """Take the factor away for its owner, who shows it once more; False where the code was wrong.

    What `also` does is part of it. Raises `NotYet`. The staff's is not theirs to turn off: the
    callers see to that.
    """
    if _try(account, typed) is None:
        return False
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        take_away(account)
        also(account)
        AuditEvent.record(AuditEvent.Event.FACTOR_TURNED_OFF, account, actor=account)
        notices.factor_turned_off(account)
    return True


@sensitive_variables()
def is_of_app(typed: str) -> bool:
    """Whether this looks like a code of the app, and not like a recovery code."""
    code = cleaned(typed)
    return len(code) == APP_DIGITS and code.isdigit()


@sensitive_variables()
def make_recovery_codes(account: Account) -> list[str]:
    """Make new recovery codes; those made before open nothing any longer."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        made = _new_codes(account)
        AuditEvent.record(AuditEvent.Event.RECOVERY_CODES_MADE, account, actor=account)
        notices.recovery_codes_made(account)
    return made


@sensitive_variables()
def first_codes(account: Account) -> list[str]:
    """Make recovery codes where there are none; part of the caller's work."""
    has_some = StaticDevice.objects.devices_for_user(account, confirmed=True).exists()
    return [] if has_some else _new_codes(account)


def recovery_codes_left(account: Account) -> int:
    left: int = StaticToken.objects.filter(device__user=account, device__confirmed=True).count()
    return left


def few_recovery_codes(account: Account) -> int | None:
    """Give how many are left where hardly any is; None where enough are, or none were made."""
    left = recovery_codes_left(account)
    made = StaticDevice.objects.devices_for_user(account, confirmed=True).exists()
    return left if made and left <= FEW_CODES else None


def reset(account: Account, *, actor: Account, ground: Ground) -> None:
    """Take somebody's factor away; a colleague enrols anew at the next log-in (AD-01)."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        take_away(account)
        account.end_sessions()
        AuditEvent.record(AuditEvent.Event.FACTOR_RESET, account, actor=actor, ground=ground)
        notices.factor_reset(account)


def take_away(account: Account) -> None:
    """Delete app, passkeys and recovery codes; part of the caller's work."""
    TOTPDevice.objects.filter(user=account).delete()
    Passkey.objects.filter(user=account).delete()
    StaticDevice.objects.filter(user=account).delete()


def stored_name(account: Account, code: str) -> str:
    """Name a recovery code as it is stored: the code itself is nowhere."""
    return keyed_names.oldest_name_of("recovery-code", f"{account.pk}:{code}")[:16]


@sensitive_variables()
def _try(account: Account, typed: str) -> Device | None:
    """Find what a code belongs to, which uses it up, and put the try on record."""
    device = _match(account, cleaned(typed))
    event = AuditEvent.Event.FACTOR_RIGHT if device else AuditEvent.Event.FACTOR_WRONG
    reason = "recovery-code" if isinstance(device, StaticDevice) else ""
    AuditEvent.record(event, account, actor=account, ok=device is not None, reason=reason)
    return device


@sensitive_variables()
def _match(account: Account, code: str) -> Device | None:
    token = code if is_of_app(code) else stored_name(account, code)
    for device in _devices(account, code):
        refuse_before_time(account, device)
        matched = verify_token(account, device.persistent_id, token)
        if matched is not None:
            return matched
    return None


@sensitive_variables("code")
def _devices(account: Account, code: str) -> Iterable[Device]:
    """Give what a code may belong to: the app, or the recovery codes."""
    kind = TOTPDevice if is_of_app(code) else StaticDevice
    found: Iterable[Device] = kind.objects.devices_for_user(account, confirmed=True)
    return found


@sensitive_variables("device")
def refuse_before_time(account: Account, device: Device) -> None:
    """Raise `NotYet` where wrong answers have this device wait."""
    allowed, why = device.verify_is_allowed()
    if allowed:
        return
    until = why["locked_until"]
    if limits.charge(_WAITS, f"{account.pk} {until}").granted:
        AuditEvent.record(
            AuditEvent.Event.FACTOR_WRONG, account, actor=account, ok=False, reason="held"
        )
    raise NotYet(until)


@sensitive_variables()
def _new_codes(account: Account) -> list[str]:
    StaticDevice.objects.filter(user=account).delete()
    device = StaticDevice.objects.create(user=account, name="codes")
    made = ["".join(secrets.choice(_SIGNS) for _ in range(_LENGTH)) for _ in range(CODES_MADE)]
    for code in made:
        device.token_set.create(token=stored_name(account, code))
    return [f"{code[:5]}-{code[5:]}" for code in made]


@sensitive_variables("device")
def remember(request: HttpRequest, device: Device) -> None:
    """Have the session, under a new key, know that its factor was shown."""
    request.session.cycle_key()
    remember_factor(request, device)


@sensitive_variables()
def cleaned(typed: str) -> str:
    """Take away what is put between the signs of a code for reading."""
    text = unicodedata.normalize("NFKC", typed).lower()
    return "".join(sign for sign in text if sign.isalnum())
