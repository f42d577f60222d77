"""A broken set-up stops the start, in words that name the variable and give away no secret."""

import ast
import re
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

import pytest

from tests.support.programs import deployment
from tests.webmail.signing import PEM

ROOT = deployment.ROOT
SETTINGS = ROOT / "mailportal" / "settings.py"
WEBMAIL_SSO = ROOT / "accounts" / "webmail" / "set_up.py"
CODE_WAYS = ROOT / "otp" / "suppliers" / "code_ways.py"
SMPP_LINE = ROOT / "otp" / "suppliers" / "smpp" / "__init__.py"

DIRECTORY = {
    "DIRECTORY": "ldaps://ldap.example.gov.vn",
    "DIRECTORY_BASE": "dc=example,dc=vn",
    "DIRECTORY_BIND_DN": "cn=portal,dc=example,dc=vn",
    "DIRECTORY_BIND_PASSWORD": "geheim-l",
}

BACKUPS = {"BACKUP_DIR": "/var/backups/mailportal", "BACKUP_RECIPIENT": "age1" + "q" * 58}
SYSLOG = {"AUDIT_SYSLOG": "soc.example.gov.vn"}
SSO = {"REDIRECT_URI": "https://webmail.example.gov.vn/index.php/login/oauth"}
SSO |= {"SECRET": "geheim-w-" + "4b1f" * 8, "MAIL_SECRET": "geheim-m-" + "9c2e" * 8, "KEY": PEM}
EXAMPLE = str(ROOT / "deploy" / "sms" / "esms-file.toml")
DESCRIBED = {"SMS_GATEWAY": "esms-file,twilio", "SMS_SUPPLIER_FILES": EXAMPLE}
ZALO = {"CODE_WAYS": "zns,sms", "ZNS_APP_ID": "42", "ZNS_SECRET_KEY": "geheim-z"}
ZALO |= {"ZNS_EVENT_KEY": "geheim-e", "ZNS_TEMPLATE_ID": "21"}
SMPP = {"SMS_GATEWAY": "smpp", "SMPP_URL": "smpps://smsc.example.vn:3550"}
SMPP |= {"SMPP_SYSTEM_ID": "tinh", "SMPP_PASSWORD": "geheim-s"}
DESCRIBED |= {"SMS_ESMS_API_KEY": "geheim-e", "SMS_ESMS_SECRET_KEY": "geheim-f"}
# The variable that is to be named, and what is wrong with it.
FAULTS = [
    ("SECRET_KEY", {"SECRET_KEY": None}),
    ("SECRET_KEY", {"SECRET_KEY": ""}),
    ("SECRET_KEY", {"SECRET_KEY": ","}),
    ("SECRET_KEY", {"SECRET_KEY": deployment.SECRETS["SECRET_KEY"] + ","}),
    *(
        ("SECRET_KEY_FILE", {"SECRET_KEY": None, "SECRET_KEY_FILE": file})
        for file in ("/nonexistent/geheim", "/etc", "/etc/hostname/geheim", sys.executable)
    ),
    ("OTP_PEPPER", {"OTP_PEPPER": None}),
    ("OTP_PEPPER", {"OTP_PEPPER": "geheim-short"}),
    ("OTP_PEPPER", {"OTP_PEPPER": deployment.SECRETS["OTP_PEPPER"] + ",geheim-short"}),
    ("OTP_PEPPER", {"OTP_PEPPER": deployment.SECRETS["OTP_PEPPER"] + ","}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": None}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": "matkhau.example.gov.vn"}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": "https://"}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": "https://["}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": "ftp://matkhau.example.gov.vn"}),
    ("PUBLIC_BASE_URL", {"PUBLIC_BASE_URL": "http://matkhau.example.gov.vn"}),
    ("DATABASE_URL", {"DATABASE_URL": "mysql://u:geheim@h/x"}),
    ("DATABASE_URL", {"DATABASE_URL": "sqlite:////tmp/geheim"}),
    ("DATABASE_URL", {"DATABASE_URL": "geheim"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://u:geh/eim@h/x"}),
    ("DATABASE_URL", {"DATABASE_URL": "postgresql://u:geheim@[h/x"}),
    ("DATABASE_POOLER", {"DATABASE_POOLER": "statement"}),
    ("DATABASE_DIRECT_URL", {"DATABASE_POOLER": "transaction"}),
    ("DATABASE_DIRECT_URL", {"DATABASE_DIRECT_URL": "mysql://u:geheim@h/x"}),
    *(
        ("DATABASE_URL", {"DATABASE_URL": None, name: "postgresql://u:geheim@h/x"})
        for name in ("DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL")
    ),
    ("DATABASE_REPLICA_URL", {"DATABASE_REPLICA_URL": "mysql://u:geheim@h/x"}),
    ("PORTAL_PROFILE", {"PORTAL_PROFILE": "nowhere"}),
    ("PORTAL_PROFILE", {"PORTAL_PROFILE": "/nonexistent/office.toml"}),
    ("PHONE_MASK_DIGITS", {"PHONE_MASK_DIGITS": "7"}),
    ("PHONE_MASK_DIGITS", {"PHONE_MASK_DIGITS": "-1"}),
    ("PHONE_MASK_DIGITS", {"PHONE_MASK_DIGITS": "six"}),
    ("PHONE_CONFIRMATION", {"PHONE_CONFIRMATION": "perhaps"}),
    ("BREACHED_PASSWORDS_FILE", {"BREACHED_PASSWORDS_FILE": "/nonexistent/list.txt"}),
    ("BREACHED_PASSWORDS_FILE", {"BREACHED_PASSWORDS_FILE": "/etc/passwd"}),
    ("ADDRESS_QUARANTINE_DAYS", {"ADDRESS_QUARANTINE_DAYS": "29"}),
    ("ADDRESS_QUARANTINE_DAYS", {"ADDRESS_QUARANTINE_DAYS": "a year"}),
    ("SMS_GATEWAY", {"SMS_GATEWAY": None}),
    ("SMS_GATEWAY", {"SMS_GATEWAY": "pigeon"}),
    ("SMS_GATEWAY", {"SMS_GATEWAY": "console"}),
    ("SMS_GATEWAY", {"SMS_GATEWAY": "file", "SMS_FILE": "/tmp/sms.jsonl"}),
    ("SMS_FILE", {"SMS_GATEWAY": "file"}),
    ("TWILIO_ACCOUNT_SID", {"TWILIO_ACCOUNT_SID": None}),
    ("TWILIO_AUTH_TOKEN", {"TWILIO_AUTH_TOKEN": None}),
    ("TWILIO_FROM", {"TWILIO_MESSAGING_SERVICE_SID": None}),
    ("SMS_SUPPLIER_FILES", {"SMS_SUPPLIER_FILES": "/nonexistent/viettel.toml"}),
    ("SMS_ESMS_SECRET_KEY", DESCRIBED | {"SMS_ESMS_SECRET_KEY": None}),
    *(
        ("SMPP_URL", SMPP | {"SMPP_URL": url})
        for url in (
            *("smsc.example.vn", "https://smsc.example.vn", "smpps://", "smpps://["),
            *("smpps://smsc.example.vn:x", "smpps://u:geheim@smsc.example.vn", "smpp://10.0.0.5"),
            *("smpps://smsc.example.vn/?password=geheim", ""),
        )
    ),
    ("SMPP_SYSTEM_ID", SMPP | {"SMPP_SYSTEM_ID": None}),
    ("SMPP_SYSTEM_ID", SMPP | {"SMPP_SYSTEM_ID": "x" * 16}),
    ("SMPP_PASSWORD", SMPP | {"SMPP_PASSWORD": None}),
    ("SMPP_PASSWORD", SMPP | {"SMPP_PASSWORD": "geheim-st"}),
    ("SMPP_SYSTEM_TYPE", SMPP | {"SMPP_SYSTEM_TYPE": "x" * 13}),
    ("SMPP_SOURCE", SMPP | {"SMPP_SOURCE": "UBND tỉnh"}),
    ("SMPP_WINDOW", SMPP | {"SMPP_WINDOW": "0"}),
    ("SMPP_LONG_TEXTS", SMPP | {"SMPP_LONG_TEXTS": "whole"}),
    ("SMPP_RECEIPT_IDS", SMPP | {"SMPP_RECEIPT_IDS": "octal"}),
    ("SMPP_LEASED_LINE", SMPP | {"SMPP_LEASED_LINE": "perhaps"}),
    ("SMPP_CA_FILE", SMPP | {"SMPP_CA_FILE": "/nonexistent/ca.pem"}),
    *(("CODE_WAYS", {"CODE_WAYS": ways}) for ways in ("zns", "sms,fax", "sms,sms", "zns,,sms")),
    *((name, ZALO | {name: None}) for name in ZALO if name.startswith("ZNS_")),
    *(
        (name, ZALO | {name: "http://zalo.example.vn"})
        for name in ("ZNS_API_BASE", "ZNS_OAUTH_BASE")
    ),
    ("TWILIO_VOICE_FROM", {"CODE_WAYS": "sms,voice"}),
    ("TRUSTED_PROXY_COUNT", {"TRUSTED_PROXY_COUNT": "0"}),
    ("TRUSTED_PROXY_COUNT", {"TRUSTED_PROXY_COUNT": None}),
    ("TRUSTED_PROXY_HEADER", {"TRUSTED_PROXY_HEADER": "X-Real-IP"}),
    ("OFFICE_NETWORKS", {"OFFICE_NETWORKS": "10.0.0.0/33"}),
    ("OFFICE_NETWORKS", {"OFFICE_NETWORKS": "10.0.0.1/8"}),
    ("WEBHOOK_NETWORKS", {"WEBHOOK_NETWORKS": "10.1.4.0/33"}),
    ("EMAIL_URL", {"EMAIL_URL": "mail.example.gov.vn"}),
    ("EMAIL_URL", {"EMAIL_URL": "pop3://u:geheim@mail.example.gov.vn"}),
    ("EMAIL_URL", {"EMAIL_URL": "submission://u:geh/eim@mail.example.gov.vn:587"}),
    *(
        ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": hosts})
        for hosts in ("https://matkhau.example.gov.vn", "127.0.0.1;matkhau.example.gov.vn", "a,b")
    ),
    *(
        ("ALERT_EMAILS", {"ALERT_EMAILS": addresses})
        for addresses in ("it", "a@example.gov.vn;b@example.gov.vn", "a@example.gov.vn,")
    ),
    ("ALERT_WEBHOOK_SECRET", {"ALERT_WEBHOOK_URL": "https://soc.example.gov.vn/"}),
    ("ALERT_WEBHOOK_URL", {"ALERT_WEBHOOK_SECRET": deployment.SECRETS["OTP_PEPPER"]}),
    (
        "ALERT_WEBHOOK_URL",
        {"ALERT_WEBHOOK_URL": "http://soc.example.gov.vn/"}
        | {"ALERT_WEBHOOK_SECRET": deployment.SECRETS["OTP_PEPPER"]},
    ),
    ("AUDIT_FILE", {"AUDIT_FILE": "audit.jsonl"}),
    ("AUDIT_FILE", {"AUDIT_FILE": "/var/log"}),
    *(
        ("AUDIT_SYSLOG", {"AUDIT_SYSLOG": address})
        for address in (
            *("tls://soc.example.gov.vn", "soc.example.gov.vn:x", "u:geheim@soc.example.gov.vn"),
            *(":6514", "[", "soc example", "máy.example.gov.vn"),
        )
    ),
    *(
        ("AUDIT_SYSLOG names no server", {f"AUDIT_SYSLOG_{name}": "/etc/hostname"})
        for name in ("CA", "CERT", "KEY")
    ),
    ("AUDIT_SYSLOG_CA", SYSLOG | {"AUDIT_SYSLOG_CA": "/nonexistent/ca.pem"}),
    ("AUDIT_SYSLOG_CA", SYSLOG | {"AUDIT_SYSLOG_CA": str(SETTINGS)}),
    ("AUDIT_SYSLOG_KEY", SYSLOG | {"AUDIT_SYSLOG_CERT": "/etc/hostname"}),
    ("AUDIT_SYSLOG_CERT", SYSLOG | {"AUDIT_SYSLOG_KEY": "/etc/hostname"}),
    (
        "AUDIT_SYSLOG_CERT",
        SYSLOG | {"AUDIT_SYSLOG_CERT": "/etc/hostname", "AUDIT_SYSLOG_KEY": "/etc/hostname"},
    ),
    ("BACKUP_DIR", BACKUPS | {"BACKUP_DIR": "backups"}),
    ("BACKUP_RECIPIENT", BACKUPS | {"BACKUP_RECIPIENT": ""}),
    ("BACKUP_RECIPIENT", BACKUPS | {"BACKUP_RECIPIENT": "AGE-SECRET-KEY-1geheim-b"}),
    ("BACKUP_SCRATCH_URL", BACKUPS | {"BACKUP_SCRATCH_URL": "postgresql://u:geheim@h/mailportal"}),
    ("DOVEADM_API_KEY", {"DOVEADM_URL": "https://mail.example.gov.vn:8080"}),
    ("DOVEADM_URL", {"DOVEADM_API_KEY": "geheim-a"}),
    ("DOVEADM_URL", {"DOVEADM_CA_FILE": "/etc/hostname"}),
    ("AUTH_POLICY_TOKEN", {"AUTH_POLICY_TOKEN": "geheim-p"}),
    *(
        (f"WEBMAIL_SSO_{name}", {f"WEBMAIL_SSO_{each}": value for each, value in SSO.items()} | bad)
        for name, bad in (
            ("REDIRECT_URI", {"WEBMAIL_SSO_REDIRECT_URI": None}),
            ("REDIRECT_URI", {"WEBMAIL_SSO_REDIRECT_URI": "http://webmail.example.gov.vn/"}),
            ("REDIRECT_URI", {"WEBMAIL_SSO_REDIRECT_URI": "webmail.example.gov.vn"}),
            ("REDIRECT_URI", {"WEBMAIL_SSO_REDIRECT_URI": "https://a@webmail.example.gov.vn/"}),
            ("REDIRECT_URI", {"WEBMAIL_SSO_REDIRECT_URI": "https://webmail.example.gov.vn/?x"}),
            ("SECRET", {"WEBMAIL_SSO_SECRET": None}),
            ("SECRET", {"WEBMAIL_SSO_SECRET": "geheim"}),
            ("MAIL_SECRET", {"WEBMAIL_SSO_MAIL_SECRET": None}),
            ("MAIL_SECRET", {"WEBMAIL_SSO_MAIL_SECRET": SSO["SECRET"]}),
            ("KEY", {"WEBMAIL_SSO_KEY": None}),
            ("KEY", {"WEBMAIL_SSO_KEY": "geheim"}),
        )
    ),
    ("APP_PASSWORDS", {"APP_PASSWORDS": "yes"}),
    ("APP_PASSWORDS", DIRECTORY | {"APP_PASSWORDS": "on"}),
    ("MOBILECONFIG_KEY_FILE", {"MOBILECONFIG_CERT_FILE": "/etc/hostname"}),
    *(
        ("DOVEADM_URL", {"DOVEADM_URL": address, "DOVEADM_API_KEY": "geheim-a"})
        for address in ("http://mail.example.gov.vn:8080", "mail.example.gov.vn", "https://[")
    ),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "https://ldap.example.gov.vn"}),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "ldaps://"}),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "ldaps://["}),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "ldaps://ldap.example.gov.vn:x"}),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "ldaps://u:geheim@ldap.example.gov.vn"}),
    ("DIRECTORY", DIRECTORY | {"DIRECTORY": "ldaps://ldap.example.gov.vn/dc=x"}),
    *(
        ("DIRECTORY is not set", {name: value})
        for name, value in (DIRECTORY | {"DIRECTORY_NOBODY_DN": "cn=nobody"}).items()
        if name != "DIRECTORY"
    ),
    ("DIRECTORY_KIND", DIRECTORY | {"DIRECTORY_KIND": "novell"}),
    ("DIRECTORY_BASE", DIRECTORY | {"DIRECTORY_BASE": None}),
    ("DIRECTORY_BIND_DN", DIRECTORY | {"DIRECTORY_BIND_DN": ""}),
    ("DIRECTORY_BIND_PASSWORD", DIRECTORY | {"DIRECTORY_BIND_PASSWORD": None}),
    ("DIRECTORY_CA_FILE", DIRECTORY | {"DIRECTORY_CA_FILE": "/nonexistent/ca.pem"}),
    ("DIRECTORY_CA_FILE", DIRECTORY | {"DIRECTORY_CA_FILE": str(SETTINGS)}),
    ("DIRECTORY_FILTER", DIRECTORY | {"DIRECTORY_FILTER": "(mail=an@example.gov.vn)"}),
    ("DIRECTORY_FILTER", DIRECTORY | {"DIRECTORY_FILTER": "(mail={address}"}),
    ("DIRECTORY_PHONE_ATTRIBUTE", DIRECTORY | {"DIRECTORY_PHONE_ATTRIBUTE": "mobile)"}),
    *(
        (name, {name: "9" * 30})
        for name in ("AUDIT_RETENTION_DAYS", "DAYS_TO_A_HIT", "LOG_LEVEL", "TRUSTED_PROXY_COUNT")
    ),
    ("BACKUP_KEEP_DAYS", BACKUPS | {"BACKUP_KEEP_DAYS": "9" * 30}),
    ("LOG_LEVEL", {"LOG_LEVEL": "0"}),
    *(
        (name, {name: f"geheim-\u200b{value}"})
        for name, value in (deployment.SECRETS | {"TWILIO_FROM": "UBND"}).items()
    ),
    ("PORT", {"PORT": "http"}),
    ("TRUSTED_PROXY_COUNT", {"TRUSTED_PROXY_COUNT": "one"}),
    ("TRUSTED_PROXY_COUNT", {"TRUSTED_PROXY_COUNT": "-1"}),
    ("LOG_LEVEL", {"LOG_LEVEL": "LOUD"}),
    ("PORTAL_DEMO", {"PORTAL_DEMO": "1"}),
    ("PORTAL_DEMO", {"PORTAL_DEMO": "1", "SMS_GATEWAY": "file"}),
    ("RATELIMIT_ENABLE", {"RATELIMIT_ENABLE": "0"}),
    ("RATELIMIT_ENABLE", {"RATELIMIT_ENABLE": "never"}),
]
# What would start, and is weak: others could guess, read or pretend.
WEAK = [
    ("SECRET_KEY", {"SECRET_KEY": "a"}),
    ("SECRET_KEY", {"SECRET_KEY": "a" * 40}),
    ("SECRET_KEY", {"SECRET_KEY": deployment.SECRETS["SECRET_KEY"] + "," + "ab" * 20}),
    ("OTP_PEPPER", {"OTP_PEPPER": "a" * 40}),
    ("OTP_PEPPER", {"OTP_PEPPER": deployment.SECRETS["SECRET_KEY"]}),
    ("TWILIO_API_BASE", {"TWILIO_API_BASE": "http://sms.example.gov.vn"}),
    ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "*"}),
    ("ALLOWED_HOSTS", {"ALLOWED_HOSTS": "matkhau.example.gov.vn,*"}),
    ("EMAIL_URL", {"EMAIL_URL": "smtp://mail.example.gov.vn:25"}),
]
# Those that the settings themselves find.
AT_ONCE = [
    (name, changes)
    for name, changes in FAULTS
    if name.removesuffix("_FILE")
    in ("SECRET_KEY", "PUBLIC_BASE_URL", "DATABASE_URL", "EMAIL_URL", "PORT", "LOG_LEVEL")
    and not (changes.get("PUBLIC_BASE_URL") or "").startswith("http:")
]
DOORS = {
    "web server": ("-c", "import mailportal.wsgi"),
    "check": ("manage.py", "check", "--deploy"),
}

