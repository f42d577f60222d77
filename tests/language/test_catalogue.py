"""The catalogue of English: whole, without rests, and of the same places as the sentences."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.test import SimpleTestCase

from tests.language import catalogue
from tests.support.constants import APPS

ROOT = Path(settings.BASE_DIR)
WRITTEN = ROOT / "locale/en/LC_MESSAGES/django.po"
PLACES = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}")
TAGS = re.compile(r"<(/?\w+)(?: (?:class|href)=\"[^\"]*\")*>")
VIETNAMESE = re.compile("[À-ỹĐđ]")
# Sentences that are no page's: what leaves the portal, what programs are told, and files.
SAID_ELSEWHERE = (
    "accounts/api/answers.py",  # to programs
    "accounts/api/changes.py",
    "accounts/api/description.py",
    "accounts/api/loading.py",
    "accounts/api/views.py",
    "accounts/credentials/notices.py",  # the subjects of mails
    "accounts/demo.py",
    "accounts/loading/columns.py",  # the headings of files of accounts
    "accounts/spreadsheets/writing.py",  # the headings of files with faults
    "mailportal/autoconfig/apple.py",  # to mail programs
    "mailportal/autoconfig/mozilla.py",
    "mailportal/settings.py",  # the name of the language
    "otp/suppliers/voice.py",  # on the telephone
)
# What is no sentence: names of browsers, letters, and rights, whose names the database keeps.
NO_SENTENCES = (
    "accounts/access/browsers.py",
    "accounts/folding.py",
    "accounts/hotline/search.py",
    "accounts/leaving/forms.py",
    "accounts/models/account.py",
    "accounts/spreadsheets/eight_bits.py",
    "mailportal/profile.py",
    "otp/phones.py",
)
GETTEXT = {
    *("_", "gettext", "gettext_lazy", "gettext_noop", "pgettext_lazy", "ngettext"),
}
AT_ONCE = {"gettext", "ngettext", "pgettext"}
TRANSLATED = re.compile(
    r"{% (?:translate|trans) .*?%}|{% blocktranslate.*?{% endblocktranslate %}|{#.*?#}"
    r"|{% comment %}.*?{% endcomment %}",
    re.DOTALL,
)


class WrittenTests(SimpleTestCase):
    def setUp(self):
        self.entries = catalogue.read(WRITTEN)

    def test_every_sentence_is_translated_for_certain_and_needed(self):
        for entry in self.entries:
            with self.subTest(entry.key):
                self.assertTrue(all(entry.forms), "untranslated")
                self.assertNotIn("fuzzy", entry.flags)
                self.assertFalse(entry.is_obsolete)

    def test_a_plural_has_two_forms(self):
        for entry in self.entries:
            with self.subTest(entry.key):
                self.assertEqual(len(entry.forms), 2 if entry.key[2] else 1)

    def test_the_places_and_the_marks_of_a_sentence_are_those_of_the_translation(self):
        for entry in self.entries:
            _context, one, many = entry.key
            # A form for one may leave the number out.
            for source, form in zip((one, many), entry.forms, strict=False):
                places, marks = set(PLACES.findall(form)), Counter(TAGS.findall(form))
                with self.subTest(source):
                    if not many:
                        self.assertEqual(places, set(PLACES.findall(source)))
                    self.assertLessEqual(places, set(PLACES.findall(many or one)))
                    self.assertLessEqual(marks, Counter(TAGS.findall(many or one)))

    def test_no_translation_is_vietnamese(self):
        meant = ("cá nhân", "tổ chức", "Sở Y tế/Văn phòng", "Sở A/Phòng B", "“Lỗi”")
        meant += ("“Chuỗi băm mật khẩu”",)
        for entry in self.entries:
            for form in entry.forms:
                for words in meant:
                    form = form.replace(words, "")
                with self.subTest(entry.key):
                    self.assertNotRegex(form, VIETNAMESE)

    def test_no_sentence_has_a_sign_that_is_read_otherwise_by_gettext(self):
        for entry in self.entries:
            self.assertNotRegex(entry.parts["msgid"], r"\\u|\\x")


@pytest.mark.program("msgfmt")
class CompiledTests(SimpleTestCase):
    def test_it_holds_all_sentences_and_no_other(self):
        """Collect the sentences anew, beside the project, as `makemessages` does."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("accounts", "otp", "mailportal", "templates", "static", "manage.py"):
                here = ROOT / name
                copy = shutil.copytree if here.is_dir() else shutil.copy
                copy(here, Path(folder) / name)
            (Path(folder) / "locale").mkdir()
            made = Path(folder) / "locale/en/LC_MESSAGES/django.po"
            subprocess.run(
                [
                    sys.executable,
                    "manage.py",
                    "makemessages",
                    "--locale=en",
                    "--ignore=templates/mail/*",
                ],
                cwd=folder,
                env={**os.environ, "PORTAL_DEMO": "1"},
                check=True,
                capture_output=True,
            )
            found = {entry.key for entry in catalogue.read(made)}

        self.assertEqual({entry.key for entry in catalogue.read(WRITTEN)} ^ found, set())

    def test_it_is_compiled_as_it_is_written(self):
        with tempfile.NamedTemporaryFile() as made:
            subprocess.run(["msgfmt", "--check-format", "-o", made.name, WRITTEN], check=True)

            self.assertEqual(Path(made.name).read_bytes(), WRITTEN.with_suffix(".mo").read_bytes())


class SourceTests(SimpleTestCase):
    def test_no_sentence_of_a_template_is_outside_gettext(self):
        for file in (ROOT / "templates").rglob("*.html"):
            with self.subTest(file.name):
                rest = TRANSLATED.sub("", file.read_text(encoding="utf-8"))
                rest = rest.replace('hreflang="vi">Tiếng Việt<', "")
                self.assertNotRegex(rest, VIETNAMESE)

    def test_no_sentence_of_the_code_is_outside_gettext(self):
        for file, tree in _modules():
            if file in SAID_ELSEWHERE or file in NO_SENTENCES:
                continue
            with self.subTest(file):
                self.assertEqual(list(_outside_gettext(tree)), [])

    def test_no_sentence_is_translated_while_a_module_is_loaded(self):
        """What is translated then stays in the language of that moment."""
        for file, tree in _modules():
            names = AT_ONCE | ({"_"} if _is_at_once(tree) else set())
            with self.subTest(file):
                self.assertEqual(list(_called_on_import(tree, names)), [])


def _modules():
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            file = path.relative_to(ROOT).as_posix()
            if "/migrations/" not in file and "/management/" not in file:
                yield file, ast.parse(path.read_text(encoding="utf-8"))


def _outside_gettext(tree):
    inside = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in GETTEXT:
            inside.update(ast.walk(node))
        if isinstance(node, ast.FunctionDef) and node.name == "handbook":  # docs/can-bo.md
            inside.update(ast.walk(node))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in inside and VIETNAMESE.search(node.value):
            yield node.value


def _name(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _is_at_once(tree):
    names = (
        alias
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
    )
    return any(alias.name == "gettext" and alias.asname == "_" for alias in names)


def _called_on_import(node, names):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*child.decorator_list, *child.args.defaults, *child.args.kw_defaults):
                if part is not None:
                    yield from _called_on_import(ast.Expression(part), names)
        elif not isinstance(child, ast.Lambda):
            if isinstance(child, ast.Call) and _name(child) in names:
                yield ast.unparse(child)
            yield from _called_on_import(child, names)
