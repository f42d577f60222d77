"""Mail programs set themselves up, and nobody learns an address by asking."""

import os
import plistlib
import re
import subprocess
import tempfile
import uuid
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

from django.conf import settings
from django.core.checks import run_checks
from django.test import SimpleTestCase, TestCase, override_settings

from mailportal.log import JsonFormatter
from mailportal.profile import load
from tests.support import cast
from tests.support.programs.mailserver import _make_certificate

MOZILLA = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
MICROSOFT = (
    "/autodiscover/autodiscover.xml",
    "/Autodiscover/Autodiscover.xml",
    "/AutoDiscover/AutoDiscover.xml",
    "/AUTODISCOVER/AUTODISCOVER.XML",
    "/Autodiscover/autodiscover.xml",
    "/autodiscover/Autodiscover.xml",
)
JSON = "/autodiscover/autodiscover.json"
APPLE = "/huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig"
GUIDE = "/huong-dan/cai-dat-thu/"

ASKED = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
ANSWER = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
PHONE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"
MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"

QUESTION = f"""<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="{ASKED}">
  <Request>
    <EMailAddress>ADDRESS</EMailAddress>
    <AcceptableResponseSchema>{SETTINGS}</AcceptableResponseSchema>
  </Request>
</Autodiscover>"""

UNKNOWN = QUESTION.replace("ADDRESS", "khong.co@hagiang.gov.vn")


def as_a_phone_asks(question):
    return question.replace(SETTINGS, MOBILE).replace(ASKED, PHONE)


BILLION_LAUGHS = f"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "zqcanary">
{"".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))}]>
<Autodiscover xmlns="{ASKED}"><Request><EMailAddress>&a9;</EMailAddress></Request></Autodiscover>
""".replace("&a0;", "&a;")
OUTSIDE = f"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<Autodiscover xmlns="{ASKED}"><Request><EMailAddress>an&a;</EMailAddress></Request></Autodiscover>
"""
DTD_OUTSIDE = f"""<?xml version="1.0"?>
<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">
<Autodiscover xmlns="{ASKED}"><Request><EMailAddress>an</EMailAddress></Request></Autodiscover>
"""


class MozillaTests(TestCase):
    def test_both_addresses_give_the_profile_s_servers(self):
        mail = settings.PROFILE.mail
        for path in MOZILLA:
            with self.subTest(path):
                r = self.client.get(path)

                self.assertEqual(r.headers["Content-Type"], "application/xml; charset=utf-8")
                root = ElementTree.fromstring(r.content)
                self.assertEqual((root.tag, root.get("version")), ("clientConfig", "1.1"))
                self.assertEqual(root.findtext("emailProvider/domain"), "hagiang.gov.vn")
                incoming = root.find("emailProvider/incomingServer[@type='imap']")
                outgoing = root.find("emailProvider/outgoingServer[@type='smtp']")
                self.assertEqual(
                    {each.tag: each.text for each in incoming},
                    {
                        "hostname": mail.imap_host,
                        "port": "993",
                        "socketType": "SSL",
                        "authentication": "password-cleartext",
                        "username": "%EMAILADDRESS%",
                    },
                )
                self.assertEqual(outgoing.findtext("hostname"), mail.smtp_host)
                self.assertEqual(outgoing.findtext("port"), "587")
                self.assertEqual(outgoing.findtext("socketType"), "STARTTLS")

    def test_after_a_merger_it_is_for_both_domains(self):
        profile = load("tuyenquang")
        for path in MOZILLA:
            with self.subTest(path), override_settings(PROFILE=profile):
                root = ElementTree.fromstring(self.client.get(path).content)

                domains = {each.text for each in root.iterfind("emailProvider/domain")}
                self.assertEqual(domains, {"tuyenquang.gov.vn", "hagiang.gov.vn"})

    def test_whoever_asks_gets_the_same(self):
        answers = {
            self.client.get(MOZILLA[0], {"emailaddress": address}).content
            for address in ("an@hagiang.gov.vn", "khong.co@hagiang.gov.vn", "x@example.com", "<&\0")
        }

        self.assertEqual(len(answers), 1)

    def test_the_guide_it_names_is_there(self):
        root = ElementTree.fromstring(self.client.get(MOZILLA[0]).content)
        url = root.find("emailProvider/documentation").get("url")

        self.assertEqual(self.client.get(url.removeprefix("http://testserver")).status_code, 200)


