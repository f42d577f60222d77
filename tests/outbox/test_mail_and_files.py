"""The ways out beside SMS: mail, the file and the console of a developer."""

import contextlib
import datetime as dt
import io
import json
import stat
import tempfile
from pathlib import Path

from django.test import override_settings

from otp import outbox
from otp.models import Message
from otp.suppliers.gateway import ConsoleGateway, FileGateway, Sms
from otp.suppliers.route import route_from_settings
from tests.outbox.test_delivery import PHONE, OutboxTests, State
from tests.support.crowd import at_once
from tests.support.programs import gateway
from tests.support.waiting import PATIENCE


class MailTests(OutboxTests):
    def setUp(self):
        super().setUp()
        self.server = gateway.MailServer()
        self.addCleanup(self.server.close)

    def send(self, **answers):
        self.server.answers = answers
        outbox.queue_mail(
            "an@example.vn", to="an@example.vn", subject="Mật khẩu đã đổi", text="Đã đổi mật khẩu."
        )
        message = Message.objects.latest("pk")
        smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
        with override_settings(
            **smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=self.server.port, EMAIL_TIMEOUT=PATIENCE
        ):
            self.assertTrue(self.deliver())
        message.refresh_from_db()
        return message

    def test_a_notice_by_mail_arrives(self):
        message = self.send()

        self.assert_state(message, State.ACCEPTED)
        self.assertEqual(message.gateway, "mail")
        self.assertEqual(message.to_masked, "***@example.vn")
        (mail,) = self.server.mails
        self.assertIn(f"Message-ID: <{message.gateway_id}@", mail)
        self.assertIn("To: an@example.vn", mail)
        self.assertIn('Content-Type: text/plain; charset="utf-8"', mail)

    def test_the_servers_no_is_final(self):
        for command in ("MAIL", "RCPT", "DATA", "END"):
            with self.subTest(command):
                message = self.send(**{command: "550 no such person an@example.vn"})

                self.assert_state(message, State.REJECTED, "smtp-550")

    def test_not_now_is_tried_again(self):
        for command in ("MAIL", "RCPT", "DATA", "END"):
            with self.subTest(command):
                message = self.send(**{command: "450 come back later"})

                self.assert_state(message, State.QUEUED, "smtp-450")
                self.assertEqual(message.to, "an@example.vn")
            Message.objects.all().delete()

    def test_no_word_after_the_text_means_that_it_may_have_gone(self):
        message = self.send(END=None)

        self.assert_state(message, State.UNKNOWN, "smtp-no-answer")

    def test_a_server_that_is_away_is_tried_again(self):
        self.server.close()

        message = self.send()

        self.assert_state(message, State.QUEUED, "smtp-connect")

    def test_a_bad_farewell_changes_nothing(self):
        message = self.send(QUIT="500 what")

        self.assert_state(message, State.ACCEPTED)


class FileTests(OutboxTests):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "sms.jsonl"
        settings = override_settings(SMS_GATEWAY="file", SMS_FILE=str(self.file))
        settings.enable()
        self.addCleanup(settings.disable)
        self.route = route_from_settings()

    def test_each_text_is_a_line_that_only_the_owner_reads(self):
        message = self.queue()
        digits = self.digits_of(message)
        self.deliver()
        self.queue_notice("Đã đổi\nmật khẩu")

        self.deliver()

        first, second = map(json.loads, self.file.read_text().splitlines())
        message.refresh_from_db()
        self.assertEqual(set(first), {"id", "to", "text", "at"})
        self.assertEqual((first["to"], first["id"]), (PHONE, message.gateway_id))
        self.assertIn(digits, first["text"])
        self.assertIsNotNone(dt.datetime.fromisoformat(first["at"]).tzinfo)
        self.assertEqual(second["text"], "Đã đổi\nmật khẩu")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_a_file_that_cannot_be_written_is_tried_again(self):
        self.file.mkdir()
        message = self.queue()

        self.deliver()

        self.assert_state(message, State.QUEUED, "file-unwritable")

    def test_lines_written_at_once_do_not_mix(self):
        carrier = FileGateway()
        sms = Sms(PHONE, "x" * 5_000, good_for=dt.timedelta(1))

        at_once(lambda _: [carrier.send(sms) for _ in range(20)], 8)

        self.assertEqual(
            {json.loads(line)["text"] for line in self.file.read_text().splitlines()}, {sms.text}
        )
        self.assertEqual(len(self.file.read_text().splitlines()), 160)

    def test_the_console_masks_the_number(self):
        screen = io.StringIO()
        with contextlib.redirect_stderr(screen):
            ConsoleGateway().send(Sms(PHONE, "hello", good_for=dt.timedelta(1)))

        self.assertEqual(screen.getvalue(), "SMS ***981: hello\n")
