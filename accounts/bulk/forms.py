"""What IT types to load a file of accounts, and to write to many people."""

import re

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import PortalForm, Text


class ImportForm(PortalForm):
    file = forms.FileField(
        label=_("Tệp CSV (UTF-8) hoặc XLSX"),
        max_length=200,
        error_messages={"required": _("Hãy chọn tệp."), "empty": _("Tệp rỗng.")},
    )
    add_units = forms.BooleanField(
        label=_("Tạo đơn vị chưa có trong hệ thống"),
        required=False,
    )


class NoticeForm(PortalForm):
    subject = Text(
        label=_("Tiêu đề"),
        max_length=150,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"required": _("Hãy nhập tiêu đề.")},
    )
    text = Text(
        label=_("Nội dung"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField"}),
        error_messages={"required": _("Hãy nhập nội dung.")},
    )

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        if not subject.isprintable():
            raise forms.ValidationError(_("Tiêu đề có ký tự không in được: hãy gõ lại."))
        return _without_link(subject)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise forms.ValidationError(_("Nội dung có ký tự không in được: hãy gõ lại."))
        return _without_link(text)


def _without_link(text: str) -> str:
    """Keep links out of what the portal sends: people learn that a mail with one is forged."""
    if re.search(r"https?:|www\.", text, re.IGNORECASE):
        raise forms.ValidationError(
            _("Không ghi đường dẫn trong thư: thư của hệ thống không bao giờ có đường dẫn.")
        )
    return text
