"""The mail system's directory (LDAP): whose password opens, what a new one is, who is in it.

Where DIRECTORY is set, it keeps the passwords of all accounts that have none of their own here.
Each conversation is a connection of its own, and has an end in time. What the server says in words
goes no further: it may repeat what it was given.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from accounts.directory import connection

try:
    import ldap
    from ldap.controls import SimplePagedResultsControl
    from ldap.controls.ppolicy import PasswordPolicyControl
    from ldap.filter import escape_filter_chars
except ImportError:  # an extra: only those who have a directory need it
    is_installed = False
else:
    is_installed = True
    _WRONG = (
        ldap.INVALID_CREDENTIALS,
        ldap.INAPPROPRIATE_AUTH,  # an entry without a password
        ldap.NO_SUCH_OBJECT,
        ldap.UNWILLING_TO_PERFORM,
    )
    _AWAY = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY)

logger = logging.getLogger(__name__)

PAGE = 500  # entries; many servers give no more than 1,000 at a time
FAILURES = 5  # in a row, after which the directory is paused …
PAUSE = 15  # … for so many seconds, so that people are told at once instead of waiting

# Errors of draft-behera-ldap-password-policy that a person can do something about.
_REASONS = {6: "short", 7: "young", 8: "used"}
_AD_POLICY = "0000052D"  # in what Active Directory says of a password it does not take


class NoAnswer(Exception):
    """The directory did not answer, or could not do it: nothing is known, and a retry may help."""


class PasswordRefused(Exception):
    """The directory's own policy does not take a password; `reason` names a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """One entry of the directory; its values by names in small letters."""

    dn: str
    values: Mapping[str, tuple[str, ...]]

    @property
    def phones(self) -> tuple[str, ...]:
        """Give the numbers where the office keeps mobile ones."""
        return self.values.get(settings.DIRECTORY_PHONE_ATTRIBUTE.lower(), ())


def is_in_charge() -> bool:
    return bool(settings.DIRECTORY)


def keeps_phones() -> bool:
    return is_in_charge() and bool(settings.DIRECTORY_PHONE_ATTRIBUTE)


@sensitive_variables("password")
def opens(address: str, password: str) -> bool:
    """Whether this is the password of `address`; "" is nobody's. Raises `NoAnswer`.

    Whoever is not there costs the same search and the same bind as everybody else (EN-06). The
    server's own work is the same too where DIRECTORY_NOBODY_DN names an entry to compare with.
    """
    with _conversation() as talk:
        dn = talk.find(address)
        # To a server, no password is a log-in as nobody in particular, and a success.
        usable = bool(password) and "\0" not in password
        nobody = settings.DIRECTORY_NOBODY_DN or f"cn=khong-co-ai,{settings.DIRECTORY_BASE}"
        opened = talk.bind(dn or nobody, password if usable else "-")
        return opened and usable and bool(dn) and bool(address)


@contextmanager
def entry_of(address: str) -> "Iterator[Open]":
    """Give the entry of `address`, found and ready to be written. Raises `NoAnswer`.

    All that takes time is done before; what is left is one question and its answer.
    """
    with _conversation() as talk:
        dn = talk.find(address)
        if not dn:
            logger.error("the directory has no entry, or several, for an account of the portal")
            raise NoAnswer
        yield Open(talk, dn)


@sensitive_variables("phone")
def keep_phone(address: str, phone: str) -> bool:
    """Write a number into the directory, if the office wants numbers there; False if it is not.

    The number in force is the portal's; what fails here, `sync_directory` makes up for.
    """
    if not keeps_phones():
        return False
    try:
        with entry_of(address) as entry:
            entry.set_phone(phone)
    except NoAnswer:
        return False
    return True


def pages(attributes: Iterable[str]) -> Iterator[list[Entry]]:
    """Give all that the filter finds, a page at a time (RFC 2696). Raises `NoAnswer`."""
    with _conversation() as talk:
        yield from talk.pages([*attributes])


class Open:
    """An entry that can be written."""

    def __init__(self, talk: "_Conversation", dn: str) -> None:
        self._talk = talk
        self._dn = dn

    @sensitive_variables("password")
    def set_password(self, password: str) -> None:
        """Set the password; raises `PasswordRefused` or `NoAnswer`."""
        try:
            self._talk.set_password(self._dn, password)
        except PasswordRefused:
            # The answer to a first try may have been lost: what is in force already is no fault.
            if not self._talk.bind(self._dn, password):
                raise

    def set_phone(self, phone: str) -> None:
        self._talk.replace(self._dn, settings.DIRECTORY_PHONE_ATTRIBUTE, phone.encode())


class _Breaker:
    """Pauses a process's conversations after FAILURES in a row; after each PAUSE one tries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._paused_until = 0.0

    def admits(self) -> bool:
        with self._lock:
            if self._failures < FAILURES:
                return True
            if time.monotonic() < self._paused_until:
                return False
            # This one tries it; the others wait for what it finds.
            self._paused_until = time.monotonic() + PAUSE
            return True

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._paused_until = time.monotonic() + PAUSE

    def worked(self) -> None:
        with self._lock:
            self._failures = 0


_breaker = _Breaker()


def ask_again() -> None:
    """Forget that the directory did not answer."""
    _breaker.worked()


_places = threading.BoundedSemaphore(settings.DIRECTORY_AT_ONCE)


@contextmanager
def _conversation() -> "Iterator[_Conversation]":
    """Connect and bind as the portal; whatever goes wrong is a `NoAnswer`."""
    if not _breaker.admits():
        raise NoAnswer
    if not _places.acquire(timeout=settings.DIRECTORY_QUEUE):
        raise NoAnswer
    try:
        with _Conversation() as talk:
            _breaker.worked()
            yield talk
    except ldap.LDAPError as error:
        logger.warning("the directory: %s", type(error).__name__)
        if isinstance(error, _AWAY):
            _breaker.failed()
        raise NoAnswer from None
    finally:
        _places.release()


class _Conversation:
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

    def __enter__(self) -> "_Conversation":
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