class MicrosoftTests(cast.Cast, TestCase):
    def ask_outlook(self, text, path=MICROSOFT[0], content_type="text/xml"):
        body = text if isinstance(text, bytes) else text.encode()
        return self.client.post(path, body, content_type=content_type)

    def assert_error(self, r, code):
        self.assertEqual(r.status_code, 200)
        root = ElementTree.fromstring(r.content)
        error = root.find(f"{{{ANSWER}}}Response/{{{ANSWER}}}Error")
        self.assertEqual(error.findtext(f"{{{ANSWER}}}ErrorCode"), code)
        self.assertRegex(error.get("Time"), r"^\d\d:\d\d:\d\d$")

    def test_outlook_gets_the_profile_s_servers(self):
        for path in MICROSOFT:
            with self.subTest(path):
                r = self.ask_outlook(QUESTION.replace("ADDRESS", "An@HaGiang.gov.vn"), path)

                root = ElementTree.fromstring(r.content)
                self.assertEqual(root.tag, f"{{{ANSWER}}}Autodiscover")
                account = root.find(f"{{{SETTINGS}}}Response/{{{SETTINGS}}}Account")
                self.assertEqual(account.findtext(f"{{{SETTINGS}}}AccountType"), "email")
                self.assertEqual(account.findtext(f"{{{SETTINGS}}}Action"), "settings")
                protocols = [
                    {each.tag.removeprefix(f"{{{SETTINGS}}}"): each.text for each in protocol}
                    for protocol in account.iter(f"{{{SETTINGS}}}Protocol")
                ]
                common = {
                    "DomainRequired": "off",
                    "LoginName": "an@hagiang.gov.vn",
                    "SPA": "off",
                    "SSL": "on",
                    "AuthRequired": "on",
                    "Server": "mail.hagiang.gov.vn",
                }
                self.assertEqual(
                    protocols,
                    [
                        common | {"Type": "IMAP", "Port": "993", "Encryption": "SSL"},
                        common | {"Type": "SMTP", "Port": "587", "Encryption": "TLS"},
                    ],
                )

    def test_known_and_unknown_addresses_differ_in_nothing(self):
        self.set_up_people()
        answers = {
            self.ask_outlook(QUESTION.replace("ADDRESS", f"{name}@hagiang.gov.vn"))
            .content.decode()
            .replace(f"{name}@", "-@")
            for name in ("an", "binh", "chi", "dung", "khong.co")
        }

        self.assertEqual(len(answers), 1)

    def test_an_old_name_of_a_domain_logs_in_under_the_new(self):
        with override_settings(
            MAIL_DOMAINS=("hagiang.gov.vn", "cu.gov.vn"),
            MAIL_DOMAIN_ALIASES={"cu.gov.vn": "hagiang.gov.vn"},
        ):
            r = self.ask_outlook(QUESTION.replace("ADDRESS", "an@cu.gov.vn"))

        self.assertContains(r, "<LoginName>an@hagiang.gov.vn</LoginName>")

    def test_what_is_no_question_gets_the_protocol_s_error(self):
        whole = QUESTION.replace("ADDRESS", "an@hagiang.gov.vn")
        for name, text, code in (
            ("nothing", "", "600"),
            ("no XML", "an@hagiang.gov.vn", "600"),
            ("cut off", whole[:200], "600"),
            ("another document", "<a><b/></a>", "600"),
            ("no address", QUESTION.replace("ADDRESS", ""), "600"),
            ("no such name", QUESTION.replace("ADDRESS", "*)(uid=*"), "600"),
            ("another office", QUESTION.replace("ADDRESS", "an@example.com"), "500"),
            ("ActiveSync", whole.replace(SETTINGS, MOBILE), "601"),
            ("ActiveSync, as a phone asks", as_a_phone_asks(whole), "601"),
            ("a phone that says no more", f'<Autodiscover xmlns="{PHONE}"/>', "601"),
            ("an unknown person's phone", as_a_phone_asks(UNKNOWN), "601"),
        ):
            with self.subTest(name):
                self.assert_error(self.ask_outlook(text), code)

    def test_hostile_documents_are_refused_unread(self):
        deep = "<a>" * 15_000
        for name, body in (
            ("billion laughs", BILLION_LAUGHS.encode()),
            ("a file", OUTSIDE.encode()),
            ("another host", DTD_OUTSIDE.encode()),
            ("deep", deep.encode()),
            ("deep and whole", (deep + "</a>" * 5_000).encode()[:60_000]),
            ("UTF-7", QUESTION.replace("utf-8", "utf-7").encode()),
            ("no such encoding", QUESTION.replace("utf-8", "zqcanary").encode()),
            ("many bytes a character", QUESTION.replace("utf-8", "shift_jis").encode()),
            ("not what it says", QUESTION.encode("utf-16")),
            ("not UTF-8", QUESTION.encode().replace(b"ADDRESS", b"\xff\xfe")),
            ("NUL", QUESTION.encode().replace(b"ADDRESS", b"an\0")),
        ):
            with self.subTest(name):
                r = self.ask_outlook(body)

                self.assert_error(r, "600")
                self.assertNotIn("zqcanary", r.content.decode())
                self.assertNotIn("root:", r.content.decode())

    def test_a_large_document_is_not_read(self):
        r = self.ask_outlook(QUESTION + " " * 1024 * 1024)

        self.assertEqual(r.status_code, 413)

    def test_a_form_is_no_question(self):
        r = self.client.post(MICROSOFT[0], {"EMailAddress": "an@hagiang.gov.vn"})

        self.assert_error(r, "600")

    def test_a_look_at_it_does_no_harm(self):
        self.assert_error(self.client.get(MICROSOFT[0]), "600")


