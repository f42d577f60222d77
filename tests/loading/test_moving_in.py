"""`manage.py import_mailboxes`, from each mail system: who gets in, and what is left out."""

import io
import stat
import tempfile
from pathlib import Path

from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.models import Account, Address, AuditEvent, Unit
from tests.credentials.test_imported_hashes import HASHES
from tests.support import cast, exports

SSHA = HASHES["SSHA"]
YESCRYPT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"


def aliases(*pairs):
    """Give a dump of PostfixAdmin's aliases."""
    domain = "hagiang.gov.vn"
    rows = ",".join(f"('{alias}@{domain}','{goto}@{domain}',1)" for alias, goto in pairs)
    return f"INSERT INTO `alias` (`address`,`goto`,`active`) VALUES {rows};\n"


class MovingIn(cast.Cast):
    """A mixin: a file is written and brought in."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def bring(self, text, form, *arguments, encoding="utf-8", apply=True):
        file = self.folder / "mailboxes"
        file.write_text(text, encoding=encoding)
        told = io.StringIO()
        arguments = [*map(str, arguments), *(["--apply"] if apply else [])]
        try:
            call_command("import_mailboxes", str(file), "--format", form, *arguments, stdout=told)
        finally:
            self.told = told.getvalue()
        return self.told

    def states(self):
        """Give who is open, locked, switched off; by bare names."""
        found = {"open": set(), "locked": set(), "off": set()}
        for account in Account.objects.all():
            state = "locked" if account.is_locked else "open"
            found[state if account.is_active else "off"].add(account.address.partition("@")[0])
        return found

    def aliases(self):
        rows = Address.objects.filter(is_main=False).select_related("account")
        names = ((row.address, row.account.address) for row in rows)
        return {alias.partition("@")[0]: main.partition("@")[0] for alias, main in names}

    def is_so(self, told, *, counts=(), **states):
        expected = {name: set(names.split()) for name, names in states.items()}
        self.assertEqual(self.states(), {"open": set(), "locked": set(), "off": set()} | expected)
        for line in counts:
            self.assertIn(f"{line}\n", told)

    def left_out(self, told):
        """Give what is told to be left out, by bare names, with the reasons."""
        lines = told.partition("left out: ")[2].splitlines()[1:]
        lines = [line.strip() for line in lines if line.startswith("  ")]
        return {line.partition("@")[0]: line.rpartition("): ")[2] for line in lines}


class SystemTests(MovingIn, TestCase):
    """Each system's own export, whole."""

    def test_zimbra_by_ldapsearch(self):
        told = self.bring(exports.ZIMBRA, "ldif", "--lists", self.folder / "lists")

        self.is_so(
            told,
            counts=("open: 3", "locked: 3", "switched off: 2", "new: 8", "lists: 2"),
            open="quantri giang ham.nguyen",
            locked="khoa tam baotri",
            off="nghi cho",
        )
        self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
        self.assertEqual(
            self.left_out(told),
            {
                "ham.h4xq1zk9": "the mail system's own account",
                "spam.b2": "the mail system's own account",
                "virus-quarantine.x": "the mail system's own account",
                "phonghop1": "a room or another resource",
                "toanthe": "a list",
                "motcua": "a list",
                "root": "an alias that speaks for the domain: make an account of its own",
            },
        )
        giang = Account.objects.get(address="giang@hagiang.gov.vn")
        self.assertEqual((giang.full_name, giang.phone), ("Hoàng Thị Giang", "+84912345678"))
        self.assertIn("  So Y te/Van phong: 1\n", told)
        self.assertEqual(
            (self.folder / "lists").read_text(),
            "# mot cua (line 152)\n"
            "# not found: uid=la,ou=people,dc=hagiang,dc=gov,dc=vn\n"
            "motcua@hagiang.gov.vn giang@hagiang.gov.vn\n"
            "# Toàn thể (line 143)\n"
            "toanthe@hagiang.gov.vn giang@hagiang.gov.vn ngoai@example.com\n"
            "# forwarding: giang@hagiang.gov.vn giang@example.com\n",
        )

    def test_zimbra_by_zmprov(self):
        with self.assertRaisesMessage(CommandError, "1 bad lines"):
            self.bring(exports.ZMPROV, "ldif")
        self.assertIn("line 17 has its hash hidden by zmprov: export with zmprov -l", self.told)

        told = self.bring(exports.ZMPROV, "ldif", "--without-bad-hashes")

        self.is_so(told, open="giang", off="nghi")
        self.assertEqual(self.left_out(told), {"toanthe": "a list"})

    def test_active_directory_by_ldifde(self):
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
            with self.subTest(encoding):
                Account.objects.all().delete()
                text = exports.ACTIVE_DIRECTORY.replace("\n", "\r\n")

                told = self.bring(text, "ldif", "--add-units", encoding=encoding)

                self.is_so(
                    told,
                    counts=("must change their password: 1", "without a password: 4"),
                    open="giang",
                    locked="khoa hethan",
                    off="nghi",
                )
                self.assertEqual(list(self.left_out(told)), ["may1", "phonghop", "khach", "tomot"])
                self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
                giang = Account.objects.get(address="giang@hagiang.gov.vn")
                self.assertEqual(giang.full_name, "Hoàng Giang")
                self.assertEqual(
                    (giang.unit.name, giang.unit.parent.name), ("Văn phòng", "Sở Y tế")
                )

    def test_iredmail_from_ldap(self):
        unit = Unit.objects.create(name="Sở Y tế")

        told = self.bring(exports.IREDMAIL_LDAP, "ldif", "--lists", self.folder / "lists")

        self.is_so(told, open="giang", locked="khoa", off="nghi")
        self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
        self.assertEqual(Account.objects.get(address="giang@hagiang.gov.vn").unit, unit)
        self.assertEqual(
            self.left_out(told),
            {"toanthe": "a list", "vanthu": "a list", "postmaster": "no person"},
        )
        lists = (self.folder / "lists").read_text()
        self.assertIn("\ntoanthe@hagiang.gov.vn giang@hagiang.gov.vn\n", lists)
        self.assertNotIn("forwarding", lists)

    def test_freeipa(self):
        told = self.bring(exports.FREEIPA, "ldif")

        self.is_so(told, open="giang", off="nghi")
        self.assertEqual(self.left_out(told), {"xoa": "deleted there, or not there yet"})
        giang = Account.objects.get(address="giang@hagiang.gov.vn")
        self.assertEqual(giang.full_name, "Hoàng Thị Giang")

    def test_openldap_with_a_password_policy(self):
        told = self.bring(exports.OPENLDAP, "ldif")

        self.is_so(told, open="giang", locked="khoa tam", off="nghi")
        giang = Account.objects.get(address="giang@hagiang.gov.vn")
        # The second of its passwords: the first is another system's.
        self.assertEqual(giang.password, f"imported${SSHA}")
        self.assertTrue(giang.has_default_password)
        self.assertIn("must change their password: 1\n", told)

    def test_a_shadow_file(self):
        told = self.bring(exports.SHADOW, "passwd")

        self.is_so(told, open="giang moi", locked="hethan", off="nghi khong")
        self.assertIn("left out: 3\n  root (line 1)", told)
        self.assertTrue(Account.objects.get(address="moi@hagiang.gov.vn").has_default_password)

    def test_docker_mailserver(self):
        told = self.bring(exports.DOCKER_MAILSERVER, "passwd")

        self.is_so(told, counts=("hashes: BLF-CRYPT 1, SHA512-CRYPT 1",), open="giang hai")

    def test_postfixadmin_on_mysql(self):
        told = self.bring(exports.POSTFIXADMIN, "sql", "--lists", self.folder / "lists")

        self.is_so(told, open="giang hai", off="nghi")
        self.assertEqual(self.aliases(), {"van.hai": "hai", "hai2": "hai"})
        self.assertEqual(
            self.left_out(told),
            {
                "cu": "an alias that is switched off",
                "": "an address for a whole domain",
                "toanthe": "a list",
                "abuse": "an alias that speaks for the domain: make an account of its own",
            },
        )
        lists = (self.folder / "lists").read_text()
        self.assertIn("\ntoanthe@hagiang.gov.vn giang@hagiang.gov.vn hai@hagiang.gov.vn\n", lists)
        self.assertIn("\n# forwarding: giang@hagiang.gov.vn giang@example.com\n", lists)
        giang = Account.objects.get(address="giang@hagiang.gov.vn")
        self.assertEqual((giang.full_name, giang.phone), ("Hoàng; Giang", "+84912345678"))

    def test_postfixadmin_on_postgresql(self):
        told = self.bring(exports.POSTFIXADMIN_ON_POSTGRESQL, "sql")

        self.is_so(told, open="giang", off="nghi")
        self.assertEqual(Account.objects.get(address="giang@hagiang.gov.vn").full_name, "A\\")

    def test_iredmail_from_sql(self):
        told = self.bring(exports.IREDMAIL_SQL, "sql", "--lists", self.folder / "lists")

        self.is_so(told, open="giang", locked="khoa hethan", off="nghi")
        self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
        self.assertIn(
            "\ntoanthe@hagiang.gov.vn giang@hagiang.gov.vn khoa@hagiang.gov.vn\n",
            (self.folder / "lists").read_text(),
        )

    def test_mailcow(self):
        told = self.bring(exports.MAILCOW, "sql")

        self.is_so(told, open="giang ngoai", locked="khoa", off="nghi")
        self.assertEqual(self.left_out(told), {"phonghop": "a room or another resource"})
        self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
        self.assertTrue(Account.objects.get(address="giang@hagiang.gov.vn").has_default_password)
        # Its password is not mailcow's to know.
        ngoai = Account.objects.get(address="ngoai@hagiang.gov.vn")
        self.assertFalse(ngoai.has_usable_password())

    def test_modoboa(self):
        told = self.bring(exports.MODOBOA, "sql")

        self.is_so(told, open="giang", off="nghi")
        self.assertEqual(self.aliases(), {"hoang.giang": "giang"})
        self.assertIn("  admin (line 14): an administrator without a mailbox\n", told)
        giang = Account.objects.get(address="giang@hagiang.gov.vn")
        self.assertEqual((giang.full_name, giang.phone), ("Hoàng Giang", "+84912345678"))

    def test_nobody_closed_gets_in(self):
        for text, form in (
            (exports.ZIMBRA, "ldif"),
            (exports.OPENLDAP, "ldif"),
            (exports.SHADOW, "passwd"),
            (exports.MAILCOW, "sql"),
        ):
            Account.objects.all().delete()
            self.bring(text, form)
            for name in ("nghi", "khoa"):
                with self.subTest(form, name=name):
                    self.assertContains(self.log_in(name), "chưa đúng")


