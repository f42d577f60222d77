"""Numbers that may be somebody else's by now: confirmed again each year, in doubt when dead."""

import datetime as dt
import io
import re

from django.core.management import CommandError, call_command
from django.test import Client, TestCase, override_settings
from django.utils import timezone

from accounts.models import Account, AuditEvent
from otp.models import Code, DeadNumberDay, Message
from otp.suppliers import dead_numbers, receipts
from tests.support import cast
from tests.support.cast import ASK, CODE, newest_code
from tests.support.clock import Clock

AGAIN = "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-nhan-lai/"
CONFIRM = "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/"
BUTTON = "Xác nhận lại số này"


class Numbers(cast.Cast, TestCase):
    def setUp(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 0)
        self.set_up_people()

    def fresh(self):
        return Account.objects.get(pk=self.an.pk)

    def doubt(self):
        Account.objects.filter(pk=self.an.pk).update(phone_doubted_at=timezone.now())

    def say(self, reason="30005", state=Message.State.FAILED, gateway="twilio"):
        """Ask for a code, have it handed over, and have the supplier report on it."""
        self.ask("an", client=Client())
        message = Message.objects.latest("pk")
        Message.objects.filter(pk=message.pk).update(
            state=Message.State.ACCEPTED, to="", text="", subject=""
        )
        receipts.report(message.pk, state, gateway=gateway, gateway_id="x", reason=reason)

    def run_command(self, *arguments):
        said = io.StringIO()
        call_command("doubt_numbers", *arguments, stdout=said)
        return said.getvalue()


class AgainTests(Numbers):
    def confirm_again(self):
        r = self.client.post(AGAIN, follow=True)
        self.assertEqual(r.redirect_chain[-1][0], CONFIRM)
        return self.client.post(CONFIRM, {"code": newest_code()}, follow=True)

    def test_a_number_is_asked_for_again_after_a_year_and_not_before(self):
        self.log_in()
        self.clock.to(2027, 3, 2, 23, 0)
        self.log_in()
        self.assertNotContains(self.client.get("/"), BUTTON)

        self.clock.to(2027, 3, 3, 0, 1)

        self.log_in()
        self.assertContains(self.client.get("/"), BUTTON)
        self.assertTrue(self.fresh().is_recoverable)  # it goes on getting codes

    def test_one_click_and_a_code_confirm_it(self):
        self.clock.to(2027, 6, 1, 9, 0)
        self.log_in()

        r = self.confirm_again()

        self.assertContains(r, "Đã xác nhận lại số điện thoại")
        self.assertNotContains(self.client.get("/"), BUTTON)
        self.assertEqual(self.fresh().phone_confirmed_at, timezone.now())
        event = AuditEvent.objects.latest("pk")
        self.assertEqual(event.event, AuditEvent.Event.PHONE_CONFIRMED)
        self.assertFalse(Message.objects.filter(channel="mail").exists())  # nothing has changed

    def test_the_months_are_the_office_s_choice(self):
        self.clock.to(2026, 6, 5, 9, 0)
        self.log_in()
        for months, asked in ((3, True), (4, False), (0, False)):
            with self.subTest(months), override_settings(PHONE_RECONFIRM_MONTHS=months):
                self.assertEqual(BUTTON in self.client.get("/").content.decode(), asked)
        self.clock.to(2036, 6, 5, 9, 0)
        self.log_in()
        with override_settings(PHONE_RECONFIRM_MONTHS=0):
            self.assertNotContains(self.client.get("/"), BUTTON)

    def test_a_mail_asks_for_it_once_a_year(self):
        self.clock.to(2027, 6, 1, 9, 0)
        for _run in range(2):
            self.run_command()
        mails = Message.objects.filter(channel="mail", to=self.an.address)
        self.assertEqual(mails.count(), 1)
        self.assertIn("***466981", mails.get().text)
        self.log_in()
        self.confirm_again()

        self.clock.to(2028, 7, 1, 9, 0)
        self.run_command()

        self.assertEqual(mails.count(), 2)

    def test_nobody_else_confirms_it_and_nothing_is_sent_while_it_is_good(self):
        self.log_in()
        self.assertRedirects(self.client.post(AGAIN), "/cau-hinh/thong-tin/")
        self.log_in("binh", client=(binh := Client()))
        self.assertEqual(binh.post(AGAIN).status_code, 404)
        self.assertEqual(self.client.get(AGAIN).status_code, 405)
        self.assertFalse(Code.objects.exists())


