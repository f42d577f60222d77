"""Settings with which a key to the mail server would go in clear, or nowhere, stop the start."""

import os

from django.core.checks import run_checks
from django.test import SimpleTestCase, override_settings
from requests.certs import where

from tests.mail_system.test_mail_sessions import KEY


class CheckTests(SimpleTestCase):
    """PW-10: the key goes over TLS, or stays on this machine."""

    ids = ("otp.E009", "otp.E010", "otp.E011")

    def faults(self, url, key=KEY, ca_file=""):
        door = {"DOVEADM_URL": url, "DOVEADM_API_KEY": key, "DOVEADM_CA_FILE": ca_file}
        with override_settings(**door):
            return [fault.id for fault in run_checks() if fault.id in self.ids]

    def test_good_ones(self):
        for url in (
            "https://mail.example.gov.vn:8080",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
        ):
            with self.subTest(url):
                self.assertEqual(self.faults(url), [])
        self.assertEqual(self.faults("", ""), [])

    def test_bad_ones(self):
        for url in (
            "http://mail.example.gov.vn:8080",
            "http://10.0.0.1:8080",
            "http://127.0.0.1.example.vn",
            "mail.example.gov.vn",
            "ftp://127.0.0.1",
            "https://",
            "https://[",
        ):
            with self.subTest(url):
                self.assertEqual(self.faults(url), ["otp.E010"])
        self.assertEqual(self.faults("https://mail.example.gov.vn", ""), ["otp.E009"])
        self.assertEqual(self.faults("", KEY), ["otp.E009"])

    def test_the_file_of_its_authority_can_be_read(self):
        url = "https://mail.example.gov.vn:8080"
        for file, faults in (
            (where(), []),
            ("/nowhere/ca.pem", ["otp.E011"]),
            (os.devnull, ["otp.E011"]),
        ):
            with self.subTest(file):
                self.assertEqual(self.faults(url, ca_file=file), faults)
