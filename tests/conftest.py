"""What every test may count on."""

import os
import shutil
from importlib.util import find_spec

import pytest
from django.core.management import call_command

# Programs that cannot come from Python packages, and how to get them.
PROGRAMS = {
    "chromium": "apt-get install chromium",
    "doveadm": "apt-get install dovecot-core",
    "slapd": "apt-get install slapd ldap-utils",
}
# Python packages that are not for everybody, and how to get them.
PACKAGES = {
    "ldap": "apt-get install gcc python3-dev libldap-dev libsasl2-dev, then"
    " pip install --require-hashes -r deploy/requirements-ldap.txt",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "program(name): needs a program that is not from Python")
    config.addinivalue_line("markers", "package(name): needs a package of an extra")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("program"):
        (name,) = mark.args
        # Debian keeps servers where only root's shell looks.
        if not (shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")):
            _missing(name, PROGRAMS[name])
    for mark in item.iter_markers("package"):
        (name,) = mark.args
        if not find_spec(name):
            _missing(f"the Python package {name}", PACKAGES[name])


def _missing(name: str, line: str) -> None:
    missing = f"{name} is not installed: {line}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session", autouse=True)
def collected_static_files() -> None:
    """Serve what a deployment serves: pages name static files by their hashes."""
    call_command("collectstatic", verbosity=0, interactive=False)
