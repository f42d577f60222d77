"""The table of limits: each place that it names is there, and holds the numbers that it tells."""

import datetime as dt
import importlib
import inspect
import re

from django.conf import settings
from django.test import SimpleTestCase

from otp.counting.limits import Limit

ROOT = settings.BASE_DIR
HEADING = "## Limits"


def rows():
    """Give the limit, the value and the places of each row, wherever the table stands."""
    for file in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        _, found, rest = file.read_text(encoding="utf-8").partition(f"{HEADING}\n")
        if found:
            for line in rest.split("\n## ")[0].splitlines():
                if line.startswith("|") and not line.startswith(("| limit |", "|--")):
                    limit, value, places, *_ = (cell.strip() for cell in line.strip("|").split("|"))
                    yield limit, value, re.findall(r"`([^`]+)`", places)


def resolve(place, module):
    """Give what a place names: a setting, or something of a module or of the row's first one."""
    if place.isupper() and hasattr(settings, place):
        return getattr(settings, place)
    path = place.split(".") if "." in place else [*module, place]
    for length in range(len(path), 0, -1):
        try:
            found = importlib.import_module(".".join(path[:length]))
        except ModuleNotFoundError:
            continue
        for name in path[length:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(place)


def numbers(value):
    """Give the numbers by which a value may be told."""
    if isinstance(value, Limit):
        return [*numbers(value.count), *numbers(value.period)[:1]]
    if isinstance(value, dt.timedelta):
        seconds = int(value.total_seconds())
        return [seconds, *(seconds // unit for unit in (60, 3600, 86_400) if seconds % unit == 0)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = int(value)
        return [
            whole,
            *(whole // unit for unit in (60, 3600, 1024, 2**20, 2**30) if whole % unit == 0),
        ]
    return []


def posts(view):
    """Give how many POSTs of one caller a view takes, and in how many minutes."""
    limited = re.search(r"@limit_posts\(.*?, (\d+), minutes=(\d+)\)", inspect.getsource(view))
    return {int(number) for number in limited.groups()}


class LimitTests(SimpleTestCase):
    def test_there_are_many(self):
        self.assertGreater(len(list(rows())), 40)

    def test_each_place_is_there_and_holds_the_number_that_is_told(self):
        for limit, value, places in rows():
            told = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", value)}
            module = []
            for place in places:
                with self.subTest(limit, place=place):
                    if "/" in place:
                        self.assert_path(place)
                        continue
                    found = resolve(place, module)
                    module = place.split(".")[:-1] or module
                    if numbers(found):
                        self.assertTrue(told & set(numbers(found)), (told, found))
                    elif callable(found) and limit.startswith("POSTs"):
                        self.assertEqual(told, posts(found))

    def assert_path(self, place):
        if not place.startswith("/"):
            self.assertTrue((ROOT / place).exists())
