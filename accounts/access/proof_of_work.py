"""Work that an asker's machine must do while the portal is under attack (QU-14).

Costs a person a few seconds of waiting and a flood of requests its machines' time. No puzzle, no
picture. Without JavaScript there is a slow lane: the same page, sent after a minute's wait.
"""

import datetime as dt
import json
import secrets
import time
from base64 import b64decode
from dataclasses import dataclass

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution
from django.core import signing
from django.utils import timezone

from accounts.access.limits import charge_slow_lane
from otp.counting import limits, tightening
from otp.counting.keyed_names import name_of
from otp.counting.limits import Limit

WORK = 60_000  # hashes at the most; half as many on average
LIFE = dt.timedelta(minutes=15)  # in which a task must be done
WAIT = dt.timedelta(minutes=1)  # in the slow lane
ONCE = Limit("proof", 1, LIFE)
LONGEST = 1_000  # characters of an answer
FRESH = 1  # seconds for which a process shows blank pages as it last read

_tickets = signing.TimestampSigner(salt="accounts.access.proof_of_work")


_last_read = (-float(FRESH), False)  # when, and whether work was needed


@dataclass(frozen=True)
class Task:
    """What a page carries for the browser to work on, and its ticket for the slow lane."""

    challenge: str  # JSON, in the format of ALTCHA's first version
    ticket: str


def is_needed() -> bool:
    """Whether IT or the guessing asks for work."""
    return tightening.situation().proof_needed


def was_needed_lately() -> bool:
    """Whether work is asked for, for a page that decides nothing; read at most once a second.

    What is sent from a page without a task is told, with the task, that the work is missing.
    """
    global _last_read
    now, (read_at, _) = time.monotonic(), _last_read
    if not read_at <= now < read_at + FRESH:
        _last_read = (now, is_needed())
    return _last_read[1]


def task() -> Task | None:
    """Make a task, where work is asked for; None at all other times."""
    if not is_needed():
        return None
    options = ChallengeOptions(max_number=WORK, hmac_key=_key(), expires=timezone.now() + LIFE)
    challenge = json.dumps(create_challenge(options).to_dict())
    return Task(challenge, _tickets.sign(secrets.token_urlsafe(12)))


def is_done(answer: str, ticket: str) -> bool:
    """Whether the work was done, or waited for. Each answer and each ticket counts once."""
    if answer and len(answer) <= LONGEST:
        challenge = _solved(answer)
        return bool(challenge) and limits.charge(ONCE, challenge).granted
    if ticket and len(ticket) <= LONGEST and _has_waited(ticket):
        charge_slow_lane()
        return limits.charge(ONCE, ticket).granted
    return False


def _solved(answer: str) -> str:
    """Give the challenge that an answer solves, or "".

    An answer can be spelled in many ways; what it solves cannot, and so is what counts once.
    """
    try:
        right, _ = verify_solution(answer, _key())
        challenge = json.loads(b64decode(answer))["challenge"] if right else ""
    except (AttributeError, KeyError, TypeError, ValueError):
        # The library expects the shape that its own script sends.
        return ""
    return str(challenge)


def _has_waited(ticket: str) -> bool:
    try:
        _tickets.unsign(ticket, max_age=LIFE)
    except signing.BadSignature:
        return False
    try:
        _tickets.unsign(ticket, max_age=WAIT)
    except signing.SignatureExpired:
        return True
    return False


def _key() -> str:
    return name_of("proof", "key")
