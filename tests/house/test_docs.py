"""What README.md, CONTRIBUTING.md and docs/ say of the code: it is there, and it is so."""

import datetime as dt
import re
import tomllib

from django.conf import settings
from django.core.management import get_commands
from django.test import SimpleTestCase
from django.urls import get_resolver
from django.utils.module_loading import import_string

from otp.counting.limits import Limit
from tests.house.test_house_rules import patterns

ROOT = settings.BASE_DIR
LIMITS = ROOT / "docs" / "limits.md"
MAP = ROOT / "CONTRIBUTING.md"
PAGES = (ROOT / "README.md", MAP, *sorted((ROOT / "docs").rglob("*.md")))

TOPS = ("accounts", "otp", "mailportal", "templates", "static", "tests", "docs", "deploy")
SOURCES = ("accounts", "otp", "mailportal", "tests", "deploy", "Makefile", "compose.yaml", ".ci")

# The houses themselves, of which the map need not name each room: tests/ and templates/ have
# those of the apps.
LARGE = ("templates/", "static/", "tests/", "docs/", "deploy/")
MADE = ("deploy/env", "deploy/networks")  # by the operator
INSTALLED = {file.stem for file in (ROOT / "deploy" / "systemd").iterdir()}
CAPITALS = re.compile(r"(?<![A-Za-z0-9])_?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")

TIMES = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}  # in seconds
SIZES = {"byte": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}  # in bytes
UNITS = {unit: ("time", size) for unit, size in TIMES.items()} | {
    unit: ("size", size) for unit, size in SIZES.items()
}
_UNIT = "|".join(UNITS)
# Not the digits of names, such as SHA512.
QUANTITY = re.compile(rf"(?<![\w.-])(\d[\d,]*)(?: ({_UNIT})s?\b)?")
PLACE = re.compile(rf"`([^`]+)`(?: \(({_UNIT})s?\))?")


def quantity(number, unit=""):
    """Give a number with its unit, so that 5 minutes and 300 seconds are the same."""
    kind, size = UNITS.get(unit, ("", 1))
    return kind, number * size


def said(cell):
    """Give every quantity that a cell of the table names."""
    return {quantity(int(n.replace(",", "")), unit) for n, unit in QUANTITY.findall(cell)}


def in_force(place, unit):
    """Give the quantities that are set at a place of the code or of deploy/."""
    if "/" in place:
        return {quantity(number_in(*place.split(":", 1)), unit)}
    return quantities(getattr(settings, place) if place.isupper() else thing(place), unit)


def thing(dotted):
    """Import a name: of a module, or of a class in it."""
    try:
        return import_string(dotted)
    except ImportError:
        parent, _, name = dotted.rpartition(".")
        return getattr(import_string(parent), name)


def number_in(file, name):
    """Give the first number after a name in a file that is not Python's, or not ours to import."""
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    return int(re.search(rf"(?<!\w){re.escape(name)}\W+(\d+)", text)[1])


def quantities(value, unit):
    match value:
        case dt.timedelta():
            return {quantity(int(value.total_seconds()), "second")}
        case Limit():
            return quantities(value.count, unit) | quantities(value.period, unit)
        case tuple():
            return {each for part in value for each in quantities(part, unit)}
        case int() | float():
            return {quantity(value, unit)}
    if hasattr(value, "field"):  # of a model: what a new portal begins with
        return quantities(value.field.default, unit)
    return quantities(value.posts, unit) if hasattr(value, "posts") else set()


def limits():
    """Give every limit of the tables, its value, and the places with their units."""
    for line in LIMITS.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| limit |"):
            name, value, places = (cell.strip() for cell in line.strip("|").split("|")[:3])
            yield name, value, PLACE.findall(places)


class LimitTests(SimpleTestCase):
    def test_each_says_what_is_in_force(self):
        self.assertGreater(len(list(limits())), 50)
        for name, value, places in limits():
            with self.subTest(name):
                self.assertTrue(places)
                found = set().union(*(in_force(place, unit) for place, unit in places))
                self.assertEqual(said(value), found)

    def test_every_page_that_limits_posts_is_in_the_table(self):
        views = {view for _, _, view in patterns(get_resolver()) if hasattr(view, "posts")}
        places = {place for _, _, places in limits() for place, _ in places}

        self.assertGreater(len(views), 10)
        self.assertLessEqual({f"{view.__module__}.{view.__name__}" for view in views}, places)


