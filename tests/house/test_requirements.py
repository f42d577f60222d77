"""The table of requirements: complete, each row with a test that there is, each id used in it."""

import ast
import functools
import re

from django.conf import settings
from django.test import SimpleTestCase

ROOT = settings.BASE_DIR
TABLE = ROOT / "tests" / "requirements.md"

# How many each family has: they are numbered in a row, from 01.
FAMILIES = {
    "GO": 11,
    "EN": 10,
    "OT": 17,
    "QU": 14,
    "PW": 13,
    "SE": 13,
    "PR": 7,
    "PH": 8,
    "AD": 17,
    "HD": 9,
    "LG": 10,
    "IN": 7,
    "DS": 8,
    "DOC": 1,
    "UX": 57,
}
ID = re.compile(rf"\b(?:{'|'.join(FAMILIES)})-\d\d\b")
NOTES = ("*Deviation:* ", "*Not yet:* ")

FOLDERS = (
    *("accounts", "otp", "mailportal", "templates", "static", "deploy", "docs", "tests"),
    "locale",
)
FILES = ("README.md", "CONTRIBUTING.md", "Makefile", "Dockerfile", "compose.yaml", "pyproject.toml")
TEXTS = {".py", ".html", ".txt", ".css", ".js", ".toml", ".md", ".conf", ".service", ".cf", ".ext"}


def rows():
    """Give the id, the sentence and the last cell of each row."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| id "):
            yield [cell.strip() for cell in line.strip("|").split(" | ", 2)]


def named_in(cell):
    return re.findall(r"`(tests/[^`]+)`", cell)


def texts():
    """Give every file in which an id may be used, with its text."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*"))]
    for file in [*files, *(ROOT / name for name in FILES)]:
        if file != TABLE and file.is_file() and file.suffix in {*TEXTS, "", ".yaml"}:
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


@functools.cache
def classes(name):
    """Give the classes of a file: their own tests, and the names of what they are made from."""
    found = {}
    for node in ast.parse((ROOT / name).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
            found[node.name] = (methods, [ast.unparse(base) for base in node.bases])
    return found


def is_there(test):
    """Say whether a file, its class and the test are there; a test may be inherited in the file."""
    name, _, inner = test.partition("::")
    if not (ROOT / name).is_file() or inner.count("::") != 1:
        return False
    wanted, method = inner.split("::")
    known = classes(name)
    open_ends = [wanted]
    while open_ends:
        methods, bases = known.get(open_ends.pop(), (set(), []))
        if method in methods:
            return method.startswith("test_")
        open_ends += bases
    return False


class RequirementTests(SimpleTestCase):
    def test_every_requirement_has_one_row(self):
        ids = [name for name, _, _ in rows()]

        expected = [
            f"{name}-{n:02}" for name, count in FAMILIES.items() for n in range(1, count + 1)
        ]
        self.assertEqual(ids, expected)

    def test_every_id_that_is_used_has_a_row(self):
        known = {name for name, _, _ in rows()}
        used = 0
        for file, text in texts():
            for found in ID.findall(text):
                used += 1
                with self.subTest(file, id=found):
                    self.assertIn(found, known)
        self.assertGreater(used, 100)

    def test_every_row_says_something_and_names_a_test_or_why_there_is_none(self):
        for name, sentence, cell in rows():
            with self.subTest(name):
                self.assertGreater(len(sentence.split()), 3)
                self.assertTrue(named_in(cell) or any(note in cell for note in NOTES))
                for note in NOTES:
                    self.assertNotEqual(cell.partition(note)[1:], (note, ""))

    def test_every_test_that_is_named_is_there(self):
        for name, _, cell in rows():
            for test in named_in(cell):
                with self.subTest(name, test=test):
                    self.assertTrue(is_there(test))

    def test_what_is_recorded_elsewhere_stands_there(self):
        for name, _, cell in rows():
            for link in re.findall(r"\]\(([^)#]+)", cell):
                with self.subTest(name, link=link):
                    recorded = (TABLE.parent / link).read_text(encoding="utf-8")
                    self.assertIn(name, ID.findall(recorded))
