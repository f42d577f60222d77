"""What the tests of campaigns share: offices, people with default passwords, days that pass."""

import datetime as dt
import io

from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts.campaigns import rules
from accounts.models import Account, Campaign, CampaignMember, Unit
from otp.models import Message
from tests.support import cast

CAMPAIGNS = "/quan-tri/chien-dich/"
REPORTS = "/quan-tri/bao-cao/"

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
        return rules.plan(first_day=first_day or timezone.localdate(), units=units, **fields)

    def running(self, *units, **fields):
        campaign = self.plan(*(units or [self.department]), **fields)
        rules.start(campaign, by=self.province)
        return campaign

    def consent(self, campaign):
        rules.approve_lock(campaign, by=self.province, why="Công văn 2/UBND")

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
