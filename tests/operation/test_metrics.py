"""/metrics: who may read it, what it counts, and that it names nobody."""

import json
import re
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests
from django.core.management import call_command
from django.test import SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.credentials import app_passwords
from accounts.models import MailLogin, Upkeep
from otp.models import OFFICE_ZONE, Code, GatewayState, Message
from otp.suppliers.breakers import Breakers
from tests.support import cast
from tests.support.programs import deployment
from tests.support.programs.deployment import ROOT
from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import PATIENCE, wait_for

TOKEN = "geheim-metrics-0f2b8c6d4e1a97350f2b8c6d4e1a9735"
BEARER = {"authorization": f"Bearer {TOKEN}"}
RULES = ROOT / "deploy" / "prometheus"
# What a label may hold: names of ours, never what somebody typed.
LABELS = re.compile(r"[A-Za-z0-9_.:/+ -]*")


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class DoorTests(TestCase):
    def test_without_a_token_there_is_no_such_page(self):
        self.assertEqual(self.client.get("/metrics", headers=BEARER).status_code, 404)

    @override_settings(METRICS_TOKEN=TOKEN)
    def test_only_its_bearer_reads_it(self):
        for given in ("", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Bearer é"):
            with self.subTest(given):
                r = self.client.get("/metrics", headers={"authorization": given})
                self.assertEqual(r.status_code, 401)
                self.assertNotContains(r, "mailportal_", status_code=401)

        self.assertContains(self.client.get("/metrics", headers=BEARER), "mailportal_build_info")

    @override_settings(METRICS_TOKEN=TOKEN)
    def test_it_answers_by_any_name(self):
        r = self.client.get("/metrics", headers=BEARER | {"host": "10.0.0.7:8000"})

        self.assertEqual(r.status_code, 200)


@override_settings(METRICS_TOKEN=TOKEN)
class CountTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def read(self):
        r = self.client.get("/metrics", headers=BEARER)
        return samples(r.content.decode())

    def test_codes_by_what_became_of_them(self):
        self.ask("an")
        self.assertEqual(self.read()["mailportal_codes_last_hour", "recovery", "waiting"], 1)

        self.guess(cast.wrong_code())
        self.guess(cast.newest_code())

        read = self.read()
        self.assertEqual(read["mailportal_codes_last_hour", "recovery", "right"], 1)
        self.assertEqual(read["mailportal_guesses_last_hour", "right"], 1)
        self.assertEqual(read["mailportal_guesses_last_hour", "wrong"], 1)

    def test_log_ins_by_how_they_ended(self):
        self.log_in("an", "Sai-mat-khau-1")
        self.log_in("an")

        read = self.read()
        self.assertEqual(read["mailportal_logins_last_hour", "wrong"], 1)
        self.assertEqual(read["mailportal_logins_last_hour", "right"], 1)

    def test_log_ins_of_mail_programs_where_dovecot_tells_of_them(self):
        today = timezone.localdate(timezone=OFFICE_ZONE)
        for client, count in (("192.0.2.1", 2), ("192.0.2.2", 3)):
            MailLogin.objects.create(
                account=self.an, local_day=today, client=client, protocol="imap", count=count
            )
        self.assertNotIn(("mailportal_mail_logins_today", "imap"), self.read())

        with override_settings(AUTH_POLICY_TOKEN=TOKEN):
            read = self.read()

        self.assertEqual(read["mailportal_mail_logins_today", "imap"], 5)
        self.assertEqual(read["mailportal_mail_logins_today", "smtp"], 0)

    def test_owners_of_app_passwords_where_there_are_any(self):
        for name in ("a", "b"):
            app_passwords.make(self.an, name)
        self.assertNotIn(("mailportal_app_password_owners",), self.read())

        with override_settings(APP_PASSWORDS="on"):
            read = self.read()

        self.assertEqual(read[("mailportal_app_password_owners",)], 1)

    def test_the_queue_and_the_ceilings(self):
        self.ask("an")

        read = self.read()
        self.assertEqual(read["mailportal_queue_messages", "sms"], 1)
        self.assertIn(("mailportal_queue_oldest_seconds",), read)
        used = [key for key in read if key[0] == "mailportal_ceiling_used"]
        self.assertTrue(used)
        for _, ceiling in used:
            self.assertIn(("mailportal_ceiling_most", ceiling), read)

    def test_gateways_and_how_soon_they_take_what_is_queued(self):
        self.ask("an")
        call_command("deliver_messages", "--once")
        for _ in range(5):
            Breakers().failed("twilio", "timeout")

        read = self.read()
        self.assertEqual(read["mailportal_gateway_paused", "twilio"], 1)
        gateway = Message.objects.get(code=Code.objects.get()).gateway
        self.assertIn(("mailportal_gateway_latency_seconds", "0.95", gateway), read)

    def test_what_runs_by_itself(self):
        Upkeep.objects.filter(name="prune").update(runs=7, failed_runs=2, failures=1, reason="x")

        read = self.read()
        self.assertEqual(read["mailportal_job_runs_total", "prune", "well"], 7)
        self.assertEqual(read["mailportal_job_failures", "prune"], 1)
        self.assertEqual(read["mailportal_job_overdue", "prune"], 0)
        self.assertIn(("mailportal_job_age_seconds", "prune"), read)

    @override_settings(AUDIT_SYSLOG="soc.example.gov.vn:6514")
    def test_what_a_place_outside_does_not_have_of_the_trail(self):
        read = self.read()

        self.assertIn(("mailportal_audit_rows_waiting", "syslog"), read)
        self.assertNotIn(("mailportal_audit_rows_waiting", "file"), read)

    def test_times_by_the_name_of_the_page(self):
        before = self.read().get(("mailportal_requests_total", "200", "GET", "accounts:reset"), 0)

        self.client.get("/quen-mat-khau/")

        read = self.read()
        self.assertEqual(
            read["mailportal_requests_total", "200", "GET", "accounts:reset"], before + 1
        )
        self.assertIn(("mailportal_request_seconds_sum", "GET", "accounts:reset"), read)

    def test_it_names_nobody(self):
        self.ask("an")
        self.log_in("binh", "Sai-mat-khau-1")
        self.client.get("/ho-tro/tai-khoan/12345/")
        self.client.get("/khong/co/an@hagiang.gov.vn")
        self.client.generic("AN-0987466981", "/")

        text = self.client.get("/metrics", headers=BEARER).content.decode()

        # The fractions of seconds at the ends of the lines may hold any digits.
        names = re.sub(r"(?m) [0-9.e+-]+$", "", text)
        for secret in ("466981", "hagiang.gov.vn", "12345", "binh", "127.0.0.1"):
            self.assertNotIn(secret, names)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                for value in sample.labels.values():
                    self.assertTrue(LABELS.fullmatch(value), value)

    @pytest.mark.program("promtool")
    def test_prometheus_finds_no_fault_in_them(self):
        self.ask("an")
        call_command("deliver_messages", "--once")
        GatewayState.objects.get_or_create(name="twilio")
        text = self.client.get("/metrics", headers=BEARER).content

        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
        )

        self.assertEqual((checked.returncode, checked.stderr), (0, b""))


