"""What was typed into a page whose session had ended, as the page's forms are filled with it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from accounts import caller

_TOLD = _(
    "Nội dung bạn đã nhập trước khi phiên kết thúc đã được điền lại dưới đây, nhưng chưa gửi. Hãy"
    " xem lại, chọn lại tệp và nhập lại mật khẩu nếu trang yêu cầu, rồi gửi."
)


class Draft:
    """What was typed before, for the request at hand; `was_shown` once a form has it."""

    def __init__(self, typed: QueryDict) -> None:
        self.typed = typed
        self.was_shown = False


def of(request: HttpRequest | None) -> Draft | None:
    """Give what the page at hand is to be filled with."""
    return getattr(request, "draft", None)


def fill(form: forms.BaseForm) -> Mapping[str, str]:
    """Fill a form that nobody has sent with what was typed before; give that, empty where nothing.

    Hidden fields say what the page says now.
    """
    request = caller.current().request
    draft = of(request)
    if request is None or draft is None or form.is_bound:
        return {}
    shown = {name: field for name, field in form.fields.items() if _is_typed(field)}
    if not any(form.add_prefix(name) in draft.typed for name in shown):
        return {}
    typed = {
        name: _typed(field, draft.typed, form.add_prefix(name)) for name, field in shown.items()
    }
    form.initial = {**(form.initial or {}), **typed}
    if not draft.was_shown:
        messages.warning(request, _TOLD)
    draft.was_shown = True
    return draft.typed


def _is_typed(field: forms.Field) -> bool:
    return not (field.widget.is_hidden or isinstance(field.widget, forms.FileInput))


def _typed(field: forms.Field, typed: QueryDict, name: str) -> Any:
    return field.widget.value_from_datadict(typed, {}, name)
