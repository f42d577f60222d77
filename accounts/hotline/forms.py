"""The shape and the wording of what staff type. Forms clean; they do not decide."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import folding
from accounts.hotline.search import FEWEST_DIGITS
from accounts.pages.forms import PortalForm, Text, phone_error
from accounts.pages.staff_fields import KeptWords, reason_field, ticket_field, unchecked_field
from accounts.pages.versions import SeenForm
from otp import phones
from otp.phones import PhoneError
from otp.sentences import with_numbers


class GroundForm(PortalForm):
    """Why staff do something to somebody's account."""

    why = reason_field(
        _("Ví dụ: người gọi báo không nhận được tin, đã đối chiếu họ tên và đơn vị.")
    )
    ticket = ticket_field()


class ActionForm(SeenForm, GroundForm):
    """The ground for what changes somebody's account, of a caller who was not checked too."""

    unchecked = unchecked_field()

    def __init__(self, *args: Any, asks_why_unchecked: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_why_unchecked:
            del self.fields["unchecked"]


class CallerForm(PortalForm):
    focus_on_arrival = "words"

    words = Text(
        label=_("Từ người gọi đọc lại"),
        help_text=with_numbers(
            _("Hai từ và một số, ví dụ %(words)s. Gõ có dấu hay không, hoa hay thường đều được."),
            words=lambda: "SONG LO 27",
        ),
        max_length=60,
        error_messages={
            "required": _("Hãy nhập từ người gọi đọc lại."),
            "max_length": _("Hãy nhập ngắn lại: hai từ và một số."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_words(self) -> str:
        # What cannot be such words is a slip, and costs no try.
        typed = "".join(folding.words(self.cleaned_data["words"]))
        if not re.fullmatch("[a-z]+[0-9]{2}", typed):
            raise forms.ValidationError(_("Hãy nhập đủ hai từ và số ở cuối."))
        return typed


class ProposalForm(SeenForm):
    phone = Text(
        label=_("Số điện thoại mới"),
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
    )
    evidence = KeptWords(
        label=_("Căn cứ"),
        help_text=_("Đã đối chiếu giấy tờ gì, với ai, công văn nào. Không ghi số giấy tờ."),
        max_length=300,
        error_messages={
            "required": _("Hãy ghi căn cứ."),
            "max_length": _("Căn cứ dài quá %(limit_value)d ký tự: hãy ghi ngắn lại."),
        },
    )
    ticket = ticket_field()

    def clean_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["phone"])
        except PhoneError as error:
            raise phone_error(error) from None


class LookupForm(PortalForm):
    focus_on_arrival = "words"

    words = Text(
        label=_("Địa chỉ thư, họ tên hoặc số cuối điện thoại"),
        help_text=with_numbers(
            _("Họ tên có dấu hay không đều được; số điện thoại cần ít nhất %(least)s số cuối."),
            least=lambda: FEWEST_DIGITS,
        ),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất %(limit_value)d ký tự.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    unit = Text(
        label=_("Đơn vị (nếu cần)"),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất %(limit_value)d ký tự.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not any(cleaned.values()) and not self.errors:
            self.add_error("words", _("Hãy nhập địa chỉ, họ tên, số cuối hoặc đơn vị để tìm."))
        # The database takes no NUL.
        return {name: value.replace("\0", "") for name, value in cleaned.items()}
