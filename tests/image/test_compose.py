"""What compose.yaml, the Dockerfile and the proxy's start agree upon; no engine is needed."""

import re

import yaml
from django.core.management import get_commands
from django.test import SimpleTestCase

from accounts.upkeep.pipes import MISSING
from tests.support.programs import deployment
from tests.support.programs.deployment import ROOT

COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
WHOLE = yaml.safe_load(COMPOSE)
SERVICES = WHOLE["services"]
# What a start of root, which gives its rights away, needs at the most.
MAY_HAVE = {
    "database": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"},
    "proxy": {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"},
}
OF_THE_PORTAL = {name for name, each in SERVICES.items() if each["image"] == "mailportal"}
# Put into .env, or with a value that serves most.
IN_DOT_ENV = {
    *("DATABASE_PASSWORD", "DATABASE_APP_PASSWORD", "PORTAL_NAME", "MAIL_DOMAIN"),
    *("PORTAL_NET", "CERTIFICATES", "ACME", "BACKUP_VOLUME", "PYTHON_IMAGE", "POSTGRES_IMAGE"),
}


def instructions():
    """Give each instruction of the Dockerfile on one line, without comments."""
    lines = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE).replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def backup_programs():
    """Name the programs of PostgreSQL that the portal calls."""
    return {name for name in MISSING if name.startswith(("pg_", "ps"))}


class ComposeTests(SimpleTestCase):
    def test_every_part_of_the_portal_is_there(self):
        self.assertEqual(
            set(SERVICES),
            {"database", "migrate", "manage", "web", "web-2", "sender", "worker", "proxy"},
        )

    def test_every_service_is_shut_in(self):
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertLessEqual(set(service.get("cap_add", ())), MAY_HAVE.get(name, set()))
                self.assertNotIn("privileged", service)
                self.assertTrue(
                    all(":/var/run/docker" not in v for v in service.get("volumes", ()))
                )

    def test_only_the_proxy_can_be_reached_from_outside(self):
        published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}

        self.assertEqual(published, {"proxy": ["80:80", "443:443"]})

    def test_only_migrate_and_commands_know_the_owner(self):
        knowing = {
            name
            for name, each in SERVICES.items()
            if "DATABASE_OWNER_URL" in each.get("environment", {})
        }

        self.assertEqual(knowing, {"migrate", "manage"})
        for name in OF_THE_PORTAL:
            self.assertIn("mailportal_app:", SERVICES[name]["environment"]["DATABASE_URL"])

    def test_pages_begin_after_the_migrations_and_each_kind_runs(self):
        for name in ("web", "web-2", "sender", "worker"):
            with self.subTest(name):
                after = SERVICES[name]["depends_on"]["migrate"]["condition"]
                self.assertEqual(after, "service_completed_successfully")
                self.assertEqual(SERVICES[name]["restart"], "unless-stopped")
        for name in ("migrate", "sender", "worker"):
            self.assertIn(SERVICES[name]["command"][2], get_commands())

    def test_a_container_is_given_the_time_that_its_requests_may_take(self):
        text = (ROOT / "deploy" / "gunicorn.conf.py").read_text(encoding="utf-8")
        longest = int(re.search(r"graceful_timeout = (\d+)", text)[1])
        for name in OF_THE_PORTAL:
            with self.subTest(name):
                given = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
                self.assertGreater(given, longest)

    def test_the_proxy_finds_both_web_containers_at_fixed_addresses(self):
        hosts = {
            f"{name}:{SERVICES[name]['networks']['inside']['ipv4_address']}"
            for name in ("web", "web-2")
        }

        self.assertEqual(set(SERVICES["proxy"]["extra_hosts"]), hosts)
        self.assertEqual(len({each.rpartition(":")[2] for each in hosts}), 2)
        start = (ROOT / "deploy" / "proxy").read_text(encoding="utf-8")
        (port,) = {SERVICES[name]["environment"]["PORT"] for name in ("web", "web-2")}
        self.assertIn(f"${{WEB:-web:{port} web-2:{port}}}", start)

    def test_every_variable_is_known(self):
        read = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
        self.assertEqual(read, IN_DOT_ENV)
        guide = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
        for name in read:
            with self.subTest(name):
                self.assertTrue(name in guide)
        example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
        for name in OF_THE_PORTAL:
            for variable in SERVICES[name]["environment"]:
                self.assertRegex(example, rf"(?m)^#?{variable}=")

    def test_what_the_proxy_is_told_it_reads(self):
        start = (ROOT / "deploy" / "proxy").read_text(encoding="utf-8")
        for variable in SERVICES["proxy"]["environment"]:
            with self.subTest(variable):
                self.assertIn(f"${{{variable}:", start)

    def test_the_proxy_knows_the_offices_that_the_portal_knows_and_no_secret(self):
        networks = {"path": "deploy/networks", "required": False}
        self.assertEqual(SERVICES["proxy"]["env_file"], [networks])
        for name in OF_THE_PORTAL:
            self.assertEqual(SERVICES[name]["env_file"], ["deploy/env", networks])

    def test_volumes_and_networks_are_declared(self):
        for name, service in SERVICES.items():
            with self.subTest(name):
                self.assertLessEqual(set(service["networks"]), set(WHOLE["networks"]))
                for volume in service.get("volumes", ()):
                    source = re.sub(r"^\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")[0]
                    self.assertTrue(source.startswith("/") or source in WHOLE["volumes"], source)

    def test_backups_are_written_where_the_worker_may_write(self):
        self.assertIn("/var/backups/mailportal", DOCKERFILE)
        for name in ("worker", "manage"):
            places = [volume.rpartition(":")[2] for volume in SERVICES[name]["volumes"]]
            self.assertEqual(places, ["/var/backups/mailportal"])