class BadLineTests(MovingIn, TestCase):
    FILE = f"giang:{SSHA}\nhai@hagiang.gov.vn:{YESCRYPT}\nmat-khau-lo-ra:x y\nba:{SSHA}\n"

    def test_the_others_go_in_and_the_bad_ones_into_a_file(self):
        bad = self.folder / "bad.csv"
        bad.write_text("of yesterday")

        told = self.bring(self.FILE, "passwd", "--skip-bad", bad)

        self.is_so(told, counts=("new: 2", f"skipped: 2, into {bad}"), open="giang ba")
        text = bad.read_text(encoding="utf-8-sig")
        self.assertIn('"line 2","hai@hagiang.gov.vn","has a hash that cannot be taken over', text)
        self.assertIn("{YESCRYPT} không được hỗ trợ.", text)
        self.assertIn("with --without-bad-hashes", text)
        self.assertIn('"line 3","","has a hash', text)
        for secret in ("yesterday", "mat-khau", YESCRYPT[:12], YESCRYPT[-8:]):
            self.assertNotIn(secret, text)
        self.assertEqual(stat.S_IMODE(bad.stat().st_mode) & 0o077, 0)

    def test_a_dry_run_writes_them_too_and_changes_nothing(self):
        bad = self.folder / "bad.csv"

        self.bring(self.FILE, "passwd", "--skip-bad", bad, apply=False)

        self.assertIn("YESCRYPT", bad.read_text())
        self.assertFalse(Account.objects.exists())

    def test_it_is_said_what_to_do(self):
        with self.assertRaises(CommandError):
            self.bring(self.FILE, "passwd")

        self.assertIn("--skip-bad FILE", self.told)
        self.assertIn("--without-bad-hashes", self.told)

    def test_people_may_come_without_their_hash(self):
        told = self.bring(f"hai:{YESCRYPT}\n", "passwd", "--without-bad-hashes")

        self.is_so(told, counts=("without a password: 1",), open="hai")
        self.assertIn("without a password: hai@hagiang.gov.vn has a hash", told)
        self.assertFalse(Account.objects.get().has_usable_password())

    def test_a_file_that_cannot_be_written_is_said(self):
        with self.assertRaisesMessage(CommandError, "cannot be written"):
            self.bring(self.FILE, "passwd", "--skip-bad", self.folder / "no" / "bad.csv")

        self.assertFalse(Account.objects.exists())

    def test_a_state_that_is_not_known_is_no_open_account(self):
        for text, form in (
            (exports.zimbra("la", "mail: la@hagiang.gov.vn", status="unheard-of"), "ldif"),
            (exports.ACTIVE_DIRECTORY.replace(": 512\n", ": x\n"), "ldif"),
            (exports.MAILCOW.replace("'mailcow',2)", "'mailcow',7)"), "sql"),
        ):
            with self.subTest(form), self.assertRaises(CommandError):
                self.bring(text, form)
            self.assertIn("that is not known\n", self.told)


