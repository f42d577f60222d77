"""Forms of the log-in: name, password, second factor."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.credentials.second_factor import APP_DIGITS
from accounts.pages.forms import (
    CodeInput,
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
        error_messages={"required": _("Hãy nhập mã trong ứng dụng xác thực.")},
        widget=CodeInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


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
