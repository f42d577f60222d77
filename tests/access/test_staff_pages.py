"""Who of the staff gets which page: every one of them, by every role, and by guessing."""

import re

from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.test import Client, SimpleTestCase, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import (
    Account,
    AuditEvent,
    DataRequest,
    FactorDemand,
    FactorProposal,
    Hook,
    LoginNotice,
    PhoneCampaign,
    PhoneProposal,
    Unit,
)
from accounts.removal import rules as removal_rules
from otp.models import Code, Message
from tests.house.test_house_rules import patterns
from tests.support import cast
from tests.support.cast import FACTOR

# Pages that need more than roles to be looked at: test_campaign_pages, test_reports,
# test_load_accounts, test_slips, test_departures, test_removals, test_caller_check,
# test_program_pages, test_hook_pages.
ELSEWHERE = (
    "/ho-tro/tai-khoan/{pk}/doi-chieu/nhan-tin/",
    "/quan-tri/bao-cao/{table}.csv",
    "/quan-tri/bao-cao/don-vi/{unit}/{table}.csv",
    "/quan-tri/bao-cao/ma/{table}.csv",
    "/quan-tri/bao-cao/ho-tro/{table}.csv",
    "/quan-tri/phieu-kich-hoat/{pk}/huy/",
    "/quan-tri/nghi-viec/{pk}/huy/",
    "/quan-tri/chuong-trinh/{pk}/huy/",
    *(
        f"/quan-tri/chuong-trinh/webhook/{{pk}}/{act}"
        for act in ("thu/", "bat-tat/", "khoa-ky/", "huy/")
    ),
    "/quan-tri/xoa/{pk}/nguoi/{member}/",
    "/quan-tri/xoa/{pk}/rut/",
    "/quan-tri/chien-dich/{pk}/",
    "/quan-tri/chien-dich/{pk}/theo-don-vi.csv",
    "/quan-tri/chien-dich/{pk}/nguoi/",
    "/quan-tri/chien-dich/{pk}/bat-dau/",
    "/quan-tri/chien-dich/{pk}/dong-y-khoa/",
    "/quan-tri/chien-dich/{pk}/rut-dong-y/",
    "/quan-tri/chien-dich/{pk}/dung/",
    "/quan-tri/chien-dich/{pk}/de-nghi-xoa.csv",
    "/quan-tri/chien-dich/so-dien-thoai/{pk}/nguoi/{account}/mien/",
    "/quan-tri/chien-dich/so-dien-thoai/{pk}/nguoi/{account}/thoi-mien/",
    "/quan-tri/accounts/account/cong-viec/{pk}/",
    "/quan-tri/accounts/account/cong-viec/{pk}/loi.csv",
    "/quan-tri/accounts/account/cong-viec/{pk}/tep/",
)

HOLDS = "FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE"
ROLES = ("hotline", "unit-it", "province-it", "auditor", "nothing", "civil servant")