class HereAlreadyTests(MovingIn, TestCase):
    def setUp(self):
        super().setUp()
        self.set_up_people()

    def test_who_is_closed_there_gets_no_hash_and_is_named(self):
        Account.objects.filter(pk=self.binh.pk).update(password="!")

        told = self.bring(f"binh:!{SSHA}\n", "passwd")

        self.assertIn("closed in the file, open here: binh@hagiang.gov.vn\n", told)
        self.binh.refresh_from_db()
        self.assertFalse(self.binh.has_usable_password())
        self.assertTrue(self.binh.is_active)

    def test_aliases_may_come_in_a_file_of_their_own(self):
        dump = aliases(("ly.an", "AN"), ("ly", "ly.an"))

        for _ in range(2):  # the second time there is nothing to do
            told = self.bring(dump, "sql")

        self.assertIn("aliases: 0\n", told)
        self.assertEqual(self.aliases(), {"ly.an": "an", "ly": "an"})
        (row,) = AuditEvent.objects.filter(event=AuditEvent.Event.ALIASES_CHANGED)
        self.assertEqual((row.account, row.reason), (self.an, "moved-in"))
        self.assertEqual(sorted(row.detail["added"]), ["ly.an@hagiang.gov.vn", "ly@hagiang.gov.vn"])

    def test_an_alias_takes_no_address_of_somebody_else(self):
        Address.objects.create(account=self.binh, address="chung@hagiang.gov.vn")

        told = self.bring(aliases(("chung", "an"), ("chi", "an")), "sql")

        self.assertEqual(self.aliases(), {"chung": "binh"})
        self.assertEqual(set(self.left_out(told)), {"chung", "chi"})


