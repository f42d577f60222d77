"""Dữ liệu của tôi: after the password, all that is stored about a person, and of nobody else."""

import json
import re

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.test import Client, SimpleTestCase, TestCase
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import app_passwords
from accounts.models import (
    Account,
    ActivationSlip,
    Address,
    AuditEvent,
    Campaign,
    CampaignMember,
    Custody,
    DailyHelp,
    DataRequest,
    Departure,
    FactorProposal,
    Hook,
    HookMessage,
    Job,
    MailLogin,
    Passkey,
    PhoneCampaign,
    PhoneExcuse,
    PhoneMember,
    PhoneProposal,
    Removal,
    RemovalMember,
    Session,
    Unit,
    WebmailLogin,
)
from accounts.personal_data.collected import COLLECTED
from accounts.personal_data.left_out import LEFT_OUT
from otp import outbox
from otp.counting import keyed_names
from otp.models import Code, DeadNumberDay, Message
from tests.support import cast
from tests.support.cast import PASSWORD
from tests.support.clock import let_pass

DATA, FILE = "/cau-hinh/du-lieu/", "/cau-hinh/du-lieu/tep/"
ACCOUNT = "accounts.Account"
# What tells of a person without a relation: keyed names, addresses, numbers, who was calling.
TELLING = re.compile(r"(^|_)(key|address|phone|client|email|to)$")


class WholeTests(SimpleTestCase):
    """Whoever adds a column about people adds it to what they are told, or says why not."""

    def columns(self):
        """Give every column of every table that is about people."""
        models = {model for model in apps.get_models() if self.is_about_people(model)}
        # What goes with such a row, as the codes of a device do.
        models |= {
            field.model
            for model in apps.get_models()
            for field in model._meta.concrete_fields
            if field.related_model in models and field.remote_field.on_delete.__name__ == "CASCADE"
        }
        for model in models:
            for field in (*model._meta.concrete_fields, *model._meta.many_to_many):
                yield f"{model._meta.label}.{field.name}"

    def is_about_people(self, model):
        fields = (*model._meta.concrete_fields, *model._meta.many_to_many)
        return model is Account or any(
            field.related_model is Account or TELLING.search(field.name) for field in fields
        )

    def test_every_column_about_people_is_told_or_left_out_for_a_reason(self):
        told = {field for part in COLLECTED for field in part.fields}
        left_out = {field for fields in LEFT_OUT.values() for field in fields}
        columns = set(self.columns())

        self.assertGreater(len(columns), 150)
        self.assertEqual(sorted(columns - told - left_out), [])
        self.assertEqual(sorted(told & left_out), [])

    def test_what_is_left_out_is_there(self):
        for fields in LEFT_OUT.values():
            for each in fields:
                app, model, field = each.split(".")
                try:
                    apps.get_model(app, model)._meta.get_field(field)
                except (LookupError, FieldDoesNotExist):
                    self.fail(each)

    def test_no_two_parts_have_the_same_name(self):
        for names in ([part.key for part in COLLECTED], [str(part.title) for part in COLLECTED]):
            self.assertEqual(len(set(names)), len(names))


class MyData(cast.Cast):
    def setUp(self):
        self.set_up_people()
        self.log_in()

    def file(self, client=None):
        r = (client or self.client).post(FILE)
        self.assertEqual(r.headers["Content-Type"], "application/json")
        return json.loads(r.getvalue())

    def rows(self, key, client=None):
        return self.file(client)["du_lieu"][key]["muc"]


class PasswordTests(MyData, TestCase):
    def test_whoever_logged_in_just_now_sees_it_at_once(self):
        self.assertContains(self.client.get(DATA), "Lý Văn An")

    def test_later_the_password_is_asked_for_and_opens_page_and_file(self):
        let_pass(self, seconds=settings.PASSWORD_FRESH + 1)
        for page in (FILE, f"{DATA}yeu-cau/", f"{DATA}yeu-cau/1/rut/"):
            self.assertRedirects(self.client.post(page), DATA)
        page = self.client.get(DATA)
        self.assertContains(page, "Hãy nhập lại mật khẩu")
        self.assertNotContains(page, "Lý Văn An")
        self.assertContains(self.client.post(DATA, {"password": "sai"}), "chưa đúng")
        self.assertRedirects(self.client.post(FILE), DATA)

        self.assertRedirects(self.client.post(DATA, {"password": PASSWORD}), DATA)

        self.assertContains(self.client.get(DATA), "Lý Văn An")
        self.assertEqual(self.file()["dia_chi"], self.an.address)

    def test_a_stranger_gets_nothing(self):
        for page in (DATA, FILE):
            for act in (Client().get, Client().post):
                self.assertEqual(act(page).status_code, 302)

    def test_the_file_is_only_given_to_who_asks_for_it_on_purpose(self):
        self.assertEqual(self.client.get(FILE).status_code, 405)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = self.client.cookies
        self.assertEqual(strict.post(FILE).status_code, 403)
        self.assertFalse(AuditEvent.objects.filter(event="data-taken").exists())

        self.file()

        self.assertEqual(AuditEvent.objects.get(event="data-taken").actor, self.an)


