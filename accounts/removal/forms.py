"""What IT types to propose and to confirm a removal."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError, canonical
from accounts.models import Account
from accounts.pages.forms import PortalForm, Text, address_error
from accounts.pages.staff_fields import ground_field
from accounts.pages.versions import SeenForm

_HELP = _("Số quyết định hoặc văn bản. Đừng ghi tên người: nội dung này được lưu lại.")


class GroundForm(SeenForm):
    why = ground_field(_HELP)


class ProposalForm(PortalForm):
    address = Text(
        label=_("Địa chỉ thư của tài khoản cần xóa"),
        error_messages={"required": _("Hãy nhập địa chỉ thư của tài khoản cần xóa.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    why = ground_field(_HELP)

    def __init__(self, *args: Any, reach: QuerySet[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reach = reach

    def clean_address(self) -> QuerySet[Account]:
        """Give the one account, as the list that it makes."""
        try:
            address = canonical(self.cleaned_data["address"])
        except AddressError as error:
            raise address_error(error) from None
        found = self._reach.filter(address=address, is_staff=False, is_superuser=False)
        if not found.exists():
            raise forms.ValidationError(
                _(
                    "Không có tài khoản này trong phạm vi của bạn. Nếu là cán bộ hỗ trợ, hãy đề"
                    " nghị người vận hành máy chủ cho thôi vai trò trước."
                )
            )
        return found
