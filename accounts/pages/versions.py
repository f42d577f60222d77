"""Forms that say how things stood when their page was drawn: an old page undoes nothing (GO-08)."""

import datetime as dt
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import CharField, Count, QuerySet, Value
from django.db.models.functions import MD5, Cast, Left
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import FixedInput, PortalForm

_CHANGED = _(
    "Từ khi bạn mở trang này, %(label)s đã đổi: lúc đó là “%(then)s”, bây giờ là “%(now)s”. Nếu vẫn"
    " muốn làm, hãy gửi lại."
)
_NOT_SAID = _(
    "Trang bạn mở có thể đã cũ: bây giờ %(label)s là “%(now)s”. Nếu vẫn muốn làm, hãy gửi lại."
)


class SeenForm(PortalForm):
    """A form that is refused once where its page shows what is no longer so.

    `stands` gives in words how what the form is about stands now. What has changed since is told
    one by one, and everything typed stays: sent once more, the form is taken. Who sends the form
    without having opened its page says nothing of that, and is taken at their word.
    """

    drawn_from = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, stands: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stands = dict(stands)
        packed = b64encode(json.dumps(self._stands).encode()).decode()
        # What was typed before the session ended was typed on what that page showed.
        self.fields["drawn_from"].widget = FixedInput(self.typed_before.get("drawn_from", packed))

    def clean(self) -> dict[str, Any]:
        super().clean()
        seen = self.cleaned_data.pop("drawn_from", "")
        changed = list(self._changed(_unpack(seen)))
        if changed and self.add_prefix("drawn_from") in self.data:
            self.add_error(None, changed)
        return self.cleaned_data

    def _changed(self, seen: Mapping[str, str]) -> Iterator[str]:
        for label, now in self._stands.items():
            then = seen.get(label)
            if then != now:
                sentence = _NOT_SAID if then is None else _CHANGED
                yield sentence % {"label": label, "then": then, "now": now}


def _unpack(packed: str) -> dict[str, str]:
    try:
        return read_version(b64decode(packed).decode())
    except ValueError:
        return {}


def list_in_words(people: "QuerySet[Any]") -> str:
    """Say how many are in a list, and which list it is: who comes and who goes makes another."""
    keys = StringAgg(Cast("pk", CharField()), Value(","), order_by="pk")
    found = people.order_by().aggregate(count=Count("pk"), mark=Left(MD5(keys), 6))
    count = number_format(found["count"], force_grouping=True)
    if not found["mark"]:
        return gettext("không có ai")
    return gettext("%(count)s người (danh sách %(mark)s)") % {"count": count, "mark": found["mark"]}


def since(sentence: str, at: dt.datetime | None) -> str:
    """Write since when something is so, to the second; "" where it is not."""
    if at is None:
        return ""
    return sentence % {"at": date_format(timezone.localtime(at), "H:i:s d/m/Y")}


def read_version(raw: str) -> dict[str, str]:
    """Read what a page says it was drawn from; nothing where it says nothing that can be read."""
    try:
        seen = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(seen, dict):
        return {}
    return {name: str(value) for name, value in seen.items()}
