"""The shape and the wording of what staff type. Forms clean; they do not decide."""

import contextlib
import re
import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.forms import PortalForm, Text, phone_error
from otp import phones
from otp.phones import PhoneError

# Digits with signs between them, as numbers of phones and of papers are written.
_NUMBER = re.compile(r"\d(?:[^0-9A-Za-z]{0,3}\d){7,}")
_LONG_NUMBER = re.compile(r"\d(?:[ .]?\d){7}")


class KeptWords(Text):
    """Words of staff that are kept for years: no number of a phone or a paper in them (LG-01)."""

    def to_python(self, value: Any) -> str:
        # The database takes no NUL; taken away here, a field of nothing else counts as empty.
        return str(super().to_python(unicodedata.normalize("NFKC", str(value or "")))).replace(
            "\0", ""
        )

    def validate(self, value: Any) -> None:
        super().validate(value)
        if _names_a_phone(value) or _LONG_NUMBER.search(value):
            raise forms.ValidationError(
                _(
                    "Đừng ghi số điện thoại, mã hoặc số giấy tờ vào đây: nội dung này được lưu lâu"
                    " dài."
                )
            )


class Ticket(KeptWords):
    """The number of a ticket: as many digits as it likes, but nobody's telephone."""

    def validate(self, value: Any) -> None:
        super(KeptWords, self).validate(value)
        if _names_a_phone(value):
            raise forms.ValidationError(_("Đây là số điện thoại. Hãy ghi số phiếu."))


def _names_a_phone(text: str) -> bool:
    written = [*text.split(), *(found.group() for found in _NUMBER.finditer(text))]
    return any(_is_phone("".join(filter(str.isdecimal, each))) for each in written)


def _is_phone(digits: str) -> bool:
    with contextlib.suppress(PhoneError):
        return bool(phones.normalise(digits))
    return False


def _ticket() -> Ticket:
    return Ticket(
        label=_("Số phiếu"),
        help_text=_("Số phiếu hỗ trợ hoặc số công văn."),
        max_length=32,
        error_messages={
            "required": _("Hãy ghi số phiếu."),
            "max_length": _("Số phiếu dài quá 32 ký tự."),
        },
    )


class GroundForm(PortalForm):
    """Why staff do something to somebody's account."""

    why = KeptWords(
        label=_("Lý do"),
        help_text=_("Ví dụ: người gọi báo không nhận được tin, đã đối chiếu họ tên và đơn vị."),
        max_length=200,
        error_messages={
            "required": _("Hãy ghi lý do."),
            "max_length": _("Lý do dài quá 200 ký tự: hãy ghi ngắn lại."),
        },
    )
    ticket = _ticket()


class ProposalForm(PortalForm):
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
            "max_length": _("Căn cứ dài quá 300 ký tự: hãy ghi ngắn lại."),
        },
    )
    ticket = _ticket()

    def clean_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["phone"])
        except PhoneError as error:
            raise phone_error(error) from None


class LookupForm(PortalForm):
    focus_on_arrival = "words"

    words = Text(
        label=_("Địa chỉ thư, họ tên hoặc số cuối điện thoại"),
        help_text=_("Họ tên có dấu hay không đều được; số điện thoại cần ít nhất 4 số cuối."),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất 200 ký tự.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    unit = Text(
        label=_("Đơn vị (nếu cần)"),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất 200 ký tự.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not any(cleaned.values()) and not self.errors:
            self.add_error("words", _("Hãy nhập địa chỉ, họ tên, số cuối hoặc đơn vị để tìm."))
        # The database takes no NUL.
        return {name: value.replace("\0", "") for name, value in cleaned.items()}
