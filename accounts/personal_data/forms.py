"""What people type on the pages about their data, and what IT types to answer."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import DataRequest
from accounts.models.data_request import LONGEST_REQUEST
from accounts.pages.forms import PortalForm, password_field
from accounts.pages.staff_fields import KeptWords
from accounts.personal_data.rules import days_for

_NONE = ("", _("Hãy chọn"))


class PasswordForm(PortalForm):
    focus_on_arrival = "password"

    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại."),
    )


def _words(label: Any, *, help_text: Any, empty: Any) -> KeptWords:
    return KeptWords(
        label=label,
        help_text=help_text,
        max_length=LONGEST_REQUEST,
        error_messages={
            "required": empty,
            "max_length": _("Nội dung dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
        },
        widget=forms.Textarea(attrs={"rows": 5}),
    )


class DataRequestForm(PortalForm):
    kind = forms.ChoiceField(
        label=_("Bạn yêu cầu điều gì"),
        error_messages={
            "required": _("Hãy chọn điều bạn yêu cầu."),
            "invalid_choice": _("Hãy chọn một trong các điều dưới đây."),
        },
    )
    text = _words(
        _("Nội dung"),
        help_text=_("Dữ liệu nào, vì sao. Đừng ghi mật khẩu, mã hoặc số điện thoại."),
        empty=_("Hãy ghi nội dung yêu cầu."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [_NONE, *map(_with_days, DataRequest.Kind)]


def _with_days(kind: DataRequest.Kind) -> tuple[str, str]:
    words = {"label": kind.label, "days": days_for(kind)}
    return kind.value, gettext("%(label)s: trả lời trong %(days)s ngày") % words


class AnswerForm(PortalForm):
    outcome = forms.ChoiceField(
        label=_("Kết quả"),
        choices=[
            _NONE,
            (DataRequest.State.DONE, _("Đã thực hiện")),
            (DataRequest.State.REFUSED, _("Không thực hiện")),
        ],
        error_messages={
            "required": _("Hãy chọn kết quả."),
            "invalid_choice": _("Hãy chọn một trong hai kết quả."),
        },
    )
    text = _words(
        _("Trả lời"),
        help_text=_(
            "Đã làm gì; nếu không thực hiện thì vì sao, theo quy định nào. Người gửi đọc được nội"
            " dung này trên trang và trong thư."
        ),
        empty=_("Hãy ghi nội dung trả lời."),
    )
