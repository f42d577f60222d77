"""Everything that names a place is in the profile, and a broken profile stops the start."""

import dataclasses
import re
import tempfile
import unicodedata
from pathlib import Path

import gsm0338
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings
from django.utils import translation

from mailportal import profile

ROOT = settings.BASE_DIR
SHIPPED = sorted(path.stem for path in profile.PROFILES.glob("*.toml"))
WORDINGS = (
    "recovery_code",
    "phone_code",
    "password_changed",
    "phone_changed",
    "phone_warning",
    "default_password",
)

# Each change breaks one thing, and the refusal has to name the key.
FAULTS = {
    "webmail_url": [
        ('webmail_url = "https:', 'webmail_url = "http:'),
        ('webmail_url = "https://mail.hagiang.gov.vn/"', "webmail_url = 5"),
    ],
    "guide_url": [('guide_url = ""', 'guide_url = "javascript:alert(1)"')],
    "web_mail_url": [('webmail_url = "', 'web_mail_url = "')],
    "title": [('title = "HỆ', 'title = " HỆ'), ('title = "H', 'title = "" # "H')],
    "header_lines": [('"TỈNH ỦY - HỘI ĐỒNG NHÂN DÂN",', '"TỈNH ỦY", "TỈNH ỦY",')],
    "domains[0]": [
        ('domains = ["hagiang', 'domains = ["Hagiang'),
        ('domains = ["hagiang.gov.vn"]', 'domains = ["hàgiang.gov.vn"]'),
        ('domains = ["hagiang.gov.vn"]', 'domains = ["https://hagiang.gov.vn"]'),
        ('domains = ["hagiang.gov.vn"]', "domains = [1]"),
    ],
    "domains": [
        ('domains = ["hagiang.gov.vn"]', 'domains = "hagiang.gov.vn"'),
        ('domains = ["hagiang.gov.vn"]', "domains = []"),
        ('domains = ["hagiang.gov.vn"]', 'domains = ["hagiang.gov.vn", "hagiang.gov.vn"]'),
    ],
    "domain_aliases.old.gov.vn": [
        ("[hotline]", '[domain_aliases]\n"old.gov.vn" = "hagiang.gov.vn"\n\n[hotline]')
    ],
    "example_address": [("dia_chi_mail@hagiang", "dia_chi_mail@example")],
    "words": [('"hagiang", ', '"Hà Giang", '), ('"hagiang", ', '"hg", ')],
    "phone_prefixes": [
        ("words = [", f"phone_prefixes = [{prefix}]\nwords = [")
        for prefix in ('"0219"', '"+8454"', '"54"', '"054", "054"', '"05"', "")
    ],
    "hotline.tel": [('tel = "+842193501038"', 'tel = "+842193501039"')],
    "hotlines": [("[hotline]", "[hotlines]")],
    "hotline.opening": [("hours = ", "opening = ")],
    "support.tel": [('tel = "+84945207889"', 'tel = "0945 207 889"')],
    "mail.imap_port": [
        ("imap_port = 993", 'imap_port = "993"'),
        ("imap_port = 993", "imap_port = true"),
        ("imap_port = 993", "imap_port = 0"),
    ],
    "mail.imap_security": [('imap_security = "SSL/TLS"', 'imap_security = "none"')],
    "mail.smtp_security": [('smtp_security = "STARTTLS"', 'smtp_security = "TLS"')],
    "mail.smtp_host": [('smtp_host = "mail', 'smtp_host = "mail_')],
    "privacy.erase_days": [
        ("[privacy]", f"[privacy]\nerase_days = {days}") for days in ("0", "61", '"10"', "true")
    ],
    "privacy.retention": [
        ('retention = "', 'retention = "" # "'),
        ("giữ {days} ngày", "giữ 90 ngày"),
    ],
    "sms.brand": [('brand = "ThuCongVu"', 'brand = "Thu Cong Vu"')],
    "sms.recovery_code": [
        ("mat khau thu dien tu: {code}", "mật khẩu thu dien tu: {code}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu [x]: {code}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu – {code}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {code.__class__}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {code:>90}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {code!r}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {{code}}"),
        ("mat khau thu dien tu: {code}", "mat khau thu dien tu: {code"),
        ("mat khau thu dien tu: {code}", f"mat khau thu dien tu {'x' * 30}: {{code}}"),
    ],
    "sms.default_password": [("ngay {day}", "luc {time}")],
    "sms.phone_warning": [("luc {time} bang", "luc {code} bang")],
    "sms.phone_chaned": [("phone_changed = ", "phone_chaned = ")],
}


