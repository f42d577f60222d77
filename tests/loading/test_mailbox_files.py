"""What stands in the files of another mail system, as its programs write it."""

from django.test import SimpleTestCase

from accounts.loading.mailbox import MailList, State
from accounts.loading.mailbox_files import ldif, passwd, sql

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

    def test_groups_and_resources_by_any_class(self):
        for name in (
            *(
                "groupOfUniqueNames",
                "groupOfMembers",
                "posixGroup",
                "group",
                "mailGroup",
                "mailList",
            ),
            *("groupOfURLs", "mailAlias", "nisMailAlias", "zimbraGroup", "ipaUserGroup"),
        ):
            with self.subTest(name):
                (found,) = ldif(
                    ["dn: cn=x\n", f"objectClass: {name}\n", "mail: x@hagiang.gov.vn\n"]
                )
                self.assertIsInstance(found, MailList)
        for name in ("zimbraCalendarResource", "calendarResource", "room"):
            with self.subTest(name):
                lines = ["dn: cn=x\n", "objectClass: person\n", f"objectClass: {name}\n"]
                (found,) = ldif([*lines, "mail: x@hagiang.gov.vn\n"])
                self.assertEqual(found.reason, "a room or another resource")

    def test_the_mailbox_s_own_address(self):
        for lines, address in (
            (("mail: bi.danh@HaGiang.gov.vn", "mail: an@hagiang.gov.vn", "uid: an"), "an"),
            (("mail: an@example.com", "mail: x.an@hagiang.gov.vn"), "x.an"),
            (
                (
                    "mail: a@hagiang.gov.vn",
                    "mail: b@hagiang.gov.vn",
                    "zimbraMailAlias: a@hagiang.gov.vn",
                ),
                "b",
            ),
            (("mail: a@hagiang.gov.vn", "zimbraMailDeliveryAddress: c@hagiang.gov.vn"), "c"),
            # Delivery to a host inside is no address of the office.
            (("mail: a@hagiang.gov.vn", "zimbraMailDeliveryAddress: a@mail01.local"), "a"),
            (
                (
                    "mail: a@hg.local",
                    "proxyAddresses: smtp:b@hagiang.gov.vn",
                    "proxyAddresses: SMTP:c@hagiang.gov.vn",
                ),
                "c",
            ),
        ):
            with self.subTest(lines):
                (an,) = ldif(f"{line}\n" for line in ("dn: cn=x", *lines))
                self.assertEqual(an.address.lower(), f"{address}@hagiang.gov.vn")
                self.assertFalse(an.is_guess)

    def test_signs_of_every_state(self):
        for sign, state in (
            *(("nsAccountLock: true", "OFF"), ("nsAccountLock: FALSE", "OPEN")),
            *(("zimbraAccountStatus: Closed", "OFF"), ("zimbraAccountStatus: pending", "OFF")),
            *(("zimbraAccountStatus: lockout", "PAUSED"), ("zimbraMailStatus: disabled", "OFF")),
            *(("userAccountControl: 66050", "OFF"), ("userAccountControl: 528", "PAUSED")),
            *(("userAccountControl: 512", "OPEN"), ("lockoutTime: 0", "OPEN")),
            *(("accountExpires: 0", "OPEN"), ("accountExpires: 9223372036854775807", "OPEN")),
            *(("accountExpires: 130000000000000000", "LOCKED"), ("shadowExpire: -1", "OPEN")),
            *(("shadowExpire: 1", "LOCKED"), ("shadowExpire: 99999", "OPEN")),
            *(
                ("pwdAccountLockedTime: 000001010000Z", "LOCKED"),
                ("pwdEndTime: 20200101000000Z", "LOCKED"),
            ),
            *(
                ("pwdAccountLockedTime: 20261101000000Z", "PAUSED"),
                ("pwdEndTime: 29990101000000Z", "OPEN"),
            ),
            *(
                ("accountUnlockTime: 19700101000000Z", "LOCKED"),
                ("inetUserStatus: inactive", "OFF"),
            ),
            *(("accountUnlockTime: 29990101000000Z", "PAUSED"), ("sambaAcctFlags: [UD ]", "OFF")),
            *(
                ("krbPrincipalExpiration: 20200101000000Z", "LOCKED"),
                ("accountStatus: noaccess", "LOCKED"),
            ),
            *(("nsRoleDN: cn=nsManagedDisabledRole,dc=x", "OFF"), ("sambaAcctFlags: [U ]", "OPEN")),
            *(("enabledService: mail", "LOCKED"), ("enabledService: imap", "OFF")),
            *(("userPassword: !", "OFF"), ("userPassword: {CRYPT}*", "OFF")),
            *(("userPassword: {SSHA}!x", "OFF"), ("userPassword: {CRYPT}!!", "OFF")),
        ):
            with self.subTest(sign):
                (an,) = ldif(["dn: uid=an\n", "mail: an@hagiang.gov.vn\n", f"{sign}\n"])
                self.assertEqual(an.state.name, state)


class PasswdTests(SimpleTestCase):
    def test_what_stands_for_no_password(self):
        for hashed in ("!", "*", "!!", "!*", "*LK*", "*NP*", "{CRYPT}!", "{CRYPT}*"):
            with self.subTest(hashed):
                for line in (
                    f"an@x:{hashed}",
                    f"an@x:{hashed}:19000:0:99999:7:::",
                    f"an@x|{hashed}",
                ):
                    (an,) = passwd([f"{line}\n"])
                    self.assertEqual((an.passwords, an.state), ((), State.OFF))

    def test_a_hash_behind_a_lock_is_kept(self):
        for hashed, kept in (("!$6$a$b", "$6$a$b"), ("{CRYPT}!$6$a$b", "{CRYPT}$6$a$b")):
            with self.subTest(hashed):
                (an,) = passwd([f"an@x:{hashed}::::::\n"])
                self.assertEqual((an.passwords, an.state), ((kept,), State.OFF))

    def test_a_password_elsewhere_is_said(self):
        (fault,) = passwd(["an@x:x:1000:1000:An:/home/an:/bin/bash\n"])

        self.assertIn("shadow file", fault.reason)

    def test_nologin_is_no_shell(self):
        shell, extra = passwd(["a@x:h:5:5::/v:/usr/sbin/nologin\n", "b@x:h::::::nologin=y k=v\n"])

        self.assertEqual((shell.state, extra.state), (State.OPEN, State.OFF))


class SqlTests(SimpleTestCase):
    def test_spellings_of_active(self):
        for active, state in (
            *(("true", "OPEN"), ("'t'", "OPEN"), ("'Y'", "OPEN"), ("1::boolean", "OPEN")),
            *(("false", "OFF"), ("'f'", "OFF"), ("'N'", "OFF"), ("NULL", "OFF")),
            *(("'2'", "LOCKED"), ("2", "LOCKED"), ("'\\0'", "OFF"), ("'\x01'", "OPEN")),
        ):
            with self.subTest(active):
                (an,) = sql([f"{INSERT} ('an', 'x', '', {active});\n"])
                self.assertEqual(an.state.name, state)

    def test_what_stands_around_statements(self):
        (an, binh) = sql(
            [
                "/*M!999999\\- enable the sandbox mode */ \n",
                "# it's\n",
                "/* don't; stop */ " + INSERT + " ('an', 'x', now(), 1); " + INSERT,
                " ('binh', NULL, CURRENT_TIMESTAMP, -1::int) ON CONFLICT DO NOTHING;",
            ]
        )

        self.assertEqual(an.address, "an")
        self.assertIn("not known", binh.reason)

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
