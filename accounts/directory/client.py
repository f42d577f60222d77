"""The mail system's directory (LDAP): whose password opens, what a new one is, who is in it.

Where DIRECTORY is set, it keeps the passwords of all accounts that have none of their own here.
Each conversation is a connection of its own, and has an end in time. What the server says in words
goes no further: it may repeat what it was given.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from accounts.directory.answers import Entry, NoAnswer, PasswordRefused

if TYPE_CHECKING:
    from accounts.directory.conversation import Conversation

logger = logging.getLogger(__name__)

FAILURES = 5  # in a row, after which the directory is paused …
PAUSE = 15  # … for so many seconds, so that people are told at once instead of waiting


def is_installed() -> bool:
    """Whether the library loads: an extra, with parts of the system's that may have gone."""
    try:
        import_module("accounts.directory.conversation")
    except ImportError:
        return False
    return True


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

    def __init__(self, talk: "Conversation", dn: str) -> None:
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
def _conversation() -> "Iterator[Conversation]":
    """Connect and bind as the portal; whatever goes wrong is a `NoAnswer`."""
    if not _breaker.admits():
        raise NoAnswer
    from accounts.directory import conversation  # loads a library that few offices need

    if not _places.acquire(timeout=settings.DIRECTORY_QUEUE):
        raise NoAnswer
    try:
        with conversation.Conversation() as talk:
            _breaker.worked()
            yield talk
    except conversation.FAILED as error:
        logger.warning("the directory: %s", type(error).__name__)
        if isinstance(error, conversation.AWAY):
            _breaker.failed()
        raise NoAnswer from None
    finally:
        _places.release()
