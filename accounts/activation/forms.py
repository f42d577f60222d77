"""What a newcomer types from the slip, and the number; what IT chooses to print slips."""

import unicodedata
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.activation.slips import MOST_AT_ONCE
from accounts.addresses import AddressError, canonical
from accounts.organisation.units import Tree
from accounts.pages.forms import CodeInput, PortalForm, Text
from accounts.pages.staff_fields import reason_field
from accounts.self_service.forms import AddressForm
from otp.codes.slips import SIGNS, SLIP_LENGTH, TRIES
from otp.sentences import with_numbers

WRONG_SLIP = with_numbers(
    _(
        "Địa chỉ hoặc mã kích hoạt chưa đúng, hoặc phiếu đã dùng, đã hết hạn. Hãy xem lại từng ký"
        " tự trên phiếu. Sau %(tries)s lần nhập sai, phiếu không dùng được nữa: hãy đề nghị bộ"
        " phận CNTT in phiếu mới."
    ),
    tries=lambda: TRIES.count,
)


class SlipForm(AddressForm):
    """The address and the signs on the slip."""

    code = Text(
        label=_("Mã kích hoạt"),
        help_text=with_numbers(
            _("%(length)s ký tự trên phiếu; chữ hoa hay thường, có gạch hay không đều được."),
            length=lambda: SLIP_LENGTH,
        ),
        error_messages={
            "required": with_numbers(
                _("Hãy nhập mã kích hoạt gồm %(length)s ký tự trên phiếu."),
                length=lambda: SLIP_LENGTH,
            )
        },
        widget=CodeInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "autocapitalize": "characters",
            }
        ),
    )

    def clean_code(self) -> str:
        """Take away what people put between signs; what no slip has is no guess."""
        typed = unicodedata.normalize("NFKC", self.cleaned_data["code"]).upper()
        signs = [sign for sign in typed if not sign.isspace() and sign not in "-‐‑–.\u200b"]
        if len(signs) != SLIP_LENGTH or not set(signs) <= set(SIGNS):
            raise forms.ValidationError(
                _(
                    "Mã kích hoạt gồm đúng %(length)s ký tự, chỉ có các chữ và số %(signs)s. Hãy"
                    " xem lại phiếu, tắt bộ gõ tiếng Việt rồi nhập lại."
                ),
                code="not-all-signs",
                params={"length": SLIP_LENGTH, "signs": " ".join(SIGNS)},
            )
        return "".join(signs)


class Layout(models.TextChoices):
    ONE = "mot", _("Một phiếu trên một trang A4")
    FOUR = "bon", _("Bốn phiếu trên một trang A4")


class GiveForm(PortalForm):
    """For whom slips are printed: typed or pasted addresses, or the newcomers of a unit."""

    addresses = Text(
        label=_("Địa chỉ thư điện tử"),
        required=False,
        help_text=with_numbers(
            _("Mỗi dòng một địa chỉ, nhiều nhất %(most)s. Để trống nếu in cho cả đơn vị."),
            most=lambda: MOST_AT_ONCE,
        ),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
    )
    unit = forms.ChoiceField(
        label=_("Hoặc cả đơn vị"),
        required=False,
        help_text=_(
            "Người mới của đơn vị này và các đơn vị cấp dưới, chưa có phiếu còn dùng được."
        ),
        error_messages={
            "invalid_choice": _("Đơn vị này không thuộc phạm vi của bạn. Hãy chọn đơn vị khác.")
        },
    )
    layout = forms.ChoiceField(
        label=_("Cách in"),
        choices=Layout.choices,
        initial=Layout.ONE,
        error_messages={
            "required": _("Hãy chọn cách in."),
            "invalid_choice": _("Hãy chọn cách in."),
        },
    )

    def __init__(self, *args: Any, tree: Tree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = self.fields["unit"]
        assert isinstance(unit, forms.ChoiceField)
        unit.choices = [("", str(_("– Chọn đơn vị –")))]
        unit.choices += [
            (str(each.pk), f"{'– ' * depth}{each.name}") for each, depth in tree.in_order(None)
        ]

    def clean_addresses(self) -> list[str]:
        typed = self.cleaned_data["addresses"].replace(",", "\n").replace(";", "\n").split()
        if len(typed) > MOST_AT_ONCE:
            raise forms.ValidationError(
                _("Mỗi lần in được nhiều nhất %(most)s phiếu. Hãy chia thành nhiều lần."),
                params={"most": MOST_AT_ONCE},
            )
        return [_read(each) for each in typed]

    def clean(self) -> dict[str, Any]:
        if self.is_bound and not self.errors:
            chosen = [self.cleaned_data.get("addresses"), self.cleaned_data.get("unit")]
            if sum(map(bool, chosen)) != 1:
                self.add_error(
                    "addresses", _("Hãy ghi địa chỉ, hoặc chọn một đơn vị: một trong hai.")
                )
        return self.cleaned_data


class PrintForm(PortalForm):
    """The ground on which slips are printed: it goes on record with each."""

    why = reason_field(_("Ví dụ: danh sách người mới của đơn vị. Lý do được ghi vào nhật ký."))


def _read(typed: str) -> str:
    try:
        return canonical(typed)
    except AddressError as error:
        raise forms.ValidationError(
            _("“%(typed)s”: %(fault)s"), params={"typed": typed[:80], "fault": error.sentence}
        ) from None
