"""Mail sessions end: what is queued, how long it is tried, and who learns where it fails."""

import base64
import datetime as dt
import io
import json
import os
from unittest import mock

from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials.locks import lock, unlock
from accounts.models import Account
from otp import outbox
from otp.models import GatewayState, Message
from otp.outbox import alerts
from otp.suppliers import breakers
from otp.suppliers.route import Route
from tests.admin.test_staff_sending import MESSAGES, StaffTestCase
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.forms import drawn_from
from tests.support.programs import gateway

KEY = "a-doveadm-key-nobody-may-read"
State = Message.State

NOBODY = [["error", {"type": "exitCode", "exitCode": 68}, "kick"]]
FORBIDDEN = [["error", {"type": "unAuthorized", "exitCode": 0}, "flush"]]


class _DoveadmHandler(gateway._SupplierHandler):
    def read(self, body):
        scheme, _, key = self.headers["Authorization"].partition(" ")
        self.commands = json.loads(body)
        return {"key": (scheme, base64.b64decode(key).decode()), "commands": self.commands}

    def accept(self):
        self.answer(200, [["doveadmResponse", [], tag] for _, _, tag in self.commands])


class Doveadm(gateway.Supplier):
    """Plays the mail server's door."""

    name = "doveadm"
    handler = _DoveadmHandler


