"""Who watches whom, and that an alert reaches somebody though the way it concerns is gone."""

import datetime as dt
import json
import os
import tempfile
from contextlib import closing
from dataclasses import replace
from email import message_from_string, policy
from ipaddress import ip_network
from pathlib import Path
from unittest import mock

from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.access import watching
from accounts.credentials.passwords import change_password
from accounts.models import AuditEvent
from otp.models import GatewayState, Message, Meter
from otp.outbox import alerts, life, watch
from otp.suppliers import certificates, http
from otp.suppliers.gateway import NotSent
from tests.support import cast
from tests.support.programs import gateway, sms_files
from tests.support.programs.alarms import SECRET, SecureServer, Webhook
from tests.support.programs.deployment import database_url
from tests.support.programs.mailserver import _make_certificate
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.sending import let_live
from tests.support.waiting import wait_for, wait_for_end

IT = "it@example.vn"
State = Message.State


def hear(test):
    """Give the webhook that hears every alert of a test."""
    webhook = Webhook()
    test.addCleanup(webhook.close)
    test.enterContext(
        override_settings(
            ALERT_EMAILS=[IT],
            ALERT_WEBHOOK_URL=webhook.address,
            ALERT_WEBHOOK_SECRET=SECRET,
        )
    )
    return webhook


class WatchTests(TransactionTestCase):
    def setUp(self):
        self.webhook = hear(self)

    def kinds(self):
        return [json.loads(body)["kind"] for body in self.webhook.bodies]

    def look_out(self, mine):
        self.enterContext(mock.patch.object(watch, "LOOK", 0.01))
        thread = watch.Watch(mine)
        thread.start()
        self.addCleanup(thread.end)
        return thread

    def test_each_tells_of_the_other_past_the_outbox_and_never_of_itself(self):
        for mine, other in (("sender", "worker"), ("worker", "sender")):
            with self.subTest(mine):
                self.webhook.bodies.clear()
                mail.outbox.clear()
                Meter.objects.all().delete()

                thread = self.look_out(mine)
                wait_for(lambda: mail.outbox and self.webhook.bodies, "the alert")
                thread.end()

                self.assertEqual(self.kinds(), [f"silent-{other}"])
                self.assertIn(life.EXPECTED[other], mail.outbox[0].body)
                self.assertEqual(self.webhook.signed[-1:], [True])
                self.assertFalse(Message.objects.exists())

    def test_nothing_is_told_while_all_live(self):
        for name in life.EXPECTED:
            let_live(name)
        looked = mock.Mock(return_value=[])

        with mock.patch.dict(alerts._KINDS, {"looked": looked}):
            self.look_out("worker")
            wait_for(lambda: looked.call_count > 3, "some looks")

        self.assertEqual((mail.outbox, self.webhook.bodies), ([], []))

    def test_a_look_that_fails_does_not_end_the_watch(self):
        let_live("sender")
        bad = mock.Mock(side_effect=RuntimeError)
        with (
            mock.patch.dict(alerts._KINDS, {"bad": bad}),
            self.assertLogs("otp.outbox.watch", "ERROR"),
        ):
            thread = self.look_out("worker")
            wait_for(lambda: bad.call_count > 2, "more looks")

        self.assertTrue(thread.is_alive())

    def test_what_nobody_took_is_told_at_the_next_look(self):
        self.webhook.answers = [500]
        with mock.patch.object(alerts, "send_mail", side_effect=gateway_is_away):
            self.assertFalse(alerts.raise_past_the_outbox("silent-sender", ["x"]))
            self.assertTrue(alerts.raise_past_the_outbox("silent-sender", ["x"]))

        self.assertFalse(alerts.raise_past_the_outbox("silent-sender", ["x"]))
        self.assertEqual(len(self.webhook.bodies), 2)

    def test_the_database_is_told_of_without_it(self):
        self.enterContext(mock.patch.object(watch, "DATABASE_AWAY", -1))
        self.enterContext(
            mock.patch.object(life, "silent", side_effect=watch.Error("zqcanary 0987466981"))
        )

        self.look_out("worker")
        wait_for(lambda: self.webhook.bodies, "the alert")

        self.assertEqual(self.kinds(), ["database"])
        self.assertNotIn("zqcanary", self.webhook.bodies[0])


def gateway_is_away(_):
    raise NotSent("smtp-connect")


