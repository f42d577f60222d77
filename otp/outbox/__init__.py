"""The outbox: codes, notices and ends of mail sessions, queued as rows and sent by the sender."""

from otp.outbox.queue import (
    CODE_PLACE,
    NO_WAIT,
    forget_recipients,
    queue_hook,
    queue_kick,
    queue_mail,
    queue_sms,
    send_code,
    ways_of,
    withdraw,
)
from otp.outbox.sending import (
    can_send,
    claim,
    deliver,
    deliver_one,
    oldest_waiting,
    sender_is_alive,
)
from otp.outbox.sweeping import ABANDONED, sweep, tend

__all__ = [
    "ABANDONED",
    "CODE_PLACE",
    "NO_WAIT",
    "can_send",
    "claim",
    "deliver",
    "deliver_one",
    "forget_recipients",
    "oldest_waiting",
    "queue_hook",
    "queue_kick",
    "queue_mail",
    "queue_sms",
    "send_code",
    "sender_is_alive",
    "sweep",
    "tend",
    "ways_of",
    "withdraw",
]
