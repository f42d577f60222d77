"""What IT types to admit a program."""

import datetime as dt
from ipaddress import ip_network
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.api.tokens import LONGEST
from accounts.models import ProgramToken
from accounts.organisation.units import Tree
from accounts.organisation.within import Within
from accounts.pages.forms import Day, PortalForm, Text, TickBoxes
from accounts.pages.staff_fields import name_field
from otp.sentences import duration, with_numbers

MOST_NETWORKS = 10
_OFF = {"autocomplete": "off", "spellcheck": "false"}


class ProgramForm(PortalForm):
    name = name_field(
        _("Tên chương trình"),
        required=_("Hãy đặt tên cho chương trình."),
        most=64,
        help_text=_("Ví dụ: Phần mềm quản lý cán bộ. Tên được ghi vào nhật ký, không dùng lại."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Được làm gì"),
        choices=ProgramToken.Scope.choices,
        error_messages={"required": _("Hãy chọn ít nhất một việc.")},
        widget=TickBoxes,
    )
    unit = Within(help_text=_("Gồm cả các đơn vị cấp dưới."))
    networks = Text(
        label=_("Gọi từ địa chỉ hoặc mạng nào"),
        help_text=with_numbers(
            _("Cách nhau bằng dấu phẩy, nhiều nhất %(most)s. Ví dụ: 10.1.2.3, 10.1.4.0/24."),
            most=lambda: MOST_NETWORKS,
        ),
        error_messages={"required": _("Hãy ghi địa chỉ IP của máy chủ chạy chương trình.")},
        widget=forms.TextInput(attrs=_OFF),
    )
    last_day = Day(
        label=_("Dùng được đến hết ngày"),
        help_text=with_numbers(
            _("Ngày/tháng/năm, trong vòng %(longest)s. Trước ngày đó hãy cấp khóa mới."),
            longest=lambda: duration(LONGEST),
        ),
        error_messages={"required": _("Hãy ghi ngày cuối.")},
    )

    def __init__(self, *args: Any, tree: Tree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Within.offers(self, tree)

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if cleaned.get("unit") and ProgramToken.Scope.MESSAGES in cleaned.get("scopes", ()):
            self.add_error("unit", _("Tin đã gửi không thuộc đơn vị nào: hãy chọn Toàn tỉnh."))
        return cleaned

    def clean_networks(self) -> list[str]:
        typed = self.cleaned_data["networks"].replace(",", " ").replace(";", " ").split()
        if len(typed) > MOST_NETWORKS:
            raise forms.ValidationError(
                _("Ghi nhiều nhất %(most)s mạng."), params={"most": MOST_NETWORKS}
            )
        return [_network(each) for each in typed]

    def clean_last_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["last_day"]
        today = timezone.localdate()
        if not today <= day <= today + LONGEST:
            raise forms.ValidationError(
                _("Hãy chọn từ hôm nay trở đi, trong vòng %(longest)s."),
                params={"longest": duration(LONGEST)},
            )
        return day


def _network(typed: str) -> str:
    try:
        network = ip_network(typed)
    except ValueError:
        network = None
    if network is None or network.prefixlen == 0:
        raise forms.ValidationError(
            _("“%(typed)s” không phải địa chỉ hay mạng. Hãy ghi như ví dụ: 10.1.4.0/24."),
            params={"typed": typed[:50]},
        )
    return str(network)