class RuleTests(SimpleTestCase):
    @pytest.mark.program("promtool")
    def test_prometheus_takes_the_rules_and_the_settings(self):
        checked = subprocess.run(
            ["promtool", "check", "rules", RULES / "mailportal.rules.yml"],
            capture_output=True,
            check=False,
        )

        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


class NameTests(TestCase):
    @override_settings(METRICS_TOKEN=TOKEN)
    def test_rules_and_dashboard_ask_for_what_there_is(self):
        text = self.client.get("/metrics", headers=BEARER).content.decode()
        there = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        there |= {f"{name}_bucket" for name in there}
        for file in ("mailportal.rules.yml", "grafana.json"):
            asked = (RULES / file).read_text(encoding="utf-8")
            for name in set(re.findall(r"\bmailportal_[a-z_]+", asked)):
                with self.subTest(file, name=name):
                    self.assertIn(name, there)

    def test_the_dashboard_can_be_read(self):
        board = json.loads((RULES / "grafana.json").read_text(encoding="utf-8"))

        self.assertGreater(len(board["panels"]), 10)


class ScrapeTests(TransactionTestCase):
    def test_the_counts_of_all_workers_are_one_and_outlive_them(self):
        server = deployment.Server("--workers", "2", METRICS_TOKEN=TOKEN)
        self.addCleanup(server.end)
        key = ("mailportal_requests_total", "200", "GET", "privacy")

        for _ in range(20):
            server.request("GET", "/quyen-rieng-tu/")
        server.process.send_signal(1)  # SIGHUP: new workers

        def count():
            r = server.request("GET", "/metrics", Authorization=f"Bearer {TOKEN}")
            return samples(r.text).get(key)

        self.assertEqual(wait_for(count, "the count"), 20)

    @pytest.mark.program("prometheus")
    def test_a_prometheus_scrapes_it(self):
        server = deployment.Server(METRICS_TOKEN=TOKEN)
        self.addCleanup(server.end)
        place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (place / "token").write_text(TOKEN)
        given = (RULES / "prometheus.yml").read_text(encoding="utf-8")
        for shipped, here in (
            ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
            ("/etc/prometheus/mailportal-token", str(place / "token")),
            ("mailportal.rules.yml", str(RULES / "mailportal.rules.yml")),
            (": 30s", ": 1s"),
        ):
            self.assertIn(shipped, given)
            given = given.replace(shipped, here)
        (place / "prometheus.yml").write_text(given)
        port = free_port()
        said = self.enterContext(closing(Output()))
        prometheus = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={place / 'prometheus.yml'}",
                f"--storage.tsdb.path={place / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=said,
            stderr=said,
        )
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.terminate)

        def asked(query):
            with suppress(OSError):
                away = requests.get(
                    f"http://127.0.0.1:{port}/api/v1/query", {"query": query}, timeout=PATIENCE
                )
                return [each["value"][1] for each in away.json()["data"]["result"]]

        wait_for(lambda: asked('up{job="mailportal"}') == ["1"], "a scrape", log=said.text)
        self.assertEqual(asked("mailportal_database_up"), ["1"])
