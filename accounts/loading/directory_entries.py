"""What an entry of a directory says: whose mailbox, at which addresses, in which state.

Read by the names that OpenLDAP, 389, FreeIPA, Active Directory, Samba, Zimbra and iRedMail use. It
is the same whether the entry stands in a file of LDIF or comes over the network.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings
from django.utils import timezone

from accounts.addresses import canonical_or_none
from accounts.loading.directory_states import STATE_ATTRIBUTES, is_true, must_change, state_of
from accounts.loading.mailbox import (
    Found,
    LeftOut,
    Mailbox,
    MailboxFault,
    MailList,
    State,
    unlocked,
)

Values = Mapping[str, tuple[str, ...]]  # by names in small letters

_MAIN = ("zimbramaildeliveryaddress",)
_OTHERS = (
    *("zimbramailalias", "mailalternateaddress", "shadowaddress", "mailequivalentaddress"),
    *("gosamailalternateaddress", "maillocaladdress", "alias"),
)
_NAMES = ("displayname", "cn")
_LOGINS = ("uid", "samaccountname", "userprincipalname")
_PHONES = ("mobile", "telephonenumber", "homephone")
_MEMBERS = (
    *("member", "uniquemember", "memberuid", "rfc822mailmember", "mgrprfc822mailmember"),
    *("zimbramailforwardingaddress", "mailforwardingaddress"),
)
_FORWARDS = (
    *("zimbraprefmailforwardingaddress", "zimbramailforwardingaddress", "mailforwardingaddress"),
)
_ABOVE, _BELOW = ("company", "o"), ("department", "departmentnumber", "ou")

# What is asked of a directory besides where it keeps numbers; never a password.
ATTRIBUTES = (
    *("mail", "proxyaddresses", *_MAIN, *_OTHERS, *_NAMES, "givenname", "sn", *_LOGINS, *_PHONES),
    *(*_ABOVE, *_BELOW, "objectclass", "description", "isdeleted", "iscriticalsystemobject"),
    *("zimbraissystemaccount", "zimbraissystemresource", "zimbraisexternalvirtualaccount"),
    *("zimbracalrestype", "zimbraaccountcalendarusertype", "msexchrecipienttypedetails"),
    *("memberofgroup", *dict.fromkeys((*_MEMBERS, *_FORWARDS)), *STATE_ATTRIBUTES),
)

# Of classes: groupOfNames, posixGroup, mailList, zimbraDistributionList, mailAlias, …
_LIST = re.compile(r".*group.*|.*list|.*mailalias")
_RESOURCE = re.compile(r".*resource|room|publicfolder|.*sharedfolder")
_MACHINES = {"computer", "msds-managedserviceaccount", "msds-groupmanagedserviceaccount", "device"}
_OUTSIDE = {"contact", "mailexternaluser"}
_PEOPLE = {
    *("person", "organizationalperson", "inetorgperson", "user", "account", "posixaccount"),
    *("zimbraaccount", "mailuser", "qmailuser", "mailrecipient", "inetmailuser"),
    *("couriermailaccount", "inetlocalmailrecipient", "nsperson", "nsaccount", "gosamailaccount"),
}
_OTHER_ENTRIES = {
    *("organizationalunit", "organization", "domain", "dcobject", "organizationalrole"),
    *("maildomain", "mailadmin", "zimbradomain", "zimbracos", "zimbraserver", "zimbraalias"),
    *("zimbraidentity", "zimbradatasource", "zimbrasignature", "applicationprocess"),
}
_SYSTEM_FLAGS = ("zimbraissystemaccount", "zimbraissystemresource", "iscriticalsystemobject")
_SYSTEM_NAME = re.compile(
    r"(?:galsync|virus-quarantine)(?:[._-].*)?"
    r"|(?:systemmailbox|discoverysearchmailbox|healthmailbox|federatedemail|migration)[.{].*"
)
# Of people's names, "ham" is one: these are Zimbra's own only where nobody has given another name.
_TRAINING_NAME = re.compile(r"(?:spam|ham)[._-][a-z0-9_]+")
_EXCHANGE_RESOURCES = {"16", "32"}
_MACHINE_BITS = 0x3800  # of userAccountControl: a domain's, a workstation's, a server's
_GONE = re.compile(r"(?:^|,)\s*cn=(?:provisioning|deleted objects)\s*(?:,|$)", re.IGNORECASE)


def read_entry(place: str, dn: str, values: Values, *, main: str = "") -> Found | None:
    """Give what the entry is; None for one without an address, such as a unit or a service.

    `main` is the mailbox's own address, where the caller knows it better.
    """
    reason = _why_no_mailbox(dn, values)
    addresses = _addresses(values)
    if reason == "a list":
        members = tuple(value for name in _MEMBERS for value in values.get(name, ()))
        return MailList(place, (addresses or ("",))[0], _name(values), members)
    if not addresses:
        return None
    if reason:
        return LeftOut(place, addresses[0], reason)
    candidates = (main,) if main else _main_addresses(dn, values)
    try:
        return _mailbox(place, dn, candidates, values)
    except ValueError as error:
        return MailboxFault(place, str(error), candidates[0])


def _main_addresses(dn: str, values: Values) -> tuple[str, ...]:
    """Give the address that is the mailbox's own; several where the entry does not tell.

    It is what the entry calls so, if that is in a domain of the office's. Else it is one of `mail`
    that is nowhere called an alias: the only one of the office's, the one of the log-in's name, or
    the only one in the first domain.
    """
    for raw in (*_all(values, _MAIN), *_proxies(values, "SMTP:")):
        if canonical_or_none(raw):
            return (raw,)
    others = {canonical_or_none(each) for each in _other_addresses(values)}
    office: dict[str, str] = {}
    for raw in values.get("mail", ()):
        if address := canonical_or_none(raw):
            office.setdefault(address, raw)
    left = {each: raw for each, raw in office.items() if each not in others} or office
    names = _log_in_names(dn, values)
    left = {each: raw for each, raw in left.items() if each.partition("@")[0] in names} or left
    for domain in settings.MAIL_DOMAINS:
        there = tuple(raw for each, raw in left.items() if each.partition("@")[2] == domain)
        if there:
            return there
    return _addresses(values)[:1]


def _mailbox(place: str, dn: str, candidates: tuple[str, ...], values: Values) -> Mailbox:
    address = candidates[0]
    hashes = [unlocked(each) for each in values.get("userpassword", ())]
    closed = State.OFF if hashes and all(state is State.OFF for _, state in hashes) else State.OPEN
    return Mailbox(
        place,
        address,
        passwords=tuple(
            hashed for hashed, state in hashes if hashed and state in (State.OPEN, closed)
        ),
        full_name=_name(values),
        phones=tuple(_all(values, _PHONES)),
        state=State.worst(state_of(values, at=timezone.now()), closed),
        must_change=must_change(values, at=timezone.now()),
        aliases=tuple(each for each in _addresses(values) if each != address),
        unit=_unit(values),
        forwards=tuple(dict.fromkeys(_all(values, _FORWARDS))),
        groups=values.get("memberofgroup", ()),
        known_as=(dn, *values.get("uid", ())),
        is_guess=len(candidates) > 1,
    )


def _addresses(values: Values) -> tuple[str, ...]:
    found = [*_all(values, _MAIN), *_proxies(values, "SMTP:"), *values.get("mail", ())]
    return tuple(dict.fromkeys([*found, *_other_addresses(values)]))


def _other_addresses(values: Values) -> Iterator[str]:
    yield from _all(values, _OTHERS)
    yield from _proxies(values, "smtp:")


def _proxies(values: Values, kind: str) -> list[str]:
    """Give what proxyAddresses holds (Active Directory): SMTP: is the main one, smtp: others."""
    proxies = values.get("proxyaddresses", ())
    return [each.removeprefix(kind) for each in proxies if each.startswith(kind)]


def _all(values: Values, names: Iterable[str]) -> Iterator[str]:
    return (value for name in names for value in values.get(name, ()) if value)


def _first(values: Values, *names: str) -> str:
    return next(_all(values, names), "")


def _log_in_names(dn: str, values: Values) -> set[str]:
    named = [*_all(values, _LOGINS), dn.partition(",")[0].partition("=")[2]]
    return {each.partition("@")[0].strip().lower() for each in named if each}


def _name(values: Values) -> str:
    shown, common = _first(values, "displayname"), _first(values, "cn")
    parts = " ".join(filter(None, (_first(values, "sn"), _first(values, "givenname"))))
    if shown or common.lower() not in {each.lower() for each in _all(values, _LOGINS)}:
        return shown or common
    return parts if _first(values, "givenname") else common


def _unit(values: Values) -> str:
    """Write its office and department as a path; a department's number alone names none."""
    parts = (_named(values, _ABOVE), _named(values, _BELOW))
    return "/".join(dict.fromkeys(filter(None, parts)))


