"""The shape and the wording of what people type. Forms clean; they do not decide."""

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import proof_of_work
from accounts.access.forms import TokenForm
from accounts.addresses import AddressError, canonical, mended
from accounts.models import Account
from accounts.pages.forms import (
    NUMBER_HINT,
    CodeInput,
    FixedInput,
    Name,
    PortalForm,
    Text,
    address_error,
    password_field,
    phone_error,
)
from accounts.pages.versions import SeenForm
from otp import phones
from otp.codes import CODE_LENGTH, Answer, Verdict
from otp.models import GUESSES
from otp.phones import PhoneError
from otp.sentences import duration, with_numbers

CODE_WAYS = {
    "": _("Theo thứ tự của cơ quan"),
    "sms": _("Tin nhắn SMS"),
    "zns": _("Tin nhắn Zalo"),
    "voice": _("Cuộc gọi đọc mã"),
}

PROOF_MISSING = with_numbers(
    _(
        "Hệ thống đang kiểm tra thêm vì có nhiều yêu cầu bất thường. Hãy chờ %(wait)s trên trang"
        " này rồi bấm Tiếp tục một lần nữa."
    ),
    wait=lambda: duration(proof_of_work.WAIT),
)
WRONG_WORD = _(
    "Từ này chưa đúng, đã được dùng hoặc không phải của địa chỉ ở trên. Hãy xem lại, hoặc gọi"
    " hotline để nhận từ mới."
)
WRONG_PASSWORD = _("Mật khẩu hiện tại chưa đúng. Hãy nhập lại.")


