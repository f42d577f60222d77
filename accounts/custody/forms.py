"""What IT types to name who is responsible for a mailbox."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError, canonical, canonical_or_none
from accounts.models import Account
from accounts.organisation import roles
from accounts.pages.forms import Text
from accounts.pages.staff_fields import Ticket
from accounts.pages.versions import SeenForm

_ADDRESS = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def addresses_typed(data: Mapping[str, str]) -> list[str]:
    """Give the addresses that stand in a form that is sent, as far as they can be read."""
    return [canonical_or_none(data.get(name, "")) for name in ("responsible", "deputy")]


class CustodyForm(SeenForm):
    responsible = Text(
        label=_("Địa chỉ thư của người phụ trách"),
        help_text=_("Tài khoản cá nhân đã có số điện thoại được xác thực."),
        max_length=254,
        error_messages={"required": _("Hãy nhập địa chỉ thư của người phụ trách.")},
        widget=forms.TextInput(attrs=_ADDRESS),
    )
    deputy = Text(
        label=_("Địa chỉ thư của người thay (nếu có)"),
        help_text=_("Nhận mã thay khi tài khoản của người phụ trách bị khóa hoặc đã ngừng."),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs=_ADDRESS),
    )
    decision = Ticket(
        label=_("Số quyết định"),
        help_text=_("Quyết định hoặc công văn giao hộp thư."),
        max_length=64,
        error_messages={"required": _("Hãy ghi số quyết định.")},
    )

    def __init__(self, *args: Any, staff: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self._staff = staff

    def clean_responsible(self) -> Account:
        return self._person(self.cleaned_data["responsible"])

    def clean_deputy(self) -> Account | None:
        address = self.cleaned_data["deputy"]
        return self._person(address) if address else None

    def _person(self, raw: str) -> Account:
        try:
            found = Account.objects.reached_at(canonical(raw))
        except AddressError as error:
            raise forms.ValidationError(error.sentence) from None
        if found is None or not roles.covers(self._staff, found):
            raise forms.ValidationError(
                _("Không có tài khoản này trong phạm vi của bạn. Hãy xem lại địa chỉ.")
            )
        return found
