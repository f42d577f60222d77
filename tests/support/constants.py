"""Constants of the rules, changed for one test as an edit of the source would change them."""

import re
from importlib import import_module
from unittest import mock

from django.conf import settings

from accounts.pages import fixed

APPS = ("accounts", "mailportal", "otp")


def change(test, home, name, value):
    """Give the constant `name` of the module `home` another value, in every module that reads it.

    What was worked out from it on import, such as a constraint, stays as it was.
    """
    fixed.forget()
    test.addCleanup(fixed.forget)
    old = getattr(import_module(home), name)
    for module in list(_modules_with(name)):
        if getattr(module, name, None) is old:
            test.enterContext(mock.patch.object(module, name, value))


def _modules_with(word):
    for app in APPS:
        for file in (settings.BASE_DIR / app).rglob("*.py"):
            path = file.relative_to(settings.BASE_DIR)
            named = re.search(rf"\b{word}\b", file.read_text(encoding="utf-8"))
            if named and "migrations" not in path.parts:
                yield import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
