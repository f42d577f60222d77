"""What holds for the code and the addresses as a whole."""

import re
import unicodedata
from collections import Counter

from django.conf import settings
from django.test import Client, SimpleTestCase, TestCase
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from mailportal.autoconfig import microsoft
from tests.conftest import LONG

ROOT = settings.BASE_DIR
APPS = ("accounts", "otp", "mailportal")
MOST_MODULES = 20  # of a directory; then it gets rooms
LONGEST = 400  # lines; about here a file is split along a noun

# What answers a stranger. Whoever adds a line makes a page public.
PUBLIC = {
    "accounts:login": "/dang-nhap/",
    "accounts:logout": "/dang-xuat/",
    "accounts:auth-policy": "/mail/auth-policy",
    "accounts:reset": "/quen-mat-khau/",
    "accounts:reset-code": "/quen-mat-khau/xac-thuc/",
    "accounts:reset-factor": "/quen-mat-khau/xac-thuc-hai-lop/",
    "accounts:reset-password": "/quen-mat-khau/mat-khau-moi/",
    "accounts:activate": "/kich-hoat/",
    "accounts:activate-number": "/kich-hoat/so-dien-thoai/",
    "accounts:activate-code": "/kich-hoat/xac-thuc/",
    "accounts:activate-password": "/kich-hoat/mat-khau/",
    "guides": "/huong-dan/",
    "guide-phone": "/huong-dan/cap-nhat-so-dien-thoai/",
    "guide-recovery": "/huong-dan/lay-lai-mat-khau/",
    "guide-mail": "/huong-dan/cai-dat-thu/",
    "autoconfig-apple": "/huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig",
    "autoconfig-mozilla": "/mail/config-v1.1.xml",
    ".well-known/autoconfig/mail/config-v1.1.xml": "/.well-known/autoconfig/mail/config-v1.1.xml",
    "autoconfig-microsoft": "/autodiscover/autodiscover.xml",
    "Autodiscover/Autodiscover.xml": "/Autodiscover/Autodiscover.xml",
    "autodiscover/autodiscover.json": "/autodiscover/autodiscover.json",
    "privacy": "/quyen-rieng-tu/",
    "accessibility": "/kha-nang-tiep-can/",
    "otp:twilio-receipt": "/sms/twilio/trang-thai/",
    "otp:voice-receipt": "/sms/voice/trang-thai/",
    "otp:zns-receipt": "/sms/zns/trang-thai/",
    "otp:esms-receipt": "/sms/esms/trang-thai/1/1/",
    "otp:described-receipt-of-message": "/sms/1/trang-thai/1/1/",
    "otp:described-receipt-by-secret": "/sms/1/trang-thai/1/",
    "otp:described-receipt": "/sms/1/trang-thai/",
    "webmail:token": "/sso/token",
    "webmail:introspect": "/sso/introspect",
    "webmail:revoke": "/sso/revoke",
    "webmail:userinfo": "/sso/userinfo",
    "webmail:jwks": "/sso/jwks",
    "webmail:discovery": "/sso/.well-known/openid-configuration",
    "api-status": "/api/v1/status",
    "api:openapi": "/api/v1/openapi.json",
    "api:units": "/api/v1/units",
    "api:coverage": "/api/v1/coverage",
    "api:password-campaigns": "/api/v1/campaigns/password",
    "api:password-campaign": "/api/v1/campaigns/password/1",
    "api:phone-campaigns": "/api/v1/campaigns/phone",
    "api:phone-campaign": "/api/v1/campaigns/phone/1",
    "api:messages": "/api/v1/messages",
    "api:message-counts": "/api/v1/messages/counts",
    "api:load": "/api/v1/loads",
    "api:accounts": "/api/v1/accounts",
    "api:account": "/api/v1/accounts/1",
    "api:lock": "/api/v1/accounts/1/lock",
    "api:unlock": "/api/v1/accounts/1/unlock",
    "quan-tri/logout/": "/quan-tri/logout/",
    "robots.txt": "/robots.txt",
    ".well-known/security.txt": "/.well-known/security.txt",
    ".well-known/change-password": "/.well-known/change-password",
}
# An address that leads to a view by a regular expression.
MATCHING = {
    microsoft.by_xml: "Autodiscover/Autodiscover.xml",
    microsoft.by_json: "autodiscover/autodiscover.json",
}
SOME_UUID = "00000000-0000-4000-8000-000000000001"
LOG_INS = ("/dang-nhap/", "/quan-tri/login/")  # where all other pages send a stranger
LOG_OUTS = {"/dang-xuat/", "/quan-tri/logout/"}