class KickTestCase(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.server = Doveadm()
        self.addCleanup(self.server.close)
        self.connect_to(self.server.address)
        direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        self.enterContext(mock.patch.dict(os.environ, direct))
        self.set_up_people()

    def connect_to(self, address):
        self.enterContext(override_settings(DOVEADM_URL=address, DOVEADM_API_KEY=KEY))

    def kicks(self):
        return Message.objects.filter(channel=Message.Channel.KICK)

    def queue(self):
        outbox.queue_kick(self.an.address, to=self.an.address)
        return self.kicks().latest("pk")

    def send(self, count=1):
        """Send what is due, as if the time of a second try had come."""
        for _ in range(count):
            self.kicks().update(due_at=Now())
            GatewayState.objects.update(paused_until=None)
            outbox.deliver_one(Route([]))

    def assert_done(self, message):
        """Once done, it waits ten seconds to be done again; that settles it."""
        message.refresh_from_db()
        self.assertEqual((message.state, message.gateway), (State.QUEUED, "doveadm"))
        self.assertEqual(message.due_at - message.changed_at, dt.timedelta(seconds=10))
        self.send()
        self.assert_state(message, State.ACCEPTED)

    def assert_state(self, message, state, reason=""):
        message.refresh_from_db()
        self.assertEqual((message.state, message.reason), (state, reason))


class CauseTests(KickTestCase):
    def assert_kicked(self, *addresses):
        self.assertEqual(list(self.kicks().values_list("to", flat=True)), list(addresses))

    def test_a_reset_ends_them(self):
        self.ask()
        self.guess(newest_code())
        self.assert_kicked()

        self.choose()

        self.assert_kicked(self.an.address)

    def test_a_change_of_password_ends_them(self):
        self.log_in()
        both = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

        self.client.post("/cau-hinh/mat-khau/", {"password": PASSWORD} | both)

        self.assert_kicked(self.an.address)

    def test_whoever_ends_his_other_sessions_ends_them(self):
        self.log_in()

        self.client.post("/cau-hinh/hoat-dong/")

        self.assert_kicked(self.an.address)

    def test_a_lock_ends_them_and_its_end_ends_nothing(self):
        lock(self.an, actor=self.em)
        lock(self.an, actor=self.em)
        unlock(self.an, actor=self.em)

        self.assert_kicked(self.an.address)

    def test_the_hotline_ends_them(self):
        self.come_in(cast.make_staff("mai", "hotline"))
        ground = {"why": "Mất điện thoại", "ticket": "HT-2026-101"}

        page = f"/ho-tro/tai-khoan/{self.an.pk}/ket-thuc-phien/"
        self.client.post(page, ground | drawn_from(self.client, page))

        self.assert_kicked(self.an.address)

    def let_run_out(self, **ago):
        """Let Em's default password be good until then."""
        until = timezone.now() - dt.timedelta(**ago)
        Account.objects.filter(pk=self.em.pk).update(default_password_until=until)

    def test_it_ends_those_of_a_default_password_by_setting_its_time(self):
        self.come_in(cast.make_staff("lan", "province-it"))
        data = {"kind": "person", "is_active": "on", "has_default_password": "on"} | cast.NO_ALIASES
        page = f"/quan-tri/accounts/account/{self.em.pk}/change/"

        for until in ("31/12/2099 17:00", "01/11/2020 17:00"):
            self.assert_kicked()
            seen = drawn_from(self.client, page)
            r = self.client.post(page, data | {"default_password_until": until} | seen)

        self.assertEqual(r.status_code, 302)
        self.assert_kicked(self.em.address)

    def test_the_moment_of_a_default_password_ends_them_once(self):
        self.let_run_out(hours=-1)
        self.run_hourly()
        self.assert_kicked()

        self.let_run_out(minutes=1)
        for _ in range(3):
            self.run_hourly()

        self.assert_kicked(self.em.address)

    def test_a_moment_that_is_set_anew_ends_them_anew(self):
        self.let_run_out(minutes=10)
        self.run_hourly()
        Message.objects.update(created_at=F("created_at") - dt.timedelta(minutes=9))

        self.let_run_out(minutes=1)
        self.run_hourly()

        self.assert_kicked(self.em.address, self.em.address)

    def test_a_moment_long_ago_or_a_password_that_was_changed_ends_nothing(self):
        self.let_run_out(days=8)
        Account.objects.filter(pk=self.an.pk).update(
            default_password_until=timezone.now() - dt.timedelta(minutes=1)
        )

        self.run_hourly()

        self.assert_kicked()

    def run_hourly(self):
        call_command("run_campaigns", stdout=io.StringIO())

    def test_a_password_that_is_refused_ends_nothing(self):
        self.ask()
        self.guess(newest_code())

        self.choose("12345678")

        self.assert_kicked()

    @override_settings(DOVEADM_URL="", DOVEADM_API_KEY="")
    def test_without_a_mail_server_to_tell_nothing_is_queued(self):
        lock(self.an, actor=self.em)

        self.assert_kicked()


class SendTests(KickTestCase):
    def test_sessions_are_ended_first_and_then_passwords_forgotten_each_in_its_own_request(self):
        message = self.queue()

        self.send()

        self.assertEqual(
            [given["commands"] for given in self.server.texts],
            [
                [["kick", {"mask": [self.an.address]}, "kick"]],
                [["authCacheFlush", {"user": []}, "flush"]],
            ],
        )
        for given in self.server.texts:
            self.assertEqual(given["path"], "/doveadm/v1")
            self.assertEqual(given["key"], ("X-Dovecot-API", KEY))
        self.assert_done(message)
        self.assertEqual(len(self.server.texts), 4)
        self.assertEqual((message.to, message.to_masked), ("", self.an.address))

    def test_a_server_without_a_cache_need_not_allow_to_empty_it(self):
        self.server.plan = [gateway.accept, gateway.say(200, json.dumps(FORBIDDEN))] * 2
        message = self.queue()

        self.send()

        self.assert_done(message)

    def test_a_cache_that_cannot_be_emptied_keeps_nobody_else_s_session_open(self):
        """Dovecot 2.4 crashes over it."""
        self.server.plan = [gateway.accept, gateway.drop] * (breakers.FAILURES + 1)
        others = [self.queue() for _ in range(breakers.FAILURES + 1)]

        for _ in others:
            outbox.deliver_one(Route([]))

        kicks = [each for each in self.server.texts if each["commands"][0][0] == "kick"]
        self.assertEqual(len(kicks), len(others))
        for each in others:
            self.assert_state(each, State.QUEUED, "flush-no-answer")

    def test_no_proxy_sees_the_key(self):
        proxy = Doveadm()
        self.addCleanup(proxy.close)
        surroundings = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), proxy.address)
        nothing = {"NO_PROXY": "", "no_proxy": ""}
        self.queue()

        with mock.patch.dict(os.environ, surroundings | nothing):
            self.send()

        self.assertEqual((len(proxy.texts), len(self.server.texts)), (0, 2))

    def test_a_file_of_its_authority_that_has_gone_is_waited_for(self):
        self.connect_to("https://localhost:1")
        message = self.queue()

        with override_settings(DOVEADM_CA_FILE="/nowhere/ca.pem"):
            self.send()

        self.assert_state(message, State.QUEUED, "connect")

    def test_somebody_without_a_session_is_as_good(self):
        self.server.plan = [gateway.say(200, json.dumps(NOBODY))]
        message = self.queue()

        self.send()

        self.assert_done(message)

    def test_what_goes_wrong_is_tried_again_whatever_it_was(self):
        def say(body, status=200):
            return gateway.say(status, body if isinstance(body, str) else json.dumps(body))

        failed = ["error", {"type": "exitCode", "exitCode": 75}, "kick"]
        forbidden = ["error", {"type": "unAuthorized", "exitCode": 0}, "kick"]
        faults = (
            (say("", 401), "http-401"),
            (say("", 404), "http-404"),
            (say("", 500), "http-500"),
            (say("", 302), "http-302"),
            (say("<html>"), "unreadable"),
            (say({"a": 1}), "unreadable"),
            (say([1]), "unreadable"),
            (gateway.drop, "no-answer"),
        )
        for answers, reason in (
            *(([answer], reason) for answer, reason in faults),
            *(([gateway.accept, answer], f"flush-{reason}") for answer, reason in faults),
            ([say([])], "kick-missing"),
            ([say([failed])], "kick-75"),
            ([say([forbidden])], "kick-unAuthorized"),
            ([gateway.accept, say([])], "flush-missing"),
            ([gateway.accept, say([[*failed[:2], "flush"]])], "flush-75"),
        ):
            with self.subTest(reason):
                self.server.plan = answers
                message = self.queue()

                self.send()
                self.assert_state(message, State.QUEUED, reason)

                self.send()
                self.assert_done(message)

    def test_silence_is_tried_again_too(self):
        message = self.queue()

        with self.server.answers(gateway.hold):
            self.send()
        self.assert_state(message, State.QUEUED, "no-answer")
        self.send()

        self.assert_done(message)

    def test_later_and_later_and_no_longer_than_an_hour(self):
        self.connect_to(gateway.closed_port())
        message = self.queue()
        waits = []
        for _ in range(8):
            self.send()
            message.refresh_from_db()
            waits.append(round((message.due_at - message.changed_at).total_seconds()))
        self.assertEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual(message.good_until - message.created_at, dt.timedelta(hours=1))

        self.kicks().update(good_until=Now())
        outbox.sweep()

        self.assert_state(message, State.EXPIRED, "connect")
        self.assertEqual(message.to, "")

    def test_one_that_was_done_once_and_not_again_is_in_doubt_and_no_alarm(self):
        message = self.queue()
        self.send()
        self.kicks().update(good_until=Now())

        outbox.sweep()

        self.assert_state(message, State.UNKNOWN)
        self.assertEqual(alerts.raise_due(), [])

    def test_one_whose_sender_died_is_taken_up_again(self):
        message = self.queue()
        outbox.claim()
        Message.objects.update(changed_at=F("changed_at") - 2 * outbox.ABANDONED)

        outbox.sweep()
        self.assert_state(message, State.QUEUED)
        self.send()

        self.assert_done(message)

    def test_a_server_that_is_down_is_left_alone_and_tried_now_and_then(self):
        self.connect_to(gateway.closed_port())
        message = self.queue()
        self.send(breakers.FAILURES)
        self.connect_to(self.server.address)

        self.kicks().update(due_at=Now())
        outbox.deliver_one(Route([]))
        self.assert_state(message, State.QUEUED, "paused")
        self.assertEqual(self.server.texts, [])

        self.kicks().update(due_at=Now())
        GatewayState.objects.update(paused_until=Now())
        outbox.deliver_one(Route([]))
        self.assert_done(message)

    def test_codes_go_first(self):
        for _ in range(3):
            self.queue()
        self.ask()

        self.assertEqual(outbox.claim().channel, Message.Channel.SMS)
        self.assertIsNone(outbox.claim(codes_only=True))

    def test_they_go_before_notices_however_many_wait(self):
        for _ in range(3):
            outbox.queue_mail("x", to="x@hagiang.gov.vn", subject="s", text="t")
        self.queue()
        self.queue()

        channels = [outbox.claim().channel for _ in range(5)]

        self.assertEqual(channels, ["kick"] * 2 + ["mail"] * 3)

    def test_neither_key_nor_mailbox_is_in_the_log(self):
        self.server.plan = [gateway.say(500, KEY), gateway.drop]
        log = gateway.EveryLogLine(self)
        self.queue()

        self.send(4)

        self.assertRegex(log.text, r"message \d+ by doveadm: accepted")
        for secret in (KEY, base64.b64encode(KEY.encode()).decode(), self.an.address):
            self.assertNotIn(secret, log.text)


