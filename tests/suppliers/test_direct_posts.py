"""Posts to typed addresses: to networks that may be, to the address that was looked at, in time."""

import os
import socket
import tempfile
import time
from ipaddress import ip_address, ip_network
from pathlib import Path
from unittest import mock

from django.test import SimpleTestCase, override_settings

from otp.suppliers import direct
from otp.suppliers.direct import NotTaken, may_be_reached
from tests.hooks import receiver
from tests.hooks.receiver import Receiver
from tests.support.programs.alarms import SecureServer
from tests.support.programs.mailserver import _make_certificate

LOOPBACK = [ip_network("127.0.0.0/8")]


class NetworkTests(SimpleTestCase):
    def test_only_the_whole_worlds_addresses_are_reached_unless_a_network_is_listed(self):
        for address, may in (
            ("203.162.0.1", True),
            ("2405:4800::1", True),
            ("127.0.0.1", False),
            ("0.0.0.0", False),
            ("10.1.2.3", False),
            ("172.16.0.1", False),
            ("192.168.1.1", False),
            ("100.64.0.1", False),
            ("169.254.169.254", False),
            ("224.0.0.1", False),
            ("239.1.1.1", False),
            ("255.255.255.255", False),
            ("::", False),
            ("::1", False),
            ("fe80::1", False),
            ("fd00::1", False),
            ("ff0e::1", False),
            ("::ffff:127.0.0.1", False),
            ("::ffff:10.0.0.1", False),
            ("2002:7f00:1::", False),
            ("2002:a00:1::", False),
            ("64:ff9b::7f00:1", False),
            ("64:ff9b::a9fe:a9fe", False),
            ("64:ff9b::cba2:1", True),
            ("64:ff9b:1::7f00:1", False),
            ("::127.0.0.1", False),
            ("::ffff:0:127.0.0.1", False),
            ("fec0::1", False),
        ):
            with self.subTest(address), override_settings(WEBHOOK_NETWORKS=[]):
                self.assertEqual(may_be_reached(ip_address(address)), may)
        with override_settings(WEBHOOK_NETWORKS=[ip_network("10.1.0.0/16"), *LOOPBACK]):
            self.assertTrue(may_be_reached(ip_address("10.1.2.3")))
            self.assertTrue(may_be_reached(ip_address("::ffff:10.1.2.3")))
            self.assertFalse(may_be_reached(ip_address("10.2.2.3")))
            self.assertTrue(may_be_reached(ip_address("127.0.0.1"), in_clear=True))
            self.assertFalse(may_be_reached(ip_address("10.1.2.3"), in_clear=True))


@override_settings(WEBHOOK_NETWORKS=LOOPBACK)
class PostTests(SimpleTestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def post(self, url=None):
        """Post it, and give what came of it: a status, or why it was not taken."""
        try:
            headers = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "x"}
            return direct.post(url or self.receiver.address, b'{"type": 1}', headers)
        except NotTaken as error:
            self.wait = error.wait
            return error.reason

    def test_what_is_taken_refused_or_led_elsewhere(self):
        for answer, came in (
            (204, 204),
            (200, 200),
            (500, "http-500"),
            (410, "http-410"),
            (receiver.redirect(f"{self.receiver.address}&2"), "redirect"),
        ):
            with self.subTest(came):
                self.receiver.told.clear()
                self.receiver.plan = [answer]

                self.assertEqual(self.post(), came)

                self.assertEqual(self.receiver.types, [1])

    def test_a_receiver_that_asks_to_wait_is_believed_up_to_an_hour(self):
        self.receiver.plan = [receiver.later(120), receiver.later(10**9)]

        self.assertEqual((self.post(), self.wait.total_seconds()), ("http-429", 120))
        self.assertEqual((self.post(), self.wait.total_seconds()), ("http-429", 3600))

    def test_one_that_names_no_moment_is_not_believed(self):
        for nonsense in ("soon", f"Mon, 1 Jan 2029 00:00:00 +{10**30}", f"Mon, 1 Jan {10**30}"):
            with self.subTest(nonsense):
                self.receiver.plan = [receiver.later(nonsense)]

                self.assertEqual((self.post(), self.wait), ("http-429", None))

    def test_an_answer_ends_in_time_however_it_comes(self):
        for answer in (receiver.hold, receiver.drip):
            with self.subTest(answer.__name__), mock.patch.object(direct, "WITHIN", 0.3):
                self.receiver.plan = [answer]
                began = time.monotonic()

                self.assertEqual(self.post(), "no-answer")

                self.assertLess(time.monotonic() - began, 30)

    def test_of_a_body_without_end_nothing_is_read(self):
        self.receiver.plan = [receiver.flood]

        self.assertEqual(self.post(), 200)

    @override_settings(WEBHOOK_NETWORKS=[])
    def test_this_machine_is_not_reached_under_any_name(self):
        port = self.receiver.port
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"):
            with self.subTest(host):
                self.assertEqual(self.post(f"http://{host}:{port}/"), "network")
        self.assertEqual(self.receiver.told, [])

    def test_a_name_that_leads_elsewhere_a_moment_later_is_looked_up_once(self):
        here = socket.getaddrinfo("127.0.0.1", self.receiver.port, type=socket.SOCK_STREAM)
        with mock.patch.object(socket, "getaddrinfo", side_effect=[here]) as looked_up:
            self.assertEqual(self.post(f"http://nhan.example:{self.receiver.port}/"), 204)

        self.assertEqual(looked_up.call_count, 1)
        self.assertEqual(self.receiver.told[0]["host"], f"nhan.example:{self.receiver.port}")

    def test_the_host_is_named_as_it_was_typed(self):
        here = socket.getaddrinfo("127.0.0.1", self.receiver.port, type=socket.SOCK_STREAM)
        for host in ("nhan.example", "[2405:4800::1]", "[2405:4800::abcd]"):
            with self.subTest(host), mock.patch.object(socket, "getaddrinfo", return_value=here):
                self.receiver.told.clear()

                self.assertEqual(self.post(f"http://{host}/"), 204)

                self.assertEqual(self.receiver.told[0]["host"], host)

    def test_nobody_there(self):
        self.receiver.close()
        self.assertEqual(self.post(), "connect")
        self.assertEqual(self.post("https://khong-co.invalid/"), "name")

    def test_a_certificate_that_nobody_trusts_is_told_nothing(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        certificate, key = folder / "cert.pem", folder / "key.pem"
        _make_certificate(certificate, key)
        server = SecureServer(certificate, key)
        self.addCleanup(server.close)

        self.assertEqual(self.post(f"https://localhost:{server.port}/"), "tls")

        # Where the office's own authority is among the system's, the line stands and is used.
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(certificate)}):
            self.assertEqual(self.post(f"https://localhost:{server.port}/"), "no-answer")
            self.assertEqual(self.post(f"https://127.0.0.1:{server.port}/"), "tls")