# What each page answers to a GET of each of ROLES. A redirect is written as its beginning.
YES, NO, GONE, HOME = 200, 403, 404, "/"
TABLE = {
    # page: hotline, unit-it, province-it, auditor, staff without a role, civil servant
    "/ho-tro/": (YES, YES, YES, YES, NO, GONE),
    "/ho-tro/huong-dan/": (YES, YES, YES, YES, NO, GONE),
    "/quan-tri/huong-dan/": (NO, YES, YES, YES, NO, GONE),
    "/ho-tro/doi-so/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/doi-so/{proposal}/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/bo-xac-thuc/{factor_proposal}/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{an}/bo-xac-thuc/": (NO, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{an}/": (YES, YES, YES, YES, NO, GONE),
    "/ho-tro/tai-khoan/{an}/khoa/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{an}/doi-chieu/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{an}/hien-so/": (YES, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{an}/de-nghi-doi-so/": (NO, YES, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{mai}/dat-lai-xac-thuc/": (NO, GONE, YES, NO, NO, GONE),
    # Somebody of another unit.
    "/ho-tro/tai-khoan/{binh}/": (YES, GONE, YES, YES, NO, GONE),
    "/ho-tro/tai-khoan/{binh}/khoa/": (YES, GONE, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{binh}/doi-chieu/": (YES, GONE, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{binh}/hien-so/": (YES, GONE, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/{binh}/de-nghi-doi-so/": (NO, GONE, YES, NO, NO, GONE),
    "/ho-tro/tai-khoan/0/": (GONE, GONE, GONE, GONE, NO, GONE),
    "/ho-tro/dia-chi/0123456789abcdef/": (GONE, GONE, GONE, GONE, NO, GONE),
    "/quan-tri/": (YES, YES, YES, YES, YES, HOME),
    "/quan-tri/accounts/account/": (NO, YES, YES, YES, NO, HOME),
    "/quan-tri/accounts/account/add/": (NO, NO, YES, NO, NO, HOME),
    "/quan-tri/accounts/account/{an}/change/": (NO, YES, YES, YES, NO, HOME),
    "/quan-tri/accounts/account/{binh}/change/": (NO, "/quan-tri/", YES, YES, NO, HOME),
    "/quan-tri/accounts/account/{an}/history/": (
        NO,
        "/ho-tro/tai-khoan/{an}/",
        "/quan-tri/accounts/auditevent/?account={an}",
        "/quan-tri/accounts/auditevent/?account={an}",
        NO,
        HOME,
    ),
    "/quan-tri/accounts/account/{an}/delete/": (NO, NO, NO, NO, NO, HOME),
    "/quan-tri/accounts/unit/": (NO, YES, YES, YES, NO, HOME),
    "/quan-tri/accounts/unit/add/": (NO, NO, YES, NO, NO, HOME),
    "/quan-tri/accounts/unit/{ours}/change/": (NO, YES, YES, YES, NO, HOME),
    "/quan-tri/accounts/unit/{theirs}/change/": (NO, "/quan-tri/", YES, YES, NO, HOME),
    "/quan-tri/accounts/auditevent/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/auditevent/xuat/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/auditevent/{event}/change/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/auditevent/{event}/delete/": (NO, NO, NO, NO, NO, HOME),
    "/quan-tri/accounts/loginnotice/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/loginnotice/add/": (NO, NO, YES, NO, NO, HOME),
    "/quan-tri/accounts/loginnotice/{notice}/change/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/factordemand/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/factordemand/add/": (NO, NO, YES, NO, NO, HOME),
    "/quan-tri/accounts/factordemand/{demand}/change/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/otp/brakes/1/change/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/otp/code/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/otp/message/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/otp/gatewaystate/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/upkeep/": (NO, NO, YES, YES, NO, HOME),
    "/quan-tri/accounts/account/nap/": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/accounts/account/nap/mau.csv": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/accounts/account/nap/mau.xlsx": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/bao-cao/": (NO, YES, YES, YES, NO, GONE),
    "/quan-tri/bao-cao/don-vi/{ours}/": (NO, YES, YES, YES, NO, GONE),
    "/quan-tri/bao-cao/don-vi/{theirs}/": (NO, GONE, YES, YES, NO, GONE),
    "/quan-tri/bao-cao/ma/": (NO, NO, YES, YES, NO, GONE),
    "/quan-tri/bao-cao/ho-tro/": (NO, YES, YES, YES, NO, GONE),
    "/quan-tri/nghi-viec/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/nghi-viec/moi/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/yeu-cau-du-lieu/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/yeu-cau-du-lieu/{request}/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/yeu-cau-du-lieu/{their_request}/": (NO, GONE, YES, NO, NO, GONE),
    "/quan-tri/xoa/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/moi/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/nghi-viec/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/chien-dich/1/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/{our_removal}/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/{our_removal}/xac-nhan/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/xoa/{their_removal}/": (NO, GONE, YES, NO, NO, GONE),
    "/quan-tri/xoa/{their_removal}/xac-nhan/": (NO, GONE, YES, NO, NO, GONE),
    "/quan-tri/phieu-kich-hoat/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/phieu-kich-hoat/in/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/chuong-trinh/": (NO, NO, YES, YES, NO, GONE),
    "/quan-tri/chuong-trinh/moi/": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/chuong-trinh/webhook/": (NO, NO, YES, YES, NO, GONE),
    "/quan-tri/chuong-trinh/webhook/moi/": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/chuong-trinh/webhook/{hook}/": (NO, NO, YES, YES, NO, GONE),
    "/quan-tri/chuong-trinh/webhook/{hook}/sua/": (NO, NO, YES, NO, NO, GONE),
    "/quan-tri/hop-thu-to-chuc/": (NO, YES, YES, YES, NO, GONE),
    "/quan-tri/hop-thu-to-chuc/danh-sach.csv": (NO, YES, YES, YES, NO, GONE),
    "/quan-tri/hop-thu-to-chuc/{office}/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/hop-thu-to-chuc/{their_office}/": (NO, GONE, YES, NO, NO, GONE),
    "/quan-tri/hop-thu-to-chuc/{an}/": (NO, GONE, GONE, NO, NO, GONE),
    "/quan-tri/chien-dich/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/chien-dich/moi/": (NO, YES, YES, NO, NO, GONE),
    "/quan-tri/chien-dich/so-dien-thoai/moi/": (NO, YES, YES, NO, NO, GONE),
    # A campaign of the whole province: the IT of a unit sees and reminds its own, and runs nothing.
    **{
        f"/quan-tri/chien-dich/so-dien-thoai/{{phones}}/{page}": (NO, YES, YES, NO, NO, GONE)
        for page in (
            *("", "theo-don-vi.csv", "nguoi/", "nguoi.csv", "nguoi.xlsx"),
            *("phu-luc/", "nhac-ngay/"),
        )
    },
    **{
        f"/quan-tri/chien-dich/so-dien-thoai/{{phones}}/{page}": (NO, GONE, YES, NO, NO, GONE)
        for page in ("bat-dau/", "dung/", "chay-tiep/")
    },
    "/cau-hinh/xac-thuc-hai-lop/": (YES, YES, YES, YES, YES, YES),
}


class Staff(cast.Cast):
    """One of each role; An is of the unit that the unit's IT looks after, Binh of another."""

    def setUp(self):
        self.set_up_people()
        self.ours = Unit.objects.create(name="Sở Y tế")
        ward = Unit.objects.create(name="Phòng Tổ chức", parent=self.ours)
        self.theirs = Unit.objects.create(name="Sở Tài chính")
        Account.objects.filter(pk=self.an.pk).update(unit=ward)
        now = timezone.now()
        Account.objects.filter(pk=self.binh.pk).update(
            unit=self.theirs, phone="+84912000888", phone_confirmed_at=now
        )
        self.browsers = {"civil servant": Client()}
        self.log_in("em", client=self.browsers["civil servant"])
        self.staff = {}
        for number, role in enumerate(ROLES[:-1]):
            name = role.replace("-", ".")
            staff = cast.make_staff(name, "" if role == "nothing" else role, unit=self.ours)
            Account.objects.filter(pk=staff.pk).update(is_superuser=False)
            self.staff[role] = staff
            self.browsers[role] = _at_desk(number)
            self.come_in(staff, client=self.browsers[role])
        Account.objects.filter(pk=self.em.pk).update(has_default_password=False)

    def places(self):
        proposal = PhoneProposal.objects.create(
            account=self.an,
            phone="+84912345671",
            phone_masked="***671",
            evidence="x",
            ticket="1",
            proposed_by=cast.make("khac"),
        )
        factor_proposal = FactorProposal.objects.create(
            account=self.an, evidence="x", ticket="1", proposed_by=proposal.proposed_by
        )
        notice = LoginNotice.objects.create(text="x", shown_until="2099-01-01T00:00:00Z")
        mai = cast.make_staff("mai", "hotline")
        office = cast.make("so.y.te", kind="organisation", unit=self.ours)
        their_office = cast.make("so.tai.chinh", kind="organisation", unit=self.theirs)
        today = timezone.localdate()
        phones = PhoneCampaign.objects.create(
            name="x",
            basis="x",
            kinds=["person"],
            postponements=1,
            reminder_days=[today],
            asked_first_from=today,
        )
        phones.units.set([self.ours, self.theirs])
        request, their_request = (
            DataRequest.objects.create(account=person, kind="erase", text="x", due_on=today)
            for person in (self.an, self.binh)
        )
        lan = cast.make_staff("lan", "province-it")
        removals = [
            removal_rules.propose(Account.objects.filter(pk=each.pk), why="x", by=lan)
            for each in (self.an, self.binh)
        ]
        return {
            "request": request.pk,
            "their_request": their_request.pk,
            "our_removal": removals[0].pk,
            "their_removal": removals[1].pk,
            "an": self.an.pk,
            "binh": self.binh.pk,
            "mai": mai.pk,
            "office": office.pk,
            "their_office": their_office.pk,
            "phones": phones.pk,
            "ours": self.ours.pk,
            "theirs": self.theirs.pk,
            "proposal": proposal.pk,
            "factor_proposal": factor_proposal.pk,
            "notice": notice.pk,
            "hook": Hook.objects.create(
                name="x", url="https://x.example/", events=["locked"], seed="a" * 32
            ).pk,
            "demand": FactorDemand.objects.create(unit=self.theirs, from_day="2099-01-01").pk,
            "event": AuditEvent.objects.first().pk,
        }


class RoleTests(Staff, TestCase):
    def test_each_page_answers_each_role_as_the_table_says(self):
        places = self.places()
        for page, answers in TABLE.items():
            path = page.format(**places)
            for role, expected in zip(ROLES, answers, strict=True):
                with self.subTest(page=page, role=role):
                    r = self.browsers[role].get(path, follow=isinstance(expected, str))

                    if isinstance(expected, str):
                        self.assertEqual(r.redirect_chain[-1][0], expected.format(**places))
                    else:
                        self.assertEqual(r.status_code, expected)

    def test_no_page_holds_a_row_to_be_looked_at(self):
        places = self.places()
        for page in TABLE:
            with self.subTest(page), CaptureQueriesContext(connection) as asked:
                self.browsers["province-it"].get(page.format(**places))

                held = [each["sql"] for each in asked if re.search(HOLDS, each["sql"])]
                self.assertEqual(held, [])

    def test_without_the_second_factor_no_page_opens_to_anybody(self):
        places = self.places()
        for number, role in enumerate(ROLES[:-1]):
            browser = _at_desk(number)
            self.log_in(self.staff[role].address, client=browser)
            self.assertEqual(browser.get(FACTOR).status_code, 200)
            for page in TABLE:
                with self.subTest(page=page, role=role):
                    for act in (browser.get, browser.post):
                        r = act(page.format(**places))
                        if r.status_code == 405:
                            continue

                        self.assertEqual(_led_to(browser, r), FACTOR)


class TableTests(SimpleTestCase):
    def test_no_staff_page_is_missing_from_the_table(self):
        known = {_shape(page) for page in (*TABLE, *ELSEWHERE)}
        for name, path, view in patterns(get_resolver()):
            if getattr(view, "staff_right", None) or path.startswith("/ho-tro/"):
                with self.subTest(name):
                    self.assertIn(_shape(path), known)


def _led_to(browser, r):
    """Go where an answer leads, as far as the door of the second factor."""
    while r.status_code == 302 and not r.url.startswith(FACTOR):
        r = browser.get(r.url)
    return r.headers.get("Location", r.request["PATH_INFO"]).partition("?")[0]


def _at_desk(number):
    """Give a browser at an address of its own: so many pages of one caller are turned away."""
    return Client(REMOTE_ADDR=f"192.0.2.{number}")


def _shape(page):
    """Reduce a page's address to its fixed parts."""
    page = re.sub(r"\{\w*\}|(?<=/)\d[0-9a-f-]*(?=[/.])", "*", page)
    return re.sub(r"(tai-khoan/\*/)(khoa|dat-lai-xac-thuc)/", r"\1*/", page)


class WideningTests(Staff, TestCase):
    """AD-04: nobody widens their own rights, or touches another member of staff."""

    def fields(self, **extra):
        return (
            {"full_name": "X", "kind": "person", "unit": "", "is_active": "on"}
            | cast.NO_ALIASES
            | extra
        )

    def test_it_cannot_edit_itself_or_other_staff(self):
        extra = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1"}
        for role in ("unit-it", "province-it"):
            for other in self.staff.values():
                page = f"/quan-tri/accounts/account/{other.pk}/change/"
                with self.subTest(role=role, other=other.address):
                    r = self.browsers[role].post(page, self.fields(**extra))

                    self.assertEqual(r.status_code, 403)
        for staff in self.staff.values():
            before = set(staff.groups.all())
            staff.refresh_from_db()
            self.assertFalse(staff.is_superuser)
            self.assertEqual(set(staff.groups.all()), before)

    def test_nobody_is_made_staff_on_a_page(self):
        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        fields = self.fields(is_superuser="on", is_staff="on", groups=["1", "2"])

        self.browsers["province-it"].post(page, fields)

        self.an.refresh_from_db()
        self.assertEqual(self.an.full_name, "X")
        self.assertFalse(self.an.is_staff or self.an.is_superuser or self.an.groups.exists())

    def test_the_it_of_a_unit_moves_nobody_into_another(self):
        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        r = self.browsers["unit-it"].post(page, self.fields(unit=self.theirs.pk))

        self.assertEqual(r.status_code, 200)
        self.an.refresh_from_db()
        self.assertNotEqual(self.an.unit, self.theirs)

    def test_the_it_of_a_unit_locks_nobody_of_another(self):
        self.act_on("lock_chosen", self.an, self.binh, client=self.browsers["unit-it"])

        self.an.refresh_from_db()
        self.binh.refresh_from_db()
        self.assertEqual((self.an.is_locked, self.binh.is_locked), (True, False))

    def test_the_auditor_changes_nothing(self):
        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        self.assertEqual(self.browsers["auditor"].post(page, self.fields()).status_code, 403)
        data = {"action": "lock_chosen", "_selected_action": [self.an.pk]}
        self.browsers["auditor"].post("/quan-tri/accounts/account/", data)

        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.is_locked), ("Lý Văn An", False))

    def test_a_role_has_just_the_rights_of_the_table_whatever_was_added(self):
        hotline = Group.objects.get(name="Hỗ trợ")
        hotline.permissions.add(*Permission.objects.all())

        call_command("migrate", verbosity=0)

        names = set(hotline.permissions.values_list("codename", flat=True))
        self.assertEqual(
            names, {"use_desk", "help_person", "check_caller", "reveal_phone", "approve_phone"}
        )

    def test_nobody_is_put_out_of_every_unit_s_sight(self):
        before = Account.objects.get(pk=self.an.pk).unit

        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        self.browsers["unit-it"].post(page, self.fields())

        self.an.refresh_from_db()
        self.assertEqual((self.an.unit, self.an.full_name), (before, "Lý Văn An"))


class NoTraceTests(Staff, TestCase):
    def test_the_list_of_accounts_cannot_be_searched_by_its_address(self):
        r = self.browsers["province-it"].get("/quan-tri/accounts/account/", {"q": "Bình"})

        self.assertNotContains(r, 'id="searchbar"')
        self.assertNotContains(r, 'name="q"')

    def test_codes_and_messages_show_no_secret(self):
        self.ask(client=Client())
        code = cast.newest_code()
        for page in (
            "/quan-tri/otp/code/",
            "/quan-tri/otp/message/",
            f"/quan-tri/otp/code/{Code.objects.get().pk}/change/",
            f"/quan-tri/otp/message/{Message.objects.get().pk}/change/",
        ):
            r = self.browsers["province-it"].get(page)
            self.assertNotContains(r, code)
            self.assertNotContains(r, "466981")