class NoticeTests(KickTestCase):
    """IT is told where an old session could not be ended."""

    def test_a_mail_server_that_does_not_answer(self):
        self.connect_to(gateway.closed_port())
        self.queue()
        for _ in range(breakers.FAILURES):
            self.kicks().update(due_at=Now())
            outbox.deliver_one(Route([]))

        with override_settings(ALERT_EMAILS=["it@example.vn"]):
            self.assertEqual(alerts.raise_due(), ["mail-server"])

        mail = Message.objects.get(channel=Message.Channel.MAIL)
        self.assertIn("Máy chủ thư không nhận lệnh kết thúc phiên (connect)", mail.text)

    def test_sessions_that_were_left_open(self):
        self.queue()
        self.kicks().update(good_until=Now())
        outbox.sweep()

        with override_settings(ALERT_EMAILS=["it@example.vn"]):
            self.assertEqual(alerts.raise_due(), ["mail-server"])

        mail = Message.objects.get(channel=Message.Channel.MAIL)
        self.assertIn("1 lần đổi mật khẩu hoặc khóa", mail.text)

    def test_the_operators_command_counts_them(self):
        self.queue()
        self.send(2)

        with mock.patch("sys.stdout") as said:
            call_command("sms_status", stdout=said)

        lines = "".join(str(call.args[0]) for call in said.write.call_args_list)
        self.assertRegex(lines, r"today kick doveadm\s+accepted: 1")


@override_settings(DOVEADM_URL="https://localhost:1", DOVEADM_API_KEY=KEY)
class StaffTests(StaffTestCase):
    def test_it_sees_whose_sessions_could_not_be_ended_and_why(self):
        lock(self.an, actor=self.huong)
        kick = Message.objects.filter(channel="kick")
        kick.update(state=State.EXPIRED, reason="connect", to="")

        r = self.client.get(f"{MESSAGES}?channel__exact=kick&state__exact=expired")

        for words in ("kết thúc phiên thư", self.an.address, "không kết nối được với nơi nhận"):
            self.assertContains(r, words)
