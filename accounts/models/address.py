"""Every address at which mail reaches an account, and the domains they are in."""

import datetime as dt
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.addresses import LOCAL, AddressError, canonical

CANONICAL = rf"^{LOCAL}@[a-z0-9-]+(?:\.[a-z0-9-]+)*$"


# By hand, because each log-in asks: the ORM takes longer to write it than PostgreSQL to answer.
OWNER = """
SELECT account.* FROM accounts_account AS account
JOIN accounts_address AS address ON address.account_id = account.id WHERE address.address = %s
"""


class Address(models.Model):
    """One address of an account: its own (`is_main`), or an alias that leads to it.

    All stand in one table, so that PostgreSQL refuses one address to two accounts, whichever it is
    of either. A trigger keeps the main ones in step with `Account.address`.
    """

    address = models.EmailField(_("địa chỉ"), unique=True)
    account = models.ForeignKey(
        "accounts.Account",
        verbose_name=_("tài khoản"),
        on_delete=models.CASCADE,
        related_name="addresses",
    )
    is_main = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("địa chỉ khác")
        verbose_name_plural = pgettext_lazy("plural", "địa chỉ khác")
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
        if refusal := AddressQuarantine.objects.refusal_of(self.address):
            raise ValidationError({"address": refusal})


_KEPT_UNTIL = """
SELECT wanted.address, kept.until
FROM unnest(%s::text[]) AS wanted(address) JOIN accounts_addressquarantine AS kept
    ON kept.local_key = accounts_local_key(split_part(wanted.address, '@', 1))
    AND kept.domain = split_part(wanted.address, '@', 2)
WHERE kept.until > statement_timestamp()
"""
_KEEP = """
INSERT INTO accounts_addressquarantine (local_key, domain, until)
SELECT DISTINCT accounts_local_key(split_part(freed.address, '@', 1)),
    split_part(freed.address, '@', 2), %s
FROM unnest(%s::text[]) AS freed(address)
ON CONFLICT (local_key, domain) DO UPDATE SET until = excluded.until
"""
_MOVE = """
INSERT INTO accounts_addressquarantine (local_key, domain, until)
SELECT local_key, %s, until FROM accounts_addressquarantine WHERE domain = %s
ON CONFLICT (local_key, domain) DO UPDATE
SET until = greatest(accounts_addressquarantine.until, excluded.until)
"""


class QuarantineQuerySet(models.QuerySet["AddressQuarantine"]):
    def ends(self, addresses: Collection[str]) -> dict[str, dt.datetime]:
        """Say of those addresses that nobody may be given yet until when."""
        with connection.cursor() as cursor:
            cursor.execute(_KEPT_UNTIL, [list(addresses)])
            return dict(cursor.fetchall())

    def refusal_of(self, address: str) -> str:
        """Say why nobody may be given `address` yet; "" where somebody may."""
        until = self.ends([address]).get(address)
        return quarantine_sentence(until) if until else ""

    def keep(self, addresses: Collection[str], *, until: dt.datetime) -> None:
        """Keep addresses that were an account's from being given to another."""
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [until, list(addresses)])

    def extend_to_domain(self, new: str, *, old: str) -> None:
        """Keep in `new` too what is kept in `old`: its mail arrives there from now on."""
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, [new, old])


def quarantine_sentence(until: dt.datetime) -> str:
    day = date_format(timezone.localtime(until), "DATE_FORMAT")
    return gettext(
        "Địa chỉ này thuộc về một tài khoản đã xóa, được giữ lại đến %(day)s để thư của người cũ"
        " không đến người khác. Hãy chọn địa chỉ khác."
    ) % {"day": day}


class AddressQuarantine(models.Model):
    """An address of a removed account, which a trigger keeps from being given to somebody else.

    The part before the @ stands here only as a hash under a key of the database's own: whoever
    asks for an address learns of that one, and nobody can read who is gone.
    """

    local_key = models.CharField(max_length=64)
    domain = models.CharField(max_length=253)
    until = models.DateTimeField(db_index=True)

    objects = QuarantineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="quarantine_once", fields=["local_key", "domain"]),
        ]

    def __str__(self) -> str:
        return f"{self.local_key[:8]} {self.until:%Y-%m-%d}"


class MailDomain(models.Model):
    """A domain of the office as the mail server sees it: a copy of what the settings say."""

    name = models.CharField(_("tên miền"), max_length=253, primary_key=True)
    alias_of = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    # Whether people's own passwords open mailboxes, or their app passwords alone.
    opens_by_password = models.BooleanField(default=True, db_default=True)

    class Meta:
        verbose_name = _("tên miền")
        verbose_name_plural = pgettext_lazy("plural", "tên miền")

    def __str__(self) -> str:
        return self.name
