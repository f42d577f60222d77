"""What programs send: queries and JSON, read by forms; what is wrong is a problem."""

import base64
import binascii
import datetime as dt
import json
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _

from accounts.api.answers import Refusal
from accounts.api.loading import COLUMNS, MOST_ROWS
from accounts.api.people import MOST_ON_A_PAGE, USUAL_ON_A_PAGE
from accounts.pages.staff_fields import Ticket, reason_field, ticket_field
from accounts.spreadsheets.sheet import LONGEST_CELL
from otp.models import Message

_NO_NAME, _NO_TEXT = [_("Không có tên này.")], [_("Hãy ghi một chuỗi.")]
_LARGEST_KEY = 2**63 - 1  # that the database takes


class MomentField(forms.CharField):
    """A moment with its zone, as ISO 8601 writes it; None: not said."""

    def clean(self, value: Any) -> Any:
        written = super().clean(value)
        if not written:
            return None
        try:
            read = parse_datetime(written)
            # PostgreSQL knows no zone as far away as Python does.
            moment = read.astimezone(dt.UTC) if read is not None and is_aware(read) else None
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            raise forms.ValidationError(
                _("Hãy ghi ngày, giờ và múi giờ theo ISO; trong địa chỉ, dấu + phải được mã hóa.")
            )
        return moment


class NoQuery(forms.Form):
    """Nothing is asked for."""


class PageQuery(forms.Form):
    """From where a list goes on, and how many are given."""

    cursor = forms.CharField(required=False)
    limit = forms.IntegerField(required=False, min_value=1, max_value=MOST_ON_A_PAGE)

    def clean_cursor(self) -> int:
        written = self.cleaned_data["cursor"]
        try:
            key = int(base64.b64decode(written, b"-_", validate=True) or 0)
        except (binascii.Error, ValueError):
            key = -1
        if not 0 <= key <= _LARGEST_KEY:
            raise forms.ValidationError(_("Hãy dùng nguyên giá trị next của trang trước."))
        return key

    def clean_limit(self) -> int:
        return self.cleaned_data["limit"] or USUAL_ON_A_PAGE


class AccountsQuery(PageQuery):
    """Which accounts are listed."""

    unit = forms.IntegerField(required=False, min_value=1, max_value=_LARGEST_KEY)
    changed_since = MomentField(required=False)


class MessagesQuery(PageQuery):
    """Which messages are listed."""

    since = MomentField(required=False)
    channel = forms.ChoiceField(required=False, choices=Message.Channel.choices)
    state = forms.ChoiceField(required=False, choices=Message.State.choices)


class DayQuery(forms.Form):
    """Of which of the office's days; today, where none is said."""

    day = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("Hãy ghi ngày theo ISO: năm-tháng-ngày.")},
    )

    def clean_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["day"] or timezone.localdate()
        if day == dt.date.max:  # there is no day after it
            raise forms.ValidationError(self.fields["day"].error_messages["invalid"])
        return day


class LockBody(forms.Form):
    """Why an account is locked or unlocked."""

    reason = reason_field("")
    ticket: Ticket = ticket_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ticket"].required = False


def cursor_of(key: int | None) -> str | None:
    """Write the key from which to go on; programs give it back as it is."""
    return None if key is None else base64.urlsafe_b64encode(str(key).encode()).decode()


def query(request: HttpRequest, kind: type[forms.Form]) -> dict[str, Any]:
    """Read a list's query. Raises Refusal, also for a filter that there is not."""
    return _cleaned(kind, request.GET.dict())


def lock_body(request: HttpRequest) -> dict[str, Any]:
    """Read why an account is locked or unlocked. Raises Refusal."""
    sent = _object(request)
    texts = {name for name in LockBody.base_fields if name in sent}
    _refuse({name: _NO_TEXT for name in texts if not isinstance(sent[name], str)})
    return _cleaned(LockBody, sent)


def load_body(request: HttpRequest) -> tuple[list[dict[str, str]], bool]:
    """Read the rows that are loaded, and whether they are only tried out. Raises Refusal."""
    sent = _object(request)
    rows, dry_run = sent.get("rows"), sent.get("dry_run", False)
    wrong: dict[str, Any] = {name: _NO_NAME for name in sent if name not in ("rows", "dry_run")}
    if not isinstance(dry_run, bool):
        wrong["dry_run"] = [_("Hãy ghi true hoặc false.")]
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        many = {"most": MOST_ROWS}
        wrong["rows"] = [_("Hãy ghi một danh sách có dòng, nhiều nhất %(most)s dòng.") % many]
    else:
        faults = ((f"rows[{number}]", _fault_of(row)) for number, row in enumerate(rows, 1))
        wrong |= {name: [fault] for name, fault in faults if fault}
    _refuse(wrong)
    return list(rows or ()), dry_run


def _fault_of(row: object) -> Any:
    """Say what is wrong with the shape of a row; nothing: it is for the loader to read."""
    if not isinstance(row, dict):
        return _("Mỗi dòng là một đối tượng JSON.")
    if unknown := next((name for name in row if name not in COLUMNS), None):
        return _("Không có cột “%(name)s”.") % {"name": unknown[:50]}
    if not all(isinstance(each, str) and len(each) <= LONGEST_CELL for each in row.values()):
        return _("Mỗi ô là một chuỗi, dài nhất %(most)s ký tự.") % {"most": LONGEST_CELL}
    if not row.get("address", "").strip():
        return _("Mỗi dòng phải có address.")
    return ""


def _object(request: HttpRequest) -> dict[str, Any]:
    """Read the JSON of a call that changes something. Raises Refusal."""
    try:
        sent = json.loads(request.body)
        json.dumps(sent, ensure_ascii=False).encode()  # half a letter is none
    except (ValueError, RecursionError):
        raise Refusal(400) from None
    if not isinstance(sent, dict):
        raise Refusal(400)
    return sent


def _refuse(wrong: dict[str, Any]) -> None:
    if wrong:
        raise Refusal(422, errors=wrong)


def _cleaned(kind: type[forms.Form], sent: dict[str, Any]) -> dict[str, Any]:
    form = kind(sent)
    unknown = {name: _NO_NAME for name in sent if name not in form.fields}
    if unknown or not form.is_valid():
        raise Refusal(422, errors=unknown or dict(form.errors))
    return form.cleaned_data
