"""What IT types to make a webhook."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Hook
from accounts.organisation.units import Tree
from accounts.organisation.within import Within
from accounts.pages.forms import PortalForm, Text, TickBoxes
from accounts.pages.staff_fields import KeptWords

LONGEST_URL = 300  # characters
_OFF = {"autocomplete": "off", "spellcheck": "false"}
_NO_ADDRESS = _(
    "Hãy ghi đủ địa chỉ, bắt đầu bằng https://. Ví dụ: https://qlcb.example.gov.vn/nhan."
)


class HookForm(PortalForm):
    name = KeptWords(
        label=_("Tên webhook"),
        help_text=_("Ví dụ: Phần mềm quản lý cán bộ. Tên được ghi vào nhật ký, không dùng lại."),
        max_length=64,
        error_messages={
            "required": _("Hãy đặt tên cho webhook."),
            "max_length": _("Tên dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = Text(
        label=_("Địa chỉ nơi nhận"),
        help_text=_(
            "Bắt đầu bằng https://. Máy nhận ở mạng riêng thì người vận hành khai mạng đó trước."
        ),
        max_length=LONGEST_URL,
        error_messages={
            "required": _NO_ADDRESS,
            "max_length": _("Địa chỉ dài quá %(limit_value)d ký tự."),
        },
        widget=forms.TextInput(attrs={**_OFF, "inputmode": "url"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Báo khi nào"),
        choices=Hook.Event.choices,
        error_messages={"required": _("Hãy chọn ít nhất một việc.")},
        widget=TickBoxes,
    )
    unit = Within(
        help_text=_("Gồm cả các đơn vị cấp dưới. Việc của chiến dịch chỉ báo khi chọn toàn tỉnh.")
    )

    def __init__(self, *args: Any, tree: Tree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Within.offers(self, tree)

    def clean_url(self) -> str:
        typed: str = self.cleaned_data["url"]
        try:
            parts = urlsplit(typed)
            host, secured = parts.hostname, parts.scheme == "https"
            parts.port  # noqa: B018  (raises where it is none)
        except ValueError:
            raise forms.ValidationError(_NO_ADDRESS) from None
        if not (secured or (parts.scheme == "http" and _is_here(host or ""))):
            raise forms.ValidationError(_NO_ADDRESS)
        if not host or not typed.isascii() or not typed.isprintable() or " " in typed:
            raise forms.ValidationError(_NO_ADDRESS)
        if parts.username is not None or parts.fragment:
            raise forms.ValidationError(_("Hãy bỏ tên đăng nhập và phần sau dấu # khỏi địa chỉ."))
        return typed


def _is_here(host: str) -> bool:
    """Whether nothing that is sent there leaves this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