class DoubtTests(Numbers):
    def test_two_different_days_put_a_number_in_doubt(self):
        self.say()
        self.clock.forward(minutes=10)
        self.say()
        self.run_command()
        self.assertFalse(self.fresh().phone_is_in_doubt)

        self.clock.forward(days=1)
        self.say("30003")
        self.run_command()

        an = self.fresh()
        self.assertEqual((an.phone_is_in_doubt, an.is_recoverable), (True, False))
        event = AuditEvent.objects.get(event=AuditEvent.Event.PHONE_DOUBTED)
        self.assertEqual((event.account, event.reason), (self.an, "gateway"))
        self.assertEqual(Message.objects.filter(channel="mail", to=self.an.address).count(), 1)

    def test_what_says_nothing_of_the_number_puts_none_in_doubt(self):
        failed, accepted = Message.State.FAILED, Message.State.ACCEPTED
        for reason, state, gateway in (
            ("30007", failed, "twilio"),
            ("", failed, "twilio"),
            ("4", failed, "esms"),
            ("30005", accepted, "twilio"),
            ("30005", failed, "esms"),
        ):
            with self.subTest(reason=reason, gateway=gateway):
                for _day in range(2):
                    self.clock.forward(days=1)
                    self.say(reason, state, gateway)
                self.run_command()
                self.assertFalse(DeadNumberDay.objects.exists())

    def test_a_text_that_arrived_or_a_code_typed_in_begins_anew(self):
        self.say()
        self.clock.forward(days=1)
        self.say("", Message.State.DELIVERED)
        self.clock.forward(days=1)
        self.say()
        self.run_command()
        self.assertFalse(self.fresh().phone_is_in_doubt)

        self.clock.forward(minutes=1)
        Account.objects.filter(pk=self.an.pk).update(phone_confirmed_at=timezone.now())
        self.clock.forward(days=1)
        self.say()
        self.run_command()

        self.assertFalse(self.fresh().phone_is_in_doubt)

    def test_days_long_ago_are_forgotten(self):
        self.say()
        self.clock.forward(days=dead_numbers.KEPT.days + 1)
        self.say()
        self.run_command()
        call_command("prune", stdout=io.StringIO())

        self.assertFalse(self.fresh().phone_is_in_doubt)
        self.assertEqual(DeadNumberDay.objects.count(), 1)

    def test_a_supplier_that_calls_everybody_dead_is_not_believed(self):
        for _day in range(2):
            self.say()
            self.clock.forward(days=1)

        with self.assertRaisesMessage(CommandError, "--at-most 1"):
            self.run_command("--at-most", "0")

        self.assertFalse(self.fresh().phone_is_in_doubt)

    def test_the_owner_is_shown_it_and_confirms_with_a_code(self):
        self.doubt()
        self.log_in()
        self.assertContains(self.client.get("/"), BUTTON)

        self.client.post(AGAIN)
        self.client.post(CONFIRM, {"code": newest_code()})

        self.assertTrue(self.fresh().is_recoverable)
        self.assertNotContains(self.client.get("/"), BUTTON)

    def test_the_desk_and_the_list_of_it_show_it(self):
        self.doubt()
        huong = cast.make_staff("huong", "province-it")
        self.come_in(huong)

        desk = self.client.get(f"/ho-tro/tai-khoan/{self.an.pk}/")
        listed = self.client.get("/quan-tri/accounts/account/?phone=doubted")

        self.assertContains(desk, "bị nghi không còn của chủ hộp thư")
        self.assertContains(listed, "an@hagiang.gov.vn")
        self.assertNotContains(listed, "chi@hagiang.gov.vn")

    def test_a_new_password_is_told_to_no_number_in_doubt(self):
        self.doubt()
        self.log_in()
        data = {"new_password1": cast.NEW_PASSWORD, "new_password2": cast.NEW_PASSWORD}
        self.client.post("/cau-hinh/mat-khau/", data | {"password": cast.PASSWORD})

        self.assertEqual(
            list(Message.objects.values_list("channel", flat=True).distinct()), ["mail"]
        )


