"""What became of codes, as reports count them and lists show them: one rule for both."""

from django.db.models import Q, TextChoices

from otp.models import Message

State = Message.State

SENT = (State.ACCEPTED, State.DELIVERED)
WENT_WRONG = (State.REJECTED, State.FAILED, State.UNKNOWN, State.EXPIRED)


class Fate(TextChoices):
    """How a code fared. One that was sent is also used or idle; all others are one thing only."""

    SENT = "sent", "đã gửi"
    USED = "used", "đã dùng"
    IDLE = "idle", "đã gửi, không dùng"
    WRONG = "wrong", "gửi không được"
    NOT_SENT = "not-sent", "không gửi (không có ai nhận, hoặc bị chặn)"


def with_fate(fate: Fate) -> Q:
    """Keep the codes that fared like this."""
    used, sent = Q(verified_at__isnull=False), Q(message__state__in=SENT)
    wrong = Q(message__state__in=WENT_WRONG)
    match fate:
        case Fate.SENT:
            return sent
        case Fate.USED:
            return used
        case Fate.IDLE:
            return sent & ~used
        case Fate.WRONG:
            return wrong & ~used
    nowhere = Q(message__isnull=True) | ~Q(message__state__in=[*SENT, *WENT_WRONG])
    return nowhere & ~used
