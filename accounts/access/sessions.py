"""Sessions in PostgreSQL: ended when idle, when old, or when their owner says so.

The table holds no key that would open a session: rows go by a one-way name of the cookie's key.
A rule may save a session in its own transaction, so that what it did and what the browser knows of
it are kept together.
"""

import copy
import datetime as dt
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from accounts.models import Session

TOUCH = dt.timedelta(minutes=1)  # how far `seen_at` may lag behind, to spare writes
KNOWN_AFTER = dt.timedelta(hours=12)  # in which it is known whose session had ended
WARNED_BEFORE = dt.timedelta(minutes=2)  # the end of a session
REPEATABLE = dt.timedelta(minutes=10)  # in which a request whose answer was lost may come again


class SessionStore(SessionBase):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._row_key = session_key  # the key under which the row stands in the table
        self._created_at: dt.datetime | None = None
        self.ends_at: dt.datetime | None = None  # where nothing more is asked for
        self._remnant: Mapping[str, Any] | None = None  # to be left under the key so far
        self.is_remnant = False  # found under a key that was changed
        self._saved = ""  # what this request has saved already

    def load(self) -> dict[str, Any]:
        now = timezone.now()
        name = Session.name_of(self.session_key or "")
        found = Q(pk=name) | Q(former_key=name, former_until__gt=now)
        row = Session.objects.filter(found, expire_date__gt=now).first()
        if row is None:
            self._session_key = self._row_key = None
            return {}
        if row.pk != name:
            self.is_remnant = True
            return self.decode(row.former_data)
        self._created_at = row.created_at
        data = self.decode(row.session_data)
        self.ends_at = row.expire_date
        if now - row.seen_at > TOUCH:
            self.ends_at = _expires(data, now=now, since=row.created_at)
            # Only the times: what another tab has stored meanwhile must stay.
            Session.objects.filter(pk=row.pk).update(seen_at=now, expire_date=self.ends_at)
        return data

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=Session.name_of(session_key)).exists()

    def create(self) -> None:
        # 32 random characters do not meet twice: the primary key is check enough.
        self._session_key = _new_key()
        self._row_key = None
        self.save(must_create=True)
        self.modified = True

    def cycle_key(self) -> None:
        """Change the key and keep the data; the old key is dead as soon as this one is saved."""
        data = dict(self.items())
        self._session_key = _new_key()
        self._session_cache = data
        self.modified = True

    def renew(self, *, leaving: Mapping[str, Any]) -> None:
        """Change the key, and leave a remnant under the old one for `REPEATABLE`.

        The remnant is all that a browser finds which never got the new key, because the answer was
        lost: enough to send the same request again, and nothing that the old key did not open.
        """
        self.cycle_key()
        self._remnant = leaving

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  (Django's signature)
        if self.session_key is None:
            self._session_key = _new_key()
            self._row_key = None
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # not in the stubs
        saved = self.serializer().dumps(data).decode("latin-1")
        if self._row_key == self.session_key and saved == self._saved:
            return  # by a rule, in its transaction: nothing has come since
        columns = self._columns(data)
        if self._row_key is None:
            self._insert(columns)
        elif not self._update(self._row_key, columns):
            # Ended meanwhile, in another tab or by its owner: it stays ended.
            raise UpdateError
        self.is_remnant = self.is_remnant and self._row_key == self.session_key
        self._row_key, self._remnant, self._saved = self.session_key, None, saved

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self._row_key
        if key:
            Session.objects.filter(pk=Session.name_of(key)).delete()
        if key == self._row_key:
            self._row_key = None

    @classmethod
    def clear_expired(cls) -> None:
        """Delete what has ended; of people, once nobody sends a form of it any more."""
        now = timezone.now()
        visitors = Q(account=None, expire_date__lte=now)
        Session.objects.filter(visitors | Q(expire_date__lte=now - KNOWN_AFTER)).delete()

    @property
    def minutes_left(self) -> int:
        """Give the whole minutes to its end: the pages of one minute are alike to the byte."""
        return (self.ends_at - timezone.now()) // dt.timedelta(minutes=1) if self.ends_at else 0

    @property
    def may_go_on(self) -> bool:
        """Whether the session ends later when it is used."""
        if self._created_at is None or self.ends_at is None:
            return False
        return self.ends_at < self._created_at + _longest(dict(self.items()))

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Put the session back as it was where the block fails, as its row is put back."""
        kept = {name: copy.deepcopy(value) for name, value in vars(self).items()}
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(kept)
            raise

    def save_now(self) -> None:
        """Save in the transaction at hand, or raise SessionInterrupted where the session ended."""
        try:
            self.save()
        except UpdateError:
            raise SessionInterrupted("The session ended while it was used.") from None

    def _update(self, key: str, columns: dict[str, Any]) -> bool:
        """Write the row of `key`; False where there is none any more."""
        name = Session.name_of(key)
        is_renewed = key != self.session_key
        if self._remnant is not None and is_renewed:
            columns |= {
                "former_key": name,
                "former_data": self.encode(dict(self._remnant)),
                "former_until": timezone.now() + REPEATABLE,
            }
        if Session.objects.filter(pk=name).update(**columns):
            return True
        former = Session.objects.filter(former_key=name, former_until__gt=timezone.now())
        if not is_renewed:
            # Only a remnant: what was a whole session before must not come back under the old key.
            return self.is_remnant and bool(former.update(former_data=columns["session_data"]))
        if not former.exists():
            return False
        # The same request came twice: each answer has a key of its own that works.
        self._insert(columns)
        return True

    def _insert(self, columns: dict[str, Any]) -> None:
        try:
            Session(**columns).save(force_insert=True)
        except IntegrityError:
            raise CreateError from None

    def _columns(self, data: dict[str, Any]) -> dict[str, Any]:
        now = timezone.now()
        if self._row_key is None or self._created_at is None:
            self._created_at = now
        return {
            "session_key": Session.name_of(self.session_key or ""),
            "session_data": self.encode(data),
            "account_id": data.get("_auth_user_id"),
            "created_at": self._created_at,
            "seen_at": now,
            "expire_date": _expires(data, now=now, since=self._created_at),
        }


def owner_after_the_end(key: str) -> int | None:
    """Say whose session of this key came to its end in time, not long ago; None where none did."""
    now = timezone.now()
    ended = Session.objects.filter(
        pk=Session.name_of(key), expire_date__lte=now, expire_date__gt=now - KNOWN_AFTER
    )
    return ended.values_list("account_id", flat=True).first()


def ended_of(account: int) -> list[dict[str, Any]]:
    """Give what the sessions of somebody knew that came to their end in time, not long ago."""
    now = timezone.now()
    ended = Session.objects.filter(
        account=account, expire_date__lte=now, expire_date__gt=now - KNOWN_AFTER
    )
    return [SessionStore().decode(data) for data in ended.values_list("session_data", flat=True)]


def of(session: SessionBase) -> SessionStore:
    """Give a request's session as what it is."""
    assert isinstance(session, SessionStore)
    return session


def _new_key() -> str:
    return secrets.token_hex(20)  # 160 bits: more than ASVS 7.2.3 wants


def _expires(data: dict[str, Any], *, now: dt.datetime, since: dt.datetime) -> dt.datetime:
    return min(now + _idle(data), since + _longest(data))


def _idle(data: dict[str, Any]) -> dt.timedelta:
    staff = data.get("staff")
    return dt.timedelta(
        seconds=settings.STAFF_SESSION_COOKIE_AGE if staff else settings.SESSION_COOKIE_AGE
    )


def _longest(data: dict[str, Any]) -> dt.timedelta:
    staff = data.get("staff")
    return dt.timedelta(
        seconds=settings.STAFF_SESSION_LONGEST if staff else settings.SESSION_LONGEST
    )