class ShippedProfileTests(SimpleTestCase):
    def test_there_are_two_provinces(self):
        self.assertEqual(SHIPPED, ["hagiang", "tuyenquang"])

    def test_each_loads_and_cannot_be_changed(self):
        for name in SHIPPED:
            with self.subTest(name):
                province = profile.load(name)

                self.assertEqual(province.key, name)
                with self.assertRaises(dataclasses.FrozenInstanceError):
                    province.title = "x"
                with self.assertRaises(TypeError):
                    province.domain_aliases["x"] = "y"

    def test_the_default_says_what_the_memo_says(self):
        province = profile.load("hagiang")

        self.assertEqual(province.header_lines[0], "TỈNH ỦY - HỘI ĐỒNG NHÂN DÂN")
        self.assertEqual(
            province.header_lines[1], "ĐOÀN ĐBQH - ỦY BAN NHÂN DÂN - UBMTTQ TỈNH HÀ GIANG"
        )
        self.assertEqual(province.title, "HỆ THỐNG THƯ ĐIỆN TỬ CÔNG VỤ")
        self.assertEqual(province.domain, "hagiang.gov.vn")
        self.assertEqual(province.example_address, "dia_chi_mail@hagiang.gov.vn")
        self.assertEqual(province.hotline.number, "0219.350 1038")
        self.assertEqual(province.hotline.tel, "+842193501038")
        self.assertEqual(province.hotline.caption, "Phòng kỹ thuật nghiệp vụ - Trung tâm CNTT&TT")

    def test_after_the_merger_the_old_domain_is_a_name_of_the_new_one(self):
        province = profile.load("tuyenquang")

        self.assertEqual(province.domains, ("tuyenquang.gov.vn", "hagiang.gov.vn"))
        self.assertEqual(dict(province.domain_aliases), {"hagiang.gov.vn": "tuyenquang.gov.vn"})

    def test_an_office_may_do_without_a_second_contact(self):
        self.assertIsNone(profile.load("tuyenquang").support)

    def test_every_wording_is_one_sms_of_plain_letters(self):
        longest = {"code": "888888", "minutes": "5", "time": "09:15 22/11", "day": "22/11/2026"}
        for name in SHIPPED:
            province = profile.load(name)
            for wording in WORDINGS:
                with self.subTest(f"{name} {wording}"):
                    text = getattr(province.sms, wording).format(
                        **longest, hotline=province.hotline.number
                    )

                    # The codec is somebody else's; an escape would make it longer.
                    self.assertEqual(len(text.encode("gsm03.38")), len(text))
                    self.assertLessEqual(len(text), 160)
                    self.assertTrue(text.startswith(province.sms.brand))

    def test_a_code_is_never_to_be_told_to_anybody(self):
        for name in SHIPPED:
            sms = profile.load(name).sms
            for wording in (sms.recovery_code, sms.phone_code):
                self.assertIn("KHONG cung cap ma cho bat ky ai", wording)

    def test_no_wording_has_a_link(self):
        for name in SHIPPED:
            for wording in WORDINGS:
                with self.subTest(f"{name} {wording}"):
                    text = getattr(profile.load(name).sms, wording)
                    self.assertNotRegex(text, r"://|www\.|\.vn\b")

    def test_a_code_says_what_it_is_for_how_long_and_whom_to_call(self):
        for name in SHIPPED:
            sms = profile.load(name).sms
            for wording, purpose in (
                (sms.recovery_code, "mat khau"),
                (sms.phone_code, "so dien thoai"),
            ):
                for part in (purpose, "{code}", "{minutes} phut", "{hotline}"):
                    self.assertIn(part, wording)

    def test_the_table_of_letters_agrees_with_the_codec(self):
        codec = gsm0338.Codec()
        basic = {
            letter
            for letter in map(chr, range(0x10000))
            if len(codec.encode(letter, "ignore")[0]) == 1 and letter != "\x1b"
        }

        self.assertEqual(profile.GSM_7 - basic, set())
        # The codec also takes letters that only look alike.
        extra = {
            letter
            for letter in basic - profile.GSM_7
            if codec.decode(codec.encode(letter)[0])[0] == letter
        }
        self.assertEqual(extra, set())

    @override_settings(PROFILE=profile.load("tuyenquang"))
    def test_every_template_is_given_the_profile_of_the_settings(self):
        self.assertEqual(profile.context(None)["profile"].key, "tuyenquang")


