"""Sessions of browsers, by a one-way name of the key in the cookie."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

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
