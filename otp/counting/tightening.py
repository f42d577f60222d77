"""How the portal tightens under guessing and floods, step by step, before it stops anybody (QU-08).

Wrong guesses, at decoys too, use up a budget of the whole portal; each share of it that is used
brings one more step. Codes have a budget too, of which no network gets more than its fair share,
and the last part is kept for those who are known. Both budgets are of a sliding hour and day.

A guess is counted until the same browser types that code right: people correct themselves.
"""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from otp import gateways
from otp.models import GUESSES, Brakes, Code


class Step(enum.IntEnum):
    """How tight the portal is; each step includes those before."""

    CALM = 0
    PROOF = 1  # whoever asks proves work
    TWO = 2  # two guesses a code
    ONE = 3  # one guess a code
    HELD = 4  # callers and networks that have guessed wait
    KNOWN = 5  # only those who are known, and have not guessed, get codes
    STOPPED = 6  # nobody gets codes


# Percent of the budget of wrong guesses, from which each step after the first holds.
STEPS_AT = (10, 20, 30, 50, 85, 100)

LABELS = {
    Step.CALM: _("bình thường"),
    Step.PROOF: _("trình duyệt phải giải phép tính trước khi gửi mã"),
    Step.TWO: _("mỗi mã chỉ được nhập hai lần"),
    Step.ONE: _("mỗi mã chỉ được nhập một lần"),
    Step.HELD: _("địa chỉ IP và mạng nào đã nhập sai thì phải chờ"),
    Step.KNOWN: _("chỉ mạng cơ quan và trình duyệt đã quen mới được gửi mã"),
    Step.STOPPED: _("dừng gửi mã cho tất cả"),
}

# Wrong guesses of a day after which one caller, and its network, waits: in calm, and when held.
CALLER_GUESSES, NETWORK_GUESSES = 30, 100
CALLER_GUESSES_HELD, NETWORK_GUESSES_HELD = 2, 10

# Percent of the ceilings of codes.
STRANGERS = 70  # the rest is kept for those who are known
CALLER_SHARE = 10  # of one stranger, or one known browser
NETWORK_SHARE = 20  # of one network
OFFICE_SHARE = 50  # of one address of an office, and of the office's network
SCARCE = 20  # from here on each stranger gets little, so that many guessers leave some for others:
# codes in an hour, and twice as many in a day, of one stranger and of one network.
CALLER_SCARCE, NETWORK_SCARCE = 1, 5
SMALL = 20  # codes, or guesses: what is less than this is not shared out

# What the ceilings follow from, where IT has not set them (docs/limits.md).
FEWEST_CODES = 1_000  # a day, however small the office
CODES_OF_ACCOUNTS = 5  # percent of the accounts, a day
TIMES_USUAL = 4  # the codes used on the busiest day of the last …
USUAL = dt.timedelta(days=28)
CODES_IN_AN_HOUR = 30  # percent of the day's
GUESSES_IN_AN_HOUR = 60  # percent of the day's
GUESSES_TO_A_HIT = 1_000_000  # at codes of six digits


class CallerHeld(Exception):
    """The caller, or its network, has guessed or asked too often; it may go on from `until`."""

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class Asker:
    """Who asks for codes and guesses, as they are counted: by keyed names, "" where unknown.

    Somebody at a browser that is known is counted by it alone, whatever the others do at that
    address.
    """

    caller: str = ""  # an IPv4 address, an IPv6 /64, or a known browser
    network: str = ""  # the IPv4 /24 or the IPv6 /48 around it
    is_known: bool = False  # an office's network, or a browser that has logged in before
    share: int = CALLER_SHARE  # percent of the codes

    @property
    def is_own_browser(self) -> bool:
        """Whether it is a browser in which the owner of the address has logged in before."""
        return self.is_known and not self.network


NOBODY = Asker()

# Whether what is queued now can leave: no sender is missed, and some gateway is not paused.
CAN_SEND = """
    NOT EXISTS (SELECT 1 FROM otp_meter WHERE key = 'sender' AND until <= statement_timestamp())
    AND (SELECT count(*) FROM otp_gatewaystate
         WHERE name = ANY(%(gateways)s::text[]) AND paused_until > statement_timestamp())
        < cardinality(%(gateways)s::text[])
"""

# How it stands for one asker, in one row; none without the row of brakes, and so no code.
STATE = f"""
    SELECT step, pressure.*, codes_an_hour, codes_a_day,
        otp_brakes.sending_stopped OR step >= %(stopped)s OR NOT ({CAN_SEND})
            OR CASE WHEN %(is_known)s THEN NOT codes_for_known
                ELSE step >= %(known)s OR NOT codes_for_strangers END AS paused,
        otp_brakes.proof_of_work OR step >= %(proof)s AS proof_needed,
        CASE WHEN step >= %(one)s THEN 1 WHEN step >= %(two)s THEN 2
            ELSE %(guesses)s END AS guesses
    FROM otp_brakes,
        otp_pressure(%(strangers)s, %(scarce)s, %(small)s, statement_timestamp()) AS pressure,
        width_bucket(guessing, %(steps_at)s::float8[]) AS step
"""  # noqa: S608  (our own constants)

