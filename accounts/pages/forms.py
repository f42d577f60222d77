"""What forms are made of: fields, and the sentences for what was typed."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError
from accounts.folding import visible
from accounts.pages import drafts
from otp import phones
from otp.phones import PhoneError
from otp.sentences import with_numbers

# What to do about an address or a number that cannot be taken, after the sentence that says why.
_ADDRESS_ADVICE = {
    "empty": _("Hãy nhập địa chỉ thư điện tử công vụ của bạn."),
    "unreadable": _("Hãy nhập như ví dụ: %(example)s."),
    "elsewhere": _("Hãy xem lại địa chỉ."),
}

_PHONE_FAULTS = {
    "empty": _("Thiếu số điện thoại."),
    "short": _("Số điện thoại còn thiếu %(difference)s chữ số."),
    "long": _("Số điện thoại thừa %(difference)s chữ số."),
    "renumbered": _("Số 11 chữ số này đã được chuyển sang 10 chữ số, nay bắt đầu bằng %(prefix)s."),
    "no-sms": _("Số này không nhận được SMS."),
    "foreign": _("Chỉ gửi mã đến số di động Việt Nam."),
    "unreadable": _("Số này không phải số di động Việt Nam."),
    "several": _("Có nhiều số điện thoại."),
    "letters": _("Số điện thoại có chữ."),
    "rounded": _("Bảng tính đã rút gọn số này nên mất chữ số."),
}
# Beside each field of a number.
NUMBER_HINT = with_numbers(
    _("Số di động Việt Nam, viết cách nào cũng được, ví dụ %(example)s."),
    example=lambda: phones.EXAMPLE,
)
_PHONE_ADVICE = {
    "empty": _("Hãy nhập số điện thoại di động của bạn."),
    "short": _("Hãy xem lại số."),
    "long": _("Hãy xem lại số."),
    "renumbered": _("Nếu đúng là số của bạn, hãy dùng %(suggestion)s."),
    "no-sms": _("Hãy nhập số điện thoại di động."),
    "foreign": _("Hãy nhập số di động Việt Nam của bạn."),
    "unreadable": with_numbers(
        _("Hãy nhập 10 chữ số, ví dụ %(example)s."), example=lambda: phones.EXAMPLE
    ),
    "several": _("Hãy nhập một số."),
    "letters": _("Hãy chỉ nhập chữ số."),
    "rounded": _("Hãy nhập đủ 10 chữ số."),
}
# The same for who mends a file: without a number, because faults are kept for a while.
_PHONE_REMEDY = {
    "empty": _("Hãy ghi số di động."),
    "short": _("Hãy xem lại số."),
    "long": _("Hãy xem lại số."),
    "renumbered": _("Nếu đúng là số của người này, hãy sửa đầu số."),
    "no-sms": _("Hãy ghi số di động."),
    "foreign": _("Hãy ghi số di động Việt Nam."),
    "unreadable": _("Hãy ghi 10 chữ số."),
    "several": _("Hãy để lại một số."),
    "letters": _("Hãy chỉ ghi chữ số."),
    "rounded": _("Hãy định dạng cột là Văn bản (Text) rồi gõ lại số."),
}

DIRECTORY_AWAY = _(
    "Máy chủ thư chưa trả lời nên chưa kiểm tra được mật khẩu. Hãy thử lại sau ít phút."
)


class Text(forms.CharField):
    """A line of text, any text: the rules say what is wrong with it, in their own words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators = [
            rule
            for rule in self.validators
            if not isinstance(rule, ProhibitNullCharactersValidator)
        ]


class Name(Text):
    """A name that people give to what is theirs, without what nobody sees."""

    def to_python(self, value: Any) -> str:
        return visible(str(value or ""))


def address_error(error: AddressError) -> forms.ValidationError:
    """Say what is wrong with an address, and what to type."""
    advice = _ADDRESS_ADVICE[error.code] % {"example": settings.PROFILE.example_address}
    return _error(error.code, error.sentence, advice)


def phone_error(error: PhoneError) -> forms.ValidationError:
    """Say what is wrong with a number, and what to type."""
    advice = str(_PHONE_ADVICE[error.code]) % {"suggestion": error.suggestion}
    return _error(error.code, phone_fault(error), advice)


def phone_fault(error: PhoneError) -> str:
    """Say what is wrong with a number, without the number (LG-07)."""
    words = {"difference": error.difference, "prefix": error.suggestion[:3]}
    return _PHONE_FAULTS[error.code] % words


def phone_remedy(error: PhoneError) -> str:
    """Say what is wrong with a number in a file, and what to do, without the number (LG-07)."""
    return f"{phone_fault(error)} {_PHONE_REMEDY[error.code]}"


def _error(code: str, fault: str, advice: str) -> forms.ValidationError:
    # Where nothing was typed, what to do says it all.
    return forms.ValidationError(advice if code == "empty" else f"{fault} {advice}", code=code)


class CodeInput(forms.TextInput):
    """A field for a code; what was typed is not shown again."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class Day(forms.DateField):
    """A day as it is written here, or as programs write it."""

    input_formats = ("%d/%m/%Y", "%Y-%m-%d")
    widget = forms.DateInput(format="%d/%m/%Y", attrs={"autocomplete": "off", "size": 12})
    default_error_messages = {"invalid": _("Hãy nhập ngày như ví dụ: 31/12/2026.")}


class TickBoxes(forms.CheckboxSelectMultiple):
    """Boxes to tick; those of a group are folded away."""

    template_name = "includes/tick_boxes.html"

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(*args, **kwargs)
        if option["attrs"].get("aria-invalid"):
            option["attrs"]["aria-describedby"] = f"id_{option['name']}_error"
        return option


class FixedInput(forms.HiddenInput):
    """Carries what the page now says, whatever an older page sent."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, self.value, attrs)


def password_field(label: Any, *, autocomplete: str, empty: Any) -> Text:
    return Text(
        label=label,
        strip=False,
        error_messages={"required": empty},
        widget=forms.PasswordInput(
            attrs={
                "autocomplete": autocomplete,
                "spellcheck": "false",
                "autocapitalize": "none",
            }
        ),
    )


class PortalForm(forms.Form):
    """A form of the portal: no required marks, no browser bubbles; the server says what to do."""

    use_required_attribute = False
    focus_on_arrival = ""  # the only field, where there is only one

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.typed_before = drafts.fill(self)
        if self.focus_on_arrival and not self.is_bound:
            self.fields[self.focus_on_arrival].widget.attrs["autofocus"] = True
