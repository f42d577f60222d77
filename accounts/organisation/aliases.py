"""Which addresses may be an account's other ones: free, of the office, and not reserved."""

from email.utils import parseaddr

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError, canonical, canonical_or_none
from accounts.models.address import Address, AddressQuarantine

# Who reads these speaks for the domain: authorities give certificates to the first five, and the
# world reports to the rest (RFC 2142). They are accounts of their own, made by IT, or nobody's.
_RESERVED = (
    "admin administrator hostmaster postmaster webmaster"
    " abuse daemon ftp mailer-daemon news noc nobody noreply no-reply root security ssladmin"
    " sysadmin usenet uucp www"
)
RESERVED = frozenset(_RESERVED.split())

# One sentence, so that it does not tell which it is.
NOT_FREE = _(
    "Không dùng được địa chỉ này: đã thuộc về một tài khoản hoặc được dành riêng. Hãy chọn địa chỉ"
    " khác."
)


class AliasForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = Address
        fields = ("address",)
        error_messages = {"address": {"unique": NOT_FREE}}

    def clean_address(self) -> str:
        if self.instance.pk:
            return str(self.instance.address)  # it is not edited in place
        try:
            address = canonical(self.cleaned_data["address"])
        except AddressError as error:
            raise ValidationError(error.sentence) from None
        if is_reserved(address):
            raise ValidationError(NOT_FREE)
        if refusal := AddressQuarantine.objects.refusal_of(address):
            raise ValidationError(refusal)
        return address


class AliasFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # not generic at run time
    def clean(self) -> None:
        super().clean()
        for form in self.forms:
            # A new account's own address is in no table yet.
            is_new = not (form.instance.pk or self.instance.pk)
            if is_new and form.cleaned_data.get("address") == self.instance.address:
                form.add_error("address", NOT_FREE)


def is_reserved(address: str) -> bool:
    """Say whether the address is the domain's, or the portal's own."""
    return address.partition("@")[0] in RESERVED or address in _of_the_portal()


def _of_the_portal() -> set[str]:
    own = [settings.DEFAULT_FROM_EMAIL, *settings.ALERT_EMAILS]
    return {canonical_or_none(parseaddr(each)[1]) for each in own}