class JsonTests(cast.Cast, TestCase):
    """Autodiscover version 2, which says where version 1 is."""

    def ask_json(self, address="an@hagiang.gov.vn", protocol="AutodiscoverV1", path=JSON):
        return self.client.get(path, {"Email": address, "Protocol": protocol})

    def test_every_way_to_ask_is_led_to_the_answer_in_xml(self):
        for path in (
            f"{JSON}?Email=an@hagiang.gov.vn&Protocol=AutodiscoverV1&RedirectCount=1",
            f"{JSON}?email=an%40hagiang.gov.vn&protocol=autodiscoverv1",
            f"{JSON}/?Email=an@hagiang.gov.vn&Protocol=AutodiscoverV1",
            f"{JSON}/v1.0/an@hagiang.gov.vn?Protocol=Autodiscoverv1",
            f"{JSON}/v1.0/an%40hagiang.gov.vn?Protocol=AutodiscoverV1",
            f"{JSON}/v2.0/an@hagiang.gov.vn?Protocol=AutodiscoverV1",
            "/Autodiscover/Autodiscover.json/V1.0/an@hagiang.gov.vn?Protocol=AutodiscoverV1",
            "/AutoDiscover/AutoDiscover.json?Email=an@hagiang.gov.vn&Protocol=AutodiscoverV1",
        ):
            with self.subTest(path):
                r = self.client.get(path)

                self.assertEqual(r.headers["Content-Type"], "application/json")
                url = settings.PUBLIC_BASE_URL + MICROSOFT[0]
                self.assertEqual(r.json(), {"Protocol": "AutodiscoverV1", "Url": url})

    def test_known_and_unknown_addresses_differ_in_nothing(self):
        self.set_up_people()
        for protocol in ("AutodiscoverV1", "ActiveSync"):
            answers = set()
            for name in ("an", "binh", "chi", "dung", "khong.co"):
                with self.assertNumQueries(0):
                    r = self.ask_json(f"{name}@hagiang.gov.vn", protocol)
                answers.add((r.status_code, r.content))
            self.assertEqual(len(answers), 1, answers)

    def test_what_is_not_served_is_said_in_the_protocol_s_words(self):
        for address, protocol, status, code in (
            ("an@hagiang.gov.vn", "", 400, "MandatoryParameterMissing"),
            ("an@hagiang.gov.vn", "ActiveSync", 400, "InvalidProtocol"),
            ("an@hagiang.gov.vn", "<script>", 400, "InvalidProtocol"),
            ("", "AutodiscoverV1", 400, "InvalidUserId"),
            ("*)(uid=*", "AutodiscoverV1", 400, "InvalidUserId"),
            ("an@example.com", "AutodiscoverV1", 404, "UserNotFound"),
        ):
            with self.subTest(address=address, protocol=protocol):
                r = self.ask_json(address, protocol)

                self.assertEqual((r.status_code, r.json()["ErrorCode"]), (status, code))
                self.assertNotIn("script", r.content.decode())


