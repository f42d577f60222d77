"""Queues codes, notices and ends of mail sessions: each a row, in the transaction of its cause."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.views.decorators.debug import sensitive_variables

from otp import codes, phones
from otp.codes import CALLER_CAP, NUMBER_CAP, PHONE_CAP
from otp.counting import limits, tightening
from otp.counting.keyed_names import name_of
from otp.counting.tightening import NOBODY, Asker
from otp.models import Message, Purpose
from otp.suppliers.code_ways import SMS, ZNS

State = Message.State

CODE_PLACE = "{code}"  # in a wording, where the digits go
NOTICE_LIFE = dt.timedelta(days=1)
KICK_LIFE = dt.timedelta(hours=1)
NO_WAIT = dt.timedelta()
ERASED = {"to": "", "subject": "", "text": ""}


# The number's cap is charged in the statement that issues and queues, so that two requests cannot
# both be the last one allowed. A decoy charges a meter of its own, and the tally of the portal by
# nothing: the work is the same whether or not there is somebody to write to (EN-04). So each
# function is called in a CTE of its own, which is read whatever it answers: in a CASE it would be
# called for some and not for others.
_QUEUED = f"""
, silence AS MATERIALIZED (
    SELECT CASE WHEN closed THEN 'closed' WHEN %(to)s = '' THEN 'decoy' ELSE '' END AS reason
    FROM issued
), change AS MATERIALIZED (
    SELECT granted FROM silence, LATERAL otp_charge(
        CASE WHEN reason = '' THEN %(phone_cap)s ELSE %(decoys_phone_cap)s END,
        1, %(phone_limit)s, %(period)s, statement_timestamp())
    WHERE %(is_change)s
), number AS MATERIALIZED (
    SELECT reason, charge.granted AND coalesce(change.granted, true) AS granted
    FROM silence LEFT JOIN change ON true, LATERAL otp_charge(
        CASE WHEN reason = '' THEN %(number_cap)s ELSE %(decoys_number_cap)s END,
        coalesce(change.granted, true)::int, %(number_limit)s, %(period)s, statement_timestamp()
    ) AS charge
), portal AS MATERIALIZED (
    SELECT reason, granted, otp_tally(
            'ceiling:codes', (reason = '' AND granted)::int, statement_timestamp()),
        {tightening.TALLY_CODE}
    FROM number
), decided AS (
    SELECT CASE WHEN reason <> '' THEN reason
                WHEN NOT granted THEN 'number-cap'
                ELSE '' END AS reason
    FROM portal
), queued AS (
    INSERT INTO otp_message (code_id, address_key, phone_key, channel, "to", to_masked, subject,
                             text, state, reason, gateway, gateway_id, tries, created_at, due_at,
                             good_until, changed_at, ways)
    SELECT issued.id, issued.address_key, %(phone_name)s, 'sms',
        CASE WHEN reason = '' THEN %(to)s ELSE '' END, %(to_masked)s, '',
        CASE WHEN reason = '' THEN %(text)s ELSE '' END,
        CASE WHEN reason = '' THEN 'queued' ELSE 'skipped' END,
        reason, '', '', 0, statement_timestamp(), statement_timestamp(), issued.expires_at,
        statement_timestamp(), %(ways)s::varchar[]
    FROM decided, issued
)
"""  # noqa: S608  (our own constants)


@sensitive_variables()
def send_code(
    address: str,
    purpose: Purpose,
    *,
    to: str,
    text: str,
    nonce: str,
    proved: bool = True,
    asker: Asker = NOBODY,
    first: str = "",
) -> codes.Issued:
    """Issue a code and queue its SMS, in one statement. Raises what `codes.issue` raises.

    `text` holds `{code}` where the digits, or a caller's words, go when it is sent. `to` is empty
    where there is nobody to write to: such a decoy is never sent and never matches a guess. A
    closed address and a number over its cap are skipped in silence, and all cases cost the same
    work. `first` is the way that its owner wants it to go by, where there is one.
    """
    nobody = name_of("address", address)
    cap = CALLER_CAP if purpose == Purpose.CALLER else NUMBER_CAP
    queued = codes.Sequel(
        _QUEUED,
        {
            "phone_name": name_of("phone", to),
            "to": to,
            "to_masked": phones.masked_for_staff(to),
            "text": text,
            "ways": ways_of(purpose, first),
            "is_change": purpose == Purpose.PHONE,
            "phone_cap": limits.key_of(PHONE_CAP, to),
            "decoys_phone_cap": limits.key_of(PHONE_CAP, nobody),
            "phone_limit": PHONE_CAP.count,
            "number_cap": limits.key_of(cap, to),
            "decoys_number_cap": limits.key_of(cap, nobody),
            "number_limit": cap.count,
            "period": cap.period,
        },
    )
    return codes.issue(address, purpose, nonce=nonce, proved=proved, asker=asker, sequel=queued)


def ways_of(purpose: Purpose, first: str = "") -> list[str]:
    """Give the ways for a code, in order; none where there is but SMS.

    What somebody chose comes first, and SMS follows it. A number is confirmed by what its owner
    alone gets, and a Zalo account may outlive the number that it was made with.
    """
    known = settings.CODE_WAYS
    if purpose == Purpose.CALLER:
        return []
    ways = known.tried
    if first in known.order:
        ways = list(dict.fromkeys([first, SMS]))
    if purpose == Purpose.PHONE:
        ways = [way for way in ways if way != ZNS]
    return ways if len(ways) > 1 else []


def queue_sms(
    address: str,
    *,
    to: str,
    text: str,
    good_for: dt.timedelta = NOTICE_LIFE,
    wait: dt.timedelta = NO_WAIT,
) -> Message:
    """Queue a notice by SMS, in the transaction of what it tells of. It counts as no code.

    `wait` is as for mails.
    """
    notice = Message(
        channel=Message.Channel.SMS,
        to=to,
        to_masked=phones.masked_for_staff(to),
        text=text,
        phone_key=name_of("phone", to),
    )
    _queue(address, notice, good_for, wait)
    return notice


def queue_mail(
    address: str,
    *,
    to: str,
    subject: str,
    text: str,
    good_for: dt.timedelta = NOTICE_LIFE,
    wait: dt.timedelta = NO_WAIT,
) -> Message:
    """Queue a notice by mail, in the transaction of what it tells of.

    `wait` spreads out what is queued by the thousand: it is not due, and does not count as
    standing in the queue, before.
    """
    masked = "***@" + to.rpartition("@")[2]
    notice = Message(
        channel=Message.Channel.MAIL, to=to, to_masked=masked, subject=subject, text=text
    )
    _queue(address, notice, good_for, wait)
    return notice


def withdraw(messages: QuerySet[Any]) -> int:
    """Take notices (a query of their ids) back that still wait. Give how many there were."""
    waiting = Message.objects.filter(pk__in=messages, state=State.QUEUED, gateway="")
    return waiting.update(state=State.SKIPPED, reason="withdrawn", changed_at=Now(), **ERASED)


def forget_recipients(address_keys: Collection[str]) -> None:
    """Take from messages what names the people of these addresses; what waits is not sent.

    Ends of mail sessions still are, and forget their mailbox then as every message does.
    """
    theirs = Message.objects.filter(address_key__in=address_keys)
    waiting = theirs.filter(state=State.QUEUED).exclude(channel=Message.Channel.KICK)
    waiting.update(state=State.SKIPPED, reason="withdrawn", changed_at=Now(), **ERASED)
    theirs.update(to_masked="", phone_key="", gateway_id="", other_ways=[])


def queue_kick(address: str, *, to: str) -> None:
    """Queue the end of all mail sessions of the mailbox `to`, in the transaction of its cause.

    It is tried for an hour, and done twice. Nothing is queued where no mail server is set up.
    """
    if settings.DOVEADM_URL:
        _queue(address, Message(channel=Message.Channel.KICK, to=to, to_masked=to), KICK_LIFE)


def queue_hook(body: str) -> None:
    """Queue an alert for the office's own address, where there is one."""
    if settings.ALERT_WEBHOOK_URL:
        notice = Message(channel=Message.Channel.HOOK, to_masked="webhook", text=body)
        _queue("webhook", notice, NOTICE_LIFE)


def _queue(
    address: str, message: Message, good_for: dt.timedelta, wait: dt.timedelta = NO_WAIT
) -> None:
    message.address_key = name_of("address", address)
    message.state = State.QUEUED
    message.created_at = message.changed_at = Now()
    message.due_at = Now() + wait
    message.good_until = Now() + wait + good_for
    message.save(force_insert=True)
