"""What every test may count on."""

import os
import shutil

import pytest
from django.core.management import call_command

# Programs that cannot come from Python packages, and how to get them.
PROGRAMS = {
    "chromium": "apt-get install chromium",
    "doveadm": "apt-get install dovecot-core",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "program(name): needs a program that is not from Python")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("program"):
        (name,) = mark.args
        if shutil.which(name):
            continue
        missing = f"{name} is not installed: {PROGRAMS[name]}"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture(scope="session", autouse=True)
def collected_static_files() -> None:
    """Serve what a deployment serves: pages name static files by their hashes."""
    call_command("collectstatic", verbosity=0, interactive=False)