class AppleTests(TestCase):
    def test_the_file_sets_up_the_profile_s_servers(self):
        mail = settings.PROFILE.mail

        r = self.client.get(APPLE)

        self.assertEqual(r.headers["Content-Type"], "application/x-apple-aspen-config")
        self.assertIn('filename="hagiang.mobileconfig"', r.headers["Content-Disposition"])
        whole = plistlib.loads(r.content)
        self.assertEqual((whole["PayloadType"], whole["PayloadVersion"]), ("Configuration", 1))
        (account,) = whole["PayloadContent"]
        self.assertEqual(account["PayloadType"], "com.apple.mail.managed")
        self.assertEqual(account["EmailAccountType"], "EmailTypeIMAP")
        self.assertEqual(account["IncomingMailServerHostName"], mail.imap_host)
        self.assertEqual(account["IncomingMailServerPortNumber"], mail.imap_port)
        self.assertEqual(account["OutgoingMailServerHostName"], mail.smtp_host)
        self.assertEqual(account["OutgoingMailServerPortNumber"], mail.smtp_port)
        self.assertTrue(account["IncomingMailServerUseSSL"])
        self.assertTrue(account["OutgoingMailServerUseSSL"])
        self.assertEqual(account["PayloadUUID"], str(uuid.UUID(account["PayloadUUID"])).upper())
        self.assertNotEqual(account["PayloadUUID"], whole["PayloadUUID"])

    def test_it_is_the_same_for_everybody_and_holds_nobody_s_address(self):
        first = self.client.get(APPLE).content

        self.assertEqual(self.client.get(APPLE, {"address": "an@hagiang.gov.vn"}).content, first)
        self.assertNotIn(b"@hagiang.gov.vn", first)

    def test_the_guide_leads_to_it(self):
        self.assertContains(self.client.get(GUIDE), f'href="{APPLE}"')

    def test_with_a_certificate_of_the_office_it_is_signed(self):
        unsigned = self.client.get(APPLE).content
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        certificate, key = folder / "cert.pem", folder / "key.pem"
        _make_certificate(certificate, key)
        files = {"MOBILECONFIG_CERT_FILE": str(certificate), "MOBILECONFIG_KEY_FILE": str(key)}

        with override_settings(**files):
            r = self.client.get(APPLE)

        self.assertEqual(r.headers["Content-Type"], "application/x-apple-aspen-config")
        read = subprocess.run(
            [
                *("openssl", "cms", "-verify", "-inform", "DER", "-CAfile", certificate),
                *("-purpose", "any", "-binary"),
            ],
            input=r.content,
            capture_output=True,
            check=False,
        )
        self.assertEqual(read.returncode, 0, read.stderr)
        self.assertEqual(read.stdout, unsigned)