def _code(label: Any, *, hint: Any = "") -> Text:
    return Text(
        label=label,
        help_text=hint,
        error_messages={
            "required": with_numbers(
                _("Hãy nhập mã xác thực gồm %(length)s chữ số."), length=lambda: CODE_LENGTH
            )
        },
        widget=CodeInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        ),
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
    word = Text(
        label=_("Từ do hotline đọc"),
        required=False,
        max_length=100,
        help_text=_(
            "Chỉ điền nếu bạn đã gọi hotline và được cấp thêm một mã hôm nay. Gõ không dấu cũng"
            " được."
        ),
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất %(limit_value)d ký tự.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    step = forms.CharField(widget=forms.HiddenInput, required=False)  # the form's nonce
    # A person never sees this field. What fills in every field it finds is a machine.
    website = forms.CharField(widget=forms.HiddenInput, required=False)

    suggestion = ""

    def __init__(self, *args: Any, nonce: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].help_text = _(
            "Ví dụ: %(example)s. Có thể chỉ gõ phần trước @%(domain)s."
        ) % {"example": settings.PROFILE.example_address, "domain": settings.PROFILE.domain}
        self.fields["step"].widget = FixedInput(nonce)
        self._word = self.fields["word"]
        if "word" not in self.data:
            del self.fields["word"]

    def ask_for_word(self) -> None:
        """Ask for the hotline's word, as of everybody whose day is used up; one typed was wrong."""
        self.fields["word"] = self._word
        if self.cleaned_data.get("word"):
            self.add_error("word", WRONG_WORD)

    def clean_address(self) -> str:
        try:
            return canonical(self.cleaned_data["address"])
        except AddressError as error:
            self.suggestion = mended(self.cleaned_data["address"])
            raise address_error(error) from None

    def clean_website(self) -> None:
        if self.cleaned_data["website"]:
            raise forms.ValidationError(
                _("Trang này chưa gửi được. Hãy tải lại trang và nhập lại.")
            )


class StepForm(PortalForm):
    """A later step: it knows which code it belongs to, so that two tabs cannot be mixed (SE-05)."""

    step = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, step: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected_step = step
        self.fields["step"].widget = FixedInput(step)

    def clean_step(self) -> None:
        if self.cleaned_data["step"] not in ("", self.expected_step):
            raise forms.ValidationError(
                _(
                    "Bạn đã thực hiện một yêu cầu khác ở thẻ khác của trình duyệt."
                    " Hãy xem lại địa chỉ bên dưới rồi nhập lại."
                ),
                code="other-tab",
            )


class CodeForm(StepForm):
    focus_on_arrival = "code"

    code = _code(
        _("Mã xác thực"),
        hint=with_numbers(
            _("%(length)s chữ số trong tin nhắn. Nếu có nhiều tin, hãy dùng mã mới nhất."),
            length=lambda: CODE_LENGTH,
        ),
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
                _(
                    "Mã xác thực gồm đúng %(length)s chữ số. Hãy xem lại tin nhắn rồi nhập đủ"
                    " %(length)s số."
                ),
                code="not-all-digits",
                params={"length": CODE_LENGTH},
            )
        return "".join(map(str, digits))


def code_error(answer: Answer) -> str:
    """Say that a code was not right, and how many more may be tried."""
    if answer.verdict is Verdict.SPENT:
        return gettext("Mã này đã hết hiệu lực hoặc đã được dùng. Hãy yêu cầu mã mới.")
    if not answer.tries_left:
        return gettext(
            "Mã chưa đúng. Đã nhập sai %(guesses)s lần nên mã này không dùng được nữa: hãy yêu cầu"
            " mã mới."
        ) % {"guesses": GUESSES}
    return gettext("Mã chưa đúng. Hãy xem lại tin nhắn mới nhất; còn %(left)s lần nhập.") % {
        "left": answer.tries_left
    }


class RecoveryFactorForm(TokenForm, StepForm):
    """The second factor of somebody whose code by SMS was right."""


class NewPasswordForm(StepForm):
    new_password1 = password_field(
        _("Nhập mật khẩu"), autocomplete="new-password", empty=_("Hãy nhập mật khẩu mới.")
    )
    new_password2 = password_field(
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
    password = password_field(
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


class RemovePasskeyForm(PortalForm):
    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại."),
    )


class TurnOffFactorForm(TokenForm):
    focus_on_arrival = ""

    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại."),
    )
    field_order = ("password", "token")


class NumberForm(PortalForm):
    """A number that a code is sent to."""

    phone = Text(
        label=_("Số điện thoại"),
        required=False,
        help_text=NUMBER_HINT,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )
    step = forms.CharField(widget=forms.HiddenInput, required=False)  # the form's nonce

    suggestion = ""

    def __init__(self, *args: Any, nonce: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["step"].widget = FixedInput(nonce)

    def clean_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["phone"])
        except PhoneError as error:
            self.suggestion = error.suggestion
            raise phone_error(error) from None


class PhoneForm(NumberForm, SeenForm):
    """A new number; `in_force` is the one that counts now.

    Who sends it once more, because the answer was lost, is taken at their word: nothing counts
    until its code comes back.
    """

    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại để đổi số điện thoại."),
    )

    def __init__(self, *args: Any, ask_password: bool, in_force: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_force = in_force
        if not ask_password:
            del self.fields["password"]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("phone") == self.in_force:
            return self.cleaned_data
        return super().clean()


class CodeWayForm(PortalForm):
    """Which of the office's ways codes take first; "" for the office's own order."""

    way = forms.ChoiceField(
        label=_("Cách muốn nhận mã trước"),
        required=False,
        help_text=_("Nếu không gửi được bằng cách này, mã được gửi bằng tin nhắn SMS."),
        error_messages={"invalid_choice": _("Hãy chọn một cách.")},
    )
    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại để đổi cách nhận mã."),
    )

    def __init__(self, *args: Any, ask_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["way"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(way, CODE_WAYS[way]) for way in ("", *settings.CODE_WAYS.order)]
        if not ask_password:
            del self.fields["password"]


class AppPasswordForm(PortalForm):
    name = Name(
        label=_("Tên của thiết bị hoặc phần mềm"),
        max_length=64,
        required=False,
        help_text=_(
            "Để sau này biết mật khẩu nào của máy nào, ví dụ: Điện thoại, Outlook ở cơ quan."
        ),
        error_messages={"max_length": _("Hãy nhập ngắn lại, nhiều nhất %(limit_value)d ký tự.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = password_field(
        _("Mật khẩu hiện tại"),
        autocomplete="current-password",
        empty=_("Hãy nhập mật khẩu hiện tại."),
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name:
            raise forms.ValidationError(_("Hãy nhập tên, ví dụ: Điện thoại."))
        return name
