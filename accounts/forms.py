"""The shape and the wording of what people type. Forms clean; they do not decide."""

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError, canonical
from accounts.models import Account
from otp import phones
from otp.phones import PhoneError

CODE_LENGTH = 6

ADDRESS_ERRORS = {
    "empty": _("Hãy nhập địa chỉ thư điện tử công vụ của bạn."),
    "unreadable": _("Địa chỉ thư điện tử viết chưa đúng. Hãy nhập như ví dụ: %(example)s."),
    "elsewhere": _("Chỉ nhận địa chỉ thư công vụ có đuôi %(domains)s. Hãy xem lại địa chỉ."),
}
PHONE_ERRORS = {
    "empty": _("Hãy nhập số điện thoại di động của bạn."),
    "short": _("Số điện thoại còn thiếu %(difference)s chữ số. Hãy xem lại số."),
    "long": _("Số điện thoại thừa %(difference)s chữ số. Hãy xem lại số."),
    "renumbered": _(
        "Đầu số 11 số này đã đổi sang 10 số. Nếu đúng là số của bạn, hãy dùng %(suggestion)s."
    ),
    "no-sms": _("Số này không nhận được SMS. Hãy nhập số điện thoại di động."),
    "foreign": _("Chỉ gửi mã đến số di động Việt Nam. Hãy nhập số di động Việt Nam của bạn."),
    "unreadable": _(
        "Số này không phải số di động Việt Nam. Hãy nhập 10 chữ số, ví dụ 0912\u00a0345\u00a0678."
    ),
}
PROOF_MISSING = _(
    "Hệ thống đang kiểm tra thêm vì có nhiều yêu cầu bất thường. Hãy chờ 1 phút trên trang này rồi"
    " bấm Tiếp tục một lần nữa."
)
WRONG_PASSWORD = _("Mật khẩu hiện tại chưa đúng. Hãy nhập lại.")


