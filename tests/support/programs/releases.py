"""The code of the release before this one, and of this one, each in a place of its own."""

import shutil
import subprocess

from django.conf import settings

ROOT = settings.BASE_DIR
# The last commit of the release before the one in pyproject.toml, whose code has to work on the
# tables of this one. It changes with the version.
PREVIOUS = ("1.0", "0fc034a6f4db1d891817b52cd2f342cd2b8c89a5")

_NOT_CODE = shutil.ignore_patterns(
    "var", ".git", ".venv", "__pycache__", ".*_cache", "tests", ".hypothesis", "docs"
)


def history_has(commit):
    """Say whether the repository, if this is one, has a commit; a shallow clone may not."""
    asked = ["git", "-C", ROOT, "cat-file", "-e", f"{commit}^{{commit}}"]
    try:
        return subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def lay_previous(place):
    """Put the code of the release before at a place that is empty."""
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", PREVIOUS[1]], stdout=subprocess.PIPE, check=True
    )
    # By the program: not every Python 3.11 has filters for archives, and newer ones ask for one.
    place.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)


def lay_present(place):
    """Put today's code at a place, instead of what else lies there; `var` stays."""
    for old in place.iterdir() if place.exists() else ():
        if old.name != "var":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(ROOT, place, ignore=_NOT_CODE, dirs_exist_ok=True)
