"""Whether a caller is who they say: words sent to the registered number are read back (AD-13).

Whoever was right is known for `codes.GRANT` to the member of staff who asked, and to no other. That
opens nothing: it is asked for before help, and stands on record with it.
"""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.credentials.refusals import NotNow
from accounts.hotline.overview import moment
from accounts.models import Account, AuditEvent
from otp import codes, outbox
from otp.codes import Answer, TooSoon, Verdict, status
from otp.codes.status import CodeStatus
from otp.counting.ceilings import Paused
from otp.counting.keyed_names import name_of
from otp.counting.tightening import OFFICE_SHARE, Asker, CallerHeld
from otp.models import CALLER_TRIES, CODES_A_DAY, Purpose


@dataclass(frozen=True)
class CallerCheck:
    """How the check of a caller stands, for one member of staff."""

    words: CodeStatus  # sent today, by whomever
    tries_left: int  # of the words that this member of staff had sent
    verified_until: dt.datetime | None


def is_in_use() -> bool:
    """Whether the office has a wording for it; without one nobody is asked for a check."""
    return bool(settings.PROFILE.sms.caller_check)


def of(account: Account, *, by: Account) -> CallerCheck:
    words = status.status_of(account.address, Purpose.CALLER)
    live = codes.issued_to(account.address, Purpose.CALLER, nonce=_nonce(by))
    left = 0
    if live:
        left = CALLER_TRIES - next((fate.wrong for fate in words.fates if fate.id == live.id), 0)
    return CallerCheck(words, left, verified_until(account, by=by))


def verified_until(account: Account, *, by: Account) -> dt.datetime | None:
    """Give until when `by` knows the caller as the owner of `account`; None where not."""
    return codes.granted_until(account.address, Purpose.CALLER, nonce=_nonce(by))


@sensitive_variables()
def send(account: Account, *, by: Account) -> None:
    """Send words to the number of the account; raises `NotNow`.

    The ledger keeps their number: `CODES_A_DAY` for an account, counted apart from its codes.
    """
    to = account.phone_for_codes
    if not to:
        raise NotNow(
            _(
                "Tài khoản không có số điện thoại nhận được tin, nên không đối chiếu được: khi"
                " giúp, hãy ghi vì sao."
            )
        )
    # Filled in piece by piece: the place of the words stays until the moment of sending.
    wording = settings.PROFILE.sms.caller_check.replace("{words}", outbox.CODE_PLACE)
    text = wording.replace("{hotline}", settings.PROFILE.hotline.number)
    try:
        with transaction.atomic():
            outbox.send_code(
                account.address,
                Purpose.CALLER,
                to=to,
                text=text,
                nonce=_nonce(by),
                asker=_asker(by),
            )
            AuditEvent.record(AuditEvent.Event.CALLER_ASKED, account, actor=by)
    except TooSoon as too_soon:
        raise NotNow(_when(too_soon)) from None
    except CallerHeld as held:
        sentence = _("Bạn đã nhắn hoặc nhập sai quá nhiều: nhắn tiếp được từ %(time)s.")
        raise NotNow(sentence % {"time": moment(held.until)}) from None
    except Paused:
        raise NotNow(_("Cổng đang không gửi được tin nhắn, nên chưa đối chiếu được.")) from None


@sensitive_variables("typed")
def check(account: Account, typed: str, *, by: Account) -> Answer:
    """Check the words that the caller read back to `by`; each call costs one try.

    Raises `CallerHeld` where `by` has typed too many wrong ones. Runs in no transaction.
    """
    live = codes.issued_to(account.address, Purpose.CALLER, nonce=_nonce(by))
    if live is None:
        return Answer(Verdict.SPENT, 0)
    answer = codes.verify(
        live.id,
        Purpose.CALLER,
        typed,
        nonce=_nonce(by),
        asker=_asker(by),
        accepted=lambda: AuditEvent.record(AuditEvent.Event.CALLER_RIGHT, account, actor=by),
    )
    if answer.verdict is Verdict.WRONG:
        AuditEvent.record(AuditEvent.Event.CALLER_WRONG, account, actor=by, ok=False)
    return answer


def _nonce(by: Account) -> str:
    return f"caller {by.pk}"


def _asker(by: Account) -> Asker:
    """Count a member of staff as one office: what strangers use up stops no desk.

    It has a network, of its own: without one, it would count as a browser of the owner's.
    """
    return Asker(
        name_of("asker", f"desk {by.pk}"),
        name_of("asker", f"around desk {by.pk}"),
        is_known=True,
        share=OFFICE_SHARE,
    )


def _when(too_soon: TooSoon) -> str:
    if too_soon.spent:
        return _(
            "Hôm nay đã nhắn từ đối chiếu đủ %(most)s lần cho tài khoản này; nhắn tiếp được từ"
            " %(time)s."
        ) % {"most": CODES_A_DAY, "time": moment(too_soon.next_at)}
    return _(
        "Vừa nhắn từ đối chiếu cho tài khoản này, có thể do cán bộ khác; nhắn tiếp được từ"
        " %(time)s."
    ) % {"time": moment(too_soon.next_at)}
