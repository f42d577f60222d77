"""What the proxy in front of the portal adds and refuses, as deploy/nginx.conf says."""

import re

from django.conf import settings
from django.test import SimpleTestCase

from tests.site.test_headers import HEADERS, HSTS

# nginx sees it of no upstream: the portal's own answers carry it.
BY_THE_PORTAL = {"X-Robots-Tag"}


class NginxTests(SimpleTestCase):
    def setUp(self):
        self.text = (settings.BASE_DIR / "deploy" / "nginx.conf").read_text(encoding="utf-8")

    def values(self, directive):
        return re.findall(rf"(?m)^\s*{directive}\s+(.+);", self.text)

    def test_pages_of_its_own_have_the_portals_headers(self):
        added = dict(value.split(" ", 1) for value in self.values("add_header"))
        own = {
            "Permissions-Policy": "$mailportal_permissions",
            "Content-Security-Policy": "$mailportal_csp",
            "Cache-Control": "$mailportal_cache",
            "Strict-Transport-Security": f'"{HSTS}"',
        }
        expected = {name: own.get(name, HEADERS.get(name)) for name in (*HEADERS, *own)}

        self.assertEqual(
            added,
            {
                name: f"{value} always"
                for name, value in expected.items()
                if name not in BY_THE_PORTAL
            },
        )
        self.assertIn(f'""      "{HEADERS["Permissions-Policy"]}";', self.text)
        self.assertIn("\"default-src 'none'; base-uri 'none'; form-action 'none';", self.text)
        self.assertIn('""      "no-store";', self.text)

    def test_tls_is_new_enough_and_no_version_is_told(self):
        self.assertEqual(set(self.values("ssl_protocols")), {"TLSv1.2 TLSv1.3"})
        servers = len(re.findall(r"(?m)^server \{", self.text))
        self.assertEqual(self.values("server_tokens"), ["off"] * servers)
        self.assertEqual(self.values("return 301"), ["https://$server_name$request_uri"])

    def test_sizes_and_slow_senders_end(self):
        limits = {
            "client_header_buffer_size": "2k",
            "large_client_header_buffers": "4 8k",
            "client_body_timeout": "10s",
            "send_timeout": "15s",
        }
        for directive, value in limits.items():
            with self.subTest(directive):
                self.assertEqual(set(self.values(directive)), {value})
        # The one page that takes a file is the exception.
        self.assertEqual(sorted(self.values("client_max_body_size")), ["21m", "64k", "64k"])
        self.assertEqual(set(self.values("client_header_timeout")), {"10s"})
        self.assertEqual(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 64 * 1024)

    def test_its_own_pages_say_what_to_do(self):
        for status, page, words in (
            ("413", "too_large", "Hãy quay lại và gửi lại ít hơn."),
            ("429", "too_many", "Hãy đợi một phút rồi tải lại trang."),
            ("503", "away", "Không có gì bị mất. Hãy thử lại sau vài phút."),
        ):
            with self.subTest(status):
                self.assertIn(f"return {status} $mailportal_{page};", self.text)
                said = rf'mailportal_{page} {{\n +default ".*{words}";\n +en +".+\.";\n}}'
                self.assertRegex(self.text, said)
        self.assertEqual(self.values("error_page 502 504"), ["=503 @away"])
