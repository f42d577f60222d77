"""Notices that IT puts on the log-in page."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.names import NameField


class LoginNotice(models.Model):
    """A notice on the log-in page, shown from one moment until another."""

    text = NameField(_("nội dung"), max_length=500)
    shown_from = models.DateTimeField(_("hiện từ"), default=timezone.now)
    shown_until = models.DateTimeField(_("đến"))

    class Meta:
        verbose_name = _("thông báo ở trang đăng nhập")
        verbose_name_plural = pgettext_lazy("plural", "thông báo ở trang đăng nhập")
        constraints = [
            models.CheckConstraint(
                name="login_notice_has_an_end", condition=Q(shown_until__gt=F("shown_from"))
            )
        ]

    def __str__(self) -> str:
        return str(self.text)[:60]

    def clean(self) -> None:
        super().clean()
        if self.shown_until and self.shown_from and self.shown_until <= self.shown_from:
            raise ValidationError({"shown_until": _("Giờ kết thúc phải sau giờ bắt đầu.")})
