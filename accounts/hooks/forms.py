"""What IT types to make a webhook, and to change one."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Hook
from accounts.organisation.units import Tree
from accounts.organisation.within import Within
from accounts.pages.forms import PortalForm, Text, TickBoxes
from accounts.pages.staff_fields import name_field
from accounts.pages.versions import SeenForm

LONGEST_URL = 300  # characters
_FIELDS = ("name", "url", "events", "unit")
_OFF = {"autocomplete": "off", "spellcheck": "false"}
_NO_ADDRESS = _(
    "Hãy ghi đủ địa chỉ, bắt đầu bằng https://. Ví dụ: https://qlcb.example.gov.vn/nhan."
)


class HookForm(PortalForm):
    name = name_field(
        _("Tên webhook"),
        required=_("Hãy đặt tên cho webhook."),
        most=64,
        help_text=_("Ví dụ: Phần mềm quản lý cán bộ. Tên được ghi vào nhật ký, không dùng lại."),
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


class EditForm(SeenForm, HookForm):
    """Shows no address, behind whose host may stand a secret: nothing typed leaves it as it is."""

    def __init__(self, *args: Any, hook: Hook, tree: Tree, **kwargs: Any) -> None:
        self._hook = hook
        stored = {"name": hook.name, "events": hook.events, "unit": hook.unit_id or ""}
        super().__init__(*args, initial=stored, stands=_stands(hook, tree), tree=tree, **kwargs)
        self.fields["name"].help_text = _(
            "Tên trước vẫn còn trong nhật ký, không dùng cho webhook khác."
        )
        self.fields["url"].required = False
        self.fields["url"].help_text = _(
            "Đang gửi tới %(host)s. Để trống thì giữ địa chỉ đang dùng; đổi địa chỉ thì khóa ký vẫn"
            " như cũ."
        ) % {"host": host_of(hook)}

    def clean_url(self) -> str:
        return super().clean_url() if self.cleaned_data["url"] else self._hook.url

    def _changed(self, seen: Mapping[str, str]) -> Iterator[str]:
        # The same click once more undoes nothing.
        return super()._changed(seen) if self._would_change() else iter(())

    def _would_change(self) -> bool:
        wanted = self.cleaned_data
        return any(wanted.get(name) != getattr(self._hook, name) for name in _FIELDS)


def host_of(hook: Hook) -> str:
    """Give what may be shown of an address: what stands behind it may be a secret."""
    return urlsplit(hook.url).netloc


def _stands(hook: Hook, tree: Tree) -> dict[str, str]:
    labels = dict(Hook.Event.choices)
    return {
        gettext("tên"): hook.name,
        gettext("nơi nhận"): host_of(hook),
        gettext("việc được báo"): "; ".join(str(labels[event]) for event in hook.events),
        gettext("đơn vị"): tree.path(hook.unit_id) if hook.unit_id else gettext("Toàn tỉnh"),
    }


def _is_here(host: str) -> bool:
    """Whether nothing that is sent there leaves this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
