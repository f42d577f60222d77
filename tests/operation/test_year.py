"""A year of an office of a thousand mailboxes, at the end of which each figure is what SQL counts.

The clock of Python and of PostgreSQL goes through the year week by week; what a week brings is
done through the portal's own doors, and what runs by itself is run each week.
"""

import csv
import datetime as dt
import io
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client, TestCase
from django.utils import timezone

from accounts.models import Account, AuditEvent, PhoneCampaign, Unit
from otp.counting.keyed_names import name_of
from otp.models import DeadNumberDay, Message
from otp.suppliers import dead_numbers
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import Clock
from tests.support.loading import HASH, HEADER

UNITS, PEOPLE = 20, 50  # fifty of each
LIST = "/quan-tri/accounts/account/"
REPORTS = "/quan-tri/bao-cao/"
CAMPAIGNS = "/quan-tri/chien-dich/"
BY_ITSELF = ("run_campaigns", "run_departures", "doubt_numbers", "snapshot", "prune")

_STATES = """
SELECT count(*),
    count(*) FILTER (WHERE phone_confirmed_at IS NOT NULL AND phone_doubted_at IS NULL),
    count(*) FILTER (WHERE has_default_password),
    count(*) FILTER (WHERE last_login IS NULL),
    count(*) FILTER (WHERE locked_at IS NOT NULL)
FROM accounts_account WHERE is_active AND (unit_id = ANY(%s) OR %s)
"""
_PHONES = """
SELECT CASE WHEN phone = '' THEN 'none' WHEN phone_doubted_at IS NOT NULL THEN 'doubted'
            WHEN phone_confirmed_at IS NULL THEN 'unconfirmed' ELSE 'good' END AS state, count(*)
FROM accounts_account GROUP BY state
"""


