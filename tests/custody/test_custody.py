"""Mailboxes of organisations: who is responsible, who gets their codes, and their hand-over."""

import threading
from contextlib import closing
from unittest import mock

from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import app_passwords
from accounts.credentials.refusals import NotNow
from accounts.custody import rules
from accounts.models import Account, AuditEvent, Custody, Session, Unit
from otp.models import Message
from tests.support import cast
from tests.support.cast import ASK, newest_code
from tests.support.forms import drawn_from
from tests.support.plans import plans_of
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

LIST = "/quan-tri/hop-thu-to-chuc/"
Event = AuditEvent.Event


class Entrusting(cast.Cast):
    """A mixin: the mailbox of Sở Y tế, which Hương of the province's IT gives to An or Mùa."""

    def setUp(self):
        self.set_up_people()
        self.unit = Unit.objects.create(name="Sở Y tế")
        now = timezone.now()
        self.office = cast.make("so.y.te", kind="organisation", unit=self.unit)
        self.em = cast.make("mua", phone="+84912000444", phone_confirmed_at=now, full_name="Mùa")
        Account.objects.update(unit=self.unit)
        self.huong = cast.make_staff("huong", "province-it")

    def entrust(self, responsible, deputy=None, by=None):
        return rules.entrust(
            self.office,
            responsible=responsible,
            deputy=deputy,
            decision="12/QĐ",
            by=by or self.huong,
        )

    def fresh(self):
        return Account.objects.with_custody().get(pk=self.office.pk)

    def lock(self, account):
        Account.objects.filter(pk=account.pk).update(locked_at=timezone.now())

    def code_goes_to(self):
        self.ask("so.y.te", client=Client())
        return Message.objects.filter(code__isnull=False).latest("pk").to


class Mailboxes(Entrusting, TestCase):
    pass


class CodeTests(Mailboxes):
    def test_codes_go_to_the_responsible_person_and_open_the_mailbox(self):
        self.entrust(self.an)
        r = self.client.post(ASK, {"address": "so.y.te"}, follow=True)
        self.assertContains(r, "***466981")
        self.assertEqual(Message.objects.get(code__isnull=False).to, "+84987466981")

        self.guess(newest_code())
        self.choose()

        self.assertTrue(self.fresh().check_password(cast.NEW_PASSWORD))
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(cast.PASSWORD))
        notices = Message.objects.filter(channel="sms", code=None)
        self.assertEqual([notice.to for notice in notices], ["+84987466981"])

    def test_a_number_of_the_mailbox_s_own_goes_first(self):
        self.entrust(self.an)
        Account.objects.filter(pk=self.office.pk).update(
            phone="+84912000555", phone_confirmed_at=timezone.now()
        )

        self.assertEqual(self.code_goes_to(), "+84912000555")

    def test_an_own_number_in_doubt_is_replaced_by_nobody_s(self):
        self.entrust(self.an)
        now = timezone.now()
        Account.objects.filter(pk=self.office.pk).update(
            phone="+84912000555", phone_confirmed_at=now, phone_doubted_at=now
        )

        self.assertEqual(self.code_goes_to(), "")

    def test_the_deputy_gets_them_once_the_responsible_person_has_left(self):
        self.entrust(self.an, self.em)
        self.lock(self.an)

        self.assertEqual(self.code_goes_to(), "+84912000444")

    def test_nobody_gets_them_where_nobody_may(self):
        self.entrust(self.an)
        self.lock(self.an)
        r = self.client.post(ASK, {"address": "so.y.te"}, follow=True)

        self.assertNotContains(r, "466981")
        self.assertEqual(Message.objects.get(code__isnull=False).reason, "decoy")

    def test_a_person_s_codes_go_to_nobody_else(self):
        Custody.objects.create(mailbox=self.binh, responsible=self.an, decision="x")
        self.ask("binh")

        self.assertEqual(Message.objects.get(code__isnull=False).reason, "decoy")


