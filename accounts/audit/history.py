"""What happened to an account, newest first, as its owner and the hotline read it.

What strangers can do as often as they like is folded: all tries of a kind between two things that
the person or staff did are one line, so no number of them pushes anything out of sight (GO-07).
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.paginator import Page
from django.db import models
from django.db.models import Aggregate, Count, F, Func, Max, Min, QuerySet, Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Account, AuditEvent
from accounts.pages.lists import Onward
from otp.models import Code, Purpose

Event = AuditEvent.Event

PAGE = 30  # things that were done, on one page; tries of others come on top
CHANGES = 10  # the last, on the first page, whatever came after them

_SHOW = "loc"
_PAGE = "trang"

# Visits: whoever has the password can make as many as he likes.
_VISITS = (Event.LOGGED_IN, Event.LOGGED_OUT, Event.FACTOR_RIGHT, Event.CODE_RIGHT)

_FOLDED: dict[str, object] = {
    Event.LOGIN_FAILED: gettext_lazy("%(count)s lần nhập sai mật khẩu"),
    Event.LOGIN_HELD: gettext_lazy("%(count)s lần tạm dừng đăng nhập vì thử sai nhiều lần"),
    Event.CODE_WRONG: gettext_lazy("%(count)s lần nhập sai mã xác thực"),
    Event.CODE_SPENT: gettext_lazy("%(count)s lần nhập mã xác thực đã hết hiệu lực"),
    Event.SLIP_WRONG: gettext_lazy("%(count)s lần nhập sai mã kích hoạt"),
    Event.FACTOR_WRONG: gettext_lazy("%(count)s lần xác thực hai lớp không đúng"),
}

# Whose words say that something failed.
_SAY_SO = {*_FOLDED, Event.CALLER_WRONG, Event.WEBMAIL_REUSED}


class Show(models.TextChoices):
    """Which part of the history is shown."""

    ALL = "", gettext_lazy("Tất cả")
    DONE = "da-lam", gettext_lazy("Đăng nhập và thay đổi")
    FAILED = "khong-thanh-cong", gettext_lazy("Không thành công")


@dataclass(frozen=True)
class Entry:
    """One line: something that happened, or tries of one kind."""

    at: dt.datetime  # of the last
    since: dt.datetime  # of the first
    what: str
    ok: bool = True
    count: int = 1
    event: str = ""
    client: str | None = None
    clients: int = 1
    actor: Account | None = None
    actor_is_gone: bool = False  # whose account was removed since
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        if self.count == 1:
            return self.what
        return f"{self.what}, {self._span}"

    @property
    def failed_unsaid(self) -> bool:
        """Whether it failed, and its sentence does not say so."""
        return not self.ok and self.event not in _SAY_SO

    @property
    def when(self) -> str:
        """Say the time where the sentence does not."""
        if self.count == 1:
            return _write(self.at, "DATETIME_FORMAT")
        return _write(self.at, "DATE_FORMAT") if self._is_of_one_day else ""

    @property
    def _span(self) -> str:
        first, last = (_write(at, "TIME_FORMAT") for at in (self.since, self.at))
        if not self._is_of_one_day:
            first, last = (_write(at, "DATETIME_FORMAT") for at in (self.since, self.at))
            return f"{first} – {last}"
        return first if first == last else f"{first}–{last}"

    @property
    def _is_of_one_day(self) -> bool:
        return timezone.localdate(self.since) == timezone.localdate(self.at)


@dataclass(frozen=True)
class History:
    """A page of what happened."""

    entries: list[Entry]
    page: "Page[AuditEvent]"
    show: Show

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Give the parts that can be shown: the query, the words, whether it is this one."""
        return [
            (f"{_SHOW}={show.value}" if show.value else "", str(show.label), show is self.show)
            for show in Show
        ]

    @property
    def older(self) -> str:
        return self._query(self.page.next_page_number()) if self.page.has_next() else ""

    @property
    def newer(self) -> str:
        return self._query(self.page.previous_page_number()) if self.page.has_previous() else ""

    def _query(self, number: int) -> str:
        return f"{_SHOW}={self.show.value}&{_PAGE}={number}"


