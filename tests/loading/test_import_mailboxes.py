"""`manage.py import_mailboxes`: people move in with the passwords they have."""

import base64
import io
import re
import tempfile
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import Client, TestCase, override_settings

from accounts import directory
from accounts.models import Account, Address, AuditEvent
from tests.credentials.test_imported_hashes import HASHES, bare
from tests.directory.test_directory import Directory
from tests.support import cast
from tests.support.cast import NEW_PASSWORD

B64 = base64.b64encode
SSHA, SSHA256, SSHA512 = HASHES["SSHA"], HASHES["SSHA256"], HASHES["SSHA512"]
SHA512, BLF, ARGON2 = bare("SHA512-CRYPT"), bare("BLF-CRYPT"), bare("ARGON2ID")
# Made by doveadm as well; such are not taken.
MD5 = "$1$0yEKIQxX$Xy8lueTYn74C9WmFTXKfy."
YESCRYPT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
NO_HASH = (
    "Không nhận ra chuỗi băm mật khẩu. Không nhập mật khẩu dạng chữ: hãy để trống, hoặc ghi chuỗi"
    " băm bắt đầu bằng {SSHA}, {SHA512-CRYPT}, {BLF-CRYPT} hay {ARGON2ID}."
)
NOT_TAKEN = "has a hash that cannot be taken over"
SECRETS = [text[-8:] for text in HASHES.values()]

LDIF = f"""version: 1

# A unit is no mailbox.
dn: ou=people,dc=example,dc=vn
objectClass: organizationalUnit
ou: people

dn: uid=giang,ou=people,dc=example,dc=vn
objectClass: inetOrgPerson
cn: giang
displayName:: {B64("Hoàng Thị Giang".encode()).decode()}
mail: Giang@HaGiang.gov.vn
mail: hoang.giang@hagiang.gov.vn
mobile: 0912 345 678
userPassword:: {B64(SSHA.encode()).decode()}

dn: uid=hai,ou=people,dc=example,dc=vn
cn: Hai
mail: hai@hagi
 ang.gov.vn
mobile: 0219 3866 999
userPassword: {{CRYPT}}{SHA512}

dn: uid=khong,ou=people,dc=example,dc=vn
cn: Không
mail: khong@hagiang.gov.vn

dn: cn=portal,dc=example,dc=vn
userPassword: {{SSHA}}geheim
"""
PASSWD = f"""# Dovecot
giang@hagiang.gov.vn:{{SHA512-CRYPT}}{SHA512}:5000:5000:Hoang Thi Giang,phong 2::
hai:{{BLF-CRYPT}}{BLF}
nghi:{SSHA256}:5000:5000::/var/mail/nghi:/bin/false:quota=*:1M nologin

khong:
"""
COPY = f"""SET client_encoding = 'UTF8';
CREATE TABLE public.mailbox (
    username character varying(255) NOT NULL,
    password character varying(255) NOT NULL
);
COPY public.domain (domain, description) FROM stdin;
hagiang.gov.vn\tmailbox
\\.
COPY public.mailbox (username, password, name, quota, active, phone) FROM stdin;
giang@hagiang.gov.vn\t{SSHA512}\tHoàng\\tThị ''Giang''\t0\tt\t0912345678
hai@hagiang.gov.vn\t{SHA512}\t\\N\t0\tf\t\\N
\\.
COPY public.log (username, password) FROM stdin;
x\ty
\\.
"""
INSERT = f"""-- MySQL dump
CREATE TABLE `mailbox` (
  `username` varchar(255) NOT NULL,
  `password` varchar(255) NOT NULL,
  `name` varchar(255) NOT NULL DEFAULT '',
  `quota` bigint(20) NOT NULL DEFAULT 0,
  `active` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`username`),
  KEY `domain` (`name`)
) ENGINE=InnoDB;
INSERT INTO `alias` VALUES ('x','y');
INSERT INTO `mailbox` VALUES ('giang@hagiang.gov.vn','{{BLF-CRYPT}}{BLF}','O\\'G, (\\"G\\");',0,1),
('hai@hagiang.gov.vn','{{ARGON2ID}}{ARGON2}','It''s',NULL,0);
INSERT INTO "virtual_users" ("id", "domain_id", "password", "email") VALUES
  (1, 1, '{SSHA512}', 'ba@hagiang.gov.vn');
"""


class ImportTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "mailboxes"
        self.people = Account.objects.count()

    def bring(self, text, form, *arguments):
        self.file.write_text(text, encoding="utf-8")
        self.told = io.StringIO()
        call_command(
            "import_mailboxes", str(self.file), "--format", form, *arguments, stdout=self.told
        )
        return self.told.getvalue()

    def refused(self, text, form="passwd"):
        """Bring what cannot come in; give what was said."""
        with self.assertRaisesRegex(CommandError, "nothing was changed"):
            self.bring(text, form, "--apply")
        self.assertEqual(Account.objects.count(), self.people)
        return self.told.getvalue()

    def refuse_second(self, line, reason):
        """Bring a bad line between two good ones."""
        told = self.refused(f"giang:{SSHA}\n{line}\nhai:{SSHA}\n")

        self.assertIn(f"\nline 2 {reason}\n", told)
        secret = re.split("[:}$]", line)[-1]
        for part in (secret[:6], secret[-6:]):
            self.assertNotIn(part, told)

    def stored(self, name):
        return Account.objects.get(address=f"{name}@hagiang.gov.vn")

    def test_staff_get_no_hash_from_a_file(self):
        cast.make_staff("huong")
        Account.objects.filter(address__startswith="huong@").update(password="!")

        told = self.bring(f"huong:{SSHA}\n", "passwd", "--apply")

        self.assertIn("left as they are: 1\n", told)
        self.assertEqual(self.stored("huong").password, "!")

    def test_an_alias_of_somebody_here_is_named(self):
        Address.objects.create(account=self.an, address="phu@hagiang.gov.vn")

        self.assertIn("is an alias of an account", self.refused(f"phu:{SSHA}\n"))

    def test_a_dry_run_tells_and_changes_nothing(self):
        for form, text in (("ldif", LDIF), ("passwd", PASSWD), ("sql", COPY), ("sql", INSERT)):
            with self.subTest(text[:20]):
                told = self.bring(text, form)

                self.assertIn("Nothing was changed.", told)
                self.assertEqual(Account.objects.count(), self.people)
                self.assertFalse(AuditEvent.objects.exists())

    def test_no_hash_and_no_number_is_told(self):
        for form, text in (("ldif", LDIF), ("passwd", PASSWD), ("sql", COPY), ("sql", INSERT)):
            with self.subTest(text[:20]):
                told = self.bring(text, form, "--apply")

                for secret in (*SECRETS, "0912", "345678", "geheim"):
                    self.assertNotIn(secret, told)
                Account.objects.exclude(address__startswith="an@").filter(
                    address__regex="^(giang|hai|khong|nghi|ba)@"
                ).delete()

    def test_ldif(self):
        told = self.bring(LDIF, "ldif", "--apply")

        self.assertIn("mailboxes: 3\nnew: 3\n", told)
        self.assertIn("without a password: 1\n", told)
        self.assertIn("numbers: 1\nnumbers that are no mobiles: 1\n", told)
        self.assertIn("hashes: SHA512-CRYPT 1, SSHA 1\n", told)
        giang = self.stored("giang")
        self.assertEqual(giang.password, f"imported${SSHA}")
        self.assertEqual(giang.full_name, "Hoàng Thị Giang")
        # It counts once its owner has confirmed it.
        self.assertEqual((giang.phone, giang.phone_confirmed_at), ("+84912345678", None))
        self.assertEqual(self.stored("hai").password, "imported${SHA512-CRYPT}" + SHA512)
        self.assertFalse(self.stored("khong").has_usable_password())

    def test_a_passwd_file(self):
        told = self.bring(PASSWD, "passwd", "--apply")

        self.assertIn("mailboxes: 4\nnew: 4\n", told)
        self.assertIn("switched off: 1\n", told)
        giang = self.stored("giang")
        self.assertEqual(giang.password, "imported${SHA512-CRYPT}" + SHA512)
        self.assertEqual(giang.full_name, "Hoang Thi Giang")
        self.assertEqual(self.stored("hai").password, "imported${BLF-CRYPT}" + BLF)
        nghi = self.stored("nghi")
        self.assertEqual((nghi.password, nghi.is_active), (f"imported${SSHA256}", False))
        self.assertFalse(self.stored("khong").has_usable_password())

    def test_a_byte_order_mark_is_no_part_of_the_first_address(self):
        self.bring(f"\ufeffmoi:{SSHA}\n", "passwd", "--apply")

        self.assertEqual(self.stored("moi").password, f"imported${SSHA}")

    def test_what_pg_dump_copies(self):
        told = self.bring(COPY, "sql", "--apply")

        self.assertIn("mailboxes: 2\nnew: 2\n", told)
        giang, hai = self.stored("giang"), self.stored("hai")
        self.assertEqual(giang.password, f"imported${SSHA512}")
        self.assertEqual((giang.full_name, giang.phone), ("Hoàng Thị ''Giang''", "+84912345678"))
        self.assertEqual(hai.password, "imported${SHA512-CRYPT}" + SHA512)
        self.assertEqual((hai.full_name, hai.is_active), ("", False))

    def test_what_mysqldump_inserts(self):
        told = self.bring(INSERT, "sql", "--apply")

        self.assertIn("mailboxes: 3\nnew: 3\n", told)
        giang, hai = self.stored("giang"), self.stored("hai")
        self.assertEqual(giang.full_name, 'O\'G, ("G");')
        self.assertEqual(giang.password, "imported${BLF-CRYPT}" + BLF)
        self.assertEqual((hai.full_name, hai.is_active), ("It's", False))
        self.assertEqual(hai.password, f"argon2{ARGON2}")
        self.assertEqual(self.stored("ba").password, f"imported${SSHA512}")

    def test_each_kind_of_hash_is_known_with_and_without_its_name(self):
        older = bare("ARGON2I")
        for text, stored in (
            (SHA512, "imported${SHA512-CRYPT}" + SHA512),
            (BLF, "imported${BLF-CRYPT}" + BLF),
            (ARGON2, f"argon2{ARGON2}"),
            (older, "imported${ARGON2I}" + older),
            (f"{{CRYPT}}{SHA512}", "imported${SHA512-CRYPT}" + SHA512),
            (f"{{sha512-crypt}}{SHA512}", "imported${SHA512-CRYPT}" + SHA512),
            (f"{{ARGON2}}{ARGON2}", f"argon2{ARGON2}"),
            (f"{{argon2}}{older}\0\0x", "imported${ARGON2I}" + older),
            (SSHA, f"imported${SSHA}"),
        ):
            with self.subTest(text[:24]):
                self.bring(f"moi:{text}", "passwd", "--apply")

                self.assertEqual(self.stored("moi").password, stored)
                self.stored("moi").delete()

    def test_each_kind_of_password_opens_at_once(self):
        for name, text in HASHES.items():
            with self.subTest(name):
                self.bring(f"moi:{text}", "passwd", "--apply")

                self.assertRedirects(self.log_in("moi", client=Client()), "/")
                self.stored("moi").delete()

    def test_a_bad_line_is_named_with_its_reason_and_nothing_comes_in(self):
        for line, reason in (
            ("ngoai@example.com:" + SSHA, "has an address outside the domains of the profile"),
            ("không:" + SSHA, "has an address that cannot be read"),
            (":" + SSHA, "has no address"),
            ("Giang:" + SSHA, "has an address that an earlier line has too"),
            ("geheim", "has no colon"),
        ):
            with self.subTest(line[:30]):
                self.refuse_second(line, reason)

    def test_a_hash_that_is_not_taken_over_is_named_with_its_reason_and_not_repeated(self):
        weak, damaged = "quá yếu, không được nhập.", "bị thiếu hoặc sai."
        sha512, argon2 = "Chuỗi băm {SHA512-CRYPT}", "Chuỗi băm {ARGON2ID}"
        endless = SHA512.replace("$6$", "$6$rounds=999999999$")
        for text, reason in (
            ("{PLAIN}geheim", "{PLAIN} là mật khẩu dạng chữ, không được nhập."),
            ("geheim", NO_HASH),
            ("{DIGEST-MD5}geheim", f"{{DIGEST-MD5}} dựa trên MD5, {weak}"),
            (MD5, f"{{MD5-CRYPT}} dựa trên MD5, {weak}"),
            (f"{{MD5-CRYPT}}{MD5}", f"{{MD5-CRYPT}} dựa trên MD5, {weak}"),
            (YESCRYPT, "{YESCRYPT} không được hỗ trợ."),
            (f"{{CRYPT}}{YESCRYPT}", "{YESCRYPT} không được hỗ trợ."),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", f"{{SHA}} không có muối (salt), {weak}"),
            ("{ARGON2}geheim", "{ARGON2} không được hỗ trợ."),
            ("{SSHA}geheim", f"Chuỗi băm {{SSHA}} {damaged}"),
            ("{SSHA}" + B64(b"h" * 20).decode(), f"Chuỗi băm {{SSHA}} {damaged}"),
            ("{SHA512-CRYPT}$6$x$geheim", f"{sha512} {damaged}"),
            (f"{{SHA512-CRYPT}}{SHA512}\u0661", f"{sha512} {damaged}"),
            (endless, f"{sha512} có tham số rounds=999999999; chỉ nhận 1000–100000."),
            ("{ARGON2ID}$argon2id$geheim", f"{argon2} {damaged}"),
            (
                "{ARGON2}" + ARGON2.replace("m=65536", "m=4194304"),
                f"{argon2} có tham số m=4194304; chỉ nhận ≤ 65536.",
            ),
            (f"{SSHA}{'x' * 200}geheim", "Chuỗi băm mật khẩu quá dài."),
        ):
            with self.subTest(text[:30]):
                self.refuse_second(f"moi:{text}", f"{NOT_TAKEN}: {reason}")

    def test_bad_places_of_the_other_files_are_named_too(self):
        for form, text, said in (
            ("ldif", "dn: x\nmail: an\nuserPassword:< file:///etc/passwd\n", "line 1 refers to"),
            ("ldif", "\ndn: x\nmail:: !!!\n", "line 2 has a value that is not text in base64"),
            ("ldif", "dn: x\nchangetype: delete\nmail: an\n", "line 1 is a change"),
            ("ldif", "dn: x\nmail\n", "line 1 has a line without a colon"),
            ("sql", "COPY mailbox (username, password) FROM stdin;\nan\n", "line 2 has 1 values"),
            ("sql", "COPY mailbox (id, password) FROM stdin;\n1\tx\n", "line 2 has no column"),
            (
                "sql",
                "INSERT INTO mailbox VALUES ('an','x');",
                "line 1, row 1 has no names of columns",
            ),
            (
                "sql",
                "INSERT INTO mailbox (username, password) VALUES ('an', 'x",
                "line 1, row 1 cannot be read from here on",
            ),
            (
                "sql",
                f"INSERT INTO mailbox (username, password) VALUES ('moi', '{SSHA}') AS new;",
                "line 1, row 2 cannot be read from here on",
            ),
        ):
            with self.subTest(said):
                self.assertIn(said, self.refused(text, form))

    def test_who_is_here_already_stays_as_he_is(self):
        before = Account.objects.filter(pk=self.an.pk).values().get()

        told = self.bring(f"an:{SSHA}\nmoi:{SSHA}", "passwd", "--apply")

        self.assertIn("new: 1\ngiven their hash: 0\nleft as they are: 1\n", told)
        self.assertEqual(Account.objects.filter(pk=self.an.pk).values().get(), before)

    def test_who_is_here_without_a_password_gets_the_hash(self):
        self.binh.set_unusable_password()
        self.binh.save()

        told = self.bring(f"binh:{SSHA}", "passwd", "--apply")

        self.assertIn("new: 0\ngiven their hash: 1\nleft as they are: 0\n", told)
        self.assertEqual(self.stored("binh").password, f"imported${SSHA}")
        self.assertEqual(self.stored("binh").full_name, "Vàng Thị Bình")

    def test_a_second_time_nothing_happens(self):
        self.bring(PASSWD, "passwd", "--apply")

        told = self.bring(PASSWD, "passwd", "--apply")

        self.assertIn("new: 0\ngiven their hash: 0\nleft as they are: 4\n", told)

    def test_it_is_on_record(self):
        self.bring(f"moi:{SSHA}", "passwd", "--apply")

        row = AuditEvent.objects.get(account=self.stored("moi"))
        self.assertEqual((row.event, row.reason), ("account-edited", "moved-in"))

    def test_an_empty_file_is_no_success(self):
        for form in ("ldif", "passwd", "sql"):
            with self.subTest(form), self.assertRaisesRegex(CommandError, "no mailbox in it"):
                self.bring("\n# nothing\n", form, "--apply")

    def test_a_file_that_is_not_there_is_said(self):
        with self.assertRaisesRegex(CommandError, "cannot be read: No such file"):
            call_command("import_mailboxes", "/nonexistent", "--format", "ldif")

    def test_with_a_directory_hashes_have_no_place_here(self):
        with (
            override_settings(DIRECTORY="ldaps://ldap.example.gov.vn"),
            self.assertRaisesRegex(CommandError, "sync_directory"),
        ):
            self.bring(PASSWD, "passwd")


class FromOpenLdapTests(Directory, TestCase):
    """An office that leaves its directory behind."""

    def test_what_slapcat_writes_comes_in_with_its_passwords(self):
        with directory.entry_of("em@hagiang.gov.vn") as entry:
            entry.set_password(NEW_PASSWORD)
        Account.objects.all().delete()
        with tempfile.NamedTemporaryFile("w", suffix=".ldif", encoding="utf-8") as file:
            file.write(self.server.dump().replace("hai@hagiang.gov.vn", "mot@hagiang.gov.vn"))
            file.flush()
            with override_settings(DIRECTORY=""):
                told = io.StringIO()
                call_command(
                    "import_mailboxes", file.name, "--format", "ldif", "--apply", stdout=told
                )

                self.assertIn("mailboxes: 8\nnew: 8\n", told.getvalue())
                # Built with libsodium, it makes Argon2id.
                self.assertRegex(told.getvalue(), "hashes: ARGON2ID? 1, SSHA 7\n")
                self.assertRedirects(self.log_in("em", NEW_PASSWORD), "/")
                self.assertRedirects(self.log_in("an", client=Client()), "/")