class HandOverTests(Mailboxes):
    def test_the_first_to_be_named_ends_nothing(self):
        self.log_in("so.y.te")

        self.assertFalse(self.entrust(self.an))

        self.assertTrue(self.fresh().check_password(cast.PASSWORD))
        self.assertTrue(Session.objects.filter(account=self.office).exists())

    def test_a_hand_over_ends_sessions_password_number_and_codes(self):
        self.entrust(self.an)
        Account.objects.filter(pk=self.office.pk).update(
            phone="+84912000555", phone_confirmed_at=timezone.now()
        )
        self.log_in("so.y.te")
        stranger = Client()
        self.ask("so.y.te", client=stranger)
        code = newest_code()

        self.assertTrue(self.entrust(self.em))

        self.assertFalse(Session.objects.filter(account=self.office).exists())
        office = self.fresh()
        self.assertFalse(office.has_usable_password())
        self.assertEqual((office.phone, office.phone_for_codes), ("", "+84912000444"))
        self.assertFalse(self.log_in("so.y.te", client=Client()).wsgi_request.user.is_authenticated)
        r = self.guess(code, client=stranger)
        self.assertNotIn("mat-khau-moi", getattr(r, "url", ""))

    def test_a_hand_over_ends_the_app_passwords_of_whoever_had_it(self):
        self.entrust(self.an)
        app_passwords.make(self.office, "Điện thoại của An")

        self.assertTrue(self.entrust(self.em))

        self.assertEqual(app_passwords.of(self.office), [])
        ended = AuditEvent.objects.get(event="app-passwords-ended")
        self.assertEqual((ended.account, ended.actor), (self.office, self.huong))

    def test_a_hand_over_takes_the_app_of_whoever_had_it(self):
        self.entrust(self.an)
        TOTPDevice.objects.create(user=self.office, name="app")

        self.assertTrue(self.entrust(self.em))

        self.assertFalse(self.fresh().has_factor)

    def test_the_new_one_confirms_by_a_code_and_chooses_a_password(self):
        self.entrust(self.an)
        self.entrust(self.em)

        self.ask("so.y.te")
        self.guess(newest_code())
        self.choose()

        self.assertTrue(self.fresh().check_password(cast.NEW_PASSWORD))

    def test_it_is_on_record_with_the_decision_and_told_to_all_concerned(self):
        self.entrust(self.an)
        Message.objects.all().delete()
        self.entrust(self.em, self.binh)

        self.assertTrue(AuditEvent.objects.filter(event=Event.MAILBOX_ENTRUSTED).exists())
        event = AuditEvent.objects.get(event=Event.MAILBOX_HANDED_OVER)
        self.assertEqual((event.account, event.actor), (self.office, self.huong))
        self.assertEqual(event.detail["decision"], "12/QĐ")
        self.assertEqual(
            (event.detail["before"], event.detail["responsible"]), (self.an.pk, self.em.pk)
        )
        told = set(Message.objects.filter(channel="mail").values_list("to", flat=True))
        people = (self.office, self.an, self.em, self.binh)
        self.assertEqual(told, {each.address for each in people})

    def test_who_is_not_fit_gets_no_mailbox(self):
        other = cast.make("so.khac", kind="organisation")
        cases = {
            "no number": (self.binh, None, self.huong),
            "locked": (self.chi, None, self.huong),
            "no person": (other, None, self.huong),
            "both": (self.an, self.an, self.huong),
            "oneself": (self.an, None, self.an),
            "oneself as deputy": (self.an, self.em, self.em),
        }
        for name, (responsible, deputy, by) in cases.items():
            with self.subTest(name), self.assertRaises(NotNow):
                self.entrust(responsible, deputy, by)
        with self.assertRaises(NotNow):
            rules.entrust(self.binh, responsible=self.an, deputy=None, decision="1", by=self.huong)
        self.assertFalse(Custody.objects.exists())

    def test_who_made_a_person_s_account_an_organisation_s_names_nobody(self):
        edit = f"/quan-tri/accounts/account/{self.binh.pk}/change/"
        data = {"full_name": "Bình", "kind": "organisation", "unit": self.unit.pk}
        for name, role in (("pa", "unit-it"), ("mo", "province-it")):
            with self.subTest(role), transaction.atomic():
                by = cast.make_staff(name, role, unit=self.unit)
                self.come_in(by)
                self.client.post(edit, data | {"is_active": "on"} | cast.NO_ALIASES)
                self.binh.refresh_from_db()
                self.assertEqual(self.binh.kind, "organisation")
                page, entrusted = (
                    f"{LIST}{self.binh.pk}/",
                    Custody.objects.filter(mailbox=self.binh),
                )
                keeper = {"responsible": "an", "deputy": "", "decision": "12/QĐ"}

                self.assertContains(self.client.post(page, keeper), "cần một cán bộ khác")
                self.assertFalse(entrusted.exists())
                self.come_in(self.huong)
                self.assertRedirects(self.client.post(page, keeper), LIST)
                self.assertTrue(entrusted.exists())
                transaction.set_rollback(True)

    def test_an_old_page_takes_no_deputy_away(self):
        page = f"{LIST}{self.office.pk}/"
        self.come_in(self.huong)
        old = drawn_from(self.client, page)
        self.entrust(self.an, self.em)

        r = self.client.post(page, old | {"responsible": "an", "deputy": "", "decision": "13/QĐ"})

        self.assertContains(r, "mua@hagiang.gov.vn")
        self.assertEqual(Custody.objects.get().deputy, self.em)


