"""The second factor from the first log-in on: an app, recovery codes, and what IT may take back."""

import base64
import io
import re
from contextlib import redirect_stdout
from ipaddress import ip_network
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory, TestCase
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import second_factor
from accounts.models import Account, AuditEvent, Session, Unit
from accounts.models.audit_event import Ground
from otp.models import Message
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, NEW_PASSWORD, PASSWORD
from tests.support.clock import let_pass

ENROL = "/dang-nhap/yeu-to-thu-hai/cai-dat/"
OWN = "/cau-hinh/xac-thuc-hai-lop/"
DOORS = ("/quan-tri/", "/quan-tri/accounts/account/", OWN)
CHANGE = "/cau-hinh/mat-khau/"


def app_of(page):
    """Put the typed secret of the page into an app, and read its code."""
    secret = re.search(r'<code class="enrol__secret">([A-Z2-7 ]+)</code>', page).group(1)
    text = secret.replace(" ", "")
    key = base64.b32decode(text + "=" * (-len(text) % 8))
    return f"{TOTP(key).token():06d}"


class Newcomer(cast.Cast):
    """Huong is staff since this morning, and has no app yet."""

    def setUp(self):
        self.set_up_people()
        self.huong = cast.make("huong", is_staff=True, is_superuser=True)

    def enrol(self):
        self.log_in("huong")
        page = self.client.get(ENROL).content.decode()
        return self.client.post(ENROL, {"token": app_of(page)})