def row(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


class YearTests(cast.Cast, TestCase):
    def setUp(self):
        with connection.cursor() as cursor:
            # Each row of the audit trail is chained at once: this test never commits.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            # A thousand rows at once may take long on a busy machine; a page would give up.
            cursor.execute("SET statement_timeout = '10min'")
        self.enterContext(mock.patch.object(connection.connection, "longest", None))
        self.chance = random.Random(2026)
        self.clock = Clock(self, 2026, 1, 5, 9, 0)
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(lambda: [each.unlink() for each in self.folder.iterdir()])
        self.province = cast.make_staff("it.tinh", "province-it")
        self.numbers = iter(range(912_000_000, 912_999_999))

    # What happens

    def sit_down(self):
        """Log in at the desk: a session of the staff does not last for days."""
        self.desk = Client(REMOTE_ADDR="192.0.2.9")
        self.come_in(self.province, client=self.desk)

    def new_number(self):
        return f"0{next(self.numbers)}"

    def load(self, rows, *options):
        with io.StringIO() as text:
            csv.writer(text).writerows([HEADER, *rows])
            file = self.folder / "accounts.csv"
            file.write_text(text.getvalue(), encoding="utf-8")
        call_command("import_accounts", file, "--apply", *options, stdout=io.StringIO())

    def weeks(self, count):
        """Let weeks pass, and each of them what runs by itself."""
        for _week in range(count):
            self.clock.forward(days=7)
            for command in BY_ITSELF:
                call_command(command, stdout=io.StringIO(), stderr=io.StringIO())
            self.everything_is_sent()

    def everything_is_sent(self):
        """Let the suppliers and the mail server take what waits; nobody is told a thing twice."""
        waiting = Message.objects.filter(state="queued")
        told = Counter(waiting.filter(channel="mail").values_list("to", "subject", "text"))
        self.assertLessEqual(set(told.values()), {1})
        waiting.update(state="accepted", changed_at=Now(), to="", subject="", text="")

    def some(self, count, **having):
        people = Account.objects.filter(is_staff=False, is_active=True, **having).order_by("pk")
        return self.chance.sample(list(people), count)

    def inside(self, person, password=PASSWORD):
        client = Client(REMOTE_ADDR=f"198.51.100.{self.chance.randrange(1, 255)}")
        self.log_in(person.address, password, client=client)
        return client

    def give_number(self, person, password=PASSWORD):
        client = self.inside(person, password)
        page = f"/cau-hinh/thong-tin/{person.address}/"
        if person.has_default_password:
            self.change_default(client)
            password = NEW_PASSWORD
        client.post(page, {"phone": self.new_number(), "password": password})
        client.post(f"{page}xac-thuc/", {"code": newest_code()})

    def change_default(self, client):
        new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        client.post("/cau-hinh/mat-khau/", {"password": PASSWORD, **new})

    # The year

    def test_a_year_ends_with_counts_equal_to_those_of_sql(self):
        self.january_everybody_is_loaded()
        self.february_campaigns_run()
        self.april_people_come_and_go()
        self.june_numbers_change_hands()
        self.september_units_are_merged()
        self.october_some_are_removed()
        self.december_numbers_are_asked_for_again()
        self.sit_down()

        self.coverage_is_what_sql_counts()
        self.lists_are_what_sql_counts()
        self.campaigns_are_what_sql_counts()
        call_command("verify_audit", "--all", stdout=io.StringIO())

    def january_everybody_is_loaded(self):
        vouched, others = [], []
        for n in range(UNITS * PEOPLE):
            unit = f"Sở {n % UNITS // 4 + 1}/Phòng {n % UNITS + 1}"
            kind = "organisation" if n % 10 == 9 else "person"
            line = [f"nguoi{n}", f"Người Thứ {n}", kind, unit]
            if n % 10 < 8:
                vouched.append([*line, self.new_number(), "", ""])
            else:
                others.append([*line, self.new_number() if n % 3 else "", "x", HASH])
        self.load(vouched, "--add-units", "--phones-confirmed", "--ground", "Hồ sơ 2026")
        self.load(others, "--add-units")
        self.assertEqual(Account.objects.filter(is_staff=False).count(), UNITS * PEOPLE)

    def february_campaigns_run(self):
        self.sit_down()
        first = timezone.localdate() + dt.timedelta(days=7)
        second, insists = first + dt.timedelta(days=14), first + dt.timedelta(days=28)
        self.phones = self.planned(
            "so-dien-thoai/moi/",
            kinds=["person"],
            reminder_days=f"{first:%d/%m/%Y}, {second:%d/%m/%Y}",
            asked_first_from=f"{insists:%d/%m/%Y}",
            postponements="1",
        )
        self.defaults = self.planned("moi/", first_day=f"{first:%d/%m/%Y}")
        self.desk.post(f"{self.defaults}dong-y-khoa/", {"why": "QĐ 1"})
        self.weeks(1)
        waiting = self.some(30, has_default_password=True, kind="person")
        self.settled = waiting[:10]
        for person in self.settled:
            self.give_number(person)
        for person in waiting[10:20]:
            self.change_default(self.inside(person))
        for person in waiting[20:23]:
            self.sit_down()
            self.desk.post(f"{self.phones}nguoi/{person.pk}/mien/", {"why": "Không có máy"})
        self.weeks(5)

    def planned(self, page, **fields):
        data = {"name": "Năm 2026", "basis": "CV 1", "units": ["all"], **fields}
        r = self.desk.post(f"{CAMPAIGNS}{page}", data)
        self.assertEqual(r.status_code, 302, r.content[-2000:])
        self.desk.post(f"{r.url}bat-dau/", {})
        return r.url

    def april_people_come_and_go(self):
        self.load(
            [[f"moi{n}", f"Mới {n}", "person", "Sở 1/Phòng 1", "", "", ""] for n in range(20)]
        )
        self.sit_down()
        newcomers = list(Account.objects.filter(address__startswith="moi").order_by("pk"))
        keys = ",".join(str(each.pk) for each in newcomers)
        data = {"people": keys, "layout": "bon", "why": "Người mới"}
        slips = self.desk.post("/quan-tri/phieu-kich-hoat/in/", data).content.decode()
        printed = re.findall(r'slip__code">([^<]*)<', slips)
        self.assertEqual(len(printed), 20)
        for person in newcomers[:3]:
            self.activate(
                person,
                self.desk.post(
                    "/quan-tri/phieu-kich-hoat/in/",
                    {"people": str(person.pk), "layout": "mot", "why": "Mất phiếu"},
                ),
            )
        last_day = timezone.localdate() + dt.timedelta(days=3)
        registry = Account.objects.filter(kind="organisation").first()
        for n, person in enumerate(self.some(20, kind="person", locked_at=None)):
            data = {
                "address": person.address,
                "last_day": f"{last_day:%d/%m/%Y}",
                "forward_to": registry.address if n % 2 else "",
                "forward_days": "30",
                "sentence": "",
                "why": "QĐ nghỉ việc",
            }
            self.desk.post("/quan-tri/nghi-viec/moi/", data)
        self.weeks(6)

    def activate(self, person, slip):
        code = re.search(r'slip__code">([^<]*)<', slip.content.decode())[1]
        client = Client(REMOTE_ADDR="203.0.113.7")
        client.post("/kich-hoat/", {"address": person.address, "code": code})
        client.post("/kich-hoat/so-dien-thoai/", {"phone": self.new_number()})
        client.post("/kich-hoat/xac-thuc/", {"code": newest_code()})
        new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        client.post("/kich-hoat/mat-khau/", new)
        person.refresh_from_db()
        self.assertTrue(person.phone_is_confirmed, person.address)

    def june_numbers_change_hands(self):
        gone = self.some(15, phone_confirmed_at__isnull=False, phone_doubted_at=None)
        for days in range(dead_numbers.DAYS):
            for person in gone:
                self.supplier_calls_dead(person)
            self.clock.forward(days=1 + days)
        self.weeks(1)
        doubted = Account.objects.filter(phone_doubted_at__isnull=False, is_active=True)
        self.assertEqual(doubted.count(), 15)
        with_password = [each for each in doubted if each.has_usable_password()]
        for person in with_password[:2]:
            self.give_number(person)
        for person in Account.objects.filter(
            pk__in=[each.pk for each in self.settled], is_active=True, phone_doubted_at=None
        ):
            before = person.phone
            self.give_number(person, NEW_PASSWORD)
            person.refresh_from_db()
            self.assertNotEqual(person.phone, before)
        self.weeks(10)

    def supplier_calls_dead(self, person):
        DeadNumberDay.objects.create(
            phone_key=name_of("phone", person.phone),
            local_day=timezone.localdate(),
            sent_at=timezone.now(),
            reason="30005",
        )

    def september_units_are_merged(self):
        """One department's offices go to another; one office's people go to a third."""
        first, second = Unit.objects.filter(parent=None).order_by("name")[:2]
        Unit.objects.filter(parent=second).update(parent=first)
        office, other = Unit.objects.filter(parent=first).order_by("name")[:2]
        moved = Account.objects.filter(unit=office).update(unit=other)
        self.assertGreater(moved, 40)
        self.weeks(13)

    def october_some_are_removed(self):
        """Two of the staff remove those who left, once their mail is forwarded no longer."""
        gone = set(Account.objects.filter(is_active=False).values_list("pk", flat=True))
        addresses = list(Account.objects.filter(pk__in=gone).values_list("address", flat=True))
        self.assertEqual(len(gone), 20)
        self.sit_down()
        r = self.desk.post("/quan-tri/xoa/nghi-viec/", {"why": "QĐ xóa"})
        colleague, second = cast.make_staff("it.hai", "province-it"), Client()
        self.come_in(colleague, client=second)
        second.post(f"{r.url}xac-nhan/", {"why": "QĐ xóa"})
        call_command("run_removals", stdout=io.StringIO())

        self.assertFalse(Account.objects.filter(pk__in=gone).exists())
        left = row(
            "SELECT count(*) FROM accounts_auditevent WHERE account_id = ANY(%s)", list(gone)
        )
        self.assertGreater(left[0][0], len(gone))
        with self.assertRaises(CommandError):
            self.load(
                [[addresses[0].split("@")[0], "Người Khác", "person", "Sở 1/Phòng 1", "", "", ""]]
            )

    def december_numbers_are_asked_for_again(self):
        self.sit_down()
        first = timezone.localdate() + dt.timedelta(days=1)
        self.again = self.planned(
            "so-dien-thoai/moi/",
            kinds=["person", "organisation"],
            older_than="6",
            reminder_days=f"{first:%d/%m/%Y}",
            asked_first_from=f"{first + dt.timedelta(days=30):%d/%m/%Y}",
            postponements="0",
        )
        self.weeks(2)

    # What is counted

    def coverage_is_what_sql_counts(self):
        table = self.desk.get(f"{REPORTS}theo-don-vi.csv").getvalue().decode("utf-8-sig")
        shown = {
            line[0]: [int(line[at].replace(".", "")) for at in (1, 2, 4, 6, 7)]
            for line in list(csv.reader(io.StringIO(table)))[1:]
        }
        (everybody,) = row(_STATES, [], True)
        self.assertEqual(shown["Cộng"], list(everybody))
        for unit in Unit.objects.filter(parent=None):
            below = [unit.pk, *Unit.objects.filter(parent=unit).values_list("pk", flat=True)]
            (counted,) = row(_STATES, below, False)
            self.assertEqual(shown[unit.name], list(counted), unit.name)

    def lists_are_what_sql_counts(self):
        counted = dict(row(_PHONES))
        self.assertEqual(set(counted), {"none", "doubted", "unconfirmed", "good"})
        for state, count in counted.items():
            listed = self.desk.get(f"{LIST}?phone={state}").context["cl"]
            self.assertEqual(listed.result_count, count, state)

    def campaigns_are_what_sql_counts(self):
        for page, table in (
            (self.phones, "accounts_phonemember"),
            (self.again, "accounts_phonemember"),
            (self.defaults, "accounts_campaignmember"),
        ):
            campaign = int(re.search(r"/(\d+)/$", page)[1])
            with self.subTest(page):
                by_outcome = dict(
                    row(
                        f"SELECT outcome, count(*) FROM {table} WHERE campaign_id = %s GROUP BY 1",
                        campaign,
                    )
                )
                tiles = self.desk.get(page).context["tiles"]
                shown = [int(tile.value.replace(".", "")) for tile in tiles]
                self.assertEqual(shown[0], sum(by_outcome.values()))
                self.assertGreater(shown[0], 50)
                if table.endswith("phonemember"):
                    self.assertEqual(shown[3], by_outcome.get("excused", 0))
                    self.assertEqual(shown[4], by_outcome.get("left", 0))
                else:
                    counts = [by_outcome.get(each, 0) for each in ("changed", "", "locked")]
                    self.assertEqual(shown[1:4], counts)
        reminded = AuditEvent.objects.filter(reason="phone-reminded").count()
        sent = sum(PhoneCampaign.objects.values_list("members__reminders_sent", flat=True))
        self.assertEqual(reminded, sent)
