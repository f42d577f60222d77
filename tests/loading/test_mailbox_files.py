"""What stands in the files of another mail system, as its programs write it."""

from django.test import SimpleTestCase

from accounts.loading.mailbox import State
from accounts.loading.mailbox_files import ldif, sql

INSERT = "INSERT INTO `mailbox` (`username`, `password`, `name`, `active`) VALUES"


class LdifTests(SimpleTestCase):
    def test_what_is_not_read_may_be_in_another_file(self):
        lines = ["dn: uid=an\n", "mail: an\n", "jpegPhoto:< file:///photos/an.jpg\n"]

        (an,) = ldif(lines)

        self.assertEqual(an.address, "an")

    def test_what_is_read_may_not(self):
        (fault,) = ldif(["dn: uid=an\n", "mail: an\n", "userPassword:< file:///etc/passwd\n"])

        self.assertEqual(fault.reason, "refers to another file")

    def test_lines_may_end_as_windows_ends_them_and_be_folded(self):
        (an,) = ldif(["dn: uid=an\r\n", "mail: an@ha\r\n", " giang\r\n", "cn:: SMOg\r\n"])

        self.assertEqual((an.address, an.full_name), ("an@hagiang", "Hà"))


class SqlTests(SimpleTestCase):
    def test_bits_and_bytes_are_what_they_say(self):
        for active, is_active in (
            *(("b'1'", True), ("b'0'", False), ("B'1'", True), ("_binary b'0'", False)),
            *(("0x01", True), ("0x00", False), ("x'31'", True), ("_binary '0'", False)),
        ):
            with self.subTest(active):
                (an,) = sql([f"{INSERT} ('an', 'x', '', {active});\n"])

                self.assertEqual(an.state is State.OPEN, is_active)

    def test_a_text_in_bytes_is_read_as_utf_8(self):
        (an,) = sql([f"{INSERT} (0x616E, 0x7B535348417D61, 0x48C3A0, 1);\n"])

        self.assertEqual((an.address, an.passwords, an.full_name), ("an", ("{SSHA}a",), "Hà"))

    def test_a_semicolon_ends_no_text(self):
        lines = [f"{INSERT} ('an', 'x', 'one;\n", "it''s two;\n", "three', 1),\n"]
        lines += ["('binh', 'y', '', 1);\n", f"{INSERT} ('chi', 'z', '', 1);\n"]

        an, binh, chi = sql(lines)

        self.assertEqual(an.full_name, "one;\nit's two;\nthree")
        self.assertEqual((binh.address, chi.address), ("binh", "chi"))

    def test_a_text_without_an_end_is_named_and_not_repeated(self):
        an, fault = sql([f"{INSERT} ('an', 'x', '', 1), ('binh', 'geheim;\n", "more;\n"])

        self.assertEqual(an.address, "an")
        self.assertEqual(fault.reason, "cannot be read from here on")
