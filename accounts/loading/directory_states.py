"""In which state an entry of a directory is: open, paused, locked or switched off.

A state that is not known is a fault, so that nobody who had left comes back by it.
"""

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress

from accounts.loading.mailbox import State

Values = Mapping[str, tuple[str, ...]]

_STATUS = {
    "active": State.OPEN,
    "enabled": State.OPEN,
    "locked": State.LOCKED,
    "maintenance": State.LOCKED,
    "noaccess": State.LOCKED,
    "nopop": State.LOCKED,
    "hold": State.LOCKED,
    "lockout": State.PAUSED,
    "closed": State.OFF,
    "pending": State.OFF,
    "disabled": State.OFF,
    "inactive": State.OFF,
    "deleted": State.OFF,
    "removed": State.OFF,
}
# Zimbra; iRedMail and qmail; Sun and what follows it.
_STATUS_ATTRIBUTES = (
    *("zimbraaccountstatus", "zimbramailstatus", "accountstatus", "inetuserstatus"),
    *("mailuserstatus",),
)
# 389 and FreeIPA; eDirectory; Active Directory's Lightweight Directory Services
_SWITCHED_OFF = ("nsaccountlock", "logindisabled", "msds-useraccountdisabled")
_YES_NO = {"": False, "FALSE": False, "0": False, "NO": False, "TRUE": True, "1": True, "YES": True}
_ENDS = ("krbprincipalexpiration", "pwdendtime")
_PASSWORD_ENDS = ("passwordexpirationtime", "krbpasswordexpiration")
_DISABLED_ROLES = ("cn=nsdisabledrole", "cn=nsmanageddisabledrole")  # of 389

_DISABLED_BIT, _LOCKOUT_BIT = 0x2, 0x10  # of userAccountControl
_FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime of who was locked by an administrator
_NEVER = 2**63 - 1  # of Active Directory's times
_EPOCH_OF_AD = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

STATE_ATTRIBUTES = (
    *(*_STATUS_ATTRIBUTES, *_SWITCHED_OFF, *_ENDS, "enabledservice", "nsroledn", "nsrole"),
    *("useraccountcontrol", "msds-user-account-control-computed", "lockouttime", "accountexpires"),
    *("pwdstarttime", "pwdaccounttmplockoutend", "shadowmax", "shadowinactive"),
    *("pwdaccountlockedtime", "pwdreset", "pwdlastset", "accountunlocktime", "sambaacctflags"),
    *("shadowexpire", "shadowlastchange", "passwordexpirationtime", "krbpasswordexpiration"),
    *("zimbrapasswordmustchange", "lockedbyintruder"),
)


def state_of(values: Values, *, at: dt.datetime) -> State:
    """Give the state at that moment: the worst that any sign tells. Raises ValueError."""
    return State.worst(
        *_statuses(values),
        *_flags(values),
        _services(values),
        _of_active_directory(values),
        _lock_time(values),
        _unlock_time(values, at),
        _of_old_password(values, at)[0],
        State.LOCKED if _is_over(values, at) else State.OPEN,
    )


def must_change(values: Values, *, at: dt.datetime) -> bool:
    """Whether the password is one that its owner has to change at the next log-in."""
    if is_true(values, "pwdreset") or is_true(values, "zimbrapasswordmustchange"):
        return True
    if "0" in (_first(values, "pwdlastset"), _first(values, "shadowlastchange")):
        return True
    ends = (_time(_first(values, name)) for name in _PASSWORD_ENDS)
    return _of_old_password(values, at)[1] or any(end is not None and end <= at for end in ends)


def of_old_password(
    changed: str, longest: str, inactive: str, *, at: dt.datetime
) -> tuple[State, bool]:
    """Give the state, and whether it must be changed, from a shadow file's three numbers of days.

    They are when it was changed, for how long it is good, and for how long after that it may still
    be changed at the log-in. Only whole numbers count: -1 and nothing are never.
    """
    if not (changed.isdecimal() and longest.isdecimal()):
        return State.OPEN, False
    over = (at - _EPOCH).days - int(changed) - int(longest)
    is_late = inactive.isdecimal() and over > int(inactive)
    return (State.LOCKED if is_late else State.OPEN), over > 0