class BrokenProfileTests(SimpleTestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name) / "office.toml"
        self.good = (profile.PROFILES / "hagiang.toml").read_text(encoding="utf-8")

    def refusal(self):
        with self.assertRaises(ImproperlyConfigured) as refused:
            profile.load(str(self.file))
        return str(refused.exception)

    def test_an_office_may_ship_its_own_file(self):
        self.file.write_text(self.good, encoding="utf-8")

        self.assertEqual(profile.load(str(self.file)), profile.load("hagiang"))

    def test_the_file_and_the_key_are_named(self):
        for key, faults in FAULTS.items():
            for good, bad in faults:
                with self.subTest(f"{key}: {bad}"):
                    self.assertIn(good, self.good)
                    self.file.write_text(self.good.replace(good, bad, 1), encoding="utf-8")

                    said = self.refusal()

                    self.assertIn(f"PORTAL_PROFILE: {self.file}: {key} ", said)

    def test_every_key_of_a_table_is_wanted(self):
        wanted = {"hotline", "mail", "privacy", "sms"}
        for line in self.good.splitlines():
            table = re.match(r"\[(\w+)\]", line)
            if table and table[1] in wanted:
                wanted.remove(table[1])
        self.assertEqual(wanted, set())

        wanted, _, _ = self.good.split("[hotline]")[1].partition("[english]")  # which is optional
        keys = re.findall(r"^(\w+) = ", wanted, re.MULTILINE)
        for key in ("default_password", "new_device", "caller_check"):  # an office may do without
            keys.remove(key)
        for key in keys:
            with self.subTest(key):
                head, _, tail = self.good.partition("[hotline]")
                tail = re.sub(rf"^{key} = .*\n", "", tail, count=1, flags=re.MULTILINE)
                self.file.write_text(f"{head}[hotline]{tail}", encoding="utf-8")

                self.assertRegex(self.refusal(), rf" \w+\.{key} is missing")

    def test_what_is_not_said_in_english_stays_as_it_is(self):
        said, _, _ = self.good.partition("[english]")
        self.file.write_text(f'{said}[english]\nhotline_hours = "Always"\n', encoding="utf-8")
        office = profile.load(str(self.file))

        with translation.override("en"):
            shown = office.shown
            self.assertEqual((shown.hotline.hours, shown.title), ("Always", office.title))
        self.assertIs(office.shown, office)

    def test_words_in_english_are_looked_at_as_well(self):
        for good, bad, key in (
            ("for {days} days", "for ever", "english.privacy_retention"),
            ("hotline_hours =", "hotline_tel =", "english.hotline_tel"),
        ):
            with self.subTest(key):
                self.file.write_text(self.good.replace(good, bad), encoding="utf-8")

                self.assertIn(f"{key} ", self.refusal())

    def test_text_that_is_not_composed_is_refused(self):
        self.file.write_text(unicodedata.normalize("NFD", self.good), encoding="utf-8")

        self.assertIn("NFC", self.refusal())

    def test_a_file_that_is_no_toml_is_named(self):
        for content in (b"title = ", b"\xff\xfe", "title = “x”".encode()):
            with self.subTest(content):
                self.file.write_bytes(content)

                said = self.refusal()

                self.assertIn(str(self.file), said)
                self.assertIn("PORTAL_PROFILE", said)

    def test_a_file_that_is_not_there_is_named(self):
        self.assertIn(str(self.file), self.refusal())

    def test_an_unknown_name_is_answered_with_the_known_ones(self):
        for name in ("atlantis", "", "../profiles/hagiang"):
            with self.subTest(name), self.assertRaises(ImproperlyConfigured) as refused:
                profile.load(name)
            self.assertIn("hagiang, tuyenquang", str(refused.exception))


class PlaceTests(SimpleTestCase):
    """No place is named outside the profiles and the demonstration data."""

    PLACE = re.compile(
        r"ha ?giang|hà ?giang|tuyen ?quang|tuyên ?quang|0219|vi ?xuyen|vị ?xuyên", re.IGNORECASE
    )
    # What makes the demonstration data of the default profile.
    DEMO = {"mailportal/demo.py", "accounts/demo.py", "accounts/management/commands/demo.py"}

    def test_code_templates_and_static_files_name_no_place(self):
        searched = 0
        for folder in ("mailportal", "accounts", "otp", "templates", "static", "locale"):
            for file in sorted((ROOT / folder).rglob("*")):
                name = file.relative_to(ROOT).as_posix()
                if not file.is_file() or file.suffix in {".pyc", ".mo"} or name in self.DEMO:
                    continue
                if file.parent == profile.PROFILES:
                    continue
                searched += 1
                text = unicodedata.normalize("NFC", file.read_text(encoding="utf-8"))
                for number, line in enumerate(text.splitlines(), start=1):
                    # The name of the default profile is a setting, not a place.
                    line = line.replace('"PORTAL_PROFILE", "hagiang"', "")
                    self.assertNotRegex(line, self.PLACE, f"{name}:{number}")

        self.assertGreater(searched, 20)


class DirectionTests(SimpleTestCase):
    """What imports what is for `make lint` to say; a foreign key can be a string."""

    def test_otp_has_no_foreign_key_to_an_account(self):
        for file in (ROOT / "otp").rglob("*.py"):
            self.assertNotIn("AUTH_USER_MODEL", file.read_text(encoding="utf-8"), file)