class CertificateTests(SimpleTestCase):
    def faults(self, certificate, key):
        files = {"MOBILECONFIG_CERT_FILE": str(certificate), "MOBILECONFIG_KEY_FILE": str(key)}
        with override_settings(**files):
            return [
                fault.id for fault in run_checks() if fault.id in ("portal.E023", "portal.E024")
            ]

    def test_one_that_cannot_sign_stops_the_start(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        certificate, key, other = (folder / name for name in ("cert.pem", "key.pem", "other.pem"))
        _make_certificate(folder / "x.pem", other)
        _make_certificate(certificate, key)
        locked = folder / "locked.pem"
        subprocess.run(
            ["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked],
            check=True,
        )

        self.assertEqual(self.faults("", ""), [])
        self.assertEqual(self.faults(certificate, key), [])
        with mock.patch.dict(os.environ, {"PATH": str(folder)}):
            self.assertEqual(self.faults(certificate, key), ["portal.E024"])
        for pair in (
            (certificate, ""),
            ("", key),
            (certificate, other),
            (key, key),
            (certificate, locked),
            (certificate, "/nowhere/key.pem"),
            (folder, key),
        ):
            with self.subTest(pair):
                self.assertEqual(self.faults(*pair), ["portal.E023"])


class ChangePasswordTests(TestCase):
    def test_a_password_manager_finds_the_page(self):
        r = self.client.get("/.well-known/change-password")

        self.assertRedirects(r, "/cau-hinh/mat-khau/", fetch_redirect_response=False)


class ConversationTests(TestCase):
    def test_nothing_is_looked_up_and_nobody_is_remembered(self):
        question = QUESTION.replace("ADDRESS", "an@hagiang.gov.vn")
        with self.assertNumQueries(0):
            answers = [
                self.client.get(MOZILLA[0], {"emailaddress": "an@hagiang.gov.vn"}),
                self.client.get(APPLE),
                self.client.get(f"{JSON}/v1.0/an@hagiang.gov.vn?Protocol=AutodiscoverV1"),
                self.client.get("/.well-known/change-password"),
                self.client.post(MICROSOFT[0], question, content_type="text/xml"),
                self.client.post(MICROSOFT[0], "", content_type="text/xml"),
            ]

        for r in answers:
            self.assertFalse(r.cookies)

    def test_no_address_gets_into_the_log(self):
        with self.assertLogs(level="DEBUG") as logs:
            for path in (
                "/autodiscover/autodiscover.json/v1.0/an@hagiang.gov.vn?Protocol=ActiveSync",
                "/autodiscover/autodiscover.json/v1.0/x an@hagiang.gov.vn?Protocol=Autodiscoverv1",
                "/autodiscover/autodiscover.json/an@hagiang.gov.vn",
                "/autodiscover/autodiscover.json/v9.0/x/an@hagiang.gov.vn",
                "/mail/config-v1.0.xml?emailaddress=an@hagiang.gov.vn",
            ):
                self.client.get(path)

        said = "\n".join(map(JsonFormatter().format, logs.records))
        self.assertIn("Not Found", said)
        self.assertNotIn("an@", said)

    def test_the_way_to_the_webmail_is_the_profile_s(self):
        self.assertContains(
            self.client.get("/quen-mat-khau/"), f'href="{settings.PROFILE.webmail_url}"'
        )


class ProxyTests(SimpleTestCase):
    def test_the_proxy_leads_every_question_here_and_nothing_else(self):
        text = (settings.BASE_DIR / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        (expression,) = re.findall(r"location ~\* (\^/\(mail\S+) \{", text)
        led = re.compile(expression.replace(r"\z", r"\Z"), re.IGNORECASE)

        for path in (*MOZILLA, *MICROSOFT, JSON, f"{JSON}/v1.0/an@hagiang.gov.vn"):
            self.assertRegex(path, led)
        for path in ("/", "/dang-nhap/", f"{JSON}/v1.0/a/b", f"{MICROSOFT[0]}\n", "/x" + JSON):
            self.assertNotRegex(path, led)

    def test_the_proxy_s_log_has_no_question_in_it(self):
        text = (settings.BASE_DIR / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        (kept,) = re.findall(r"(?s)log_format mailportal .*?;", text)

        for variable in (
            "$request ",
            '$request"',
            "$request_uri",
            "$args",
            "$query_string",
            "$uri",
        ):
            self.assertNotIn(variable, kept)
        self.assertEqual(text.count("access_log"), text.count("mailportal.log mailportal;"))
