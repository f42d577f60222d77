"""Whose request it is: the caller's address in every form in which a proxy writes it."""

from django.core import mail
from django.core.management import call_command
from django.test import override_settings

from mailportal import client_address
from tests.access.test_limits import Callers
from tests.support.clock import let_pass

# As IIS and Azure's gateway write it, as nginx does, and as RFC 3986 and RFC 7239 have it.
FORMS = {
    "192.0.2.1": "192.0.2.1",
    "192.0.2.1:4711": "192.0.2.1",
    "2001:db8::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:443": "2001:db8::1",
    '"[2001:db8::1]:443"': "2001:db8::1",
    '"192.0.2.1:4711"': "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "[::ffff:192.0.2.1]:80": "192.0.2.1",
}
NO_ADDRESS = (
    *("", "unknown", "_hidden", "-", "192.0.2.1:port", "192.0.2", "[192.0.2.1", "[]:80"),
    *("fe80::1%eth0", '"192.0.2.1'),
)


class FormTests(Callers):
    def test_each_form_is_read_as_the_same_caller(self):
        for written, address in FORMS.items():
            with self.subTest(written), override_settings(TRUSTED_PROXY_COUNT=1):
                plain = {"HTTP_X_FORWARDED_FOR": address}
                self.assertEqual(self.buckets({"HTTP_X_FORWARDED_FOR": written}, plain), [2])

    def test_callers_behind_a_proxy_that_writes_ports_are_told_apart(self):
        callers = [{"HTTP_X_FORWARDED_FOR": f"192.0.2.{n}:{5000 + n}"} for n in range(22)]

        with override_settings(TRUSTED_PROXY_COUNT=1):
            self.assertEqual(self.buckets(*callers), [1] * 22)

    @override_settings(TRUSTED_PROXY_COUNT=1, TRUSTED_PROXY_HEADER="Forwarded")
    def test_the_header_of_rfc_7239_is_read_where_it_is_named(self):
        for written, address in (
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ('For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
            ("for=198.51.100.1, proto=https;for=192.0.2.60", "192.0.2.60"),
            ('for=192.0.2.60;host="x,for=1.2.3.4"', "192.0.2.60"),
            ('proto=https;host="x;for=1.2.3.4";for=192.0.2.60', "192.0.2.60"),
        ):
            with self.subTest(written):
                plain = {
                    "HTTP_FORWARDED": f'for="[{address}]"' if ":" in address else f"for={address}"
                }
                # What stands in the other header was written by the caller.
                forged = {"HTTP_FORWARDED": written, "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
                self.assertEqual(self.buckets(forged, plain), [2])


class UnreadTests(Callers):
    def setUp(self):
        super().setUp()
        client_address.forget()
        self.addCleanup(client_address.forget)

    def told(self):
        call_command("deliver_messages", "--once")
        return [each.subject for each in mail.outbox]

    def test_it_is_told_once_an_hour_where_callers_cannot_be_told_apart(self):
        with override_settings(TRUSTED_PROXY_COUNT=1, ALERT_EMAILS=["it@hagiang.gov.vn"]):
            for written in NO_ADDRESS:
                self.post(HTTP_X_FORWARDED_FOR=written)
            (subject,) = self.told()
            self.assertIn("X-Forwarded-For không có địa chỉ đọc được", subject)

            client_address.forget()
            self.post(HTTP_X_FORWARDED_FOR="unknown")
            self.assertEqual(len(self.told()), 1)
            let_pass(self, hours=1)
            client_address.forget()
            self.post(HTTP_X_FORWARDED_FOR="unknown")
            self.assertEqual(len(self.told()), 2)

    def test_monitors_are_no_callers(self):
        with override_settings(TRUSTED_PROXY_COUNT=1), self.assertNumQueries(0):
            self.assertEqual(self.client.get("/healthz").status_code, 200)

        self.assertIs(self.client.get("/readyz").json()["callers"], True)

    @override_settings(OVER_HTTPS=True, ALERT_EMAILS=["it@hagiang.gov.vn"])
    def test_a_proxy_that_nobody_counted_is_told_too(self):
        self.post(HTTP_X_FORWARDED_FOR="192.0.2.1")

        (subject,) = self.told()
        self.assertIn("TRUSTED_PROXY_COUNT=0", subject)

    def test_readiness_shows_it(self):
        self.assertIs(self.client.get("/readyz").json()["callers"], True)

        with override_settings(TRUSTED_PROXY_COUNT=1):
            self.post(HTTP_X_FORWARDED_FOR="unknown")

        self.assertIs(self.client.get("/readyz").json()["callers"], False)