class DependencyTests(SimpleTestCase):
    def test_a_line_says_why_each_is_there(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        parts = (project["dependencies"], *project["optional-dependencies"].values())
        needed = {re.match(r"[\w-]+", each)[0].lower() for part in parts for each in part}
        table = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| ([\w][^|*]*) \| \S", table, re.MULTILINE)

        explained = {name.lower() for row in rows for name in row.split(", ")} - {"package"}

        self.assertEqual(needed, explained)


class LinkTests(SimpleTestCase):
    def test_every_link_leads_somewhere(self):
        links = 0
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
                if target.startswith("http"):
                    continue
                links += 1
                file = (page.parent / target).resolve() if target else page
                with self.subTest(page.name, target=target, anchor=anchor):
                    self.assertTrue(file.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(file))

        self.assertGreater(links, 40)

    def test_every_page_is_reached_from_the_readme_in_two_steps(self):
        found = {ROOT / "README.md"}
        for _ in range(2):
            found |= {link for page in found for link in pages_linked_from(page)}

        self.assertEqual(found, set(PAGES))


class NameTests(SimpleTestCase):
    """What stands between backquotes, or in a block to copy, is there under this name."""

    def test_every_path_is_there(self):
        for page in PAGES:
            for path in re.findall(
                rf"(?<![\w/.])(?:{'|'.join(TOPS)})/[\w./*-]*\w[\w*/]*", code_of(page)
            ):
                with self.subTest(page.name, path=path):
                    self.assertTrue(list(ROOT.glob(path.rstrip("/"))) or path in MADE)

    def test_what_a_file_is_said_to_hold_is_in_it(self):
        pairs = 0
        for page in PAGES:
            text = " ".join(page.read_text(encoding="utf-8").split())
            there = re.findall(r"`([\w.]+)(?:\(\))?` (?:in|of) `([\w/]+\.\w+)`", text)
            there += [(name, path) for path, name in re.findall(r"`([\w/]+\.\w+)`: `(\w+)`", text)]
            pairs += len(there)
            for name, path in there:
                with self.subTest(page.name, name=name, path=path):
                    self.assertRegex((ROOT / path).read_text("utf-8"), rf"\b{re.escape(name)}\b")

        self.assertGreater(pairs, 15)

    def test_every_name_in_capitals_is_known(self):
        known = set()
        for source in SOURCES:
            for file in (ROOT / source).rglob("*") if (ROOT / source).is_dir() else [ROOT / source]:
                if file.is_file() and file.suffix in ("", ".py", ".example", ".yaml"):
                    known |= set(CAPITALS.findall(file.read_text(encoding="utf-8")))
        for page in PAGES:
            for name in CAPITALS.findall(code_of(page)):
                with self.subTest(page.name, name=name):
                    self.assertIn(name, known)

    def test_every_command_is_there(self):
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            named = re.findall(r"(?:manage\.py|bin/mailportal|^ +mailportal) ([a-z_]+)", text, re.M)
            called = re.findall(r"^ +(mailportal(?:-\w+)?) ", text, re.M)
            with self.subTest(page.name):
                self.assertLessEqual(set(named), set(get_commands()))
                self.assertLessEqual(set(called), INSTALLED)


class MapTests(SimpleTestCase):
    def test_it_names_every_room_and_no_other(self):
        _, _, text = MAP.read_text(encoding="utf-8").partition("\n## The map\n")
        text, _, _ = text.partition("\n## ")
        named = re.findall(r"^\| `([^`]+)` \| \S", text, re.MULTILINE)

        self.assertEqual(len(named), len(set(named)))
        self.assertEqual(set(named) - set(LARGE), rooms())


def rooms():
    """Name the directories of each house, and the modules beside them."""
    found = set()
    for top in TOPS:
        for path in (ROOT / top).iterdir():
            if path.is_dir() and path.name != "__pycache__" and any(path.rglob("*.*")):
                found.add(f"{top}/{path.name}/")
            elif top in ("accounts", "otp", "mailportal") and path.name != "__init__.py":
                found |= {f"{top}/{path.name}"} if path.suffix == ".py" else set()
    own = {path.split("/")[1] for path in found if path.startswith(("accounts/", "otp/"))}
    return {
        path
        for path in found
        if not (path.startswith(("templates/", "tests/")) and path.split("/")[1] in own)
    }


def code_of(page):
    """Give what stands between backquotes, and the blocks to copy."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(a or b for a, b in re.findall(r"`([^`]+)`|^( {4}.*)$", text, re.MULTILINE))


def anchors(file):
    """Give the anchors of a page's headings, as they are shown on the web."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages_linked_from(page):
    for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
        yield (page.parent / target).resolve()


class UpgradeTests(SimpleTestCase):
    # Every variable that release 1.0 had.
    KNOWN = frozenset(
        """
        PORTAL_PROFILE SECRET_KEY OTP_PEPPER DATABASE_URL PORT PUBLIC_BASE_URL ALLOWED_HOSTS
        TRUSTED_PROXY_COUNT TRUSTED_PROXY_HEADER OFFICE_NETWORKS STAFF_NETWORKS SMS_GATEWAY
        SMS_ORIGIN_LINE SMS_FILE TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_FROM
        TWILIO_MESSAGING_SERVICE_SID TWILIO_API_BASE ESMS_API_KEY ESMS_SECRET_KEY ESMS_BRANDNAME
        ESMS_SANDBOX ESMS_API_BASE EMAIL_URL DOVEADM_URL DOVEADM_API_KEY DOVEADM_CA_FILE
        ALERT_EMAILS DIRECTORY DIRECTORY_KIND DIRECTORY_BASE DIRECTORY_BIND_DN
        DIRECTORY_BIND_PASSWORD DIRECTORY_NOBODY_DN DIRECTORY_CA_FILE DIRECTORY_FILTER
        DIRECTORY_PHONE_ATTRIBUTE PHONE_MASK_DIGITS PHONE_CONFIRMATION AUDIT_RETENTION_DAYS
        LOG_LEVEL WEB_CONCURRENCY RATELIMIT_ENABLE PORTAL_DEMO
        """.split()  # noqa: SIM905 - read as text
    )

    def test_every_variable_that_is_new_is_in_the_notes(self):
        example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
        now = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
        notes = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")

        for name in now - self.KNOWN:
            with self.subTest(name):
                self.assertIn(f"`{name}`", notes)

    def test_the_release_has_its_notes(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        notes = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")

        self.assertRegex(notes, rf"(?m)^## {re.escape(project['version'])}\b")
