"""Passkeys (WebAuthn) as a second factor: added, shown, removed, each by an answer of its device.

A question (WebAuthn's challenge) is kept in the session, is for one account and one purpose, ends
after `LIFE`, and is answered once, however many answers come at the same moment (AD-14).
"""

import datetime as dt
import json
import secrets
from collections.abc import Callable
from ipaddress import ip_address
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.debug import sensitive_variables

from accounts.credentials import notices, second_factor
from accounts.models import Account, AuditEvent, Passkey
from accounts.models.factor import LONGEST_ID
from otp.counting import keyed_names, limits
from otp.counting.limits import Limit

MOST = 10  # of one account
LIFE = dt.timedelta(minutes=5)  # of a question
LONGEST_NAME = 40  # characters

ADDING, LOGGING_IN, RECOVERY = "add", "log-in", "recovery"  # what a question is for

_ASKED = "passkey_question"  # in the session
_ONCE = Limit("passkey-question", 1, 2 * LIFE)
_CHALLENGE = 32  # bytes


class Lapsed(Exception):
    """The question was answered already, is too old, or was never asked in this browser."""


class TooMany(Exception):
    """The account has as many passkeys as it may have."""


class LastOne(Exception):
    """Without this passkey the account would have no second factor."""


def are_offered() -> bool:
    """Whether browsers make passkeys for this address: one with a name, and TLS."""
    public = urlsplit(settings.PUBLIC_BASE_URL)
    host = public.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return public.scheme == "https" or host in ("localhost", "testserver")
    return False


def of(account: Account) -> "QuerySet[Passkey]":
    """Give the passkeys of an account, the oldest first."""
    found: QuerySet[Passkey] = Passkey.objects.filter(user=account)
    return found.order_by("pk")


@sensitive_variables()
def question(session: SessionBase, account: Account, *, purpose: str) -> str:
    """Ask for a passkey that the account has, in JSON for the browser; "" where it has none."""
    theirs = [_described(passkey) for passkey in of(account)] if are_offered() else []
    if not theirs:
        return ""
    options = _library().generate_authentication_options(
        rp_id=_host(),
        challenge=_new_challenge(session, account, purpose),
        timeout=_milliseconds(LIFE),
        allow_credentials=theirs,
        user_verification=_structs().UserVerificationRequirement.PREFERRED,
    )
    return str(_library().options_to_json(options))


@sensitive_variables()
def question_for_new(session: SessionBase, account: Account) -> str:
    """Ask for a new passkey, in JSON for the browser."""
    options = _library().generate_registration_options(
        rp_id=_host(),
        rp_name=settings.PROFILE.title,
        user_id=bytes.fromhex(keyed_names.oldest_name_of("passkey-owner", str(account.pk)))[:32],
        user_name=account.address,
        user_display_name=account.full_name or account.address,
        challenge=_new_challenge(session, account, ADDING),
        timeout=_milliseconds(LIFE),
        authenticator_selection=_structs().AuthenticatorSelectionCriteria(
            resident_key=_structs().ResidentKeyRequirement.PREFERRED,
            user_verification=_structs().UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[_described(passkey) for passkey in of(account)],
    )
    return str(_library().options_to_json(options))


@sensitive_variables()
def add(request: HttpRequest, answer: str, *, name: str) -> list[str] | None:
    """Add the passkey of an answer; None where it is not right.

    Give new recovery codes where there were none. This session has shown its factor from then on,
    and all others end. Raises `Lapsed` and `TooMany`.
    """
    account = request.user
    assert isinstance(account, Account)
    passkey = _made(account, answer, _taken(request.session, account, ADDING, answer), name=name)
    made = _keep(request, account, passkey) if passkey else None
    if passkey is None or made is None:
        _record_wrong(account, "enrolment")
        return None
    second_factor.remember(request, passkey)
    return made


@sensitive_variables()
def check(request: HttpRequest, answer: str) -> bool:
    """Check a passkey at the log-in; a right one changes the session's key.

    Raises `second_factor.NotYet`, and `Lapsed`.
    """
    account = request.user
    assert isinstance(account, Account)
    asked = _taken(request.session, account, LOGGING_IN, answer)
    passkey = _try(account, answer, asked)
    if passkey is None:
        return False
    second_factor.remember(request, passkey)
    return True


@sensitive_variables()
def is_right(
    session: SessionBase, account: Account, answer: str, *, then: Callable[[], object]
) -> bool:
    """Check a passkey of somebody who is not logged in; what `then` does is part of its use.

    Raises `second_factor.NotYet`, and `Lapsed`.
    """
    asked = _taken(session, account, RECOVERY, answer)
    # Before the transaction: the wait has to stay on record.
    _refuse_before_time(account)
    with transaction.atomic():
        right = _try(account, answer, asked) is not None
        if right:
            then()
    return right


def remove(account: Account, pk: int, *, keep_session: str | None) -> None:
    """Remove one passkey of its owner's; all other sessions end.

    Raises Passkey.DoesNotExist, and `LastOne`: the factor as a whole is turned off elsewhere.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        passkey = of(account).get(pk=pk)
        if of(account).count() == 1 and not second_factor.has_app(account):
            raise LastOne
        passkey.delete()
        account.end_sessions(but=keep_session)
        AuditEvent.record(AuditEvent.Event.PASSKEY_REMOVED, account, actor=account)
        notices.passkey_removed(account, passkey.name)


@sensitive_variables()
def _made(account: Account, answer: str, challenge: bytes, *, name: str) -> Passkey | None:
    """Read the passkey of an answer; None where the answer is not right."""
    try:
        made = _library().verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_host(),
            expected_origin=_origin(),
        )
        transports = json.loads(answer)["response"].get("transports") or []
        defined = {transport.value for transport in _structs().AuthenticatorTransport}
        known = [each for each in transports if each in defined]
    except _faults():
        return None
    if len(made.credential_id) > LONGEST_ID:
        return None
    return Passkey(
        user=account,
        name=name,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        transports=" ".join(dict.fromkeys(known)),
    )


@sensitive_variables()
def _keep(request: HttpRequest, account: Account, passkey: Passkey) -> list[str] | None:
    """Store a passkey; None where its device gave the same to somebody before."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        if of(account).count() >= MOST:
            raise TooMany
        try:
            with transaction.atomic():
                passkey.save()
        except IntegrityError:
            return None
        made = second_factor.first_codes(account)
        account.end_sessions(but=request.session.session_key)
        AuditEvent.record(AuditEvent.Event.PASSKEY_ADDED, account, actor=account)
        notices.passkey_added(account, passkey.name)
    return made


@sensitive_variables()
def _try(account: Account, answer: str, challenge: bytes) -> Passkey | None:
    """Find the passkey that gave the right answer, and put the try on record."""
    _refuse_before_time(account)
    with transaction.atomic():
        # All of them, in one order: a wrong answer has each of them wait.
        theirs = list(of(account).select_for_update())
        found, fault = None, "held"
        if all(passkey.verify_is_allowed()[0] for passkey in theirs):
            found, fault = _match(theirs, answer, challenge)
            for passkey in theirs:
                if found:
                    passkey.throttle_reset()
                else:
                    passkey.throttle_increment()
    if found is None:
        _record_wrong(account, fault)
        return None
    AuditEvent.record(AuditEvent.Event.FACTOR_RIGHT, account, actor=account, reason="passkey")
    return found


@sensitive_variables()
def _match(theirs: list[Passkey], answer: str, challenge: bytes) -> tuple[Passkey | None, str]:
    """Give the passkey that signed the answer, brought up to date; or what is wrong with it."""
    try:
        given = urlsafe_base64_decode(json.loads(answer)["rawId"])
        passkey = next((each for each in theirs if bytes(each.credential_id) == given), None)
        if passkey is None:
            return None, "passkey"
        shown = _library().verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_host(),
            expected_origin=_origin(),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=0,  # looked at below, to be named on record
        )
    except _faults():
        return None, "passkey"
    before, now = passkey.sign_count, shown.new_sign_count
    if (before or now) and now <= before:
        # Two devices have the same key: one is a copy.
        return None, "passkey-count"
    passkey.sign_count, passkey.last_used_at = now, timezone.now()
    return passkey, ""