class EverythingTests(MyData, TestCase):
    """An has a row of everything, and so has Binh, which An is not told of."""

    def setUp(self):
        super().setUp()
        self.it = cast.make_staff("it.bi.mat", "province-it", full_name="Nguyễn Thị Kín")
        self.client.post(DATA)
        for person in (self.an, self.binh):
            self.give_everything(person)

    def give_everything(self, person):
        mine = person.address.partition("@")[0]
        now, today = timezone.now(), timezone.localdate()
        unit = Unit.objects.create(name=f"Sở của {mine}")
        Account.objects.filter(pk=person.pk).update(
            unit=unit, new_phone="+84912000444", old_phone="+84912000555"
        )
        Address.objects.create(account=person, address=f"{mine}.khac@hagiang.gov.vn")
        office = cast.make(f"vanthu.{mine}", kind="organisation")
        Custody.objects.create(mailbox=office, responsible=person, decision=f"QD-{mine}")
        self.ask(mine, client=Client())
        DeadNumberDay.objects.create(
            phone_key=keyed_names.name_of("phone", person.phone or "x"),
            local_day=today,
            sent_at=now,
            reason=f"dead-{mine}",
        )
        AuditEvent.record(
            AuditEvent.Event.LOCKED, person, actor=self.it, why="lời riêng của cán bộ"
        )
        AuditEvent.record(AuditEvent.Event.LOOKED_UP, self.chi, actor=person)
        DailyHelp.objects.create(account=person, kind="code", local_day=today)
        PhoneProposal.objects.create(
            account=person,
            phone="+84912000666",
            phone_masked="***666",
            evidence=f"căn cứ {mine}",
            ticket="1",
            proposed_by=self.it,
        )
        FactorProposal.objects.create(
            account=person, evidence=f"căn cứ {mine}", ticket="1", proposed_by=self.it
        )
        DataRequest.objects.create(
            account=person, kind="correct", text=f"xin sửa {mine}", due_on=today
        )
        campaign = Campaign.objects.create(name=f"Đợt của {mine}", basis="x", first_day=today)
        CampaignMember.objects.create(campaign=campaign, account=person)
        phones = PhoneCampaign.objects.create(
            name=f"Số của {mine}",
            basis="x",
            kinds=["person"],
            postponements=1,
            reminder_days=[today],
            asked_first_from=today,
        )
        PhoneMember.objects.create(campaign=phones, account=person, postponements_left=1)
        PhoneExcuse.objects.create(account=person, reason=f"miễn {mine}", excused_by=self.it)
        ActivationSlip.objects.create(
            account=person, pepper_id="x", good_until=now, given_by=self.it
        )
        Departure.objects.create(
            account=person,
            last_day=today,
            sentence="x",
            why=f"nghỉ {mine}",
            planned_by=self.it,
        )
        removal = Removal.objects.create(why="x", proposed_by=self.it)
        RemovalMember.objects.create(
            removal=removal, account=person, unit=unit, was_locked=False, was_active=True
        )
        MailLogin.objects.create(
            account=person, local_day=today, client="192.0.2.1", protocol="imap"
        )
        WebmailLogin.objects.create(
            account=person, browser="Firefox", client="192.0.2.1", challenge="c" * 43, ends_at=now
        )
        hook, _ = Hook.objects.get_or_create(
            name="Phần mềm cán bộ", url="https://x.example/", events=["locked"], seed="a" * 32
        )
        name = keyed_names.name_of("address", person.address)
        HookMessage.objects.create(hook=hook, event="locked", address_key=name)
        app_passwords.make(person, f"máy {mine}")
        TOTPDevice.objects.create(user=person, name=f"app {mine}")
        key = f"key {mine}".encode()
        Passkey.objects.create(
            user=person, name=f"passkey {mine}", credential_id=key, public_key=key
        )
        codes = StaticDevice.objects.create(user=person, name=f"codes {mine}")
        StaticToken.objects.create(device=codes, token=f"token-{mine}")
        Job.objects.create(kind="lock", state="done", actor=self.it, accounts=[person.pk])
        LogEntry.objects.create(
            user=self.it,
            content_type=ContentType.objects.get_for_model(Account),
            object_id=str(person.pk),
            object_repr=person.address,
            action_flag=CHANGE,
        )

    def test_no_part_is_empty(self):
        for key, part in self.file()["du_lieu"].items():
            with self.subTest(key):
                self.assertTrue(part["muc"])
                self.assertTrue(part["luu_trong"])

    def test_it_says_what_is_stored(self):
        whole = json.dumps(self.file(), ensure_ascii=False)

        for words in (
            *("Lý Văn An", "Sở của an", "an.khac@hagiang.gov.vn", "***466981", "***000444"),
            *("***000555", "vanthu.an@hagiang.gov.vn", "QD-an", "người phụ trách", "dead-an"),
            *("Khóa tài khoản", "CNTT tỉnh", "Tra cứu", "căn cứ an", "xin sửa an", "Đợt của an"),
            *(
                "Số của an",
                "miễn an",
                "nghỉ an",
                "app an",
                "codes an",
                "127.0.0.1",
                "Phần mềm cán bộ",
            ),
        ):
            with self.subTest(words):
                self.assertIn(words, whole)

    def test_the_page_says_the_same(self):
        page = self.client.get(DATA).content.decode()

        for words in ("Sở của an", "QD-an", "dead-an", "căn cứ an", "xin sửa an", "app an"):
            self.assertIn(words, page)
        for part in COLLECTED:
            title = "Yêu cầu của bạn" if part.key == "yeu_cau" else part.title
            self.assertEqual(page.count(f"<h2>{title}</h2>"), 1)
        for reason in LEFT_OUT:
            self.assertIn(str(reason), page)

    def test_it_names_nobody_else_and_gives_no_secret_away(self):
        device = TOTPDevice.objects.get(user=self.an)
        session = Session.objects.filter(account=self.an).first()
        code = Code.objects.filter(address_key=keyed_names.name_of("address", self.an.address))
        self.an.refresh_from_db()
        for text in (
            json.dumps(self.file(), ensure_ascii=False),
            self.client.get(DATA).content.decode(),
        ):
            for secret in (
                *("binh", "Bình", "chi@", "it.bi.mat", "Nguyễn Thị Kín", "lời riêng của cán bộ"),
                *(self.an.password, device.key, "token-an", session.pk, session.session_data),
                *(cast.newest_code(), str(code.get().pk), code.get().browser_key),
                *(keyed_names.name_of("address", self.an.address),),
            ):
                with self.subTest(secret):
                    self.assertNotIn(secret, text)
            for phone in (self.an.phone, self.an.new_phone, self.an.old_phone, "+84912000666"):
                self.assertIsNone(cast.spelled(phone).search(text))

    def test_a_mailbox_is_not_told_who_looks_after_it(self):
        self.log_in("vanthu.an", client=(office := Client()))

        self.assertEqual(self.rows("phu_trach", office)[0]["Bạn là"], "chính hộp thư này")
        self.assertNotIn('"an@', json.dumps(self.file(office)))


