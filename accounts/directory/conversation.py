"""One conversation with the directory, in the words of python-ldap, which only this module loads.

The library is an extra, and takes 6 MiB in each process: only those who have a directory pay it.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

import ldap
from django.conf import settings
from django.views.decorators.debug import sensitive_variables
from ldap.controls import SimplePagedResultsControl
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.filter import escape_filter_chars

from accounts.directory import connection
from accounts.directory.answers import PAGE, Entry, PasswordRefused

logger = logging.getLogger(__name__)

FAILED = ldap.LDAPError  # whatever went wrong
AWAY = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY)
_WRONG = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,  # an entry without a password
    ldap.NO_SUCH_OBJECT,
    ldap.UNWILLING_TO_PERFORM,
)

# Errors of draft-behera-ldap-password-policy that a person can do something about.
_REASONS = {6: "short", 7: "young", 8: "used"}
_AD_POLICY = "0000052D"  # in what Active Directory says of a password it does not take


class Conversation:
    """One connection, bound as the portal, with so many seconds in all."""

    @sensitive_variables()
    def __init__(self) -> None:
        connect, read = settings.DIRECTORY_TIMEOUTS
        try:
            line = connection.open_socket(connect, read)
        except OSError as error:
            logger.warning("the line to the directory: %s", type(error).__name__)
            raise ldap.CONNECT_ERROR from None
        # The scheme tells libldap to leave TLS alone: the line has seen to it.
        self._ldap = ldap.initialize("ldap://", fileno=line)
        self._ldap.set_option(ldap.OPT_TIMEOUT, read)
        self._ldap.set_option(ldap.OPT_REFERRALS, 0)
        self._until = time.monotonic() + read

    def __enter__(self) -> "Conversation":
        try:
            self._greet()
        except ldap.LDAPError:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _greet(self) -> None:
        self._take_time()
        self._ldap.simple_bind_s(settings.DIRECTORY_BIND_DN, settings.DIRECTORY_BIND_PASSWORD)

    def _end(self) -> None:
        with suppress(ldap.LDAPError):
            self._ldap.unbind_s()

    def _take_time(self) -> None:
        self._ldap.timeout = max(0.1, self._until - time.monotonic())

    def _begin_anew(self) -> None:
        self._until = time.monotonic() + settings.DIRECTORY_TIMEOUTS[1]
        self._take_time()

    def find(self, address: str) -> str:
        """Give the name (DN) of the one entry of `address`, or "" where there is not just one."""
        self._take_time()
        asked = self._ldap.search_ext(
            settings.DIRECTORY_BASE,
            ldap.SCOPE_SUBTREE,
            _filter(escape_filter_chars(address or "-")),
            ["1.1"],
            sizelimit=2,
        )
        try:
            _, found = self._ldap.result(asked, all=1, timeout=self._ldap.timeout)
        except ldap.SIZELIMIT_EXCEEDED:
            return ""
        names = [dn for dn, _ in found if dn]  # the others lead to other servers
        return names[0] if len(names) == 1 else ""

    @sensitive_variables("password")
    def bind(self, dn: str, password: str) -> bool:
        self._take_time()
        try:
            self._ldap.simple_bind_s(dn, password)
        except _WRONG:
            return False
        return True

    @sensitive_variables()
    def set_password(self, dn: str, password: str) -> None:
        self._begin_anew()
        try:
            if settings.DIRECTORY_KIND == "ad":
                quoted = f'"{password}"'.encode("utf-16-le")
                self._ldap.modify_s(dn, [(ldap.MOD_REPLACE, "unicodePwd", [quoted])])
            else:
                self._ldap.passwd_s(dn, None, password, serverctrls=[PasswordPolicyControl()])
        except (ldap.CONSTRAINT_VIOLATION, ldap.UNWILLING_TO_PERFORM) as error:
            reason = _reason(error)
            if not reason:
                raise
            raise PasswordRefused(reason) from None

    def replace(self, dn: str, attribute: str, value: bytes) -> None:
        self._begin_anew()
        self._ldap.modify_s(dn, [(ldap.MOD_REPLACE, attribute, [value])])

    def pages(self, attributes: list[str]) -> Iterator[list[Entry]]:
        control = SimplePagedResultsControl(True, size=PAGE, cookie="")  # noqa: FBT003
        attributes = [*attributes, *filter(None, [settings.DIRECTORY_PHONE_ATTRIBUTE])]
        while True:
            self._begin_anew()
            asked = self._ldap.search_ext(
                settings.DIRECTORY_BASE,
                ldap.SCOPE_SUBTREE,
                _filter("*"),
                attributes,
                serverctrls=[control],
            )
            _, found, _, controls = self._ldap.result3(asked, all=1, timeout=self._ldap.timeout)
            yield [_entry(dn, values) for dn, values in found if dn]
            cookies = [each.cookie for each in controls if each.controlType == control.controlType]
            if not any(cookies):
                return
            control.cookie = cookies[0]


def _filter(address: str) -> str:
    """Put an address that is escaped already, or *, into the office's filter (IN-06)."""
    name = address.partition("@")[0]
    return settings.DIRECTORY_FILTER.replace("{address}", address).replace("{name}", name)


def _entry(dn: str, values: Mapping[str, list[bytes]]) -> Entry:
    # Servers answer in whatever case they like.
    texts = {
        name.lower(): tuple(value.decode(errors="replace") for value in several)
        for name, several in values.items()
    }
    return Entry(dn, texts)


def _reason(error: "ldap.LDAPError") -> str:
    """Say why a password was refused: "" where it was not the password."""
    told = error.args[0] if error.args else {}
    if isinstance(error, ldap.UNWILLING_TO_PERFORM):
        return "policy" if _AD_POLICY in str(told.get("info", "")).upper() else ""
    for kind, _, value in told.get("ctrls", []):
        if kind == PasswordPolicyControl.controlType and value:
            control = PasswordPolicyControl()
            control.decodeControlValue(value)
            return _REASONS.get(control.error, "policy")
    return "policy"