def patterns(resolver, path="/", namespace=""):
    """Give every page's name (its route where it has none), address and view."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern.pattern, RegexPattern):
            part = MATCHING.get(pattern.callback, "x/")
        else:
            part = re.sub(r"<uuid:[^>]+>", SOME_UUID, str(pattern.pattern))
            part = re.sub(r"<[^>]+>", "1", part)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, path + part, inner)
        else:
            name = namespace + pattern.name if pattern.name else path[1:] + part
            yield name, path + part, pattern.callback


class PublicPageTests(TestCase):
    maxDiff = None

    def test_only_these_pages_answer_a_stranger(self):
        answering = set()
        for _, path, _ in patterns(get_resolver()):
            r = Client().get(path)
            if not r.headers.get("Location", "").startswith(LOG_INS):
                answering.add(path)

        # To log out is public too, and leads on when it is only looked at.
        self.assertEqual(answering | LOG_OUTS, set(PUBLIC.values()))


class MarkTests(SimpleTestCase):
    maxDiff = None

    def test_only_these_pages_are_marked_public(self):
        marked = {
            name
            for name, _, view in patterns(get_resolver())
            if not getattr(view, "login_required", True)
        }

        # The admin's log-in only leads to the portal's own.
        self.assertEqual(marked - {"admin:login"}, set(PUBLIC))

    def test_there_are_pages_that_do_not_answer(self):
        names = {name for name, _, _ in patterns(get_resolver())}

        self.assertGreater(len(names - set(PUBLIC)), 30)


class FileTests(SimpleTestCase):
    def files(self):
        for app in APPS:
            yield from (ROOT / app).rglob("*.py")

    def test_no_file_is_long(self):
        for file in self.files():
            if "migrations" not in file.parts:
                with self.subTest(str(file.relative_to(ROOT))):
                    lines = file.read_text(encoding="utf-8").count("\n")
                    self.assertLessEqual(lines, LONGEST)

    def test_no_directory_is_full(self):
        modules = Counter(
            file.parent.relative_to(ROOT)
            for place in (*APPS, "tests")
            for file in (ROOT / place).rglob("*.py")
            if file.name != "__init__.py" and "migrations" not in file.parts
        )
        self.assertEqual([room for room, count in modules.items() if count > MOST_MODULES], [])

    def test_tests_wait_for_a_thing_and_never_for_a_time(self):
        for file in (ROOT / "tests").rglob("*.py"):
            if not {"benchmarks", "rehearsals"} & set(file.parts) and file.name != "waiting.py":
                with self.subTest(str(file.relative_to(ROOT))):
                    text = file.read_text(encoding="utf-8")
                    self.assertNotRegex(text, r"\bsleep\(")

    def test_every_long_test_is_there(self):
        for name in LONG:
            with self.subTest(name):
                self.assertTrue((settings.BASE_DIR / "tests" / f"{name}.py").is_file())

    def test_every_file_says_what_it_decides(self):
        for file in self.files():
            text = file.read_text(encoding="utf-8")
            if text and file.name not in ("apps.py",) and "migrations" not in file.parts:
                with self.subTest(str(file.relative_to(ROOT))):
                    self.assertTrue(text.startswith('"""'))

    def test_nothing_is_left_to_do(self):
        words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
        for folder in (*APPS, "templates", "static", "deploy"):
            for file in (ROOT / folder).rglob("*"):
                if file.suffix in (".py", ".html", ".css", ".js", ".toml", ".conf", ".txt"):
                    with self.subTest(str(file.relative_to(ROOT))):
                        self.assertNotRegex(file.read_text(encoding="utf-8"), words)

    def test_every_text_is_composed(self):
        """Vietnamese letters are one character each, which every font shows."""
        for folder in (*APPS, "templates", "static", "locale"):
            for file in (ROOT / folder).rglob("*"):
                if file.suffix in (".py", ".html", ".js", ".toml", ".txt", ".svg", ".po"):
                    with self.subTest(str(file.relative_to(ROOT))):
                        text = file.read_text(encoding="utf-8")
                        self.assertTrue(unicodedata.is_normalized("NFC", text))

    def test_forms_are_checked_by_the_server_alone(self):
        for file in (ROOT / "templates").rglob("*.html"):
            for form in re.findall(r"<form[^>]*>", file.read_text(encoding="utf-8")):
                # The others have nothing to fill in, or are the administration's.
                if 'class="form"' in form:
                    with self.subTest(str(file.relative_to(ROOT))):
                        self.assertIn("novalidate", form)

    def test_secrets_are_compared_in_constant_time(self):
        for package in ("otp/codes", "otp/suppliers"):
            with self.subTest(package):
                files = (ROOT / package).rglob("*.py")
                text = "".join(file.read_text(encoding="utf-8") for file in files)
                self.assertTrue("constant_time_compare(" in text)

    def test_every_package_is_pinned_with_its_hash(self):
        files = ("requirements.txt", "requirements-run.txt")
        for name in (*files, "deploy/requirements.txt", "deploy/requirements-ldap.txt"):
            lines = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
            wanted = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
            self.assertTrue(wanted)
            for line in wanted:
                with self.subTest(name, line=line[:40]):
                    self.assertRegex(
                        line, r"^[\w.\-]+(\[[\w,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}"
                    )
        self.assertIn("--require-hashes", (ROOT / "Dockerfile").read_text(encoding="utf-8"))

    def test_all_lists_of_packages_agree(self):
        whole, run, deployed = map(
            pins, ("requirements.txt", "requirements-run.txt", "deploy/requirements.txt")
        )

        self.assertLess(run, whole)
        self.assertLess(deployed, run)
        self.assertFalse([pin for pin in run if pin.startswith(("pytest", "playwright", "mypy"))])


def pins(name):
    """Give every package of a list with its version."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^[\w.\-]+(?:\[[\w,]+\])?==\S+", text, re.MULTILINE))
