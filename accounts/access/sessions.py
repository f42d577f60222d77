"""Sessions in PostgreSQL: ended when idle, when old, or when their owner says so.

The table holds no key that would open a session: rows go by a one-way name of the cookie's key.
Each access and each change is one statement.
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import (
    VALID_KEY_CHARS,
    CreateError,
    SessionBase,
    UpdateError,
)
from django.db import IntegrityError
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Session

TOUCH = dt.timedelta(minutes=1)  # how far `seen_at` may lag behind, to spare writes


class SessionStore(SessionBase):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._row_key = session_key  # the key under which the row stands in the table
        self._created_at: dt.datetime | None = None

    def load(self) -> dict[str, Any]:
        now = timezone.now()
        row = Session.objects.filter(
            pk=Session.name_of(self.session_key or ""), expire_date__gt=now
        ).first()
        if row is None:
            self._session_key = self._row_key = None
            return {}
        self._created_at = row.created_at
        data = self.decode(row.session_data)
        if now - row.seen_at > TOUCH:
            # Only the times: what another tab has stored meanwhile must stay.
            Session.objects.filter(pk=row.pk).update(
                seen_at=now, expire_date=_expires(data, now=now, since=row.created_at)
            )
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

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  (Django's signature)
        if self.session_key is None:
            self._session_key = _new_key()
            self._row_key = None
        columns = self._columns(no_load=must_create)
        if self._row_key is None:
            self._insert(columns)
        elif not Session.objects.filter(pk=Session.name_of(self._row_key)).update(**columns):
            # Ended meanwhile, in another tab or by its owner: it stays ended.
            raise UpdateError
        self._row_key = self.session_key

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self._row_key
        if key:
            Session.objects.filter(pk=Session.name_of(key)).delete()
        if key == self._row_key:
            self._row_key = None

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(expire_date__lte=timezone.now()).delete()

    def _insert(self, columns: dict[str, Any]) -> None:
        try:
            Session(**columns).save(force_insert=True)
        except IntegrityError:
            raise CreateError from None

    def _columns(self, *, no_load: bool) -> dict[str, Any]:
        data = self._get_session(no_load=no_load)  # type: ignore[attr-defined]  # missing in the stubs
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


def _new_key() -> str:
    return get_random_string(32, VALID_KEY_CHARS)


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