class StrangerTests(Numbers):
    def seen(self, address):
        """Ask as a stranger, guess wrong, ask again; give all that comes but random values."""
        browser = Client()
        pages = [browser.post(ASK, {"address": address}, follow=True)]
        code = f"{(int(newest_code()) + 1) % 10**6:06d}"
        pages += [browser.post(CODE, {"code": code}), browser.post(CODE, {"code": code})]
        pages.append(Client().post(ASK, {"address": address}, follow=True))
        self.clock.forward(minutes=6)
        pages.append(Client().post(ASK, {"address": address}, follow=True))
        self.clock.forward(minutes=6)
        pages.append(Client().post(ASK, {"address": address}, follow=True))
        random = r'value="[0-9A-Za-z]{64}"|[0-9a-f]{8}-[0-9a-f-]{27}|value="[^"]{20,}"'
        return [(r.status_code, re.sub(random, "", r.content.decode())) for r in pages]

    def test_a_stranger_sees_the_same_pages_number_and_limits(self):
        before = self.seen("an")
        self.clock.to(2026, 3, 9, 9, 0)
        self.doubt()

        after = self.seen("an")

        days = {"09/03": "02/03", "10/03": "03/03", "-03-09": "-03-02", "-03-10": "-03-03"}
        same = after
        for new, old in days.items():
            same = [(code, page.replace(new, old)) for code, page in same]
        self.assertEqual(same, before)
        self.assertIn("***466981", after[0][1])

    def test_no_code_goes_to_it_and_none_is_right(self):
        self.doubt()
        self.ask("an")

        message = Message.objects.get()
        self.assertEqual((message.state, message.reason), ("skipped", "decoy"))
        r = self.guess(newest_code())
        self.assertNotIn("mat-khau-moi", getattr(r, "url", ""))

    def test_a_code_that_is_out_opens_nothing_once_the_number_is_in_doubt(self):
        self.ask("an")
        self.guess(newest_code())
        self.doubt()

        self.choose()

        self.assertTrue(self.fresh().check_password(cast.PASSWORD))

    @override_settings(PHONE_CONFIRMATION=False)
    def test_the_shorter_way_knows_doubt_as_well(self):
        self.doubt()

        self.assertFalse(self.fresh().is_recoverable)

    def test_the_row_of_a_message_names_no_number_and_is_filled_for_decoys_too(self):
        for name in ("an", "khong.co"):
            self.ask(name, client=Client())
        keys = set(Message.objects.values_list("phone_key", flat=True))
        self.assertEqual({len(key) for key in keys}, {64})
        self.assertNotIn("466981", str(keys))


class AgeTests(Numbers):
    def test_the_age_is_counted_in_calendar_months(self):
        self.clock.to(2027, 2, 28, 12, 0)
        last = dt.datetime(2026, 2, 27, 12, tzinfo=dt.UTC)
        for at, overdue in ((last, True), (last + dt.timedelta(days=1), False)):
            Account.objects.filter(pk=self.an.pk).update(phone_confirmed_at=at)
            with self.subTest(at):
                self.assertEqual(self.fresh().phone_is_overdue, overdue)
