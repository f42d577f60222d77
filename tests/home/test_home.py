"""The first page of the staff: figures with a light, as far as the rights and the units go."""

import datetime as dt
import re
from unittest import mock

import time_machine
from django.db import OperationalError, connection
from django.test import Client, TestCase
from django.utils import timezone

from accounts.home import figures
from accounts.models import Account, Campaign, CampaignMember, DataRequest, Unit
from otp import outbox
from otp.models import GatewayState, Message, Purpose
from tests.support import cast

HOME = "/quan-tri/"
LIGHT = re.compile(
    r'light--(\w+)">\s*<p class="light__label">(.*?)</p>\s*<p class="light__value">'
    r"(?:<a href=\"(.*?)\">)?(.*?)(?:</a>)?</p>",
    re.DOTALL,
)
OF_THE_PORTAL = {
    "Tin đang chờ gửi",
    "Nhà cung cấp SMS đang dùng",
    "Lượt yêu cầu mã hôm nay",
    "Việc tự chạy quá hạn",
}


class HomeTests(cast.Cast, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ours = Unit.objects.create(name="Sở Y tế")
        theirs = Unit.objects.create(name="Sở Tài chính")
        for name, unit in (("an", cls.ours), ("binh", theirs), ("chi", theirs)):
            person = cast.make(name, unit=unit)
            DataRequest.objects.create(
                account=person, kind="erase", text="x", due_on=timezone.localdate()
            )
        cls.staff = {
            role: cast.make_staff(role.replace("-", "."), role, unit=cls.ours)
            for role in ("hotline", "unit-it", "province-it", "auditor")
        }

    def setUp(self):
        figures.forget()
        self.addCleanup(figures.forget)

    def client_of(self, role):
        client = Client(REMOTE_ADDR=f"192.0.2.{list(self.staff).index(role)}")
        self.come_in(self.staff[role], client=client)
        return client

    def shown(self, r):
        page = r.content.decode()
        return {
            label: (light, value, href.replace("&amp;", "&"))
            for light, label, href, value in LIGHT.findall(page)
        }

    def test_a_queue_that_stands_for_days_is_not_said_to_stand_for_seconds(self):
        due = timezone.now() - dt.timedelta(days=2)
        Message.objects.create(
            address_key="x",
            channel="mail",
            state="queued",
            created_at=due,
            due_at=due,
            good_until=timezone.now(),
            changed_at=due,
        )

        r = self.client_of("province-it").get(HOME)

        self.assertRegex(r.content.decode(), r"tin chờ lâu nhất 172\.8\d\d giây")

    def test_each_role_sees_what_its_rights_and_its_units_allow(self):
        seen = {role: self.shown(self.client_of(role).get(HOME)) for role in self.staff}

        self.assertLessEqual(OF_THE_PORTAL, seen["province-it"].keys())
        self.assertLessEqual(OF_THE_PORTAL, seen["auditor"].keys())
        self.assertFalse(OF_THE_PORTAL & seen["unit-it"].keys())
        self.assertEqual(seen["hotline"].keys(), {"Đề nghị đổi số chờ người thứ hai"})
        self.assertNotIn("Yêu cầu về dữ liệu cá nhân", seen["auditor"])
        for role, accounts, requests in (("province-it", "7", "3"), ("unit-it", "5", "1")):
            with self.subTest(role):
                self.assertEqual(seen[role]["Tài khoản đang dùng"][1], accounts)
                self.assertEqual(seen[role]["Yêu cầu về dữ liệu cá nhân"][:2], ("look", requests))

    def test_each_figure_leads_to_its_list(self):
        for role in self.staff:
            client = self.client_of(role)
            for label, (_light, _value, href) in self.shown(client.get(HOME)).items():
                with self.subTest(role, label=label):
                    self.assertEqual(client.get(href).status_code, 200)

    def test_what_is_wrong_has_another_light_said_in_words(self):
        client = self.client_of("province-it")
        gateways = "Nhà cung cấp SMS đang dùng"
        self.assertEqual(self.shown(client.get(HOME))[gateways][0], "good")
        later = timezone.now() + timezone.timedelta(hours=1)
        GatewayState.objects.update_or_create(name="console", defaults={"paused_until": later})
        with self.settings(SMS_GATEWAY="console"):
            r = client.get(HOME)

        self.assertEqual(self.shown(r)[gateways][0], "broken")
        self.assertContains(r, '<p class="light__state">hỏng</p>')
        self.assertContains(r, "tạm dừng vì lỗi: console")

    def test_a_part_that_cannot_be_read_leaves_the_others(self):
        def refuse(execute, sql, *rest):
            if 'FROM "otp_gatewaystate"' in sql:
                raise OperationalError("số 0912345678")
            return execute(sql, *rest)

        client = self.client_of("province-it")
        with connection.execute_wrapper(refuse), self.assertLogs("accounts.home.figures") as log:
            r = client.get(HOME)

        seen = self.shown(r)
        self.assertEqual(seen["Nhà cung cấp SMS đang dùng"][:2], ("broken", "không đọc được"))
        self.assertEqual(seen["Tài khoản đang dùng"][1], "7")
        self.assertNotIn("0912345678", log.output[0])

    def ask_for_a_code(self, name):
        outbox.send_code(
            f"{name}@example.vn", Purpose.RECOVERY, to="+84912466981", text="{code}", nonce="n"
        )

    def codes_on(self, client):
        r = client.get(HOME)
        return self.shown(r)["Lượt yêu cầu mã hôm nay"][1], "(đếm lúc " in r.content.decode()

    def test_few_codes_are_counted_by_each_page(self):
        client = self.client_of("province-it")
        self.assertEqual(self.codes_on(client), ("0", False))

        self.ask_for_a_code("an")

        self.assertEqual(self.codes_on(client), ("1", False))

    def test_many_codes_are_counted_once_a_minute_and_the_page_says_when(self):
        client = self.client_of("province-it")
        self.ask_for_a_code("an")
        with mock.patch.object(figures, "MANY_CODES", 0):
            self.assertEqual(self.codes_on(client), ("1", True))
            self.ask_for_a_code("binh")
            self.assertEqual(self.codes_on(client), ("1", True))

            with time_machine.travel(timezone.now() + dt.timedelta(days=1)):
                self.assertEqual(self.codes_on(self.client_of("auditor")), ("0", False))
            self.assertEqual(self.codes_on(client), ("2", True))

    def test_what_was_counted_a_minute_ago_is_counted_anew(self):
        client = self.client_of("province-it")
        with mock.patch.multiple(figures, MANY_CODES=0, FRESH=-1.0):
            self.ask_for_a_code("an")
            self.assertEqual(self.codes_on(client), ("1", True))
            self.ask_for_a_code("binh")

            self.assertEqual(self.codes_on(client), ("2", True))

    def test_it_takes_few_statements_and_counts_accounts_once_a_minute(self):
        client = self.client_of("province-it")
        with self.assertNumQueries(15):
            client.get(HOME)
        Account.objects.filter(address__startswith="chi").update(is_active=False)

        with self.assertNumQueries(14):
            r = client.get(HOME)

        self.assertEqual(self.shown(r)["Tài khoản đang dùng"][1], "7")

    def campaign(self, people, **fields):
        """Let a campaign run since today, over these people of whom none is done."""
        now = timezone.now()
        begun = {"first_day": timezone.localdate(), "created_at": now, "started_at": now}
        campaign = Campaign.objects.create(name="Mùa xuân", state="running", **begun, **fields)
        CampaignMember.objects.bulk_create(
            CampaignMember(campaign=campaign, account=account) for account in people
        )
        return campaign

    def done(self, campaign, account):
        found = CampaignMember.objects.filter(campaign=campaign, account=account)
        found.update(outcome="changed", decided_on=timezone.localdate())

    def progress(self, client):
        r = client.get(HOME)
        share = self.shown(r).get("Chiến dịch: Mùa xuân", ("", ""))[1]
        return share, "đếm lúc" in r.content.decode()

    def test_a_running_campaign_says_how_many_of_the_reader_s_people_are_done(self):
        an, chi = (Account.objects.get(address__startswith=name) for name in ("an@", "chi@"))
        self.done(self.campaign([an, chi]), chi)

        self.assertEqual(self.progress(self.client_of("province-it")), ("50,0\u00a0%", False))
        self.assertEqual(self.progress(self.client_of("unit-it")), ("0,0\u00a0%", False))
        CampaignMember.objects.filter(account=an).delete()
        self.assertEqual(self.progress(self.client_of("unit-it")), ("", False))

    def test_many_people_of_a_campaign_are_counted_once_a_minute_and_the_page_says_when(self):
        an, chi = (Account.objects.get(address__startswith=name) for name in ("an@", "chi@"))
        campaign, client = self.campaign([an, chi]), self.client_of("province-it")
        with mock.patch.object(figures, "MANY_PEOPLE", 1):
            self.assertEqual(self.progress(client), ("0,0\u00a0%", True))
            self.done(campaign, chi)
            self.assertEqual(self.progress(client), ("0,0\u00a0%", True))
            # Of one person, each page counts anew.
            of_unit = self.client_of("unit-it")
            self.assertEqual(self.progress(of_unit), ("0,0\u00a0%", False))
            self.done(campaign, an)
            self.assertEqual(self.progress(of_unit), ("100\u00a0%", False))

        figures.forget()
        self.assertEqual(self.progress(client), ("100\u00a0%", False))

    def test_a_campaign_that_starts_or_ends_is_not_waited_for(self):
        an, client = Account.objects.get(address__startswith="an@"), self.client_of("province-it")
        with mock.patch.object(figures, "MANY_PEOPLE", 0):
            campaign = self.campaign([an])
            self.assertEqual(self.progress(client)[0], "0,0\u00a0%")
            Campaign.objects.update(state="stopped", ended_at=timezone.now())
            self.assertEqual(self.progress(client)[0], "")
            CampaignMember.objects.filter(campaign=campaign).delete()
            self.campaign([an])

            self.assertEqual(self.progress(client)[0], "0,0\u00a0%")