def is_true(values: Values, name: str) -> bool:
    """Whether a yes stands there, as directories write it."""
    return _first(values, name).upper() == "TRUE"


def _of_old_password(values: Values, at: dt.datetime) -> tuple[State, bool]:
    days = (_first(values, name) for name in ("shadowlastchange", "shadowmax", "shadowinactive"))
    return of_old_password(*days, at=at)


def _statuses(values: Values) -> list[State]:
    states = []
    for name in _STATUS_ATTRIBUTES:
        for value in values.get(name, ()):
            if value.strip().lower() not in _STATUS:
                raise ValueError(f"has a state in {name} that is not known")
            states.append(_STATUS[value.strip().lower()])
    return states


def _flags(values: Values) -> list[State]:
    roles = [*values.get("nsroledn", ()), *values.get("nsrole", ())]
    samba = _first(values, "sambaacctflags").upper()
    off = True in [_says_yes(values, name) for name in _SWITCHED_OFF]
    off = off or any(role.lower().startswith(_DISABLED_ROLES) for role in roles)
    paused = "L" in samba or is_true(values, "lockedbyintruder")
    return [
        State.OFF if off or "D" in samba else State.OPEN,
        State.PAUSED if paused else State.OPEN,
    ]


def _services(values: Values) -> State:
    """Read iRedMail's list of what is switched on: `mail` is all of it, `imap` the log-in."""
    services = {each.lower() for each in values.get("enabledservice", ())}
    if not services:
        return State.OPEN
    if "mail" not in services:
        return State.OFF
    return State.OPEN if "imap" in services else State.LOCKED


def _of_active_directory(values: Values) -> State:
    control = _whole(values, "useraccountcontrol")
    computed = _whole(values, "msds-user-account-control-computed")
    if (control | computed) & _DISABLED_BIT:
        return State.OFF
    paused = (control | computed) & _LOCKOUT_BIT or _whole(values, "lockouttime")
    return State.PAUSED if paused else State.OPEN


def _says_yes(values: Values, name: str) -> bool:
    raw = _first(values, name).upper()
    if raw not in _YES_NO:
        raise ValueError(f"has a state in {name} that is not known")
    return _YES_NO[raw]


def _lock_time(values: Values) -> State:
    locked = _first(values, "pwdaccountlockedtime")
    if not locked:
        return State.OPEN
    return State.LOCKED if locked == _FOR_GOOD else State.PAUSED


def _unlock_time(values: Values, at: dt.datetime) -> State:
    """Read 389's: the beginning of 1970 is never, another time is when it opens by itself.

    OpenLDAP has a time of its own for that.
    """
    for_now = _time(_first(values, "pwdaccounttmplockoutend"))
    if for_now is not None and for_now > at:
        return State.PAUSED
    until = _time(_first(values, "accountunlocktime"))
    if until is None or _EPOCH < until <= at:
        return State.OPEN
    return State.LOCKED if until == _EPOCH else State.PAUSED


def _is_over(values: Values, at: dt.datetime) -> bool:
    """Whether it has ended, or has not begun."""
    begins = _time(_first(values, "pwdstarttime"))
    ends = [_time(_first(values, name)) for name in _ENDS]
    expires = _whole(values, "accountexpires")
    with suppress(OverflowError):  # of a time that never comes
        if 0 < expires < _NEVER:
            ends.append(_EPOCH_OF_AD + dt.timedelta(microseconds=expires // 10))
        if _first(values, "shadowexpire").isdecimal():
            ends.append(_EPOCH + dt.timedelta(days=_whole(values, "shadowexpire")))
    has_begun = begins is None or begins <= at
    return not has_begun or any(end is not None and end <= at for end in ends)


def _first(values: Values, name: str) -> str:
    return next(iter(values.get(name, ())), "").strip()


def _whole(values: Values, name: str) -> int:
    raw = _first(values, name)
    try:
        return int(raw or "0")
    except ValueError:
        raise ValueError(f"has a state in {name} that is not known") from None


def _time(raw: str) -> dt.datetime | None:
    """Read a time as LDAP writes it (20261126083000Z); None where it is none."""
    if not raw:
        return None  # of most entries, and much faster than to try
    with suppress(ValueError):
        return dt.datetime.strptime(raw[:14], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    return None