WEB_SERVER = ("deploy/web_server.py", "--check-config", "--config", "deploy/gunicorn.conf.py")
WEB_SERVER += ("mailportal.wsgi",)
DJANGO = {"DJANGO_SETTINGS_MODULE": "mailportal.settings"}
PAGES = {
    "accounts.admin",
    "cryptography.fernet",
    "accounts.home.site",
    "accounts.access.views",
    "mailportal.urls",
}


class SetUpTests(TestCase):
    def start(self, faults, door):
        """Start with each fault; give how each start ended, in the same order."""
        return deployment.start_each(
            [(DOORS[door], deployment.environment(**changes)) for _, changes in faults]
        )

    def assert_no_secret(self, said, changes):
        for secret in (*deployment.SECRETS.values(), "geheim-l", "geh/eim", "geheim-", ":geheim"):
            self.assertNotIn(secret, said)
        if changes.get("DATABASE_URL") == "geheim":
            self.assertNotIn("geheim", said)

    def test_every_fault_stops_the_start_with_its_name(self):
        every = FAULTS + WEAK
        for (name, changes), done in zip(every, self.start(every, "web server"), strict=True):
            with self.subTest(changes):
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(name, done.stdout)
                self.assert_no_secret(done.stdout, changes)

    def test_commands_say_it_in_one_line(self):
        for (name, changes), done in zip(AT_ONCE, self.start(AT_ONCE, "check"), strict=True):
            with self.subTest(changes):
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stdout, rf"\Amailportal: .*{name}.*\n\Z")
                self.assert_no_secret(done.stdout, changes)

    def test_commands_say_in_one_line_that_the_database_is_away(self):
        commands = (("migrate",), ("mail_role",), ("mail_role", "--apply"))
        doors = [(("manage.py", *command), deployment.environment()) for command in commands]
        for command, done in zip(commands, deployment.start_each(doors), strict=True):
            with self.subTest(command):
                self.assertNotEqual(done.returncode, 0)
                told = r"\Amailportal: the database does not answer, .*Connection refused.*\n\Z"
                self.assertRegex(done.stdout, told)
                self.assert_no_secret(done.stdout, {})

    def test_commands_refuse_what_only_checks_find(self):
        faults = [fault for fault in FAULTS if fault not in AT_ONCE]
        for (name, _), done in zip(faults[::4], self.start(faults[::4], "check"), strict=True):
            with self.subTest(name):
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(name, done.stdout)

    def test_without_a_database_url_no_deployment_starts(self):
        done = deployment.run("-c", "import mailportal.wsgi", DATABASE_URL="postgresql://")

        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_good_set_up_starts(self):
        faultless = [
            ("", {}),
            ("", DESCRIBED),
            ("", BACKUPS),
            ("", BACKUPS | {"BACKUP_SCRATCH_URL": "postgresql://u:geheim@h/mailportal_scratch"}),
            ("", {"OFFICE_NETWORKS": "10.0.0.0/8,2001:db8::/32"}),
            ("", {"ALERT_EMAILS": "a@example.gov.vn, b@example.gov.vn"}),
            ("", {"ALLOWED_HOSTS": f"127.0.0.1, {deployment.HOST}"}),
        ]
        for door in DOORS:
            for done in self.start(faultless, door):
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_real_doors(self):
        name, changes = FAULTS[0]
        for door, arguments in DOORS.items():
            with self.subTest(door):
                self.assertEqual(deployment.run_anew(*arguments).returncode, 0)
                done = deployment.run_anew(*arguments, **changes)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(name, done.stdout)

    def test_a_web_server_says_in_one_line_what_it_cannot_start_with(self):
        faults = [("WEB_CONCURRENCY", each) for each in ("0", "-1", "", "two", "1.5", "9" * 30)]
        faults += [("PORT", each) for each in ("0", "", "http", "65536")]
        faults += [("WEB_CONCURRENCY_FILE", "/nonexistent/count"), ("PORT_FILE", "/etc")]
        for name, value in faults:
            with self.subTest(f"{name}={value}"):
                done = deployment.run_anew(*WEB_SERVER, **{name: value})

                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stdout, rf"\Amailportal: .*{name}.*\n\Z")

    def test_a_web_server_has_as_many_processes_as_a_file_says(self):
        file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "count"
        file.write_text("3\n")

        done = deployment.run_anew(*WEB_SERVER, "--print-config", WEB_CONCURRENCY_FILE=str(file))

        self.assertRegex(done.stdout, r"(?m)^workers += 3$")

    def test_a_directory_needs_its_package(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "ldap.py").write_text("raise ImportError('libldap-2.5.so.0')")
        for hide in ("sys.modules['ldap'] = None", f"sys.path.insert(0, {str(folder)!r})"):
            with self.subTest(hide):
                done = deployment.run(
                    "-c", f"import sys; {hide}; import mailportal.wsgi", **DIRECTORY
                )

                self.assertNotEqual(done.returncode, 0)
                said = "DIRECTORY is set, but python-ldap is not installed, or does not load."
                self.assertIn(said, done.stdout)
                self.assertIn("deploy/requirements-ldap.txt", done.stdout)
                self.assert_no_secret(done.stdout, {})

    @pytest.mark.package("ldap")
    def test_a_whole_directory_starts(self):
        done = deployment.run("-c", "import mailportal.wsgi", **DIRECTORY)

        self.assertEqual(done.returncode, 0, done.stdout)

    def test_without_a_directory_no_package_is_needed(self):
        hide = "import sys; sys.modules['ldap'] = None; import mailportal.wsgi"

        done = deployment.run("-c", hide)

        self.assertEqual(done.returncode, 0, done.stdout)

    def test_no_process_loads_what_is_for_others(self):
        load = "import django, sys; django.setup(); {}; print(*sys.modules, sep=chr(10))"
        unused = {"ldap", "openpyxl", "twilio.rest.api", "webauthn", "redis"}
        for loaded, more in (("mailportal.wsgi", set()), ("otp.outbox", PAGES)):
            with self.subTest(loaded):
                done = deployment.run_anew("-c", load.format(f"import {loaded}"), **DJANGO)

                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertFalse((unused | more) & {*done.stdout.split()})

    def test_secrets_may_come_from_files(self):
        with tempfile.TemporaryDirectory() as folder:
            changes = {}
            for name in ("SECRET_KEY", "OTP_PEPPER", "DATABASE_URL", "TWILIO_AUTH_TOKEN"):
                file = Path(folder) / name.lower()
                file.write_text(deployment.ENVIRONMENT[name] + "\n")
                changes |= {name: None, f"{name}_FILE": str(file)}
            show = (
                "from django.conf import settings as s; from mailportal import wsgi;"
                "print(s.SECRET_KEY, *s.OTP_PEPPERS, s.TWILIO_AUTH_TOKEN,"
                "s.DATABASES['default']['PASSWORD'])"
            )

            done = deployment.run(
                "-c", show, DJANGO_SETTINGS_MODULE="mailportal.settings", **changes
            )

        secrets = deployment.SECRETS
        expected = [secrets["SECRET_KEY"], secrets["OTP_PEPPER"], secrets["TWILIO_AUTH_TOKEN"]]
        self.assertEqual(done.stdout.split(), [*expected, "geheim-d"])

    def test_old_secrets_are_still_accepted(self):
        now = deployment.SECRETS["SECRET_KEY"]
        keys = {"SECRET_KEY": f"{now},old-{now}"}
        show = "from mailportal import settings as s; print(len(s.SECRET_KEY_FALLBACKS))"

        done = deployment.run("-c", show, **keys)

        self.assertEqual(done.stdout.strip(), "1")


