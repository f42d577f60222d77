"""What the tests of campaigns share: offices, people, plans of either kind, days that pass."""

import datetime as dt
import io

from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from accounts.campaigns import password_rules, phone_rules
from accounts.models import Account, Campaign, CampaignMember, PhoneCampaign, PhoneMember, Unit
from otp.models import Message
from tests.support import cast

CAMPAIGNS = "/quan-tri/chien-dich/"
REPORTS = "/quan-tri/bao-cao/"
PHONES = "/quan-tri/chien-dich/so-dien-thoai/"
GOOD = "+84987000001"

# Rows are written by the application's clock, but for what the database says of mails.
_OLDER = """
UPDATE otp_message SET created_at = created_at - %(by)s, changed_at = changed_at - %(by)s,
    due_at = due_at - %(by)s, good_until = good_until - %(by)s
"""


class Office(cast.Cast):
    """A department with a division below it, and another department.

    Gam (the department), Hoa (its division) and Ky (the other one) have default passwords.
    """

    def set_up_office(self):
        """Make the offices and those in them, besides the people of all tests."""
        self.department = Unit.objects.create(name="Sở Một")
        self.division = Unit.objects.create(name="Phòng Một", parent=self.department)
        self.other = Unit.objects.create(name="Sở Hai")
        self.gam = cast.make("gam", unit=self.department, has_default_password=True)
        self.hoa = cast.make("hoa", unit=self.division, has_default_password=True)
        self.ky = cast.make("ky", unit=self.other, has_default_password=True)
        self.province = cast.make_staff("it.tinh", "province-it")
        self.unit_it = cast.make_staff("it.so", "unit-it", unit=self.department)

    def plan(self, *units, first_day=None, **fields):
        fields = {"name": "Đổi mật khẩu", "basis": "Công văn 1/UBND", "by": self.province} | fields
        return password_rules.plan(
            first_day=first_day or timezone.localdate(), units=units, **fields
        )

    def running(self, *units, **fields):
        campaign = self.plan(*(units or [self.department]), **fields)
        password_rules.start(campaign, by=self.province)
        return campaign

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

    def consent(self, campaign):
        password_rules.approve_lock(campaign, by=self.province, why="Công văn 2/UBND")

    def run_and_send(self):
        call_command("run_campaigns", stdout=io.StringIO())
        send_all()

    def until_the_lock(self, campaign):
        """Let the three warnings go out on their days, and the day of the lock come."""
        for days in (7, 6, 1):
            self.run_and_send()
            days_pass(days)

    def member(self, account):
        return CampaignMember.objects.filter(account=account).latest("pk")

    def outcomes(self):
        return {
            row.account.address.split("@")[0]: row.outcome
            for row in CampaignMember.objects.select_related("account")
        }


def send_all():
    """Hand over every mail that waits, as the sender does when its turn has come."""
    Message.objects.filter(state=Message.State.QUEUED).update(due_at=Now())
    call_command("deliver_messages", "--once")


def days_pass(days):
    """Make campaigns and mails older by whole days."""
    shift = dt.timedelta(days=days)
    Campaign.objects.update(first_day=F("first_day") - shift)
    CampaignMember.objects.update(
        first_warned_on=F("first_warned_on") - shift,
        last_warned_on=F("last_warned_on") - shift,
        decided_on=F("decided_on") - shift,
    )
    with connection.cursor() as cursor:
        cursor.execute(_OLDER, {"by": shift})


def mails(to=None):
    """Give the mails that were handed over, to everybody or to one person."""
    return [each for each in mail.outbox if to is None or each.to == [to.address]]


def locked(account):
    return Account.objects.get(pk=account.pk).is_locked


class PhoneOffice(Office):
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
    days_pass(days)
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