def _named(values: Values, names: Iterable[str]) -> str:
    return next((each.strip() for each in _all(values, names) if not each.strip().isdigit()), "")


def _why_no_mailbox(dn: str, values: Values) -> str:
    classes = {each.lower() for each in values.get("objectclass", ())}
    local = (_addresses(values) or ("",))[0].partition("@")[0].lower()
    if _GONE.search(dn) or is_true(values, "isdeleted"):
        return "deleted there, or not there yet"
    if any(map(_RESOURCE.fullmatch, classes)) or _is_resource(values):
        return "a room or another resource"
    if any(map(_LIST.fullmatch, classes)) and not classes & _PEOPLE:
        return "a list"
    if classes & _MACHINES or _bits(values) & _MACHINE_BITS:
        return "a machine"
    if classes & _OUTSIDE or is_true(values, "zimbraisexternalvirtualaccount"):
        return "somebody outside"
    if any(is_true(values, flag) for flag in _SYSTEM_FLAGS) or _is_system_name(local, values):
        return "the mail system's own account"
    if classes & _OTHER_ENTRIES and not classes & _PEOPLE:
        return "no person"
    return ""


def _is_resource(values: Values) -> bool:
    return bool(
        values.get("zimbracalrestype")
        or _first(values, "zimbraaccountcalendarusertype").upper() == "RESOURCE"
        or _first(values, "msexchrecipienttypedetails") in _EXCHANGE_RESOURCES
    )


def _is_system_name(local: str, values: Values) -> bool:
    if _SYSTEM_NAME.fullmatch(local):
        return True
    is_named = any(each.lower() != local for each in _all(values, (*_NAMES, "givenname")))
    said = _first(values, "description").lower().startswith("system account for")
    return bool(_TRAINING_NAME.fullmatch(local)) and (said or not is_named)


def _bits(values: Values) -> int:
    raw = _first(values, "useraccountcontrol")
    return int(raw) if raw.isdecimal() else 0