class PageTests(Mailboxes):
    def setUp(self):
        super().setUp()
        self.come_in(self.huong)

    def post(self, **fields):
        data = {"responsible": "an", "deputy": "mua", "decision": "12/QĐ-SYT"}
        return self.client.post(f"{LIST}{self.office.pk}/", data | fields)

    def test_it_names_who_is_responsible_and_lists_it(self):
        self.assertRedirects(self.post(), LIST)

        r = self.client.get(LIST)
        for words in ("an@hagiang.gov.vn", "mua@hagiang.gov.vn", "12/QĐ-SYT"):
            self.assertContains(r, words)
        file = b"".join(self.client.get(f"{LIST}danh-sach.csv").streaming_content).decode()
        self.assertIn("so.y.te@hagiang.gov.vn", file)
        self.assertIn("mua@hagiang.gov.vn", file)

    def test_faults_are_said_and_nothing_is_done(self):
        for fields in (
            {"responsible": "khong.co"},
            {"responsible": ""},
            {"decision": ""},
            {"decision": "0912466981"},
            {"responsible": "binh"},
            {"responsible": "huong"},
            {"deputy": "an"},
        ):
            with self.subTest(fields):
                self.assertEqual(self.post(**fields).status_code, 200)
        self.assertFalse(Custody.objects.exists())

    def test_the_report_names_mailboxes_whose_responsible_person_has_left(self):
        kept = cast.make("so.khac", kind="organisation")
        for mailbox in (self.office, kept):
            keeper = self.an if mailbox == self.office else self.em
            Custody.objects.create(mailbox=mailbox, responsible=keeper, decision="1")
        self.assertContains(self.client.get(f"{LIST}?con-thieu=1"), "Không có hộp thư nào")
        self.lock(self.an)

        r = self.client.get(f"{LIST}?con-thieu=1")

        self.assertContains(r, "so.y.te@hagiang.gov.vn")
        self.assertNotContains(r, "so.khac@hagiang.gov.vn")

    def test_the_it_of_a_unit_hands_over_to_nobody_of_another(self):
        theirs = Unit.objects.create(name="Sở Tài chính")
        Account.objects.filter(pk=self.an.pk).update(unit=theirs)
        self.come_in(cast.make_staff("pa", "unit-it", unit=self.unit))

        self.assertEqual(self.post().status_code, 200)
        self.assertFalse(Custody.objects.exists())


