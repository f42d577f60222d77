"""Browsers and mail programs: sessions, names of what cookies hold, app passwords, webmail."""

import uuid

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.names import NameField
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
        verbose_name = _("phiên")
        verbose_name_plural = pgettext_lazy("plural", "phiên")
        db_table = "accounts_session"

    @staticmethod
    def name_of(key: str) -> str:
        return keyed_names.oldest_name_of("session", key)


# By hand, because each log-in asks both.
_IS_FORGOTTEN = """
SELECT EXISTS (
    SELECT FROM accounts_device AS device JOIN accounts_account AS account
    ON account.id = device.account_id
    WHERE account.address = %s AND device.token_name = %s AND device.forgotten_at IS NOT NULL
)
"""
_SEE = """
UPDATE accounts_device SET browser = %s, client = %s, last_seen_at = %s
WHERE account_id = %s AND token_name = %s AND forgotten_at IS NULL
"""


class DeviceManager(models.Manager["Device"]):
    """Look devices up by what their cookies hold."""

    def is_forgotten(self, address: str, token: str) -> bool:
        """Whether the owner of this main address had the browser with this token forgotten."""
        with connection.cursor() as cursor:
            cursor.execute(_IS_FORGOTTEN, [address, Device.name_of(token)])
            (found,) = cursor.fetchone()
        return bool(found)

    def see(self, account: int, token: str, browser: str, client: str | None) -> bool:
        """Note that a browser came again; False where it has no row, or was forgotten."""
        seen = [browser, client, timezone.now(), account, Device.name_of(token)]
        with connection.cursor() as cursor:
            cursor.execute(_SEE, seen)
            return bool(cursor.rowcount)


class Device(models.Model):
    """A browser in which somebody has logged in to an account, by a name of its cookie's token.

    Once its owner has it forgotten, it is new again at its next log-in, by another token.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, verbose_name=_("tài khoản")
    )
    token_name = models.CharField(max_length=64)
    browser = models.CharField(_("trình duyệt"), max_length=64)
    client = models.GenericIPAddressField(_("địa chỉ IP"), null=True)
    first_seen_at = models.DateTimeField(_("lần đầu lúc"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("lần cuối lúc"), default=timezone.now, db_index=True)
    forgotten_at = models.DateTimeField(null=True)

    objects = DeviceManager()

    class Meta:
        verbose_name = _("thiết bị")
        verbose_name_plural = pgettext_lazy("plural", "thiết bị")
        constraints = (
            models.UniqueConstraint(fields=["account", "token_name"], name="a_device_once"),
        )

    def __str__(self) -> str:
        return self.browser

    @staticmethod
    def name_of(token: str) -> str:
        return keyed_names.oldest_name_of("device", token)


class MailLogin(models.Model):
    """Log-ins of mail programs on one day, from one caller by one protocol, as Dovecot tells."""

    class Protocol(models.TextChoices):
        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"
        SMTP = "smtp", "SMTP"
        SIEVE = "sieve", "ManageSieve"
        OTHER = "other", _("khác")

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, verbose_name=_("tài khoản")
    )
    local_day = models.DateField(_("ngày"), db_index=True)
    client = models.GenericIPAddressField(_("địa chỉ IP"))  # of IPv6: where its /64 begins
    protocol = models.CharField(_("giao thức"), max_length=8, choices=Protocol)
    count = models.PositiveIntegerField(_("số lần"), default=1)
    first_at = models.DateTimeField(_("lần đầu lúc"), default=timezone.now)
    last_at = models.DateTimeField(_("lần cuối lúc"), default=timezone.now)

    class Meta:
        verbose_name = _("đăng nhập của phần mềm thư")
        verbose_name_plural = pgettext_lazy("plural", "đăng nhập của phần mềm thư")
        constraints = (
            models.UniqueConstraint(
                fields=["account", "local_day", "client", "protocol"],
                name="mail_logins_of_a_day_are_one_row",
            ),
            models.CheckConstraint(
                name="mail_logins_end_after_they_began",
                condition=models.Q(last_at__gte=models.F("first_at"), count__gte=1),
            ),
            models.CheckConstraint(
                name="mail_login_protocol_is_known",
                condition=models.Q(protocol__in=["imap", "pop3", "smtp", "sieve", "other"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_protocol_display()}, {self.local_day:%d/%m/%Y}"


class AppPassword(models.Model):
    """A password of one mail program: it opens the mailbox and nothing else. Only a hash is kept.

    The mail server finds the one that was typed by `digest`, one of 256 (accounts.credentials.
    app_passwords says why so few).
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, verbose_name=_("tài khoản")
    )
    name = NameField(_("tên"), max_length=64)
    digest = models.CharField(max_length=2)
    encoded = models.CharField(max_length=128)
    made_at = models.DateTimeField(_("tạo lúc"), default=timezone.now)
    # As Dovecot tells; never, where it does not.
    last_used_on = models.DateField(_("dùng gần nhất"), null=True)
    last_protocol = models.CharField(
        _("giao thức"), max_length=8, choices=MailLogin.Protocol, blank=True
    )

    class Meta:
        verbose_name = _("mật khẩu ứng dụng")
        verbose_name_plural = pgettext_lazy("plural", "mật khẩu ứng dụng")
        constraints = (
            models.UniqueConstraint(fields=["account", "name"], name="an_app_password_has_a_name"),
            # The mail server asks for one row, and takes no more.
            models.UniqueConstraint(
                fields=["account", "digest"], name="an_app_password_is_found_alone"
            ),
            models.CheckConstraint(
                name="an_app_password_is_a_hash",
                condition=models.Q(
                    digest__regex="^[0-9a-f]{2}$", encoded__startswith="{SSHA512}", name__gt=""
                ),
            ),
            models.CheckConstraint(
                name="an_app_password_was_used_by_a_protocol",
                condition=models.Q(last_used_on=None, last_protocol="")
                | models.Q(
                    last_used_on__isnull=False,
                    last_protocol__in=["imap", "pop3", "smtp", "sieve", "other"],
                ),
            ),
        )

    def __str__(self) -> str:
        return str(self.name)


