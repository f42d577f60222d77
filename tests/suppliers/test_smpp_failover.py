"""An SMPP line beside another supplier: who carries what, and what the office sees of it."""

import ssl
import tempfile
from pathlib import Path

from django.db.models.functions import Now
from django.test import override_settings

from otp.models import Code, GatewayState
from otp.suppliers import breakers, certificates
from otp.suppliers.gateway import NotSent
from otp.suppliers.route import route_from_settings
from tests.suppliers.test_smpp_gateway import SmppTestCase
from tests.support.programs import gateway, smsc
from tests.support.programs.slapd import make_certificates
from tests.support.sending import SendingTestCase, State, let_a_sender_live
from tests.support.waiting import wait_for


class LineAndSupplierTests(SendingTestCase):
    """An office with SMS_GATEWAY=smpp,esms."""

    def setUp(self):
        self.centre, self.esms = gateway.supply_each(self, smsc.Centre, gateway.Esms)
        self.route = self.open_route()

    def open_route(self):
        route = route_from_settings()
        self.addCleanup(route.end)
        return route

    def given(self):
        return len(self.centre.texts), len(self.esms.texts)

    def ready(self):
        let_a_sender_live()
        return self.client.get("/readyz").json()["gateways"]

    def test_the_line_carries_what_it_can(self):
        message = self.queue()

        self.deliver()

        self.assert_state(message, State.ACCEPTED, "", by="smpp")
        self.assertEqual(self.given(), (1, 0))
        self.assertEqual(message.gateway_id, self.centre.texts[0]["id"])

    def test_what_certainly_did_not_leave_is_handed_on_at_once(self):
        for n, status in enumerate((smsc.THROTTLED, smsc.FULL, 0x45)):
            with self.subTest(status):
                message = self.queue(f"a{n}@example.vn")
                self.centre.plan = [smsc.refuse(status)]

                self.deliver()

                self.assert_state(message, State.ACCEPTED, "", by="esms")

    def test_a_centre_without_room_is_not_paused_for_it(self):
        self.centre.plan = [smsc.refuse(smsc.THROTTLED)] * breakers.FAILURES
        for _ in self.queue_many(breakers.FAILURES):
            self.deliver()

        message = self.queue()
        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="smpp")

    def test_what_may_have_left_goes_to_nobody_else(self):
        for n, answer in enumerate((smsc.cut_before, smsc.refuse(0x08))):
            message = self.queue(f"a{n}@example.vn")
            self.centre.plan = [answer]

            self.deliver()

            self.assert_state(message, State.UNKNOWN, by="smpp")
            self.make_due()
            self.assertFalse(self.deliver())
        self.assertEqual(self.given(), (2, 0))

    def test_a_refused_number_is_refused_by_all_and_gives_its_place_back(self):
        message = self.queue()
        self.centre.plan = [smsc.refuse(smsc.REFUSED)]

        self.deliver()

        self.assert_state(message, State.REJECTED, "11", by="smpp")
        self.assertTrue(Code.objects.get().voided)
        self.assertEqual(self.given(), (1, 0))

    def test_a_wrong_password_stops_nobody_and_is_seen(self):
        with override_settings(SMPP=self.centre.set_up(password="falsch")):
            self.route = self.open_route()
            messages = self.queue_many(breakers.FAILURES + 1)
            for _ in messages:
                self.deliver()

        for message in messages:
            self.assert_state(message, State.ACCEPTED, by="esms")
        state = GatewayState.objects.get(pk="smpp")
        self.assertIsNotNone(state.paused_until)
        self.assertEqual(state.last_reason, "bind-14")
        self.assertTrue(self.ready())
        with override_settings(SMS_GATEWAY="smpp"):
            self.assertFalse(self.ready())

    def test_a_line_that_is_back_is_used_after_the_pause(self):
        self.centre.bind_status = 0x0D
        for _ in self.queue_many(breakers.FAILURES):
            self.deliver()
        self.centre.bind_status = 0
        GatewayState.objects.filter(pk="smpp").update(paused_until=Now())
        self.route.end()
        self.route = self.open_route()

        message = self.queue()
        self.deliver()

        self.assert_state(message, State.ACCEPTED, by="smpp")
        self.assertIsNone(GatewayState.objects.get(pk="smpp").paused_until)


class TlsTests(SmppTestCase):
    def setUp(self):
        super().setUp()
        self.home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        make_certificates(self.home)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.home / "server.pem", self.home / "server.key")
        self.centre = smsc.Centre(context)
        self.addCleanup(self.centre.close)

    def secured(self, host="127.0.0.1", **changes):
        changes = {"url": f"smpps://{host}:{self.centre.port}"} | changes
        return self.carry(**{"ca_file": str(self.home / "ca.pem")} | changes)

    def test_messages_of_many_threads_and_reports_cross_on_one_line(self):
        self.carrier = self.secured(window=24)
        threads, ids = self.start(24)
        for number in range(24):
            self.centre.connection.say(smsc.unit(smsc.ENQUIRE, number))
        for thread in threads:
            thread.join()

        self.assertEqual(sorted(ids), sorted(each["id"] for each in self.centre.texts))
        answer = (smsc.ENQUIRE | smsc.ANSWER, 0)
        wait_for(lambda: self.centre.units.count(answer) == 24, "the answers to its questions")
        self.assertEqual(len(self.centre.binds), 1)

    def test_a_certificate_that_is_not_good_is_told_no_password(self):
        cases = {
            "of another authority": {"ca_file": ""},
            "for another host": {"host": "localhost"},
            "no file": {"ca_file": "/nonexistent/ca.pem"},
        }
        for name, changes in cases.items():
            with self.subTest(name):
                error = self.failure(NotSent, carrier=self.secured(**changes))

                self.assertEqual(error.reason, "tls")
        self.assertEqual((self.centre.binds, self.centre.texts), ([], []))

    def test_a_centre_that_does_not_speak_tls_is_told_nothing(self):
        plain = smsc.Centre()
        self.addCleanup(plain.close)
        carrier = self.secured(url=f"smpps://127.0.0.1:{plain.port}")

        with self.in_a_hurry():
            self.assertEqual(self.failure(NotSent, carrier=carrier).reason, "tls")

        self.assertEqual(plain.binds, [])

    def test_the_end_of_its_certificate_is_looked_for(self):
        line = self.centre.set_up(
            url=f"smpps://127.0.0.1:{self.centre.port}", ca_file=str(self.home / "ca.pem")
        )
        with override_settings(SMS_GATEWAY="smpp", SMPP=line):
            (look,) = [each for each in certificates.look() if each.place.port == self.centre.port]

        self.assertIsNotNone(look.ends_at)
        self.assertTrue(look.is_soon)
