"""PBKDF2 of directories and Keycloak opens the portal, and Dovecot where it can check it."""

import hashlib
import shutil
import subprocess
from base64 import b64encode

import pytest
from django.contrib.auth.hashers import check_password
from django.test import SimpleTestCase, TestCase

from accounts.credentials import decoy_hashes
from accounts.credentials.foreign_hashes import to_stored
from accounts.models import Account, HashTally
from tests.support import cast
from tests.support.cast import PASSWORD

SALT = bytes(range(40, 104))
SHORT = SALT[:16]


def text(raw):
    return b64encode(raw).decode()


def adapted(raw):
    """Write base 64 as passlib does, and OpenLDAP's module."""
    return text(raw).replace("+", ".").rstrip("=")


def key(digest, rounds, salt=SHORT, length=None):
    return hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, rounds, length)


def of_389(rounds):
    """Make what 389 and FreeIPA keep: four bytes of rounds, 64 of salt, 256 of key."""
    return "{PBKDF2_SHA256}" + text(
        rounds.to_bytes(4, "big") + SALT + key("sha256", rounds, SALT, 256)
    )


FOR_DOVECOT = {
    "389, FreeIPA": of_389(8192),
    "389, newer": f"{{PBKDF2-SHA256}}10000${text(SALT)}${text(key('sha256', 10000, SALT))}",
    "OpenLDAP": f"{{PBKDF2}}10000${adapted(SHORT)}${adapted(key('sha1', 10000))}",
    "OpenLDAP, SHA-256": f"{{PBKDF2-SHA256}}10000${adapted(SHORT)}${adapted(key('sha256', 10000))}",
    "Keycloak": f"{{PBKDF2-SHA256}}27500${text(SHORT)}${text(key('sha256', 27500, length=64))}",
    "Django": f"pbkdf2_sha256$20000$mot.it.muoi${text(key('sha256', 20000, b'mot.it.muoi'))}",
    "passlib": f"$pbkdf2-sha256$29000${adapted(SHORT)}${adapted(key('sha256', 29000))}",
    "Dovecot": f"{{PBKDF2}}$1$mot-it-muoi$5000${key('sha1', 5000, b'mot-it-muoi').hex()}",
}
# A published example of what 389 keeps, by others: its password is "hashcat".
EXAMPLE = (
    "{PBKDF2_SHA256}AAAgADkxMjM2NTIzMzgzMjQ3MjI4MDAwNTk5OTAyOTk4NDI2MjkyMzAzNjg0NjQwOTMxNjI3OTMzNjg0"
    "MDI0OTY5NTe5ULagRTYpLaUoeqJMg8x9W/DXu+9VTFaVhaYvebYrY+sOqn1ZMRnws22C1uAkiE2tFM8qN+xw5xe7OmCPZ20"
    "3NuruK4oB33QlsKIEz4ppm0TR94JB9PJx7lIQwFHD3FUNUNryj4jk6UYyJ4+V1Z9Ug/Iy/ylQBJgfs5ihzgxHYZrfp1wUCX"
    "FzlZG9mxmziPm8VFnAhaX4+FBAZvLAx33jpbKOwEg7TmwP2VJ8BNFLQRqwYdlqIjQlAhncXH+dqIF9VdM4MonAA0hx76bMv"
    "FTP7LF5VO1IqVmcuYz7YG9v4KKRjnvoUUqOj6okUBQTay3EzsdFVnUW1FemYOccJd5q"
)
FOR_THE_PORTAL = {
    "389, older": of_389(2048),
    "389, SHA-512": f"{{PBKDF2-SHA512}}10000${text(SALT)}${text(key('sha512', 10000, SALT))}",
    "OpenLDAP, SHA-512": f"{{PBKDF2-SHA512}}10000${adapted(SHORT)}${adapted(key('sha512', 10000))}",
    "Keycloak": f"{{PBKDF2-SHA512}}21000${text(SHORT)}${text(key('sha512', 21000))}",
    "passlib": f"$pbkdf2-sha512$25000${adapted(SHORT)}${adapted(key('sha512', 25000))}",
}
DAMAGED = (
    "{PBKDF2_SHA256}AAAIAA==",
    "{PBKDF2_SHA256}!",
    "{PBKDF2}",
    "{PBKDF2}$1$x$5000$1b6a",
    "{PBKDF2-SHA256}10000$$" + text(key("sha256", 10000)),
    "{PBKDF2-SHA256}x$" + text(SHORT) + "$" + text(key("sha256", 10000)),
    "{PBKDF2-SHA256}10000$" + text(SHORT) + "$AAAA",
    "pbkdf2_md5$10000$mot.it.muoi$" + text(key("md5", 10000)),
)


class Pbkdf2Tests(SimpleTestCase):
    def test_the_right_password_opens_the_portal_and_no_other(self):
        for hashes in (FOR_DOVECOT, FOR_THE_PORTAL):
            for name, hashed in hashes.items():
                with self.subTest(name):
                    stored = to_stored(hashed)
                    self.assertLessEqual(len(stored), 255)
                    self.assertTrue(check_password(PASSWORD, stored))
                    self.assertFalse(check_password(PASSWORD.lower(), stored))

    def test_an_example_of_others_opens(self):
        self.assertTrue(check_password("hashcat", to_stored(EXAMPLE)))
        self.assertFalse(check_password("Hashcat", to_stored(EXAMPLE)))

    @pytest.mark.program("doveadm")
    def test_dovecot_finds_the_same(self):
        for name, hashed in FOR_DOVECOT.items():
            kept = to_stored(hashed).removeprefix("imported$")
            for password, right in ((PASSWORD, True), ("x", False)):
                with self.subTest(name, right=right):
                    command = [shutil.which("doveadm"), "pw", "-t", kept, "-p", password]
                    done = subprocess.run(command, capture_output=True, check=False)
                    self.assertEqual(done.returncode == 0, right)

    def test_what_dovecot_cannot_check_is_not_shown_to_it(self):
        for name, hashed in FOR_THE_PORTAL.items():
            with self.subTest(name):
                self.assertRegex(to_stored(hashed), r"^imported\$pbkdf2-sha(256|512)\$")

    def test_damaged_ones_are_refused(self):
        for hashed in DAMAGED:
            with self.subTest(hashed), self.assertRaisesRegex(ValueError, "thiếu hoặc sai"):
                to_stored(hashed)

    def test_costs_that_would_stop_the_server_are_refused(self):
        for rounds in (999, 250_001, 999_999_999):
            hashed = f"{{PBKDF2-SHA256}}{rounds}${text(SHORT)}${text(bytes(32))}"
            with self.subTest(rounds), self.assertRaisesRegex(ValueError, f"rounds={rounds};"):
                to_stored(hashed)


class TallyTests(TestCase):
    def test_unknown_names_cost_as_much_and_open_nothing(self):
        for hashed in (FOR_DOVECOT["OpenLDAP"], FOR_DOVECOT["Keycloak"], *FOR_THE_PORTAL.values()):
            Account.objects.all().delete()
            cast.make("an")
            Account.objects.update(password=to_stored(hashed))
            HashTally.objects.compact()

            with self.subTest(hashed[:30]):
                ((scheme, _),) = HashTally.objects.totals()
                decoy = decoy_hashes.drawn_for("la@hagiang.gov.vn")
                self.assertTrue(scheme)
                self.assertTrue(decoy.startswith(scheme))
                self.assertFalse(check_password("x", decoy))
