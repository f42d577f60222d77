"""What stands in the files of another mail system, as its programs write it."""

import base64
import datetime as dt
import tempfile
from pathlib import Path

from django.test import SimpleTestCase

from accounts.loading.mailbox import MailList, State
from accounts.loading.mailbox_files import ldif, open_text, passwd, sql

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
            *(("nsAccountLock: 1", "OFF"), ("msDS-UserAccountDisabled: TRUE", "OFF")),
            *(
                ("pwdStartTime: 29990101000000Z", "LOCKED"),
                ("pwdStartTime: 20200101000000Z", "OPEN"),
            ),
            *(
                ("pwdAccountTmpLockoutEnd: 29990101000000Z", "PAUSED"),
                ("pwdAccountTmpLockoutEnd: 20200101000000Z", "OPEN"),
            ),
            *(("userPassword: !", "OFF"), ("userPassword: {CRYPT}*", "OFF")),
            *(("userPassword: {SSHA}!x", "OFF"), ("userPassword: {CRYPT}!!", "OFF")),
        ):
            with self.subTest(sign):
                (an,) = ldif(["dn: uid=an\n", "mail: an@hagiang.gov.vn\n", f"{sign}\n"])
                self.assertEqual(an.state.name, state)

    def test_a_lock_that_is_neither_true_nor_false_is_a_fault(self):
        (fault,) = ldif(["dn: uid=an\n", "mail: an@hagiang.gov.vn\n", "nsAccountLock: maybe\n"])

        self.assertEqual(fault.reason, "has a state in nsaccountlock that is not known")

    def test_a_password_that_grew_too_old_there(self):
        day = (dt.datetime.now(dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).days
        for changed, most, inactive, state, must_change in (
            *((day - 10, 90, 30, "OPEN", False), (day - 100, 90, 30, "OPEN", True)),
            *((day - 100, 90, "", "OPEN", True), (day - 200, 90, 30, "LOCKED", True)),
            *((day - 9000, 99999, 30, "OPEN", False), ("", 90, 30, "OPEN", False)),
            *((day - 200, -1, 30, "OPEN", False), (day - 200, 90, -1, "OPEN", True)),
        ):
            with self.subTest(changed=changed, most=most, inactive=inactive):
                ages = {"LastChange": changed, "Max": most, "Inactive": inactive}
                lines = [f"shadow{name}: {days}\n" for name, days in ages.items() if days != ""]
                (entry,) = ldif(["dn: uid=an\n", "mail: an@hagiang.gov.vn\n", *lines])
                (line,) = passwd([f"an@x:$6$a:{changed}:0:{most}:7:{inactive}::\n"])
                for an in (entry, line):
                    self.assertEqual((an.state.name, an.must_change), (state, must_change))

    def test_389_s_password_that_has_expired(self):
        (an,) = ldif(["dn: uid=an\n", "mail: an@x\n", "passwordExpirationTime: 20200101000000Z\n"])

        self.assertTrue(an.must_change)

    def test_an_entry_begins_with_its_dn_whatever_stands_before(self):
        lines = ["dn: uid=an\n", "mail: an@hagiang.gov.vn\n", " \n", "dn: uid=binh\n"]

        an, binh = ldif([*lines, "mail: binh@hagiang.gov.vn\n"])

        self.assertEqual((an.address, an.aliases), ("an@hagiang.gov.vn", ()))
        self.assertEqual(binh.address, "binh@hagiang.gov.vn")

    def test_what_people_write_of_themselves_is_no_attribute_in_zmprov_s_lines(self):
        header = "# name an@hagiang.gov.vn\n"
        signature = ["zimbraPrefMailSignature: An\n", "mobile: 0987654321\n", "mail: to@x\n"]
        signature += ["zimbraMailAlias: giamdoc@hagiang.gov.vn\n", "uid: giamdoc\n"]

        an, _notice = ldif(
            [header, "mail: an@hagiang.gov.vn\n", "mobile: 0912345678\n", *signature]
        )

        self.assertEqual((an.address, an.aliases), ("an@hagiang.gov.vn", ()))
        self.assertEqual(an.phones, ("0912345678",))

    def test_a_state_counts_wherever_zmprov_writes_it(self):
        lines = ["mail: an@hagiang.gov.vn\n", "zimbraPrefLocale: vi\n"]

        an, _notice = ldif(["# name an@hagiang.gov.vn\n", *lines, "zimbraAccountStatus: closed\n"])

        self.assertIs(an.state, State.OFF)


class EncodingTests(SimpleTestCase):
    """Files that are not in UTF-8, with names as Windows and old fonts wrote them."""

    def names(self, content, reader):
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(content)
            with open_text(Path(file.name)) as lines:
                return [an.full_name for an in reader(lines)]

    def test_windows_1258_and_tcvn3_are_read_line_by_line(self):
        for name in (b"Nguy\xea\xden V\xe3n An", b"Nguy\xd4n V\xa8n An"):
            with self.subTest(name):
                told = b"dn: uid=an\r\nmail: an@x\r\ncn: " + name + b"\r\n"
                written = base64.b64encode(name)
                for content, reader in (
                    (told, ldif),
                    (told.replace(b" " + name, b": " + written), ldif),
                    (b"an@x:h:::" + name + b"::\n", passwd),
                    (f"{INSERT} ('an@x', 'h', '".encode() + name + b"', 1);\n", sql),
                ):
                    self.assertEqual(self.names(content, reader), ["Nguyễn Văn An"])

    def test_a_line_in_utf_8_beside_them_stays(self):
        content = "a@x:h:::Hà::\n".encode() + b"b@x:h:::Nguy\xea\xden::\n"

        self.assertEqual(self.names(content, passwd), ["Hà", "Nguyễn"])

    def test_what_is_neither_is_shown_to_be_lost(self):
        self.assertIn("\ufffd", self.names(b"a@x:h:::\xff\xfe\xb7\xf7::\n", passwd)[0])


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

    def test_a_text_without_an_end_is_told_even_outside_of_our_tables(self):
        for line in (
            "INSERT INTO `log` VALUES ('geheim);\n",
            "/* geheim\n",
        ):
            with self.subTest(line):
                *_, fault = sql([line, *[f"{INSERT} ('an', 'x', '', 1);\n"] * 3])

                self.assertIn("never ends", fault.reason)

    def test_a_remark_behind_a_statement_opens_no_text(self):
        an, binh = sql(
            [f"{INSERT} ('an', 'x', '', 1); -- it's An\n", f"{INSERT} ('b', '', '', 1);"]
        )

        self.assertEqual((an.address, binh.address), ("an", "b"))

    def test_a_text_of_many_lines_is_read_once(self):
        lines = [f"{INSERT} ('an', 'x', '\n", *["it''s \\' ; \"\n"] * 20_000, "', 1);\n"]

        (an,) = sql(lines)

        self.assertEqual(an.full_name.count("it's ' ;"), 20_000)

    def test_columns_that_nothing_names_are_asked_for(self):
        (fault,) = sql(["INSERT INTO `mailbox` VALUES ('an', 'x', '', 1);\n"])

        self.assertIn("export the table's CREATE", fault.reason)

    def test_what_mailcow_lets_its_people_do(self):
        for attributes, state, must_change in (
            *(('{"force_pw_update": 1}', "OPEN", True), ('{"force_pw_update":true}', "OPEN", True)),
            *(('{"force_pw_update": "0"}', "OPEN", False), ("", "OPEN", False)),
            *(('{"imap_access": "0"}', "LOCKED", False), ('{"imap_access": 1}', "OPEN", False)),
            *(('{"imap_access": false}', "LOCKED", False), ("[]", "OPEN", False)),
        ):
            with self.subTest(attributes):
                insert = INSERT.replace("`name`", "`attributes`")
                (an,) = sql([f"{insert} ('an', 'x', '{attributes}', 1);\n"])
                self.assertEqual((an.state.name, an.must_change), (state, must_change))

    def test_iredmail_without_imap_over_tls(self):
        insert = INSERT.replace("`name`", "`enableimapsecured`")

        (an,) = sql([f"{insert} ('an', 'x', 0, 1);\n"])

        self.assertIs(an.state, State.LOCKED)

    def test_a_text_without_an_end_is_named_and_not_repeated(self):
        an, row, text = sql([f"{INSERT} ('an', 'x', '', 1), ('binh', 'geheim;\n", "more;\n"])

        self.assertEqual(an.address, "an")
        self.assertEqual(row.reason, "cannot be read from here on")
        self.assertIn("never ends", text.reason)
