"""Delivery reports of suppliers: a message reached its phone, or did not.

They come more than once, out of order, or never. They only move a state forward.
"""

import logging

from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from otp.counting import keyed_names
from otp.models import Message
from otp.suppliers import dead_numbers, second_way

logger = logging.getLogger(__name__)

State = Message.State
LONGEST_NUMBER = 15  # digits
LONGEST_ID = 64  # characters of a supplier's id that are kept
OWN_WORDS = frozenset({"call-busy", "call-no-answer", "call-failed", "call-canceled"})


def report(
    message_id: int, state: Message.State, *, gateway: str, gateway_id: str, reason: str
) -> bool:
    """Move a message on to what its supplier says of it; False where it is there, or further.

    A code that did not arrive keeps its place in the day: a telephone that is switched off must
    not tell a stranger, by one more code, that somebody has it.
    """
    reason = reason if reason in OWN_WORDS else str(number(reason) or "")
    gateway_id = clean_id(gateway_id)
    of_one_way = Message.objects.filter(pk=message_id, state__in=second_way.BEFORE[state], ways=[])
    changes = {"state": state, "gateway": gateway, "gateway_id": gateway_id, "reason": reason}
    moved = bool(of_one_way.update(**changes, changed_at=Now(), to="", subject="", text=""))
    if moved:
        dead_numbers.note(message_id, state, gateway=gateway, reason=reason)
    else:
        way = second_way.way_of(gateway)
        told = second_way.Told(way, state, reason, gateway, gateway_id)
        moved = second_way.report(message_id, told)
    if moved:
        logger.info("message %s: %s says %s", message_id, gateway, state.value)
    return moved


def message_of(gateway: str, gateway_id: str) -> int:
    """Find the message by the supplier's id of it; 0 where there is none."""
    if not gateway_id:
        return 0
    found = Message.objects.filter(gateway=gateway, gateway_id=gateway_id)
    return found.order_by("-pk").values_list("pk", flat=True).first() or 0


def clean_id(text: str) -> str:
    """Give a supplier's id as it is kept, without what PostgreSQL refuses: NUL, half characters."""
    return text.encode(errors="ignore").decode().replace("\0", "")[:LONGEST_ID]


def number(text: str) -> int:
    """Read a number that came from outside; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else 0


def token(message_id: int) -> str:
    """Give what only a supplier to whom this message was handed can know.

    It is the same for every try, over a rotation of the pepper too: a repeat is known by it.
    """
    return _short(keyed_names.oldest_name_of("receipt", str(message_id)))


def is_token(given: str, message_id: int) -> bool:
    names = keyed_names.names_of("receipt", str(message_id))
    return any(constant_time_compare(given, _short(name)) for name in names)


def _short(name: str) -> str:
    return name[:32]
