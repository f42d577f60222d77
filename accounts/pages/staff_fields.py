"""Fields for words of staff that are kept for years: no number of a phone or a paper in them."""

import contextlib
import re
import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.folding import visible
from accounts.pages.forms import Text
from otp import phones
from otp.phones import PhoneError

# Digits with signs between them, as numbers of phones and of papers are written.
_NUMBER = re.compile(r"\d(?:[^0-9A-Za-z]{0,3}\d){7,}")
_LONG_NUMBER = re.compile(r"\d(?:[ .]?\d){7}")

_NO_GROUND = _("Hãy ghi căn cứ.")


class KeptWords(Text):
    """Words of staff that are kept for years: no number of a phone or a paper in them (LG-01)."""

    def to_python(self, value: Any) -> str:
        # What nobody sees is taken away here: a field of nothing else counts as empty.
        text = unicodedata.normalize("NFKC", str(value or ""))
        if isinstance(self.widget, forms.Textarea):
            text = "\n".join(map(visible, text.splitlines()))
        else:
            text = visible(text)
        return str(super().to_python(text))

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


def name_field(label: Any, *, required: Any, most: int, help_text: Any = "") -> KeptWords:
    """Ask for the name that staff give to something of theirs."""
    return _kept(
        label=label,
        help_text=help_text,
        required=required,
        too_long=_("Tên dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
        most=most,
    )


def ticket_field() -> Ticket:
    return Ticket(
        label=_("Số phiếu"),
        help_text=_("Số phiếu hỗ trợ hoặc số công văn."),
        max_length=32,
        error_messages={
            "required": _("Hãy ghi số phiếu."),
            "max_length": _("Số phiếu dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
        },
    )


def ground_field(help_text: Any, *, required: Any = _NO_GROUND) -> KeptWords:
    """Ask for the paper on which something is done."""
    return _kept(
        label=_("Căn cứ"),
        help_text=help_text,
        required=required,
        too_long=_("Căn cứ dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
    )


def reason_field(help_text: Any, **attributes: Any) -> KeptWords:
    """Ask why something is done to somebody's account; `attributes` are of the input."""
    return _kept(
        label=_("Lý do"),
        help_text=help_text,
        required=_("Hãy ghi lý do."),
        too_long=_("Lý do dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
        **attributes,
    )


def unchecked_field() -> KeptWords:
    """Ask why a caller was helped who had not been checked."""
    return _kept(
        label=_("Vì sao không đối chiếu người gọi"),
        help_text=_("Ví dụ: số đăng ký không còn dùng; đã gặp trực tiếp, biết mặt."),
        required=_("Hãy đối chiếu người gọi trước, hoặc ghi vì sao không đối chiếu được."),
        too_long=_("Lý do dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn."),
    )


def _kept(
    *, label: Any, help_text: Any, required: Any, too_long: Any, most: int = 200, **attributes: Any
) -> KeptWords:
    return KeptWords(
        label=label,
        help_text=help_text,
        max_length=most,
        error_messages={"required": required, "max_length": too_long},
        widget=forms.TextInput(attrs={"autocomplete": "off", **attributes}),
    )