class ListTests(MovingIn, TestCase):
    def test_the_file_of_lists_holds_nothing_but_addresses(self):
        lines = (
            *("dn: cn=x", "objectClass: mailGroup", "cn:: " + exports.b64("a\nb@x c@y")),
            *("mail:: " + exports.b64("to@hagiang.gov.vn\nroot@hagiang.gov.vn"),),
            *("rfc822MailMember: |/bin/sh@x", "rfc822MailMember: /etc/passwd"),
            *("rfc822MailMember:: " + exports.b64("an@hagiang.gov.vn\nall@x"),),
            *("rfc822MailMember: an@hagiang.gov.vn", "member: uid=la,dc=vn"),
        )

        self.bring("\n".join(lines), "ldif", "--lists", self.folder / "lists")

        text = (self.folder / "lists").read_text()
        self.assertEqual([line for line in text.splitlines() if line[0] != "#"], [])
        self.assertIn("# not found: uid=la,dc=vn\n", text)

    def test_a_list_of_lists_and_people_is_written_whole(self):
        dump = exports.POSTFIXADMIN + aliases(("tat.ca", "toanthe"))

        self.bring(dump, "sql", "--lists", self.folder / "lists")

        self.assertNotIn("tat.ca", self.aliases())
        text = (self.folder / "lists").read_text()
        self.assertIn("\ntat.ca@hagiang.gov.vn toanthe@hagiang.gov.vn\n", text)


class NameTests(MovingIn, TestCase):
    def test_what_nobody_sees_is_taken_out_of_names(self):
        name = "\u202eHoàng\u200b\u2066 Thị\u00a0\u3164Giang\ufe0f\u2069"

        self.bring(f"giang:{SSHA}:::{name}::\n", "passwd")

        self.assertEqual(Account.objects.get().full_name, "Hoàng Thị Giang")