class LongListTests(Mailboxes):
    """Four mailboxes: the one of the others, and three."""

    def setUp(self):
        super().setUp()
        for n in range(3):
            cast.make(f"phong.{n}", kind="organisation", unit=self.unit)
        self.come_in(self.huong)

    def shown(self, query=""):
        return self.client.get(f"{LIST}{query}").context["page"]

    def test_it_is_turned_page_by_page_to_its_end(self):
        with mock.patch("accounts.custody.views.MAILBOXES_ON_A_PAGE", 2):
            first, second = self.shown(), self.shown("?trang=2")
            nowhere = [self.shown(f"?trang={number}") for number in ("3", "0", "x", "²", "9" * 20)]

        self.assertEqual([each.address[:7] for each in first], ["phong.0", "phong.1"])
        self.assertEqual([each.address[:7] for each in second], ["phong.2", "so.y.te"])
        self.assertEqual((first.has_previous(), first.has_next()), (False, True))
        self.assertEqual((second.has_previous(), second.has_next()), (True, False))
        self.assertEqual({page.number for page in nowhere}, {1})

    def test_of_very_many_it_says_that_there_are_more(self):
        self.entrust(self.an)
        self.assertContains(self.client.get(LIST), "<p>4 hộp thư của tổ chức; 3 hộp thư chưa")
        with mock.patch("accounts.pages.lists.MOST_COUNTED", 3):
            r = self.client.get(LIST)

        self.assertContains(r, "<p>Hơn 3 hộp thư của tổ chức; 3 hộp thư chưa")

    def test_it_is_read_in_the_order_of_an_index(self):
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE accounts_account")

        in_order = 'ORDER BY "accounts_account"."address"'
        (plan,) = plans_of(lambda: self.client.get(LIST), in_order, sorts=False)

        self.assertIn("account_mailbox", plan)
        self.assertNotIn("Sort", plan)


class AtOnceTests(Entrusting, TransactionTestCase):
    """Somebody who was chosen goes, or is closed, while the form is on its way."""

    def post_while(self, change, **fields):
        """Send the form, have `change` made after it was read, and give what the page says."""
        desk, answers = Client(raise_request_exception=False), []
        self.come_in(self.huong, client=desk)
        data = {"responsible": "an", "deputy": "mua", "decision": "12/QĐ"} | fields

        def post():
            with closing(connection):
                answers.append(desk.post(f"{LIST}{self.office.pk}/", data))

        with transaction.atomic():
            change()
            thread = threading.Thread(target=post)
            thread.start()
            wait_for(waiting_for_locks, "the hand-over to wait for the account")
        thread.join(PATIENCE)
        return answers[0]

    def test_who_is_removed_meanwhile_is_refused_and_nothing_is_written(self):
        for gone, deputy in ((self.em, "mua"), (self.an, "")):
            with self.subTest(gone.address):
                r = self.post_while(Account.objects.filter(pk=gone.pk).delete, deputy=deputy)

                self.assertContains(r, "Không có tài khoản này trong phạm vi của bạn")
                self.assertFalse(Custody.objects.exists())
                self.assertFalse(AuditEvent.objects.filter(event="mailbox-entrusted").exists())

    def test_who_is_closed_meanwhile_is_refused(self):
        for shut in (self.em, self.an):
            with self.subTest(shut.address):
                people = Account.objects.filter(pk=shut.pk)
                r = self.post_while(lambda people=people: people.update(is_active=False))

                self.assertContains(r, f"{shut.address} không phải tài khoản cá nhân đang dùng")
                self.assertFalse(Custody.objects.exists())
                people.update(is_active=True)

    def test_the_mailbox_itself_may_go(self):
        r = self.post_while(Account.objects.filter(pk=self.office.pk).delete)

        self.assertEqual(r.status_code, 404)

    def test_the_rule_alone_writes_nothing_for_who_is_gone(self):
        Account.objects.filter(pk=self.em.pk).delete()

        with self.assertRaisesMessage(NotNow, "mua@hagiang.gov.vn không phải"):
            self.entrust(self.an, self.em)
        self.assertFalse(Custody.objects.exists())