class EnrolmentTests(Newcomer, TestCase):
    def test_every_door_leads_to_it(self):
        self.log_in("huong")

        for door in DOORS:
            with self.subTest(door):
                r = self.client.get(door, follow=True)

                self.assertEqual(r.redirect_chain[-1][0], ENROL)
                self.assertContains(r, "Cài đặt xác thực hai lớp")

    def test_the_page_shows_a_picture_and_the_same_secret_in_letters(self):
        self.log_in("huong")
        page = self.client.get(ENROL).content.decode()

        device = TOTPDevice.objects.get()
        self.assertFalse(device.confirmed)
        self.assertIn('class="qr"', page)
        self.assertEqual(app_of(page), f"{TOTP(device.bin_key).token():06d}")

    def test_the_first_code_confirms_the_app_and_opens_the_staff_pages(self):
        r = self.enrol()

        self.assertContains(r, "Mã dự phòng")
        self.assertEqual(self.client.get("/quan-tri/").status_code, 200)
        event = AuditEvent.objects.get(event="factor-enrolled")
        self.assertEqual((event.account, event.actor), (self.huong, self.huong))

    def test_the_person_is_told_by_mail(self):
        self.enrol()

        self.assertEqual(Message.objects.get(channel="mail").to, self.huong.address)

    def test_ten_recovery_codes_are_shown_once_and_stored_nowhere(self):
        r = self.enrol()
        codes = re.findall(r"<code>([a-z0-9]{5}-[a-z0-9]{5})</code>", r.content.decode())

        self.assertEqual(len(set(codes)), 10)
        self.assertNotContains(r, "ngon-ngu")  # a link that would lose it
        stored = set(StaticToken.objects.values_list("token", flat=True))
        self.assertEqual(len(stored), 10)
        self.assertFalse({code.replace("-", "") for code in codes} & stored)
        self.assertFalse(set(codes) & stored)
        for page in (ENROL, OWN):
            self.assertNotContains(self.client.get(page, follow=True), codes[0])

    def test_a_recovery_code_opens_once_and_is_on_record_as_such(self):
        [code] = re.findall(r"<code>([a-z0-9-]+)</code>", self.enrol().content.decode())[:1]
        for expected in (302, 200):
            self.log_in("huong", client=(browser := Client()))
            self.assertEqual(browser.post(FACTOR, {"token": code}).status_code, expected)

        self.assertEqual(AuditEvent.objects.get(reason="recovery-code").event, "factor-right")
        self.assertContains(self.client.get(OWN), "<strong>9</strong>")

    def test_a_wrong_code_confirms_nothing(self):
        self.log_in("huong")
        page = self.client.get(ENROL).content.decode()
        wrong = f"{(int(app_of(page)) + 1) % 10**6:06d}"

        r = self.client.post(ENROL, {"token": wrong})

        self.assertContains(r, "Mã chưa đúng.")
        self.assertFalse(second_factor.is_enrolled(self.huong))
        self.assertEqual(self.client.get("/quan-tri/").status_code, 302)
        self.assertEqual(AuditEvent.objects.get(reason="enrolment").event, "factor-wrong")

    def test_nobody_puts_a_second_app_beside_the_first(self):
        self.enrol()
        self.log_in("huong", client=(thief := Client()))

        r = thief.get(ENROL, follow=True)

        self.assertEqual(r.redirect_chain[-1][0], FACTOR)
        self.assertEqual(TOTPDevice.objects.count(), 1)

    def test_an_app_that_was_enrolled_meanwhile_is_the_only_one(self):
        self.enrol()
        request = RequestFactory().post(ENROL)
        request.user, request.session = self.huong, self.client.session
        device = second_factor.pending(request.session, self.huong)

        made = second_factor.enrol(request, f"{TOTP(device.bin_key).token():06d}")

        self.assertIsNone(made)
        self.assertEqual(TOTPDevice.objects.filter(confirmed=True).count(), 1)

    def test_a_secret_that_somebody_saw_before_opens_nothing_later(self):
        self.log_in("huong", client=(thief := Client()))
        seen = app_of(thief.get(ENROL).text)
        self.log_in("huong")
        page = self.client.get(ENROL).text

        self.assertNotEqual(app_of(page), seen)
        self.assertContains(self.client.post(ENROL, {"token": app_of(page)}), "Mã dự phòng")
        self.assertEqual(TOTPDevice.objects.count(), 1)

    def test_the_secret_stays_the_same_in_one_session(self):
        self.log_in("huong")

        first, again = (app_of(self.client.get(ENROL).text) for _ in range(2))

        self.assertEqual(first, again)

    def test_the_password_must_have_been_typed_just_now(self):
        self.log_in("huong")
        let_pass(self, minutes=11)

        r = self.client.get(ENROL)

        self.assertRedirects(r, LOGIN)
        self.assertFalse(TOTPDevice.objects.exists())

    def test_three_codes_left_are_told_on_every_page_until_new_ones_are_made(self):
        self.enrol()
        kept = StaticToken.objects.values("pk")[:3]
        StaticToken.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
        self.come_in(self.huong)

        for page in ("/", "/quan-tri/", "/ho-tro/"):
            self.assertContains(self.client.get(page), "chỉ còn 3 mã dự phòng")
        r = self.client.post(OWN)

        for way in ("data-print", "data-copy", "data-download"):
            self.assertContains(r, way)
        self.assertNotContains(self.client.get("/quan-tri/"), "mã dự phòng")

    def test_new_recovery_codes_end_the_old_ones(self):
        [old] = re.findall(r"<code>([a-z0-9-]+)</code>", self.enrol().content.decode())[:1]

        r = self.client.post(OWN)

        [new] = re.findall(r"<code>([a-z0-9-]+)</code>", r.content.decode())[:1]
        for code, status in ((old, 200), (new, 302)):
            TOTPDevice.objects.update(throttling_failure_count=0)
            self.log_in("huong", client=(browser := Client()))
            self.assertEqual(browser.post(FACTOR, {"token": code}).status_code, status)
            forget_failures()
        self.assertTrue(AuditEvent.objects.filter(event="recovery-codes-made").exists())

    def test_a_reset_takes_app_codes_and_sessions(self):
        self.enrol()

        second_factor.reset(self.huong, actor=self.an, ground=Ground("mất máy", "P-1"))

        self.assertFalse(second_factor.is_enrolled(self.huong))
        self.assertFalse(StaticToken.objects.exists())
        self.assertFalse(Session.objects.filter(account=self.huong).exists())
        event = AuditEvent.objects.get(event="factor-reset")
        self.assertEqual((event.actor, event.detail["ticket"]), (self.an, "P-1"))
        self.assertEqual(Message.objects.filter(channel="mail").count(), 2)

    def test_new_recovery_codes_need_the_password_and_are_told(self):
        mai = cast.make_staff("mai", "hotline")
        self.come_in(mai)
        self.client.post(OWN)
        self.assertEqual(Message.objects.get(channel="mail").to, mai.address)
        let_pass(self, minutes=11)

        r = self.client.post(OWN)

        self.assertRedirects(r, LOGIN)
        self.assertEqual(AuditEvent.objects.filter(event="recovery-codes-made").count(), 1)