def _refuse_before_time(account: Account) -> None:
    for passkey in of(account):
        second_factor.refuse_before_time(account, passkey)


def _record_wrong(account: Account, reason: str) -> None:
    AuditEvent.record(
        AuditEvent.Event.FACTOR_WRONG, account, actor=account, ok=False, reason=reason
    )


@sensitive_variables()
def _new_challenge(session: SessionBase, account: Account, purpose: str) -> bytes:
    challenge = secrets.token_bytes(_CHALLENGE)
    session[_ASKED] = {
        "for": [purpose, account.pk],
        "challenge": urlsafe_base64_encode(challenge),
        "at": timezone.now().isoformat(),
    }
    return challenge


@sensitive_variables()
def _taken(session: SessionBase, account: Account, purpose: str, answer: str) -> bytes:
    """Take the question out of the session; raises `Lapsed`, which is no wrong answer.

    Nor is an answer to a question of before, which another tab has had asked anew since.
    """
    asked = session.pop(_ASKED, None)
    if (
        asked is None
        or asked["for"] != [purpose, account.pk]
        or timezone.now() - dt.datetime.fromisoformat(asked["at"]) > LIFE
        or _answered(answer) not in (None, urlsafe_base64_decode(asked["challenge"]))
        # Requests at the same moment have each read the session.
        or not limits.charge(_ONCE, asked["challenge"]).granted
    ):
        raise Lapsed
    return urlsafe_base64_decode(asked["challenge"])


@sensitive_variables()
def _answered(answer: str) -> bytes | None:
    """Read which question was answered, as the browser says; None where nothing can be read."""
    try:
        said = json.loads(urlsafe_base64_decode(json.loads(answer)["response"]["clientDataJSON"]))
        return urlsafe_base64_decode(said["challenge"])
    except _NOT_RIGHT:
        return None


def _described(passkey: Passkey) -> Any:
    return _structs().PublicKeyCredentialDescriptor(
        id=bytes(passkey.credential_id),
        transports=[_structs().AuthenticatorTransport(each) for each in passkey.transports.split()],
    )


def _host() -> str:
    return urlsplit(settings.PUBLIC_BASE_URL).hostname or ""


def _origin() -> str:
    public = urlsplit(settings.PUBLIC_BASE_URL)
    return f"{public.scheme}://{public.netloc}"


def _milliseconds(span: dt.timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _library() -> ModuleType:
    """Load what reads and writes WebAuthn: it takes 15 MiB, and few processes ever need it."""
    import webauthn

    return webauthn


def _structs() -> ModuleType:
    from webauthn.helpers import structs  # as above

    return structs


def _faults() -> tuple[type[Exception], ...]:
    return (_library().helpers.exceptions.WebAuthnException, *_NOT_RIGHT)


# What comes from a browser may be anything at all.
_NOT_RIGHT = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
