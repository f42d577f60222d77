"""The short names under which programs put reasons on record are said in words to staff."""

import ast

from django.test import SimpleTestCase

from accounts.audit import reasons
from accounts.models import AuditEvent
from otp import outbox
from otp.codes import reasons as reasons_of_messages
from otp.models import Message
from tests.admin.test_staff_sending import MESSAGES, StaffTestCase
from tests.support.programs.deployment import ROOT

TRAIL = "/quan-tri/accounts/auditevent/"


def put_on_record(*functions):
    """Give the reasons that stand in the code as they are put on record by these functions."""
    found = set()
    for file in (ROOT / "accounts").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(functions):
                found |= {
                    word.value
                    for argument in call.keywords
                    if argument.arg == "reason"
                    for word in ast.walk(argument.value)
                    if isinstance(word, ast.Constant)
                }
    return found - {""}


class WordsTests(SimpleTestCase):
    def test_each_that_the_code_puts_on_record_has_words(self):
        found = put_on_record("AuditEvent.record", "AuditEvent.record_many", "_drop", "_record")

        self.assertGreater(len(found), 10)
        self.assertEqual([name for name in sorted(found) if reasons.in_words(name) == name], [])

    def test_what_staff_wrote_stays(self):
        self.assertEqual(
            reasons.in_words("Phiếu 12: gọi từ máy cơ quan"), "Phiếu 12: gọi từ máy cơ quan"
        )

    def test_a_warning_says_how_long_before(self):
        self.assertEqual(reasons.in_words("warned-7"), "đã báo trước 7 ngày")

    def test_those_of_messages(self):
        for reason, words in (
            ("http-503", "nơi nhận trả lời mã 503"),
            ("smtp-connect", "không kết nối được với máy chủ thư"),
            ("smtp-550", "máy chủ thư trả lời mã 550"),
            ("decoy", "không có số điện thoại để gửi tới"),
            ("21610 unsubscribed", "21610 unsubscribed"),
        ):
            with self.subTest(reason):
                self.assertEqual(reasons_of_messages.in_words(reason), words)
        self.assertTrue(reasons_of_messages.in_words("flush-connect").endswith("với nơi nhận"))

    def test_no_operator_of_telephones_takes_a_mail(self):
        say = reasons_of_messages.state_in_words

        self.assertEqual(say("accepted", "sms"), "nhà mạng đã nhận")
        self.assertEqual(say("accepted", "mail"), "nơi nhận đã nhận")
        self.assertEqual(say("queued", "mail"), "đang chờ gửi")


class MessageTests(StaffTestCase):
    def test_the_list_says_it_too(self):
        outbox.queue_mail(self.an.address, to=self.an.address, subject="x", text="x")
        Message.objects.update(state="rejected", to="", subject="", text="")

        self.assertContains(self.client.get(MESSAGES), "nơi nhận từ chối")


class TrailTests(StaffTestCase):
    def test_the_list_and_the_row_say_it(self):
        self.log_in("an", "sai", client=self.client_class())

        for path in (TRAIL, f"{TRAIL}{self.newest('login-failed')}/change/"):
            self.assertContains(self.client.get(path), "sai địa chỉ hoặc mật khẩu")

    def newest(self, event):
        return AuditEvent.objects.filter(event=event).latest("pk").pk