class ShortPasswordTests(cast.Cast, TestCase):
    """PW-02: who becomes staff may have a password that is too short for it."""

    def test_it_must_be_changed_before_anything_else(self):
        self.set_up_people()
        self.an.set_password("Ngan-7ab")
        self.an.is_staff = True
        self.an.save()
        self.log_in("an", "Ngan-7ab")

        r = self.client.get("/", follow=True)

        self.assertEqual(r.redirect_chain[-1][0], CHANGE)
        self.assertContains(r, "ít nhất 12 ký tự")
        both = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        self.client.post(CHANGE, {"password": "Ngan-7ab"} | both)
        self.assertEqual(self.client.get("/").status_code, 200)

    def test_a_long_one_is_left_alone(self):
        cast.make_staff("huong")
        self.log_in("huong")

        self.assertEqual(self.client.get("/").status_code, 200)


class NetworkTests(cast.Cast, TestCase):
    def test_staff_pages_are_hidden_from_other_networks(self):
        huong = cast.make_staff("huong")
        near = Client(REMOTE_ADDR="10.3.0.9")
        far = Client(REMOTE_ADDR="203.0.113.9")
        with self.settings(STAFF_NETWORKS=[ip_network("10.3.0.0/16")]):
            for browser, status in ((near, 200), (far, 404)):
                self.come_in(huong, client=browser)

                self.assertEqual(browser.get("/quan-tri/").status_code, status)


class CreateStaffTests(TestCase):
    def create(self, *arguments, password=PASSWORD):
        with mock.patch("sys.stdin", io.StringIO(f"{password}\n")), redirect_stdout(io.StringIO()):
            call_command("create_staff", *arguments)

    def test_the_first_one(self):
        self.create("huong", "--role", "province-it", "--name", "Lê Hương")

        huong = Account.objects.get(address="huong@hagiang.gov.vn")
        self.assertTrue(huong.is_staff)
        self.assertFalse(huong.is_superuser)
        self.assertTrue(huong.check_password(PASSWORD))
        self.assertTrue(huong.has_perm("accounts.import_accounts"))
        self.assertEqual(AuditEvent.objects.get().event, "staff-appointed")

    def test_a_weak_password_is_refused(self):
        for password in ("Hagiang@2021", "Ngan-7ab", ""):
            with self.subTest(password), self.assertRaises(CommandError):
                self.create("huong", "--role", "hotline", password=password)

        self.assertFalse(Account.objects.exists())

    def test_each_rule_that_a_password_breaks_is_a_line(self):
        with self.assertRaises(CommandError) as caught:
            self.create("huong", "--role", "hotline", password="a")

        self.assertIn("Cần ít nhất 1 chữ số (0–9)", str(caught.exception).splitlines())

    def test_somebody_who_is_there_keeps_the_password_and_gets_one_role(self):
        cast.make("an")
        self.create("an", "--role", "hotline", password="")
        self.create("an", "--role", "auditor", password="")

        an = Account.objects.get()
        self.assertTrue(an.check_password(PASSWORD))
        self.assertEqual([group.name for group in an.groups.all()], ["Kiểm tra"])

    def test_somebody_who_is_there_gets_a_new_password_where_it_is_asked_for(self):
        an = cast.make("an", phone="+84987466981")
        self.create("an", "--role", "hotline", "--new-password", password="Doi-moi-vung-vang-12")

        an.refresh_from_db()
        self.assertTrue(an.check_password("Doi-moi-vung-vang-12"))
        changed = AuditEvent.objects.get(event="password-changed")
        self.assertEqual((changed.account, changed.actor, changed.reason), (an, None, "terminal"))

    def test_a_new_password_of_staff_has_the_length_of_staff(self):
        an = cast.make("an")
        with self.assertRaises(CommandError):
            self.create("an", "--role", "hotline", "--new-password", password="Ngan-7ab")

        an.refresh_from_db()
        self.assertTrue(an.check_password(PASSWORD))
        self.assertFalse(an.is_staff)

    def test_at_a_terminal_it_is_typed_twice(self):
        for again, count in (("Khac-hoan-toan-99", 0), (PASSWORD, 1)):
            with (
                self.subTest(again),
                mock.patch("sys.stdin.isatty", return_value=True),
                mock.patch("getpass.getpass", side_effect=[PASSWORD, again]),
                redirect_stdout(io.StringIO()),
            ):
                try:
                    call_command("create_staff", "huong", "--role", "hotline")
                except CommandError as error:
                    self.assertIn("two different passwords", str(error))
                self.assertEqual(Account.objects.count(), count)

    def test_the_it_of_a_unit_needs_a_unit(self):
        with self.assertRaisesMessage(CommandError, "--unit"):
            self.create("huong", "--role", "unit-it")
        Unit.objects.create(name="Sở Y tế", code="SYT")

        self.create("huong", "--role", "unit-it", "--unit", "SYT")

        self.assertEqual(Account.objects.get().unit.name, "Sở Y tế")

    def test_a_role_ends(self):
        huong = cast.make_staff("huong", "province-it")

        self.create("huong", "--role", "none")

        huong.refresh_from_db()
        self.assertFalse(huong.is_staff)
        self.assertFalse(huong.groups.exists())
        self.assertEqual(AuditEvent.objects.get().event, "staff-dismissed")

    def test_the_person_s_own_name_is_no_password(self):
        for password in ("HuongGiang#1990", "Lehuonggiang-1"):
            with (
                self.subTest(password),
                mock.patch("sys.stdin", io.StringIO(f"{password}\n")),
                self.assertRaises(CommandError),
            ):
                call_command("create_staff", "h", "--role", "hotline", "--name", "Lê Hương Giang")

    def test_a_role_takes_the_place_of_every_right(self):
        cast.make_staff("sep")

        call_command("create_staff", "sep", "--role", "auditor", stdout=io.StringIO())

        self.assertFalse(Account.objects.get().is_superuser)


