"""Second factors: an app, which django-otp keeps, or passkeys; and of whom one is asked."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models.unit import Unit

LONGEST_ID = 1023  # bytes of a credential's id, as WebAuthn has it


def has_factor() -> "ExpressionWrapper[Q]":
    """Say in a query of accounts whether each has a second factor."""
    kinds = (kind.objects.filter(user=OuterRef("pk"), confirmed=True) for kind in _KINDS)
    app, passkeys = (Q(Exists(found)) for found in kinds)
    return ExpressionWrapper(app | passkeys, output_field=BooleanField())


class Passkey(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp has no types
    """The public half of a key that a person's device keeps (WebAuthn), under the person's name.

    The passkeys of an account wait together after a wrong answer, each by its own columns.
    """

    user: "models.ForeignKey[Any, Any]" = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+"
    )
    credential_id: "models.BinaryField[Any, Any]" = models.BinaryField(
        max_length=LONGEST_ID, unique=True
    )
    public_key: "models.BinaryField[Any, Any]" = models.BinaryField()  # COSE
    sign_count: "models.BigIntegerField[int, int]" = models.BigIntegerField(default=0)
    transports: "models.CharField[str, str]" = models.CharField(
        max_length=100,
        blank=True,  # parted by spaces
    )
    added_at: "models.DateTimeField[Any, Any]" = models.DateTimeField(
        _("thêm lúc"), default=timezone.now
    )
    last_used_at: "models.DateTimeField[Any, Any]" = models.DateTimeField(
        _("dùng gần nhất lúc"), null=True
    )

    class Meta:
        verbose_name = "passkey"
        verbose_name_plural = "passkey"
        constraints = (
            models.CheckConstraint(
                name="passkey_sign_count_is_a_count",
                condition=Q(sign_count__gte=0, sign_count__lt=2**32),
            ),
        )

    def __str__(self) -> str:
        return str(self.name)

    def get_throttle_factor(self) -> float:
        return 1


_KINDS = (TOTPDevice, Passkey)


class FactorDemand(models.Model):
    """That the people of a role, or of a unit and those below it, show a second factor.

    From a day on, at the log-in to the portal; organisations' mailboxes are left out.
    """

    role = models.OneToOneField(
        "auth.Group", verbose_name=_("vai trò"), null=True, blank=True, on_delete=models.CASCADE
    )
    unit = models.OneToOneField(
        Unit, verbose_name=_("đơn vị"), null=True, blank=True, on_delete=models.CASCADE
    )
    from_day = models.DateField(_("từ ngày"))

    class Meta:
        verbose_name = _("yêu cầu xác thực hai lớp")
        verbose_name_plural = pgettext_lazy("plural", "yêu cầu xác thực hai lớp")
        constraints = (
            models.CheckConstraint(
                name="factor_demand_of_a_role_or_a_unit",
                condition=Q(role__isnull=True, unit__isnull=False)
                | Q(role__isnull=False, unit__isnull=True),
                violation_error_message=_(
                    "Hãy chọn một vai trò hoặc một đơn vị, không chọn cả hai."
                ),
            ),
        )

    def __str__(self) -> str:
        return gettext(self.role.name) if self.role else str(self.unit or "")

    def clean(self) -> None:
        super().clean()
        if self._state.adding and self.from_day and self.from_day < timezone.localdate():
            raise ValidationError({"from_day": _("Ngày này đã qua. Hãy chọn từ hôm nay trở đi.")})
