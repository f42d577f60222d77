"""What README.md, CONTRIBUTING.md and docs/ say of the code: it is there, and it is so."""

import datetime as dt
import re
import tomllib

from django.conf import settings
from django.test import SimpleTestCase
from django.urls import get_resolver
from django.utils.module_loading import import_string

from otp.counting.limits import Limit
from tests.site.test_house_rules import patterns

ROOT = settings.BASE_DIR
LIMITS = ROOT / "docs" / "limits.md"

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
