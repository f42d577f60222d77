"""Every address at which mail reaches an account, and the domains they are in."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value

from accounts.addresses import LOCAL, AddressError, canonical

CANONICAL = rf"^{LOCAL}@[a-z0-9-]+(?:\.[a-z0-9-]+)*$"


class Address(models.Model):
    """One address of an account: its own (`is_main`), or an alias that leads to it.

    All stand in one table, so that PostgreSQL refuses one address to two accounts, whichever it is
    of either. A trigger keeps the main ones in step with `Account.address`.
    """

    address = models.EmailField("địa chỉ", unique=True)
    account = models.ForeignKey(
        "accounts.Account",
        verbose_name="tài khoản",
        on_delete=models.CASCADE,
        related_name="addresses",
    )
    is_main = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = "địa chỉ khác"
        verbose_name_plural = "địa chỉ khác"
        constraints = [
            models.CheckConstraint(
                name="address_is_canonical", condition=Q(address__regex=CANONICAL)
            ),
            models.UniqueConstraint(
                name="address_one_main", fields=["account"], condition=Q(is_main=True)
            ),
        ]
        indexes = [
            # The mail server asks by the part before the @, because a domain has other names.
            models.Index(
                Func(F("address"), Value("@"), Value(1), function="split_part"),
                name="address_local_part",
            )
        ]

    def __str__(self) -> str:
        return self.address

    def clean(self) -> None:
        """Keep addresses in the one spelling by which people are found."""
        super().clean()
        try:
            self.address = canonical(self.address)
        except AddressError as error:
            raise ValidationError({"address": error.sentence}) from None


class MailDomain(models.Model):
    """A domain of the office as the mail server sees it: a copy of what the profile says."""

    name = models.CharField("tên miền", max_length=253, primary_key=True)
    alias_of = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = "tên miền"
        verbose_name_plural = "tên miền"

    def __str__(self) -> str:
        return self.name
