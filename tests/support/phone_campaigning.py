"""What the tests of campaigns for phone numbers share: who lacks one, plans, days that pass."""

import datetime as dt

from django.db.models import F
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.campaigns import phone_rules
from accounts.models import Account, PhoneCampaign, PhoneMember
from tests.support import campaigning, cast

_OLDER = "(SELECT array_agg(day - %s ORDER BY day) FROM unnest(reminder_days) AS day)"

PHONES = "/quan-tri/chien-dich/so-dien-thoai/"
GOOD = "+84987000001"


class PhoneOffice(campaigning.Office):
    """Gam has no number, Hoa an unconfirmed one, Ky (of the other department) an old one.

    Lan, of the department, has a good one.
    """

    def set_up_phones(self):
        """Make the offices, and numbers of every kind."""
        self.set_up_people()
        self.set_up_office()
        Account.objects.update(has_default_password=False)
        Account.objects.filter(pk=self.hoa.pk).update(phone="+84987000002")
        Account.objects.filter(pk=self.ky.pk).update(
            phone="+84987000003", phone_confirmed_at=timezone.now() - dt.timedelta(days=800)
        )
        self.lan = cast.make(
            "lan", unit=self.department, phone=GOOD, phone_confirmed_at=timezone.now()
        )

    def plan_phones(self, *units, **fields):
        today = timezone.localdate()
        fields = {
            "name": "Cập nhật số điện thoại",
            "basis": "Công văn 9/UBND",
            "kinds": ["person"],
            "older_than": 12,
            "reminder_days": [today, today + dt.timedelta(days=7)],
            "asked_first_from": today + dt.timedelta(days=14),
            "postponements": 2,
            "by": self.province,
        } | fields
        return phone_rules.plan(units=units or [self.department, self.other], **fields)

    def running_phones(self, *units, **fields):
        campaign = self.plan_phones(*units, **fields)
        phone_rules.start(campaign, by=self.province)
        campaign.refresh_from_db()
        return campaign

    def phone_outcomes(self):
        return {
            row.account.address.split("@")[0]: row.outcome
            for row in PhoneMember.objects.select_related("account")
        }


def confirm(account):
    """Let somebody have confirmed a number a moment ago."""
    Account.objects.filter(pk=account.pk).update(
        phone="+84987000009", phone_confirmed_at=timezone.now()
    )


def phone_days_pass(days):
    """Make campaigns for numbers and their mails older by whole days."""
    campaigning.days_pass(days)
    shift = dt.timedelta(days=days)
    older = RawSQL(
        "(SELECT array_agg(day - %s ORDER BY day) FROM unnest(reminder_days) day)", [days]
    )
    PhoneCampaign.objects.update(
        reminder_days=older, asked_first_from=F("asked_first_from") - shift
    )
    PhoneMember.objects.update(
        last_reminded_on=F("last_reminded_on") - shift, decided_on=F("decided_on") - shift
    )