def forget_failures():
    for model in (StaticDevice, TOTPDevice):
        model.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)


class SuperuserTests(cast.Cast, TestCase):
    """AD-03: for emergencies, two at most, and never unnoticed."""

    def create(self, name):
        with mock.patch.dict("os.environ", {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}):
            call_command(
                "createsuperuser", "--noinput", address=f"{name}@hagiang.gov.vn", verbosity=0
            )

    def test_there_are_two_at_most(self):
        self.create("mot")
        self.create("hai")

        with self.assertRaisesMessage(CommandError, "two superusers already"):
            self.create("ba")

    def test_it_is_on_record(self):
        self.create("mot")

        made = AuditEvent.objects.get()
        self.assertEqual((made.event, made.detail), ("staff-appointed", {"role": "superuser"}))

    def test_a_new_password_goes_by_the_one_door(self):
        self.create("mot")
        mot = Account.objects.get()
        self.log_in("mot")

        with (
            mock.patch("sys.stdin", io.StringIO("Doi-moi-vung-vang-12\n")),
            redirect_stdout(io.StringIO()),
        ):
            call_command("changepassword", "mot")

        mot.refresh_from_db()
        self.assertTrue(mot.check_password("Doi-moi-vung-vang-12"))
        self.assertEqual(AuditEvent.objects.filter(event="password-changed").count(), 1)
        self.assertEqual(self.client.get("/cau-hinh/").status_code, 302)
        for password in ("Ngan-7ab", "Hagiang@2021", ""):
            with (
                self.subTest(password),
                mock.patch("sys.stdin", io.StringIO(f"{password}\n")),
                self.assertRaises(CommandError),
            ):
                call_command("changepassword", "mot")
        for nobody in ("khong.co", "x@elsewhere.vn"):
            with self.subTest(nobody), self.assertRaises(CommandError):
                call_command("changepassword", nobody)

    def test_it_is_told_of_each_log_in(self):
        cast.make_staff("huong")
        with self.settings(ALERT_EMAILS=["it@example.gov.vn"]):
            self.log_in("huong")

        self.assertIn("huong@hagiang.gov.vn", Message.objects.get(channel="mail").text)
