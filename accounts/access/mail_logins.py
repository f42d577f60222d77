"""Log-ins in mail programs, which Dovecot asks about: counted as the portal's own, and listed.

Dovecot asks before it compares a password, and tells afterwards whether it was right. It goes on
by itself while the portal does not answer.
"""

import datetime as dt
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import caller
from accounts.access.login import FAILURES, counted_for, note_hold, read_name
from accounts.credentials import app_passwords
from accounts.models import Account, AuditEvent, MailLogin
from otp import office
from otp.counting import limits
from otp.counting.limits import Limit
from otp.models import OFFICE_ZONE
from otp.outbox import alerts

Protocol = MailLogin.Protocol

KEPT = dt.timedelta(days=30)  # of what is listed
LISTED = 50  # the last

# Right passwords that the portal was not asked about before: what is wrong came in uncounted too.
UNASKED = Limit("mail-unasked", 5, dt.timedelta(minutes=10))

_NAMES = {"submission": Protocol.SMTP}  # Dovecot's own sender, beside Postfix


def is_let_in(name: str) -> bool:
    """Charge one try at a password, of whomever the name is; False where too many were wrong.

    Charged before the password is compared, as at the portal's own log-in and in the same count,
    so that parallel tries cannot outrun the limit.
    """
    address = Account.objects.main_address(read_name(name))
    counted_as = _counted_as(address)
    charge = limits.charge(FAILURES, counted_as)
    if not charge.granted:
        note_hold(address, counted_as)
    return charge.granted


def note_right(name: str, protocol: str, app: str = "") -> None:
    """Give the charge of a right password back, and list the log-in; `app` is which app password's.

    Where it was the account's own, `app` is empty.
    """
    with transaction.atomic():
        address, account = Account.objects.owner_of(read_name(name))
        if not _give_back(address):
            _note_unasked()
        if account and caller.current().address:
            _list(account, protocol_of(protocol))
        if account and app:
            app_passwords.note_use(account, app, protocol_of(protocol))


def note_wrong(name: str, protocol: str) -> None:
    """Put a wrong password on record; its charge stays."""
    with transaction.atomic():
        address, account = Account.objects.owner_of(read_name(name))
        AuditEvent.record(
            AuditEvent.Event.LOGIN_FAILED,
            account,
            address=address,
            ok=False,
            reason="password",
            protocol=protocol_of(protocol),
        )


def forget_try(name: str) -> None:
    """Give the charge of a password back that was compared with nothing, because of a fault."""
    _give_back(Account.objects.main_address(read_name(name)))


def of(account: Account) -> list[MailLogin] | None:
    """List the last log-ins in mail programs, newest first; None where Dovecot tells of none."""
    if not settings.AUTH_POLICY_TOKEN:
        return None
    return list(MailLogin.objects.filter(account=account).order_by("-last_at")[:LISTED])


def counts_of_today() -> dict[str, int] | None:
    """Count today's log-ins by protocol; None where Dovecot tells of none."""
    if not settings.AUTH_POLICY_TOKEN:
        return None
    rows = MailLogin.objects.filter(local_day=office.today())
    counted = rows.values("protocol").annotate(n=Sum("count")).values_list("protocol", "n")
    return dict.fromkeys(Protocol.values, 0) | dict(counted)


def oldest_day() -> dt.date:
    """Give the first day of which something is kept."""
    return office.today() - KEPT


def protocol_of(told: str) -> Protocol:
    """Give the protocol that Dovecot names."""
    name = told.lower()
    return Protocol(name) if name in Protocol.values else _NAMES.get(name, Protocol.OTHER)


def _counted_as(address: str) -> str:
    """Say whose count a try is: a caller from where mail was opened has one of its own (QU-12).

    So strangers hold nobody out of the mail that was opened at home. The work is the same for
    every address.
    """
    client = _subscriber(caller.current().address)
    is_known = MailLogin.objects.filter(
        account__address=address, client=client or None, local_day__gte=oldest_day()
    ).exists()
    strangers = counted_for(None, address)
    return f"{address} mail {client}" if is_known and strangers == address else strangers


def _give_back(address: str) -> bool:
    """Undo the charge of a try; False where there is none.

    A caller may have become known since: by another log-in of the same moment.
    """
    counts = dict.fromkeys((_counted_as(address), counted_for(None, address)))
    return any(limits.give_back(FAILURES, each) for each in counts)


def _list(account: Account, protocol: Protocol) -> None:
    now = timezone.now()
    name = {
        "account": account,
        "local_day": timezone.localdate(now, OFFICE_ZONE),
        "client": _subscriber(caller.current().address),
        "protocol": protocol,
    }
    rows = MailLogin.objects.filter(**name)
    again = {"count": F("count") + 1, "last_at": now}
    if rows.update(**again):
        return
    _row, is_new = MailLogin.objects.get_or_create(
        **name, defaults={"first_at": now, "last_at": now}
    )
    if not is_new:  # by a log-in at the same moment
        rows.update(**again)


def _subscriber(address: str) -> str:
    """Give the address, or where the /64 of one subscriber of IPv6 begins; "" of none."""
    if not address or not isinstance(ip_address(address), IPv6Address):
        return address
    return str(ip_network(f"{address}/64", strict=False).network_address)


def _note_unasked() -> None:
    """Tell IT where the mail server asks no more before it compares passwords, or in vain."""
    if limits.charge(UNASKED, "portal").granted:
        return
    line = _(
        "Máy chủ thư không hỏi được cổng trước khi kiểm tra mật khẩu: mật khẩu thử sai trong phần"
        " mềm thư không được đếm (xem docs/mail-logins.md)"
    )
    alerts.raise_now("mail-unasked", "portal", [line])
