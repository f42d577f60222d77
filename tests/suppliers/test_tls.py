"""Whom the portal trusts, in every Python."""

import ssl
from unittest import TestCase, mock

from otp.suppliers.tls import trusting


def as_from_3_13_on(cafile=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class TrustingTests(TestCase):
    def test_an_authority_that_an_office_made_is_taken_after_an_upgrade(self):
        with mock.patch("ssl.create_default_context", as_from_3_13_on):
            context = trusting()

        self.assertFalse(context.verify_flags & ssl.VERIFY_X509_STRICT)
        self.assertTrue(context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN)
        self.assertEqual(context.verify_mode, ssl.CERT_REQUIRED)
        self.assertTrue(context.check_hostname)