class DescribedTests(TestCase):
    def test_the_example_lists_just_what_is_read(self):
        example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")

        described = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)

        self.assertEqual(len(described), len(set(described)))
        self.assertEqual(set(described), variables_read())

    def test_the_example_holds_no_secret(self):
        example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")

        for name in ("SECRET_KEY", "OTP_PEPPER", "TWILIO_AUTH_TOKEN", "DIRECTORY_BIND_PASSWORD"):
            self.assertRegex(example, rf"(?m)^{name}=$")

    def test_the_example_starts_once_its_secrets_are_filled_in(self):
        example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
        values = dict(re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
        filled = {name: value or deployment.ENVIRONMENT.get(name) for name, value in values.items()}

        done = deployment.run("-c", "import mailportal.wsgi", **filled)

        self.assertEqual(done.returncode, 0, done.stdout)


def variables_read():
    """Name every variable that the settings, or gunicorn's, read from the environment."""
    names = set()
    for file in (SETTINGS, ROOT / "deploy" / "gunicorn.conf.py", SMPP_LINE, WEBMAIL_SSO, CODE_WAYS):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and _reads(call.func) and _is_text(call.args[0]):
                names.add(call.args[0].value)
    return names


def _is_text(argument):
    return isinstance(argument, ast.Constant)


def _reads(function):
    text = ast.unparse(function)
    return re.fullmatch(r"required|required_list|networks|env\.\w+|os\.environ\.get", text)