# A command as manage.py runs it, but for the pace at which it looks around.
QUICKLY = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")
import django
django.setup()
from django.core.management import call_command
from otp.outbox import watch
watch.LOOK = 0.2
call_command(sys.argv[1])
"""


class KilledProcessTests(TransactionTestCase):
    """Sender and worker run; one is killed and has no time to say anything."""

    def setUp(self):
        self.webhook, self.post = hear(self), gateway.MailServer()
        self.addCleanup(self.post.close)
        self.supplier = gateway.supply(self)

    def start(self, *arguments):
        said = self.enterContext(closing(Output()))
        process = Program(
            *arguments,
            env=os.environ
            | self.supplier.environment()
            | {
                "DATABASE_URL": database_url(),
                "EMAIL_URL": f"smtp://127.0.0.1:{self.post.port}",
                "LOG_LEVEL": "INFO",
                "ALERT_EMAILS": IT,
                "ALERT_WEBHOOK_URL": self.webhook.address,
                "ALERT_WEBHOOK_SECRET": SECRET,
            },
            stderr=said,
        )
        process.said = said.text
        self.addCleanup(self.kill, process)
        return process

    def start_both(self):
        """Give a running process for each name."""
        running = {
            name: self.start("-c", QUICKLY, command) for name, command in life.EXPECTED.items()
        }
        for name, process in running.items():
            wait_for(
                lambda name=name, process=process: self.is_started(name, process),
                f"the {name}",
                log=process.said,
            )
        return running

    def is_started(self, name, process):
        for each in life.EXPECTED:  # or the one that is ready first tells of the other
            life.show(each)
        return f"{name}: started" in process.said()

    def kill(self, process):
        process.kill()
        process.wait()

    def kinds(self):
        return {json.loads(body)["kind"] for body in self.webhook.bodies}

    def letter(self):
        return message_from_string(self.post.mails[0], policy=policy.default).get_content()

    def test_the_worker_tells_of_a_killed_sender_and_the_sender_of_a_killed_worker(self):
        for killed, left in (("sender", "worker"), ("worker", "sender")):
            with self.subTest(killed):
                Meter.objects.all().delete()
                self.webhook.bodies.clear()
                self.post.mails.clear()
                running = self.start_both()
                self.assertEqual(self.webhook.bodies, [])

                self.kill(running[killed])
                Meter.objects.filter(pk=killed).update(until=Now())  # its last sign is old now

                wait_for(
                    lambda: self.webhook.bodies and self.post.mails,
                    f"what the {left} tells",
                    log=running[left].said,
                )
                self.assertEqual(self.kinds(), {f"silent-{killed}"})
                self.assertIn(life.EXPECTED[killed], self.letter())
                self.assertEqual(set(self.webhook.signed), {True})
                self.assertIsNone(running[left].poll())
                running[left].terminate()
                end = wait_for_end(running[left], f"the {left}", log=running[left].said)
                self.assertEqual(end, 0)

    def test_the_whole_way_takes_less_than_a_minute(self):
        """A sign just given, two looks, and a webhook that does not answer before a mail."""
        until_it_is_seen = life.HEARTBEAT.total_seconds() + 2 * watch.LOOK

        self.assertLess(until_it_is_seen + sum(http.TIMEOUTS) + settings.EMAIL_TIMEOUT, 60)

    def test_a_mail_server_that_is_silent_does_not_hold_up_the_webhook(self):
        heard = []
        with mock.patch.object(
            alerts, "send_mail", side_effect=lambda _: heard.append(len(self.webhook.bodies))
        ):
            alerts.tell_past_the_outbox("silent-sender", ["x"])

        self.assertEqual(heard, [1])


class WebhookTests(TransactionTestCase):
    def setUp(self):
        self.webhook = hear(self)

    def test_an_alert_of_a_page_is_queued_and_posted_by_the_sender(self):
        alerts.raise_now("superuser", "it", ["Tài khoản toàn quyền vừa đăng nhập"])
        self.assertEqual(self.webhook.bodies, [])

        call_command("deliver_messages", "--once")

        (body,) = map(json.loads, self.webhook.bodies)
        self.assertEqual(body["kind"], "superuser")
        self.assertEqual(body["lines"], ["Tài khoản toàn quyền vừa đăng nhập"])
        self.assertEqual(body["portal"], "http://testserver")
        self.assertEqual(self.webhook.signed, [True])
        message = Message.objects.get(channel="hook")
        self.assertEqual((message.state, message.text), (State.ACCEPTED, ""))
        self.assertEqual([each.to for each in mail.outbox], [[IT]])

    def test_what_is_not_taken_is_posted_again(self):
        self.webhook.answers = [500]
        alerts.raise_now("superuser", "it", ["x"])
        call_command("deliver_messages", "--once")
        self.assertEqual(Message.objects.get(channel="hook").state, State.QUEUED)
        Message.objects.update(due_at=Now())

        call_command("deliver_messages", "--once")

        self.assertEqual(Message.objects.get(channel="hook").state, State.ACCEPTED)

    @override_settings(ALERT_WEBHOOK_URL="")
    def test_without_an_address_nothing_is_posted(self):
        alerts.raise_now("superuser", "it", ["x"])

        self.assertFalse(Message.objects.filter(channel="hook").exists())


class KindTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        hear(self)

    def fail(self, count, *, client="203.0.113.7", names=None, ago=dt.timedelta(), **columns):
        rows = [
            AuditEvent(
                event="login-failed",
                ok=False,
                client=client,
                address_key=f"k{n % (names or count)}",
                at=timezone.now() - ago,
                **columns,
            )
            for n in range(count)
        ]
        AuditEvent.objects.bulk_create(rows)

    def told(self, kind):
        return list(watching.KINDS[kind]())

    def test_one_caller_that_tries_many_names(self):
        self.fail(watching.MANY_NAMES - 1)
        self.fail(50, client="203.0.113.8", names=1)
        self.assertEqual(self.told("spraying"), [])

        self.fail(watching.MANY_NAMES)

        (line,) = self.told("spraying")
        self.assertIn("203.0.113.7", line)
        self.assertIn("spraying", alerts.raise_due())

    def test_an_office_behind_one_address_is_no_spray(self):
        self.fail(watching.MANY_NAMES)
        with override_settings(OFFICE_NETWORKS=[ip_network("203.0.113.0/24")]):
            self.assertEqual(self.told("spraying"), [])

    def test_failures_above_the_usual(self):
        for hour in range(2, 160):
            self.fail(25, client=None, ago=dt.timedelta(hours=hour))
        self.fail(watching.FEWEST_FAILURES, client=None)
        self.assertEqual(self.told("failures"), [])

        self.fail(100, client=None)

        self.assertEqual(len(self.told("failures")), 1)

    def test_staff_who_are_held(self):
        cast.make_staff("it")
        for address, told in (("an@hagiang.gov.vn", 0), ("it@hagiang.gov.vn", 1)):
            AuditEvent.record(AuditEvent.Event.LOGIN_HELD, address=address, ok=False)
            with self.subTest(address):
                self.assertEqual(len(self.told("staff-held")), told)

    def test_a_reset_soon_after_a_change_of_phone(self):
        self.an.old_phone, self.an.phone_changed_at = "+84912000111", timezone.now()
        self.an.save()

        change_password(
            self.an, cast.NEW_PASSWORD, event=AuditEvent.Event.PASSWORD_RESET, keep_session=None
        )

        hook = Message.objects.get(channel="hook")
        self.assertIn("reset-after-phone", hook.text)
        self.assertNotIn(self.an.phone[3:], hook.text)

    def test_a_trail_that_is_not_whole(self):
        with (
            mock.patch("accounts.audit.chain.verify") as verify,
            self.assertRaises(CommandError),
        ):
            verify.return_value.faults = ["row 1 was changed"]
            call_command("verify_audit", stderr=mock.Mock())

        self.assertTrue(alerts.was_raised("audit", "portal"))


class CertificateTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.certificate, cls.key = folder / "cert.pem", folder / "key.pem"
        _make_certificate(cls.certificate, cls.key)  # lasts two days

    def serve(self, **kind):
        server = SecureServer(self.certificate, self.key, **kind)
        self.addCleanup(server.close)
        return server.port

    def seen(self, **given):
        """Look as a machine that trusts the server's own certificate."""
        with (
            mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(self.certificate)}),
            override_settings(**given),
        ):
            return list(certificates.look())

    def test_a_gateway_and_a_mail_server(self):
        plain = sms_files.described(sms_files.PLAIN)["plain"]
        described = replace(plain, address=f"https://localhost:{self.serve()}/send")
        gateways = {
            "SMS_GATEWAY": "twilio,plain",
            "SMS_SUPPLIERS": {"plain": described},
            "TWILIO_API_BASE": f"https://localhost:{self.serve()}",
        }
        post = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "localhost",
            "EMAIL_PORT": self.serve(by_mail=True),
            "EMAIL_USE_TLS": True,
        }

        looks = self.seen(**gateways, **post)

        self.assertEqual([look.is_soon for look in looks], [True, True, True])
        for look in looks:
            left = look.ends_at - dt.datetime.now(dt.UTC)
            self.assertLessEqual(left, dt.timedelta(days=2))

    def test_one_that_lasts_is_not_told_of(self):
        address = f"https://localhost:{self.serve()}"
        with mock.patch.object(certificates, "TOLD_BEFORE", dt.timedelta(hours=1)):
            (look,) = self.seen(DOVEADM_URL=address, DOVEADM_CA_FILE=str(self.certificate))

            self.assertFalse(look.is_soon)

    def test_one_that_is_not_trusted_is_told_of_and_one_that_is_away_is_not(self):
        away = gateway.closed_port().replace("http:", "https:")
        with override_settings(
            ALERT_WEBHOOK_URL=f"https://localhost:{self.serve()}", DOVEADM_URL=away
        ):
            (look,) = certificates.look()

        self.assertTrue(look.is_soon)
        self.assertIsNone(look.ends_at)


class ReadyTests(TestCase):
    def ready(self):
        r = self.client.get("/readyz")
        return r.status_code, r.json()

    def test_each_part_is_shown(self):
        for name in life.EXPECTED:
            life.show(name)
        self.assertEqual(self.ready()[0], 200)

        for name in life.EXPECTED:
            with self.subTest(name):
                Meter.objects.filter(pk=name).update(until=Now())
                status, parts = self.ready()
                self.assertEqual((status, parts[name]), (503, False))
                life.show(name)

        GatewayState.objects.create(name="file", paused_until=Now() + dt.timedelta(hours=1))
        status, parts = self.ready()
        self.assertEqual((status, parts["gateways"]), (503, False))
