"""What IT types to plan a campaign for phone numbers."""

import datetime as dt
import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.campaigns.forms import FURTHEST, PlanForm
from accounts.models.account import Account
from accounts.models.phone_campaign import MOST_MONTHS, MOST_POSTPONEMENTS, MOST_REMINDERS
from accounts.pages.forms import Day, Text, TickBoxes
from otp.sentences import duration, with_numbers

_DAY = "%d/%m/%Y"


class PlanPhonesForm(PlanForm):
    first_day = None  # type: ignore[assignment]  # how Django takes a field away
    kinds = forms.MultipleChoiceField(
        label=_("Loại hộp thư"),
        choices=Account.Kind.choices,
        initial=[Account.Kind.PERSON, Account.Kind.ORGANISATION],
        error_messages={"required": _("Hãy chọn ít nhất một loại hộp thư.")},
        widget=TickBoxes,
    )
    older_than = forms.IntegerField(
        label=_("Yêu cầu xác thực lại số đã xác thực quá bao nhiêu tháng"),
        help_text=_("Để trống: không yêu cầu xác thực lại số đã xác thực."),
        required=False,
        min_value=1,
        max_value=MOST_MONTHS,
        error_messages={
            "invalid": _("Hãy nhập số tháng bằng chữ số."),
            "min_value": _("Hãy nhập ít nhất %(limit_value)d tháng."),
            "max_value": _("Hãy nhập nhiều nhất %(limit_value)d tháng."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "size": 4}),
    )
    reminder_days = Text(
        label=_("Các ngày nhắc bằng thư"),
        help_text=with_numbers(
            _(
                "Ngày/tháng/năm, cách nhau bằng dấu phẩy, nhiều nhất %(most)s ngày. Ví dụ:"
                " 01/12/2026, 08/12/2026."
            ),
            most=lambda: MOST_REMINDERS,
        ),
        error_messages={"required": _("Hãy ghi ngày nhắc đầu tiên.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    asked_first_from = Day(
        label=_("Bắt buộc khi đăng nhập từ ngày"),
        help_text=_("Từ ngày này, đăng nhập xong phải cập nhật số trước, không “Để sau” được nữa."),
        error_messages={
            "required": _("Hãy ghi ngày bắt buộc."),
            "invalid": _("Hãy nhập ngày như ví dụ: 01/12/2026."),
        },
    )
    postponements = forms.IntegerField(
        label=_("Số lần được “Để sau”"),
        initial=3,
        min_value=0,
        max_value=MOST_POSTPONEMENTS,
        error_messages={
            "required": _("Hãy nhập số lần bằng chữ số."),
            "invalid": _("Hãy nhập số lần bằng chữ số."),
            "min_value": _("Số lần không nhỏ hơn %(limit_value)d."),
            "max_value": _("Hãy nhập nhiều nhất %(limit_value)d lần."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric", "size": 4}),
    )

    def clean_reminder_days(self) -> list[dt.date]:
        days = sorted(
            {_day(raw) for raw in re.split(r"[\s,;]+", self.cleaned_data["reminder_days"])}
        )
        today = timezone.localdate()
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(
                _("Chọn nhiều nhất %(most)s ngày nhắc."), params={"most": MOST_REMINDERS}
            )
        if days[0] < today:
            raise forms.ValidationError(_("Có ngày đã qua. Hãy chọn từ hôm nay trở đi."))
        if days[-1] > today + FURTHEST:
            raise forms.ValidationError(
                _("Có ngày quá xa. Hãy chọn trong vòng %(furthest)s."),
                params={"furthest": duration(FURTHEST)},
            )
        return days

    def clean(self) -> dict[str, Any]:
        super().clean()
        days, insists = (self.cleaned_data.get(it) for it in ("reminder_days", "asked_first_from"))
        if days and insists and not days[0] <= insists <= days[0] + FURTHEST:
            self.add_error(
                "asked_first_from",
                _("Hãy chọn ngày từ ngày nhắc đầu tiên trở đi, trong vòng %(furthest)s.")
                % {"furthest": duration(FURTHEST)},
            )
        return self.cleaned_data


def _day(raw: str) -> dt.date:
    try:
        return dt.datetime.strptime(raw, _DAY).date()  # noqa: DTZ007  (a day has no zone)
    except ValueError:
        raise forms.ValidationError(
            _("Không đọc được ngày “%(raw)s”. Hãy nhập như ví dụ: 01/12/2026."),
            params={"raw": raw[:20]},
        ) from None