class Text(forms.CharField):
    """A line of text, any text: the rules say what is wrong with it, in their own words."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators = [
            rule
            for rule in self.validators
            if not isinstance(rule, ProhibitNullCharactersValidator)
        ]


def phone_error(error: PhoneError) -> forms.ValidationError:
    """Say what is wrong with a number."""
    return forms.ValidationError(
        PHONE_ERRORS[error.code],
        code=error.code,
        params={"difference": error.difference, "suggestion": error.suggestion},
    )


class CodeInput(forms.TextInput):
    """A field for a code; what was typed is not shown again."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class StepInput(forms.HiddenInput):
    """Names the step that the page now shows, whatever an older page sent."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, self.step, attrs)


def _password(label: Any, *, autocomplete: str, empty: Any) -> Text:
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


def _code(label: Any, *, hint: Any = "") -> Text:
    return Text(
        label=label,
        help_text=hint,
        error_messages={"required": _("Hãy nhập mã xác thực gồm 6 chữ số.")},
        widget=CodeInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        ),
    )


class PortalForm(forms.Form):
    """A form of the portal: no required marks, no browser bubbles; the server says what to do."""

    use_required_attribute = False
    focus_on_arrival = ""  # the only field, where there is only one

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        if self.focus_on_arrival and not self.is_bound:
            self.fields[self.focus_on_arrival].widget.attrs["autofocus"] = True


class LoginForm(PortalForm):
    username = Text(
        label=_("Tên đăng nhập"),
        error_messages={"required": _("Hãy nhập tên đăng nhập.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    password = _password(
        _("Mật khẩu"), autocomplete="current-password", empty=_("Hãy nhập mật khẩu.")
    )


class TokenForm(PortalForm):
    focus_on_arrival = "token"

    token = Text(
        label=_("Mã xác thực hoặc mã dự phòng"),
        error_messages={"required": _("Hãy nhập mã trong ứng dụng xác thực.")},
        widget=CodeInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class EnrolForm(TokenForm):
    """The first code of an app that has just read the secret."""

    focus_on_arrival = ""

    token = Text(
        label=_("Mã 6 chữ số đang hiện trong ứng dụng"),
        error_messages={"required": _("Hãy nhập mã trong ứng dụng xác thực.")},
        widget=CodeInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class AddressForm(PortalForm):
    address = Text(
        label=_("Địa chỉ thư điện tử công vụ"),
        widget=forms.EmailInput(
            attrs={
                "autocomplete": "username",
                "spellcheck": "false",
                "autocapitalize": "none",
                "size": "40",
            }
        ),
        required=False,
    )
    # A person never sees this field. What fills in every field it finds is a machine.
    website = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].help_text = _(
            "Ví dụ: %(example)s. Có thể chỉ gõ phần trước @%(domain)s."
        ) % {"example": settings.PROFILE.example_address, "domain": settings.PROFILE.domain}

    def clean_address(self) -> str:
        try:
            return canonical(self.cleaned_data["address"])
        except AddressError as error:
            raise forms.ValidationError(
                ADDRESS_ERRORS[error.code],
                code=error.code,
                params={
                    "example": settings.PROFILE.example_address,
                    "domains": ", ".join(f"@{domain}" for domain in settings.MAIL_DOMAINS),
                },
            ) from None

    def clean_website(self) -> None:
        if self.cleaned_data["website"]:
            raise forms.ValidationError(_("Trang gửi đi chưa đúng. Hãy tải lại trang và nhập lại."))


class StepForm(PortalForm):
    """A later step: it knows which code it belongs to, so that two tabs cannot be mixed (SE-05)."""

    step = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, step: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected_step = step
        self.fields["step"].widget = StepInput(step)

    def clean_step(self) -> None:
        if self.cleaned_data["step"] not in ("", self.expected_step):
            raise forms.ValidationError(
                _(
                    "Trang này thuộc về một lần làm khác, ở thẻ khác của trình duyệt."
                    " Hãy xem lại địa chỉ bên dưới rồi nhập lại."
                ),
                code="other-tab",
            )


class CodeForm(StepForm):
    focus_on_arrival = "code"

    code = _code(
        _("Mã xác thực"), hint=_("6 chữ số trong tin nhắn. Nếu có nhiều tin, hãy dùng mã mới nhất.")
    )

    def clean_code(self) -> str:
        """Take away what people and phones put between digits; anything else is no guess."""
        typed = unicodedata.normalize("NFKC", self.cleaned_data["code"])
        kept = [
            mark for mark in typed if not mark.isspace() and mark not in "-‐‑–.\u200b\u202c\u202d"
        ]
        digits = [unicodedata.decimal(mark, None) for mark in kept]
        if len(digits) != CODE_LENGTH or None in digits:
            raise forms.ValidationError(
                _("Mã xác thực gồm đúng 6 chữ số. Hãy xem lại tin nhắn rồi nhập đủ 6 số."),
                code="not-six-digits",
            )
        return "".join(map(str, digits))


class NewPasswordForm(StepForm):
    new_password1 = _password(
        _("Nhập mật khẩu"), autocomplete="new-password", empty=_("Hãy nhập mật khẩu mới.")
    )
    new_password2 = _password(
        _("Nhập lại mật khẩu"),
        autocomplete="new-password",
        empty=_("Hãy nhập lại mật khẩu mới một lần nữa."),
    )

    def __init__(self, *args: Any, person: Account | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        validate_password(password, self.person)
        return password

    def clean(self) -> dict[str, Any]:
        first, again = self.data.get("new_password1"), self.cleaned_data.get("new_password2")
        if again is not None and first != again:
            self.add_error("new_password2", _("Hai mật khẩu chưa giống nhau. Hãy nhập lại."))
        return self.cleaned_data


class ChangePasswordForm(NewPasswordForm):
    password = _password(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại."),
    )
    field_order = ("password", "new_password1", "new_password2")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        new = cleaned.get("new_password1")
        if new and new == cleaned.get("password"):
            self.add_error("new_password1", _("Mật khẩu mới phải khác mật khẩu hiện tại."))
        return cleaned


class PhoneForm(PortalForm):
    phone = Text(
        label=_("Số điện thoại"),
        required=False,
        help_text=_("Số di động Việt Nam, viết cách nào cũng được, ví dụ 0912\u00a0345\u00a0678."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )
    password = _password(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại để đổi số điện thoại."),
    )

    suggestion = ""

    def __init__(self, *args: Any, ask_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ask_password:
            del self.fields["password"]

    def clean_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["phone"])
        except PhoneError as error:
            self.suggestion = error.suggestion
            raise phone_error(error) from None