def read(
    audited: "QuerySet[AuditEvent]",
    query: Mapping[str, str],
    *,
    asked: "QuerySet[Code] | None" = None,
) -> History:
    """Read the page that a page's query asks for; `asked` are codes, whoever asked for them."""
    # A call to the hotline is no news to whoever made it; that a whole number was read, is.
    audited = audited.exclude(event=Event.VIEWED).select_related("actor")
    show = Show(query[_SHOW]) if query.get(_SHOW) in Show.values else Show.ALL
    rows = audited.filter(ok=show is not Show.FAILED).order_by("-at", "-pk")
    page = Onward(rows, PAGE).get_page(query.get(_PAGE))
    shown = list(page.object_list)
    entries = [_entry(row) for row in shown]
    if show is not Show.FAILED and page.number == 1:
        entries += _older_changes(rows, shown)
    if show is Show.ALL:
        entries += _folded(page, shown, audited.filter(ok=False), asked)
    return History(sorted(entries, key=lambda entry: entry.at, reverse=True), page, show)


def _entry(row: AuditEvent) -> Entry:
    return Entry(
        at=row.at,
        since=row.at,
        what=row.get_event_display(),
        ok=row.ok,
        event=row.event,
        client=row.client,
        actor=row.actor,
        actor_is_gone=row.actor_id is not None and row.actor is None,
        detail=row.detail,
    )


def _older_changes(rows: "QuerySet[AuditEvent]", shown: list[AuditEvent]) -> Iterator[Entry]:
    for row in rows.exclude(event__in=_VISITS)[:CHANGES]:
        if row not in shown:
            yield _entry(row)


def _folded(
    page: "Page[AuditEvent]",
    shown: list[AuditEvent],
    failures: "QuerySet[AuditEvent]",
    asked: "QuerySet[Code] | None",
) -> Iterator[Entry]:
    """Fold what others tried between any two things on this page."""
    until = None
    if page.number > 1:
        until = page.paginator.object_list[page.start_index() - 2].at
    since = shown[-1].at if page.has_next() else None
    times = sorted(row.at for row in shown)
    # Django orders by nothing else than what is grouped by.
    callers = {"caller": Max("client"), "clients": Count("client", distinct=True)}
    failures = failures.order_by()
    for each in _counted(failures, "at", "event", since, until, times, **callers):
        each["what"] = _words(each["event"], each["count"])
        yield _entry_of_many(each, ok=False)
    if asked is not None:
        for each in _counted(asked.order_by(), "issued_at", "purpose", since, until, times):
            each["what"] = _words_of_asking(each.pop("purpose"), each["count"])
            yield _entry_of_many(each, ok=True)


def _counted(
    rows: "QuerySet[Any]",
    time: str,
    kind: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    times: list[dt.datetime],
    **more: Aggregate,
) -> list[dict[str, Any]]:
    """Count the rows of each kind in each gap between two times."""
    if since:
        rows = rows.filter(**{f"{time}__gte": since})
    if until:
        rows = rows.filter(**{f"{time}__lt": until})
    edges = Value(times, output_field=ArrayField(models.DateTimeField()))
    gap = Func(F(time), edges, function="width_bucket", output_field=models.IntegerField())
    grouped = rows.annotate(gap=gap if times else Value(0)).values("gap", kind)
    return list(grouped.annotate(count=Count("pk"), first=Min(time), last=Max(time), **more))


def _entry_of_many(each: dict[str, Any], *, ok: bool) -> Entry:
    return Entry(
        at=each["last"],
        since=each["first"],
        what=each["what"],
        ok=ok,
        count=each["count"],
        event=each.get("event", ""),
        client=each.get("caller"),
        clients=each.get("clients", 1),
    )


def _words(event: str, count: int) -> str:
    what = AuditEvent.name_of(event)
    if count == 1:
        return what
    words = _FOLDED.get(event) or _("%(count)s lần: %(what)s")
    return str(words) % {"count": count, "what": what}


def _words_of_asking(purpose: str, count: int) -> str:
    label = Purpose(purpose).label
    if count == 1:
        return _("Yêu cầu gửi mã: %(purpose)s") % {"purpose": label}
    return _("%(count)s lần yêu cầu gửi mã: %(purpose)s") % {"count": count, "purpose": label}


def _write(at: dt.datetime, how: str) -> str:
    return date_format(timezone.localtime(at), how)
