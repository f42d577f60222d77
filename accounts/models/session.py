"""Browsers and their sessions, by one-way names of what their cookies hold."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from otp.counting import keyed_names


class Session(AbstractBaseSession):
    """A browser's session. `session_key` is a one-way name of the key that the cookie holds."""

    session_key = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.CASCADE, db_index=True
    )
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    # What the key before this one still opens, for a while: a remnant (accounts.access.sessions).
    former_key = models.CharField(max_length=64, db_index=True, db_default="", default="")
    former_data = models.TextField(db_default="", default="")
    former_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "phiên"
        verbose_name_plural = "phiên"
        db_table = "accounts_session"

    @staticmethod
    def name_of(key: str) -> str:
        return keyed_names.oldest_name_of("session", key)


class DeviceManager(models.Manager["Device"]):
    """Look devices up by what their cookies hold."""

    def is_forgotten(self, address: str, token: str) -> bool:
        """Whether the owner of this main address had the browser with this token forgotten."""
        rows = self.filter(account__address=address, token_name=Device.name_of(token))
        return rows.exclude(forgotten_at=None).exists()


class Device(models.Model):
    """A browser in which somebody has logged in to an account, by a name of its cookie's token.

    Once its owner has it forgotten, it is new again at its next log-in, by another token.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, verbose_name="tài khoản"
    )
    token_name = models.CharField(max_length=64)
    browser = models.CharField("trình duyệt", max_length=64)
    client = models.GenericIPAddressField("địa chỉ IP", null=True)
    first_seen_at = models.DateTimeField("lần đầu lúc", default=timezone.now)
    last_seen_at = models.DateTimeField("lần cuối lúc", default=timezone.now, db_index=True)
    forgotten_at = models.DateTimeField(null=True)

    objects = DeviceManager()

    class Meta:
        verbose_name = "thiết bị"
        verbose_name_plural = "thiết bị"
        constraints = (
            models.UniqueConstraint(fields=["account", "token_name"], name="a_device_once"),
        )

    def __str__(self) -> str:
        return self.browser

    @staticmethod
    def name_of(token: str) -> str:
        return keyed_names.oldest_name_of("device", token)