class WebmailLogin(models.Model):
    """A log-in at the webmail by way of the portal.

    Its code and its tokens are derived from its number, the pepper and how many times they were
    renewed (accounts.webmail.tokens). Stored is the SHA-256 of the access token, by which the mail
    server finds it, and of the one before.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, verbose_name=_("tài khoản")
    )
    browser = models.CharField(_("trình duyệt"), max_length=64)
    client = models.GenericIPAddressField(_("địa chỉ IP"), null=True)
    challenge = models.CharField(max_length=43)  # of PKCE: what the verifier's SHA-256 has to be
    nonce = models.CharField(max_length=255, blank=True)
    begun_at = models.DateTimeField(_("đăng nhập lúc"), default=timezone.now)
    ends_at = models.DateTimeField(_("hết hạn lúc"))
    # Of the tokens in force: 0, before the code was exchanged for the first.
    turn = models.PositiveIntegerField(default=0)
    turned_at = models.DateTimeField(_("dùng gần nhất lúc"), null=True)
    access_digest = models.CharField(max_length=64, blank=True)
    former_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("đăng nhập webmail")
        verbose_name_plural = pgettext_lazy("plural", "đăng nhập webmail")
        constraints = (
            models.CheckConstraint(
                name="a_webmail_login_has_a_challenge",
                condition=models.Q(challenge__regex="^[A-Za-z0-9_-]{43}$"),
            ),
            models.CheckConstraint(
                name="webmail_login_turns_at_a_time",
                condition=models.Q(turn=0, turned_at=None, access_digest="", former_digest="")
                | models.Q(
                    turn__gt=0,
                    turned_at__isnull=False,
                    access_digest__regex="^[0-9a-f]{64}$",
                    former_digest__regex="^([0-9a-f]{64})?$",
                ),
            ),
        )

    def __str__(self) -> str:
        return self.browser

    @classmethod
    def end_of(cls, account: "models.Model") -> None:
        """End all of an account, where there is single sign-on: what has ended is not there."""
        if settings.WEBMAIL_SSO.is_on:
            cls.objects.filter(account=account).delete()
