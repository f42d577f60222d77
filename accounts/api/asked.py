"""What programs send: queries and JSON, read by forms; what is wrong is a problem."""

import base64
import binascii
import json
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _

from accounts.api.answers import Refusal
from accounts.api.people import MOST_ON_A_PAGE, USUAL_ON_A_PAGE
from accounts.pages.staff_fields import Ticket, reason_field, ticket_field

_LARGEST_KEY = 2**63 - 1  # that the database takes


class AccountsQuery(forms.Form):
    """Which accounts are listed."""

    unit = forms.IntegerField(required=False, min_value=1, max_value=_LARGEST_KEY)
    changed_since = forms.CharField(required=False)
    cursor = forms.CharField(required=False)
    limit = forms.IntegerField(required=False, min_value=1, max_value=MOST_ON_A_PAGE)

    def clean_changed_since(self) -> Any:
        written = self.cleaned_data["changed_since"]
        if not written:
            return None
        try:
            read = parse_datetime(written)
        except ValueError:
            read = None
        if read is None or not is_aware(read):
            raise forms.ValidationError(
                _("Hãy ghi ngày, giờ và múi giờ theo ISO; trong địa chỉ, dấu + phải được mã hóa.")
            )
        return read

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


def query(request: HttpRequest) -> dict[str, Any]:
    """Read a list's query. Raises Refusal, also for a filter that there is not."""
    return _cleaned(AccountsQuery, request.GET.dict())


def body(request: HttpRequest) -> dict[str, Any]:
    """Read the JSON of a call that changes something. Raises Refusal."""
    try:
        sent = json.loads(request.body)
        json.dumps(sent, ensure_ascii=False).encode()  # half a letter is none
    except (ValueError, RecursionError):
        raise Refusal(400) from None
    if not isinstance(sent, dict):
        raise Refusal(400)
    wrong = {name: [_("Hãy ghi một chuỗi.")] for name in sent if not isinstance(sent[name], str)}
    if wrong:
        raise Refusal(422, errors=wrong)
    return _cleaned(LockBody, sent)


def _cleaned(kind: type[forms.Form], sent: dict[str, Any]) -> dict[str, Any]:
    form = kind(sent)
    unknown = {name: [_("Không có tên này.")] for name in sent if name not in form.fields}
    if unknown or not form.is_valid():
        raise Refusal(422, errors=unknown or dict(form.errors))
    return form.cleaned_data