class EarlierOwnerTests(MyData, TestCase):
    def test_codes_of_whoever_had_the_address_before_are_not_told(self):
        self.ask("an", client=Client())
        self.assertEqual(len(self.rows("ma_xac_thuc")), 1)
        self.assertEqual(len(self.rows("tin_nhan")), 1)
        AuditEvent.record(AuditEvent.Event.LOGIN_FAILED, address=self.an.address, reason="khac")
        self.assertIn("khac", [row["Lý do"] for row in self.rows("lich_su")])

        Account.objects.filter(pk=self.an.pk).update(created_at=timezone.now())

        self.assertEqual(self.rows("ma_xac_thuc"), [])
        self.assertEqual(self.rows("tin_nhan"), [])
        told = self.rows("lich_su")
        self.assertNotIn("khac", [row["Lý do"] for row in told])
        self.assertIn("Đăng nhập", [row["Việc"] for row in told])


class MailTests(MyData, TestCase):
    def test_no_operator_of_telephones_took_a_mail(self):
        Message.objects.all().delete()
        outbox.queue_mail(self.an.address, to=self.an.address, subject="x", text="x")
        Message.objects.update(state="accepted", to="", subject="", text="")

        page = self.client.get(DATA)

        self.assertContains(page, "nơi nhận đã nhận")
        self.assertNotContains(page, "nhà mạng đã nhận")


class ReleaseTests(MyData, TestCase):
    def test_what_only_a_newer_release_knows_is_told_as_it_stands(self):
        AuditEvent.record("not-yet-known", self.binh, actor=self.an)

        self.assertContains(self.client.get(DATA), "not-yet-known")
        self.assertIn("not-yet-known", [row["Việc"] for row in self.rows("viec_cua_can_bo")])


class LongTests(MyData, TestCase):
    def test_the_page_shows_the_newest_rows_and_the_file_all(self):
        for count in range(25):
            AuditEvent.record(AuditEvent.Event.LOGIN_FAILED, self.an, ok=False, reason=f"n{count}-")

        page = self.client.get(DATA)

        self.assertContains(page, "n24-")
        self.assertNotContains(page, "n3-")
        self.assertContains(page, "tệp JSON có đủ")
        told = [row["Lý do"] for row in self.rows("lich_su")]
        self.assertLessEqual({f"n{count}-" for count in range(25)}, set(told))

    def test_who_is_asked_for_a_number_first_still_sees_their_data(self):
        today = timezone.localdate()
        phones = PhoneCampaign.objects.create(
            name="x",
            basis="x",
            kinds=["person"],
            postponements=0,
            state="running",
            started_at=timezone.now(),
            reminder_days=[today],
            asked_first_from=today,
        )
        PhoneMember.objects.create(campaign=phones, account=self.binh, postponements_left=0)
        self.log_in("binh", client=(binh := Client()))
        self.assertRedirects(binh.get("/"), "/cau-hinh/thong-tin/binh@hagiang.gov.vn/")

        self.assertContains(binh.get(DATA), "Vàng Thị Bình")
