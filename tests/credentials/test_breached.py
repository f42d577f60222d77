"""Passwords that have leaked: found in a list on this machine, at every door, in few reads."""

import hashlib
import io
import tempfile
from pathlib import Path
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, TestCase, override_settings

from accounts.checks import breached_passwords_are_readable
from accounts.credentials import breached
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD

OWN = "/cau-hinh/mat-khau/"


def line_of(password, seen):
    return f"{hashlib.sha1(password.encode()).hexdigest().upper()}:{seen}"


class Lists(SimpleTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "whole.txt"

    def write(self, *passwords, end="\n", seen=lambda n: n + 1):
        lines = sorted(line_of(each, seen(n)) for n, each in enumerate(passwords))
        self.file.write_bytes("".join(f"{line}{end}" for line in lines).encode())
        return lines


class ListTests(Lists):
    def test_what_is_in_it_is_found_and_nothing_else(self):
        many = [f"mat-khau-{n}" for n in range(3000)]
        for end in ("\n", "\r\n"):
            self.write(*many, end=end)
            for password in many:
                self.assertTrue(breached.is_breached(password, self.file), password)
            for n in range(500):
                self.assertFalse(breached.is_breached(f"khong-{n}", self.file))

    def test_a_list_of_one_or_of_none_is_a_list(self):
        self.write("mot")
        self.assertTrue(breached.is_breached("mot", self.file))
        self.assertFalse(breached.is_breached("hai", self.file))
        self.file.write_bytes(b"")
        self.assertFalse(breached.is_breached("mot", self.file))

    def test_few_lines_are_read_however_long_it_is(self):
        self.write(*(f"x{n}" for n in range(50_000)))
        reads = mock.Mock(side_effect=breached._line_from)
        with mock.patch.object(breached, "_line_from", reads):
            breached.is_breached("khong", self.file)

        self.assertLess(reads.call_count, 25)


class CommandTests(Lists):
    def make(self, **options):
        small = self.file.with_name("small.txt")
        said = io.StringIO()
        call_command("breached_passwords", self.file, small, stdout=said, **options)
        return said.getvalue(), small

    def test_the_small_list_holds_what_was_seen_often_in_the_same_order(self):
        lines = self.write(*(f"x{n}" for n in range(100)), end="\r\n")

        said, small = self.make(least=91)

        self.assertEqual(said, "passwords: 10\n")
        often = [line for line in lines if int(line.split(":")[1]) >= 91]
        self.assertEqual(small.read_text().splitlines(), often)
        self.assertTrue(breached.is_breached("x99", small))
        self.assertFalse(breached.is_breached("x0", small))

    def test_a_list_that_is_none_makes_none(self):
        good = self.write("a", "b")
        for content in ("mat khau\n", "\n".join(reversed(good)), f"{good[0]}\n{good[0]}\n"):
            with self.subTest(content):
                self.file.write_text(content)
                with self.assertRaises(CommandError):
                    self.make(least=1)
                self.assertEqual([each.name for each in self.file.parent.iterdir()], ["whole.txt"])
        with self.assertRaises(CommandError):
            call_command("breached_passwords", self.file.with_name("none"), self.file)

    def test_an_empty_list_takes_the_place_of_none(self):
        self.write("a", "b")
        kept = self.make(least=0)[1].read_text()
        for content, least in ((self.file.read_text(), 10**9), ("", 0)):
            with self.subTest(least):
                self.file.write_text(content)
                with self.assertRaisesMessage(CommandError, "no password in it"):
                    self.make(least=least)
                small = self.file.with_name("small.txt")
                self.assertEqual(small.read_text(), kept)
                self.assertEqual(sorted(self.file.parent.iterdir()), [small, self.file])


class DoorTests(Lists, cast.Cast, TestCase):
    def setUp(self):
        super().setUp()
        self.set_up_people()
        self.write(NEW_PASSWORD, "x", "y")
        self.enterContext(override_settings(BREACHED_PASSWORDS_FILE=str(self.file)))

    def test_a_leaked_password_is_refused_and_another_taken(self):
        self.log_in("binh")
        for password, sentence in ((NEW_PASSWORD, "đã bị lộ"), ("Suoi-trong-chay-qua-5", "")):
            new = {"new_password1": password, "new_password2": password}
            r = self.client.post(OWN, {"password": PASSWORD, **new}, follow=True)
            self.assertEqual("đã bị lộ" in r.content.decode(), bool(sentence), password)
        self.binh.refresh_from_db()
        self.assertTrue(self.binh.check_password("Suoi-trong-chay-qua-5"))

    def test_a_list_that_cannot_be_read_stops_the_start(self):
        self.assertEqual(breached_passwords_are_readable(), [])
        for content in (
            None,
            b"",
            b"password\n",
            b"\n".join(reversed(self.file.read_bytes().split())),
        ):
            with self.subTest(content):
                self.file.unlink(missing_ok=True)
                if content is not None:
                    self.file.write_bytes(content)
                (fault,) = breached_passwords_are_readable()
                self.assertIn("BREACHED_PASSWORDS_FILE", fault.msg)
