"""Programs of IT: their tokens, and the calls that they may send again."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.names import NameField


class ProgramToken(models.Model):
    """The token of a program of IT's, by its SHA-256: what it opens, from where, until when.

    It stays once it has ended: its name is in the trail, and is nobody else's.
    """

    class Scope(models.TextChoices):
        STATUS = "status", _("Xem tình trạng hệ thống")
        FIGURES = "figures", _("Xem đơn vị và số liệu")
        ACCOUNTS = "accounts", _("Xem tài khoản")
        LOCKS = "locks", _("Khóa, mở khóa tài khoản")

    name = NameField(_("tên"), max_length=64, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16), verbose_name=_("được làm gì"))
    # With those below it; none: the whole province.
    unit = models.ForeignKey(
        "accounts.Unit", verbose_name=_("đơn vị"), null=True, on_delete=models.PROTECT
    )
    networks = ArrayField(models.CharField(max_length=43), verbose_name=_("từ mạng nào"))
    made_at = models.DateTimeField(_("tạo lúc"), default=timezone.now)
    last_day = models.DateField(_("dùng được đến hết ngày"))
    ended_at = models.DateTimeField(_("hủy lúc"), null=True)
    last_used_on = models.DateField(_("dùng gần nhất"), null=True)

    class Meta:
        verbose_name = _("chương trình của CNTT")
        verbose_name_plural = pgettext_lazy("plural", "chương trình của CNTT")
        constraints = (
            models.CheckConstraint(
                name="a_program_token_is_a_hash",
                condition=models.Q(digest__regex="^[0-9a-f]{64}$", name__gt=""),
            ),
            models.CheckConstraint(
                name="a_program_token_opens_something",
                condition=models.Q(scopes__len__gt=0)
                & models.Q(scopes__contained_by=["status", "figures", "accounts", "locks"]),
            ),
            models.CheckConstraint(
                name="a_program_token_is_of_a_network", condition=models.Q(networks__len__gt=0)
            ),
        )

    def __str__(self) -> str:
        return str(self.name)


class ProgramCall(models.Model):
    """A call that may come again under its key, and what was answered; nothing in clear."""

    token = models.ForeignKey(ProgramToken, on_delete=models.CASCADE)
    key_digest = models.CharField(max_length=64)
    content_digest = models.CharField(max_length=64)
    answer = models.JSONField(default=dict)
    called_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("lệnh của chương trình")
        verbose_name_plural = pgettext_lazy("plural", "lệnh của chương trình")
        constraints = (
            models.UniqueConstraint(
                fields=["token", "key_digest"], name="a_program_uses_a_key_once"
            ),
        )

    def __str__(self) -> str:
        return self.key_digest[:8]
