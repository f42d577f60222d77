"""Forms of the log-in: name, password, second factor."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.credentials.passkeys import LONGEST_NAME
from accounts.credentials.second_factor import APP_DIGITS, cleaned
from accounts.pages.forms import (
    CodeInput,
    Name,
    PortalForm,
    Text,
    password_field,
)
from otp.sentences import with_numbers


class LoginForm(PortalForm):
    username = Text(
        label=_("Tên đăng nhập"),
        error_messages={"required": _("Hãy nhập tên đăng nhập.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    password = password_field(
        _("Mật khẩu"), autocomplete="current-password", empty=_("Hãy nhập mật khẩu.")
    )


class TokenForm(PortalForm):
    focus_on_arrival = "token"

    token = Text(
        label=_("Mã xác thực hoặc mã dự phòng"),
        error_messages={"required": _("Hãy nhập mã xác thực hoặc một mã dự phòng.")},
        widget=CodeInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def stand_beside(self, passkey: str) -> None:
        """Leave the focus to the button for a passkey, where there is one."""
        if passkey:
            self.fields["token"].widget.attrs.pop("autofocus", None)


class EnrolForm(TokenForm):
    """The first code of an app that has just read the secret."""

    focus_on_arrival = ""

    token = Text(
        label=with_numbers(
            _("Mã %(digits)s chữ số đang hiện trong ứng dụng"), digits=lambda: APP_DIGITS
        ),
        error_messages={"required": _("Hãy nhập mã trong ứng dụng xác thực.")},
        widget=CodeInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_token(self) -> str:
        """Take the digits; what cannot be a code of the app costs no wait."""
        token = cleaned(self.cleaned_data["token"])
        if len(token) != APP_DIGITS or not token.isdecimal():
            raise forms.ValidationError(
                _("Mã trong ứng dụng gồm đúng %(digits)s chữ số. Hãy xem lại rồi nhập đủ."),
                code="not-all-digits",
                params={"digits": APP_DIGITS},
            )
        return token


class PasskeyForm(PortalForm):
    """The name of a new passkey, and what its device answered."""

    name = Name(
        label=_("Tên để nhận ra passkey này"),
        max_length=LONGEST_NAME,
        help_text=_("Ví dụ: điện thoại của tôi, máy ở cơ quan."),
        error_messages={
            "required": _("Hãy đặt tên cho passkey."),
            "max_length": _("Tên quá dài. Hãy đặt tên ngắn hơn."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    passkey_answer = forms.CharField(
        error_messages={
            "required": _(
                "Trình duyệt chưa tạo passkey. Hãy bật JavaScript rồi bấm lại, hoặc dùng ứng dụng"
                " xác thực."
            )
        },
        widget=forms.HiddenInput(),
    )
