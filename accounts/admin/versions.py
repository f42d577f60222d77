"""Forms of the administration that know what they were drawn from: an old page undoes nothing.

What somebody else has changed meanwhile stays as it is. Where the same field was edited here too,
the form says both and keeps what was typed; sent once more, it is taken (GO-08).
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.pages import drafts
from accounts.pages.versions import SeenForm, read_version
from otp.sentences import as_stored

DRAWN_FROM = "drawn_from"  # a hidden field, in templates/admin/change_form.html

_CHANGED = gettext_lazy(
    "Người khác đã sửa %(label)s: bây giờ là “%(now)s”, bạn nhập “%(typed)s”."
    " Nếu vẫn muốn ghi giá trị bạn nhập, hãy bấm “Lưu lại” lần nữa."
)
_NOT_SAID = gettext_lazy(
    "Trang bạn mở có thể đã cũ: %(label)s bây giờ là “%(now)s”, bạn nhập “%(typed)s”."
    " Nếu vẫn muốn ghi giá trị bạn nhập, hãy bấm “Lưu lại” lần nữa."
)


class VersionedForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A form that is laid over what the row holds by now, not over what its page showed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clashes: dict[str, tuple[str, str]] = {}
        self._seen: Mapping[str, str] = {}
        typed_before = drafts.fill(self)
        self._drawn_before = typed_before.get(DRAWN_FROM, "")
        if self.is_bound and self.instance.pk:
            self._lay_over_what_is_there()

    @property
    def version(self) -> str:
        """Give the values that the form is drawn from, as JSON; "" for a new row."""
        if not self.instance.pk:
            return ""
        if self._drawn_before:
            return self._drawn_before
        return json.dumps({name: self._stored(name) for name in self.fields})

    def in_words(self) -> dict[str, str]:
        """Give what the row holds, under the names that people read."""
        return {
            str(field.label).lower(): self._in_words(name, self._stored(name))
            for name, field in self.fields.items()
        }

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name, (now, typed) in self._clashes.items():
            self.add_error(
                name,
                ValidationError(
                    _CHANGED if name in self._seen else _NOT_SAID,
                    code="changed_meanwhile",
                    params={
                        "label": str(self.fields[name].label).lower(),
                        "now": self._in_words(name, now),
                        "typed": self._in_words(name, typed),
                    },
                ),
            )
        return cleaned

    def _lay_over_what_is_there(self) -> None:
        data = QueryDict(mutable=True)
        data.update(self.data)
        # Who sends the form without having opened its page is taken at their word.
        if DRAWN_FROM not in self.data:
            return
        self._seen = read_version(self.data[DRAWN_FROM])
        for name in self.fields:
            seen, now, typed = self._seen.get(name), self._stored(name), self._typed(name)
            if now in (seen, typed):
                continue
            if typed == seen:
                # Not edited here: what the other one made of it stays.
                _put(data, self.add_prefix(name), self.fields[name], now)
            else:
                self._clashes[name] = (now, typed)
        self.data = data

    def _stored(self, name: str) -> str:
        """Write the row's value as a browser sends it back."""
        field = self.fields[name]
        value = field.prepare_value(self.get_initial_for_field(field, name))
        if isinstance(field.widget, forms.CheckboxInput):
            return str(bool(value))
        return _text(field.widget.format_value(value))

    def _typed(self, name: str) -> str:
        widget = self.fields[name].widget
        return _text(widget.value_from_datadict(self.data, self.files, self.add_prefix(name)))

    def _in_words(self, name: str, text: str) -> str:
        field = self.fields[name]
        if isinstance(field.widget, forms.CheckboxInput):
            return _("có") if text == "True" else _("không")
        if isinstance(field, forms.ChoiceField):
            labels = {str(value): str(label) for value, label in _pairs(field)}
            text = labels.get(text, text)
        return text or _("để trống")


class VersionedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A page that changes what several people may be changing at the same time."""

    form: type[VersionedForm] = VersionedForm

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if (
            object_id
            and request.method == "POST"
            and self.has_add_permission(request)
            and self.get_object(request, unquote(object_id)) is None
        ):
            return self._offer_as_new(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    @transaction.atomic
    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete what the confirmation showed; what is not the same by now is shown again."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_delete_permission(request, row):
            return super().delete_view(request, object_id, extra_context)
        sent = request.POST if request.method == "POST" else None
        seen = SeenForm(sent, stands=self._stands(request, row))
        shown = request if sent is None or seen.is_valid() else _as_drawn(request, QueryDict())
        return super().delete_view(shown, object_id, {"seen": seen, **(extra_context or {})})

    # Django's own trail names the row, whose name may be made of sentences.
    log_addition = as_stored()(admin.ModelAdmin.log_addition)
    log_change = as_stored()(admin.ModelAdmin.log_change)
    log_deletions = as_stored()(admin.ModelAdmin.log_deletions)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no deletion of many: each is shown, and goes on record, by itself."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def _stands(self, request: HttpRequest, row: Any) -> dict[str, str]:
        """Give what a confirmation of a deletion shows: the row, and what would go with it."""
        _nested, counts, _lacking, _protected = self.get_deleted_objects([row], request)
        with_it = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        form = self.get_form(request, row, change=True)(instance=row)
        assert isinstance(form, VersionedForm)
        return {**form.in_words(), _("những gì bị xóa"): with_it}

    def _offer_as_new(self, request: HttpRequest) -> HttpResponse:
        """Keep what was typed for a row that is there no more, as a new one that may be saved."""
        messages.error(
            request,
            _(
                "Mục bạn đang sửa không còn: người khác đã xóa hoặc chuyển đi. Những gì bạn nhập"
                " vẫn ở dưới đây; bấm “Lưu lại” nếu muốn ghi thành một mục mới."
            ),
        )
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add")
        return super().changeform_view(_as_drawn(request, request.POST), None, page)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fill a new row's form with what was typed for one that was deleted meanwhile."""
        if not request.POST:
            return super().get_changeform_initial_data(request)
        fields = self.get_form(request, None)().fields
        return {
            name: field.widget.value_from_datadict(request.POST, request.FILES, name)
            for name, field in fields.items()
        }

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Find the row; where it is about to be changed, hold it until it is."""
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST":
            return row
        if not transaction.get_connection().in_atomic_block:
            return row
        held = self.get_queryset(request).select_for_update(of=("self",))
        return held.filter(pk=row.pk).first()


def _as_drawn(request: HttpRequest, typed: QueryDict) -> HttpRequest:
    """Give the request as one that draws the page, with what was typed.

    That was read before: a request of another method has no form.
    """
    drawn = copy.copy(request)
    drawn.POST, drawn.method = typed, "GET"  # type: ignore[assignment]  # may be one of ours
    return drawn


def _pairs(field: forms.ChoiceField) -> Iterator[tuple[Any, Any]]:
    yield from field.choices  # type: ignore[misc]  # read, it is always iterable


def _text(value: object) -> str:
    if isinstance(value, list):  # of a choice
        value = value[0] if value else ""
    return "" if value is None else str(value).replace("\r\n", "\n")


def _put(data: Any, key: str, field: forms.Field, text: str) -> None:
    if isinstance(field.widget, forms.CheckboxInput) and text == "False":
        data.pop(key, None)
    else:
        data[key] = text
