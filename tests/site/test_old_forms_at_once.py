"""What changes between the look at an old page and the deed is seen too (GO-08)."""

from threading import Thread

from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from django.utils import timezone

from accounts.campaigns import phone_rules
from accounts.custody import rules as custody
from accounts.models import Account
from accounts.removal import rules as removal
from tests.support import cast
from tests.support.campaigning import CAMPAIGNS, PHONES, Office
from tests.support.forms import Page
from tests.support.waiting import wait_for, waiting_for_locks

CHANGED = "Từ khi bạn mở trang này"
WHY = {"why": "Theo công văn 1"}


class AtOnceTests(Office, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()
        Account.objects.filter(is_staff=False).update(unit=self.department)
        self.one = Client()
        self.come_in(cast.make_staff("huong"), client=self.one)

    def test_what_somebody_does_at_the_same_moment_is_told(self):
        for case in (
            self.desk,
            self.proposal,
            self.hand_over,
            self.consent_of_campaign,
            self.phone_campaign,
            self.excuse,
            self.removal,
        ):
            path, typed, others = case()
            with self.subTest(case.__name__):
                self.at_once(Page(self.one, path), typed, others)

    def at_once(self, mine, typed, others):
        """Send a page while others are about to finish what they do to the same row."""
        answers = []

        def send():
            answers.append(mine.save(**typed))
            connection.close()

        sending = Thread(target=send)
        with transaction.atomic():
            others()
            sending.start()
            wait_for(waiting_for_locks, "the page to wait for the row")
        sending.join()

        self.assertContains(answers[0], CHANGED)

    def desk(self):
        ground = {"why": "người gọi báo mất máy", "ticket": "P-2026-0017"}
        others = self.change(self.an, password_changed_at=timezone.now())
        return f"/ho-tro/tai-khoan/{self.an.pk}/khoa/", ground, others

    def proposal(self):
        typed = {"phone": "0912 345 671", "evidence": "công văn", "ticket": "P-1"}
        others = self.change(self.an, phone="+84912345679", phone_changed_at=timezone.now())
        return f"/ho-tro/tai-khoan/{self.an.pk}/de-nghi-doi-so/", typed, others

    def change(self, account, **columns):
        return lambda: Account.objects.filter(pk=account.pk).update(**columns)

    def hand_over(self):
        office = cast.make("so.y.te", kind="organisation", unit=self.department)
        now = timezone.now()
        people = [
            cast.make(name, phone=f"+8491200044{n}", phone_confirmed_at=now, unit=self.department)
            for n, name in enumerate(("mua", "dong"))
        ]

        def others():
            custody.entrust(
                office, responsible=people[0], deputy=None, decision="1/QĐ", by=self.province
            )

        typed = {"responsible": people[1].address, "deputy": "", "decision": "2/QĐ"}
        return f"/quan-tri/hop-thu-to-chuc/{office.pk}/", typed, others

    def consent_of_campaign(self):
        campaign = self.running()
        return f"{CAMPAIGNS}{campaign.pk}/dong-y-khoa/", WHY, lambda: self.consent(campaign)

    def phone_campaign(self):
        campaign = self.plan_phones(self.department, older_than=None)
        path = f"{PHONES}{campaign.pk}/dung/"
        return path, WHY, lambda: phone_rules.start(campaign, by=self.province)

    def excuse(self):
        campaign = self.plan_phones(self.department, older_than=None)

        def others():
            phone_rules.excuse(self.binh, by=self.province, why="đang đi học")

        return f"{PHONES}{campaign.pk}/nguoi/{self.binh.pk}/mien/", WHY, others

    def removal(self):
        people = Account.objects.filter(pk__in=[self.gam.pk, self.hoa.pk])
        found = removal.propose(people, why="Quyết định 1", by=self.province)
        member = found.members.earliest("pk")
        path = f"/quan-tri/xoa/{found.pk}/xac-nhan/"
        return path, {}, lambda: removal.spare(member, by=self.province)
