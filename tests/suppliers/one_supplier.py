"""What the tests of a gateway share: one supplier at the end of the line, and its silence."""

from unittest import mock

from django.test import SimpleTestCase, override_settings

from otp.suppliers import http
from otp.suppliers.gateway import NotSent, Unknown
from tests.support.programs import gateway


class OneSupplierTestCase(SimpleTestCase):
    """A supplier of the `kind`, to which the settings lead; `send()` is the test's own."""

    kind = gateway.Twilio

    def setUp(self):
        (self.supplier,) = gateway.supply_each(self, self.kind)
        self.log = gateway.EveryLogLine(self)

    def failure(self, kind):
        with self.assertRaises(kind) as caught:
            self.send()
        return caught.exception

    def nowhere_to(self, address):
        return override_settings(**self.supplier.environment(address))


class Silence:
    """What a gateway makes of a supplier that is not there, or that says nothing."""

    def setUp(self):
        super().setUp()
        hurry = mock.patch.object(http, "TIMEOUTS", (0.3, 0.3))
        hurry.start()
        self.addCleanup(hurry.stop)

    def test_a_closed_port_means_that_nothing_left(self):
        with self.nowhere_to(gateway.closed_port()):
            self.assertEqual(self.failure(NotSent).reason, "connect")

    def test_a_connection_that_is_never_made_means_that_nothing_left(self):
        ears = gateway.DeafEars(full=True)
        self.addCleanup(ears.close)

        with self.nowhere_to(ears.address):
            self.failure(NotSent)

    def test_no_answer_to_a_request_that_left_may_mean_that_it_went(self):
        ears = gateway.DeafEars()
        self.addCleanup(ears.close)

        with self.nowhere_to(ears.address):
            self.failure(Unknown)

    def test_no_answer_to_a_request_that_was_read_may_mean_that_it_went(self):
        for name, answer in (("slow", gateway.hold), ("gone", gateway.drop)):
            with self.subTest(name), self.supplier.answers(answer):
                self.failure(Unknown)

        self.assertEqual(len(self.supplier.texts), 2)
