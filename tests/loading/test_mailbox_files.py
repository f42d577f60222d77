"""What stands in the files of another mail system, as its programs write it."""

from django.test import SimpleTestCase

from accounts.loading.mailbox_files import ldif


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