class DockerfileTests(SimpleTestCase):
    def test_every_image_can_be_pinned_at_one_place(self):
        lines = instructions()
        bases = {line.split()[1] for line in lines if line.startswith("FROM ")}

        self.assertEqual(bases, {"${PYTHON_IMAGE}"})
        default = next(line for line in lines if line.startswith("ARG PYTHON_IMAGE="))
        name = default.partition("=")[2]
        self.assertIn(f"${{PYTHON_IMAGE:-{name}}}", COMPOSE)
        self.assertRegex(name, r":\d")  # a tag, and not the latest

    def test_both_targets_are_there_and_the_portal_is_the_last(self):
        stages = [line.split()[-1] for line in instructions() if line.startswith("FROM ")]

        self.assertEqual(stages, ["packages", "postgresql", "proxy", "portal"])
        targets = {each["build"]["target"] for each in SERVICES.values() if "build" in each}
        self.assertEqual(targets, {"proxy", "portal"})

    def test_the_portal_runs_as_nobody_of_the_host(self):
        lines = instructions()
        made = next(line for line in lines if "useradd" in line)

        (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
        self.assertIn(f"--uid {user} ", made)
        words = [line.split()[0] for line in lines[lines.index(f"USER {user}") :]]
        self.assertLessEqual(set(words), {"USER", "EXPOSE", "HEALTHCHECK", "ENV", "CMD"})

    def test_what_it_copies_is_there_and_let_through(self):
        let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        copied = [
            part
            for line in instructions()
            if line.startswith("COPY ") and "--from=" not in line
            for part in line.split()[1:-1]
            if not part.startswith("--") and part != "."
        ]
        self.assertGreater(len(copied), 4)
        for part in copied:
            with self.subTest(part):
                self.assertTrue((ROOT / part).is_file())
                self.assertIn(f"!{part}", let_through)

    def test_nothing_of_a_deployment_gets_in(self):
        let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

        self.assertEqual(let_through[1], "*")
        self.assertNotIn("!deploy/", let_through)
        self.assertNotIn("!deploy/env", let_through)
        self.assertNotIn("!.env", let_through)

    def test_the_tools_of_a_backup_are_in_it_and_no_older_than_the_database(self):
        lines = instructions()
        (copied,) = [each for each in lines if " cp pg_dump " in each]
        self.assertLessEqual(backup_programs(), set(copied.split()))
        self.assertIn("COPY --from=postgresql /opt/postgresql /usr/local/bin/", lines)
        (line,) = [each for each in lines if "apt-get" in each and " openssl " in each]
        self.assertIn(" age ", line)
        newest = {"bookworm": 15, "trixie": 17}
        base = next(each for each in newest if each in DOCKERFILE.partition("\nFROM")[0])
        database = re.search(r"postgres:(\d+)", COMPOSE)[1]
        self.assertGreaterEqual(newest[base], int(database))

    def test_the_portal_asks_for_nothing_that_is_left_out(self):
        said = deployment.run_anew(
            "-c",
            "import sys\n"
            "class LeftOut:\n"
            "  def find_spec(self, name, path=None, target=None):\n"
            "    parts = name.split('.')\n"
            "    numbers = ('geodata', 'carrierdata', 'tzdata')\n"
            "    if parts[0] == 'phonenumbers' and set(parts) & set(numbers) or (\n"
            "      parts[:2] == ['twilio', 'rest'] and parts[2:3] not in ([], ['api'])):\n"
            "      raise SystemExit(f'{name} is asked for')\n"
            "sys.meta_path.insert(0, LeftOut())\n"
            "import mailportal.wsgi\n"
            "from otp import phones\n"
            "from otp.suppliers.twilio import TwilioGateway\n"
            "print(phones.normalise('0912 466 981'), TwilioGateway()._client.messages)\n",
        )

        self.assertEqual(said.stdout.split()[0], "+84912466981", said.stdout)

    def test_every_name_in_capitals_is_set_before_it_is_used(self):
        known = {"PATH"}
        for line in instructions():
            word, _, rest = line.partition(" ")
            if word == "RUN":
                rest = rest.replace("$(", "(")
            used = set(re.findall(r"\$\{?([A-Z_]+)", rest)) - {"PATH"}
            self.assertLessEqual(used, known, line)
            if word in ("ARG", "ENV"):
                known |= {part.partition("=")[0] for part in rest.split()}
        self.assertLessEqual({"PYTHON_IMAGE", "LDAP"}, known)