_SITUATION = f"SELECT step, guessing, paused, proof_needed FROM ({STATE}) AS sending"  # noqa: S608

# Until when the asker has to wait, of a row of `STATE` called "sending". A guess takes no code.
_HELD_UNTIL = """
    greatest(
        otp_held_until(
            %(caller)s,
            CASE WHEN step >= %(held)s THEN %(caller_held)s ELSE %(caller_most)s END,
            {caller}, statement_timestamp()),
        otp_held_until(
            %(network)s,
            CASE WHEN step >= %(held)s THEN %(network_held)s ELSE %(network_most)s END,
            {network}, statement_timestamp())
    )
"""
_MOST_CODES = """
    CASE WHEN scarce_in_hour AND NOT %(is_known)s THEN %({who}_scarce)s
        ELSE greatest(codes_an_hour * %({who}_share)s, %(small)s) END::integer,
    CASE WHEN scarce_in_day AND NOT %(is_known)s THEN 2 * %({who}_scarce)s
        ELSE greatest(codes_a_day * %({who}_share)s, %(small)s) END::integer
"""
ASKING = _HELD_UNTIL.format(
    caller=_MOST_CODES.format(who="caller"), network=_MOST_CODES.format(who="network")
)
GUESSING = _HELD_UNTIL.format(caller="NULL, NULL", network="NULL, NULL")

# Adds to what the asker, and the network around, have used up; of "" nobody reads it.
TALLY = """
    otp_tally('network:{what}:' || %(caller)s, {amount}, statement_timestamp()),
    otp_tally('network:{what}:' || %(network)s, {amount}, statement_timestamp())
"""
TALLY_CODE = TALLY.format(what="codes", amount="1")
TALLY_GUESS = TALLY.format(what="guesses", amount="1")
GIVE_BACK_GUESSES = TALLY.format(what="guesses", amount="-attempts")


def parameters(asker: Asker) -> dict[str, Any]:
    """Give what the statements above are run with."""
    return {
        "gateways": gateways.in_use(),
        "steps_at": [at / 100 for at in STEPS_AT],
        "proof": Step.PROOF,
        "two": Step.TWO,
        "one": Step.ONE,
        "held": Step.HELD,
        "known": Step.KNOWN,
        "stopped": Step.STOPPED,
        "guesses": GUESSES,
        "strangers": STRANGERS / 100,
        "scarce": SCARCE / 100,
        "small": SMALL,
        "caller": asker.caller,
        "network": asker.network,
        "is_known": asker.is_known,
        "caller_share": asker.share / 100,
        "network_share": max(asker.share, NETWORK_SHARE) / 100,
        "caller_scarce": CALLER_SCARCE,
        "network_scarce": NETWORK_SCARCE,
        "caller_most": CALLER_GUESSES,
        "caller_held": CALLER_GUESSES_HELD,
        "network_most": NETWORK_GUESSES,
        "network_held": NETWORK_GUESSES_HELD,
    }


@dataclass(frozen=True)
class Situation:
    """How the portal stands for somebody of whom nothing is known."""

    step: Step
    guessing: float  # share of the budget of wrong guesses that is used
    paused: bool
    proof_needed: bool

    @property
    def label(self) -> str:
        return str(LABELS[self.step])


def situation() -> Situation:
    """Read how the portal stands now. Without the row of brakes, it is stopped."""
    with connection.cursor() as cursor:
        cursor.execute(_SITUATION, parameters(NOBODY))
        row = cursor.fetchone()
    if row is None:
        return Situation(Step.STOPPED, 1.0, paused=True, proof_needed=False)
    step, guessing, paused, proof_needed = row
    return Situation(Step(step), guessing, paused=paused, proof_needed=proof_needed)


def size(accounts: int) -> None:
    """Set the ceilings by the number of accounts and last weeks' use, where IT has not set them.

    Only codes that were used count as use: a flood of codes does not make room for the next.
    """
    codes_a_day = max(
        FEWEST_CODES, accounts * CODES_OF_ACCOUNTS // 100, TIMES_USUAL * _busiest_day()
    )
    guesses_a_day = GUESSES_TO_A_HIT // settings.DAYS_TO_A_HIT
    Brakes.objects.filter(set_by_hand=False).update(
        codes_a_day=codes_a_day,
        codes_an_hour=codes_a_day * CODES_IN_AN_HOUR // 100,
        guesses_a_day=guesses_a_day,
        guesses_an_hour=guesses_a_day * GUESSES_IN_AN_HOUR // 100,
    )


def _busiest_day() -> int:
    """Give how many codes were used on the day of last weeks on which most were."""
    used = Code.objects.filter(used_at__isnull=False, issued_at__gt=Now() - USUAL)
    days = used.values("local_day").annotate(count=Count("pk")).order_by("-count")
    return days.values_list("count", flat=True).first() or 0
