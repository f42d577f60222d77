"""Somebody says by which way codes come first, where the office has several."""

from django.test import Client, TestCase, override_settings

from accounts.models import Account, AuditEvent
from accounts.pages import fixed
from otp.models import Code, Message
from otp.suppliers.code_ways import CodeWays
from tests.support import cast
from tests.support.cast import PASSWORD

PAGE = "/cau-hinh/cach-nhan-ma/"
PROFILE = "/cau-hinh/thong-tin/"


class ChoiceTestCase(cast.Cast, TestCase):
    def setUp(self):
        super().setUp()
        self.set_up_people()
        self.client.post(cast.LOGIN, {"username": "an", "password": PASSWORD})

    def choose_way(self, way, password=PASSWORD):
        return self.client.post(PAGE, {"way": way, "password": password})

    def ways(self):
        return Message.objects.filter(code__isnull=False).latest("created_at").ways


@override_settings(CODE_WAYS=CodeWays(order=("zns", "sms", "voice")))
class ChoiceTests(ChoiceTestCase):
    def test_a_choice_is_kept_on_record_and_shown(self):
        self.assertContains(self.client.get(PROFILE), "Theo thứ tự của cơ quan")

        r = self.choose_way("voice")

        self.assertRedirects(r, PROFILE)
        self.assertContains(self.client.get(PROFILE), "Cuộc gọi đọc mã")
        event = AuditEvent.objects.get(event=AuditEvent.Event.ACCOUNT_EDITED)
        self.assertEqual((event.account, event.actor), (self.an, self.an))
        self.assertEqual(event.detail["fields"], ["code_way"])

    def test_the_same_again_is_no_second_row(self):
        self.choose_way("voice")
        self.choose_way("voice")

        edited = AuditEvent.objects.filter(event=AuditEvent.Event.ACCOUNT_EDITED)
        self.assertEqual(edited.count(), 1)

    def test_the_next_code_goes_by_it_and_by_sms_after_it(self):
        for way, ways in (("", ["zns", "sms"]), ("voice", ["voice", "sms"]), ("sms", [])):
            with self.subTest(way):
                Code.objects.all().delete()
                Account.objects.filter(pk=self.an.pk).update(code_way=way)

                self.ask(client=Client())

                self.assertEqual(self.ways(), ways)

    def test_a_decoy_goes_by_the_offices_order(self):
        self.ask("khong.co")

        self.assertEqual(self.ways(), ["zns", "sms"])

    def test_the_password_is_asked_for_unless_it_was_typed_lately(self):
        with override_settings(PASSWORD_FRESH=-1):
            r = self.choose_way("voice", "wrong")

        self.assertContains(r, "Mật khẩu hiện tại")
        self.an.refresh_from_db()
        self.assertEqual(self.an.code_way, "")

        with override_settings(PASSWORD_FRESH=-1):
            self.assertRedirects(self.choose_way("voice"), PROFILE)
        self.assertNotContains(self.client.get(PAGE), 'name="password"')

    def test_only_what_the_office_has_is_offered(self):
        with override_settings(CODE_WAYS=CodeWays(order=("zns", "sms"))):
            self.assertNotContains(self.client.get(PAGE), "Cuộc gọi")
            r = self.choose_way("voice")

        self.assertContains(r, "Hãy chọn một cách.")

    def test_what_the_office_has_no_more_changes_nothing(self):
        self.choose_way("voice")
        with override_settings(CODE_WAYS=CodeWays(order=("zns", "sms"))):
            self.ask()

        self.assertEqual(self.ways(), ["zns", "sms"])

    def test_the_page_of_the_code_says_where_else_to_look(self):
        self.ask()

        self.assertContains(self.client.get(cast.CODE), "xem cả Zalo")


class WithSmsAloneTests(ChoiceTestCase):
    def test_there_is_nothing_to_choose(self):
        self.assertEqual(self.client.get(PAGE).status_code, 404)
        self.assertNotContains(self.client.get(PROFILE), "Nhận mã qua")
        self.ask()
        self.assertNotContains(self.client.get(cast.CODE), "Zalo")
        self.assertEqual(self.ways(), [])


class ToldTests(cast.Cast, TestCase):
    """What the public pages say of codes is so, whichever ways the office has."""

    def test_who_is_given_the_number_and_whether_a_code_is_read_aloud(self):
        self.addCleanup(fixed.forget)
        for order, zalo, calls in (
            (("sms",), False, False),
            (("zns", "sms"), True, False),
            (("sms", "voice"), False, True),
        ):
            fixed.forget()
            with self.subTest(order), override_settings(CODE_WAYS=CodeWays(order=order)):
                notice = self.client.get("/quyen-rieng-tu/").content.decode()
                access = self.client.get("/kha-nang-tiep-can/").content.decode()

                self.assertEqual("Zalo nhận số điện thoại và mã" in notice, zalo)
                self.assertEqual("nhà cung cấp dịch vụ gọi thoại" in notice, calls)
                self.assertEqual("không được đọc bằng cuộc gọi" in access, not calls)

    def test_the_guides_say_so_where_there_are_several_ways(self):
        staff = cast.make_staff("huong", "hotline")
        inside = Client()
        self.come_in(staff, inside)
        self.addCleanup(fixed.forget)
        for order, several in ((("sms",), False), (("zns", "sms"), True), (("sms", "voice"), True)):
            fixed.forget()
            with self.subTest(order), override_settings(CODE_WAYS=CodeWays(order=order)):
                for client, page in (
                    (self.client, "/huong-dan/lay-lai-mat-khau/"),
                    (inside, "/ho-tro/huong-dan/"),
                ):
                    r = client.get(page)
                    self.assertEqual("“Đổi cách nhận mã”" in r.content.decode(), several, page)
