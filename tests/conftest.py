"""What every test may count on."""

import gc
import os
import shutil
import time
from collections.abc import Generator
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import setting_changed
from django.db import connection
from django.test import TransactionTestCase
from pytest_django.plugin import blocking_manager_key
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.access import login_notices, proof_of_work
from accounts.pages import fixed
from mailportal import schema
from tests.support import clock, hashing, tables, template
from tests.support.programs import releases

# No test of made-up values fails because the machine is busy. What is decorated takes this as it is
# imported, so it is said before.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

# Programs that cannot come from Python packages, and how to get them.
PROGRAMS = {
    "age": "apt-get install age",
    "chromium": "apt-get install chromium",
    "doveadm": "apt-get install dovecot-core",
    "dovecot": "apt-get install dovecot-imapd dovecot-pgsql",
    "make": "apt-get install make",
    "msgfmt": "apt-get install gettext",
    "nginx": "apt-get install nginx-light",
    "pgbouncer": "apt-get install pgbouncer",
    "php": "apt-get install php-cli php-pgsql roundcube-plugins roundcube-sqlite3",
    "postmap": "apt-get install postfix postfix-pgsql",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "redis-server": "apt-get install redis-server",
    "slapd": "apt-get install slapd ldap-utils",
    "openssl": "apt-get install openssl",
    "rsyslogd": "apt-get install rsyslog rsyslog-gnutls",
    "systemd-analyze": "apt-get install systemd",
}
# Parts of theirs that come in packages of their own.
PARTS = {
    "dovecot": ("/usr/lib/dovecot/imap", "/usr/lib/dovecot/modules/auth/libdriver_pgsql.so"),
    "php": (
        "/var/lib/roundcube/public_html/index.php",
        "/var/lib/roundcube/plugins/virtuser_query",
    ),
    "postmap": ("/usr/lib/postfix/postfix-pgsql.so",),
}
LONG_ROOMS = {"browser", "mail_system", "operation", "outbox", "self_service", "upgrade", "upkeep"}
# What `make test` leaves to `make test-long`: half of all the time for an eighth of the tests. They
# walk every page in a browser, play a whole year, and start the portal over and over again.
LONG = {
    *("browser/test_admin", "browser/test_comforts", "browser/test_desk", "browser/test_journeys"),
    *("browser/test_english", "browser/test_pages", "browser/test_reports"),
    "bulk/test_many_accounts",
    *("bulk/test_worker_process", "campaigns/test_campaign_runs", "mail_system/test_mail_programs"),
    *("operation/test_failover", "operation/test_first_day", "operation/test_make_run"),
    *("operation/test_memory", "operation/test_metrics", "operation/test_pooler"),
    *("operation/test_replica", "operation/test_set_up", "operation/test_stuck_database"),
    "operation/test_year",
    *("outbox/test_sender_load", "outbox/test_sender_process", "outbox/test_smpp_process"),
    "self_service/test_cut_off",
    *("spreadsheets/test_hostile_files", "upgrade/test_back_and_forth", "upgrade/test_migrations"),
    *("upgrade/test_upgrade", "upkeep/test_backup", "upkeep/test_restore"),
    "upkeep/test_worker_schedule",
}
# Python packages that are not for everybody, and how to get them.
PACKAGES = {
    "ldap": "apt-get install gcc python3-dev libldap-dev libsasl2-dev, then"
    " pip install --require-hashes -r deploy/requirements-ldap.txt",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes long; given to whole modules below")
    config.addinivalue_line("markers", "program(name): needs a program that is not from Python")
    config.addinivalue_line("markers", "package(name): needs a package of an extra")
    config.addinivalue_line("markers", "commit(id, release): needs a commit of the history")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Serve what a deployment serves: pages name static files by their hashes."""
    # Once, before there are workers, because they share the folder.
    if not hasattr(session.config, "workerinput"):
        call_command("collectstatic", verbosity=0, interactive=False)
    if _has_workers(session.config):
        with session.config.stash[blocking_manager_key].unblock():
            template.make()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _has_workers(session.config):
        with session.config.stash[blocking_manager_key].unblock():
            template.drop()


def _has_workers(config: pytest.Config) -> bool:
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let a worker report what a test says of half a surrogate pair, which no pipe takes."""
    return _without_surrogates((yield))


def _without_surrogates(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, dict):
        return {name: _without_surrogates(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_without_surrogates, data))
    return data


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what starts programs: a long test that begins last keeps everybody waiting."""
    items.sort(key=lambda item: item.path.parent.name not in LONG_ROOMS)
    for item in items:
        if f"{item.path.parent.name}/{item.path.stem}" in LONG:
            item.add_marker("long")


def pytest_collection_finish() -> None:
    """Let no search for garbage go again and again through all that was imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def pytest_xdist_auto_num_workers() -> int:
    """Run one process more than there are processors: many tests wait for other programs."""
    return (os.cpu_count() or 1) + 1


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("program"):
        (name,) = mark.args
        if not _is_there(name):
            _missing(name, PROGRAMS[name])
    for mark in item.iter_markers("package"):
        (name,) = mark.args
        if not find_spec(name):
            _missing(f"the Python package {name}", PACKAGES[name])
    for mark in item.iter_markers("commit"):
        commit, release = mark.args
        if not releases.history_has(commit):
            _missing(f"the code of release {release}", "git fetch --unshallow, in a clone")


def _missing(name: str, line: str) -> None:
    missing = f"{name} is not here: {line}"
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def _is_there(name: str) -> bool:
    # Servers' programs are out of the way of those who are not root.
    program = shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
    return bool(program) and all(Path(part).exists() for part in PARTS.get(name, ()))


@pytest.fixture(scope="session", autouse=True)
def static_files_looked_through_once() -> Generator[None]:
    """Let all clients share one look through the static files, of which there are hundreds.

    Each client of a test starts a portal of its own, which would look through them as a process of
    a deployment does.
    """
    look, found = WhiteNoiseMiddleware.update_files_dictionary, {}

    def share(self: WhiteNoiseMiddleware, root: str, prefix: str) -> None:
        if (root, prefix) not in found:
            look(self, root, prefix)
            found[root, prefix] = dict(self.files)
        self.files.update(found[root, prefix])

    with mock.patch.object(WhiteNoiseMiddleware, "update_files_dictionary", share):
        yield


@pytest.fixture(scope="session", autouse=True)
def settings_change() -> None:
    """Let parts of pages that a process keeps be as the settings of each test are."""
    setting_changed.connect(_forget_parts)


def _forget_parts(**_changed: Any) -> None:
    fixed.forget()


@pytest.fixture(scope="session", autouse=True)
def the_schema_is_known() -> Generator[None]:
    """Let no first request cost statements of its own."""
    with mock.patch.dict(schema._known, current=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def emptied_by_rows() -> Generator[None]:
    """Take away after a test that commits only what it has written.

    Django would empty dozens of tables, and fill again those that `migrate` fills: that takes
    longer than most tests.
    """
    flush = TransactionTestCase._fixture_teardown

    def empty(self: TransactionTestCase) -> None:
        if not tables.take_away():
            flush(self)
            tables.remember()

    with mock.patch.object(TransactionTestCase, "_fixture_teardown", empty):
        yield


@pytest.fixture(scope="session", autouse=True)
def hashes_cost_little() -> Generator[None]:
    """Leave the processor to what is tried: most tests log somebody in, some by the hundred."""
    with hashing.cheap():
        yield


@pytest.fixture(autouse=True)
def callers_unknown_to_the_shield() -> None:
    """Let no test be refused for what others asked."""
    cache.clear()


@pytest.fixture(autouse=True)
def notices_are_read() -> None:
    """Let no log-in page of a test be the one in a minute that looks for notices: there are none.

    What makes some calls `login_notices.forget()`.
    """
    login_notices._last = login_notices._Read(time.monotonic(), ())


@pytest.fixture(scope="session", autouse=True)
def blank_pages_are_of_now() -> Generator[None]:
    """Let pages ask anew whether work is needed: a test changes that several times a second."""
    with mock.patch.object(proof_of_work, "FRESH", 0):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, request: pytest.FixtureRequest
) -> None:
    """Let workers copy what the process that started them has migrated."""
    if hasattr(request.config, "workerinput"):
        template.copy()


@pytest.fixture(scope="session")
def databases_in_peace(django_db_modify_db_settings: None) -> Generator[ExitStack]:
    """Wait for databases while they are made and dropped, however long a busy machine takes."""
    with ExitStack() as stack:
        stack.enter_context(template.patient())
        yield stack


@pytest.fixture(scope="session")
def django_db_setup(
    databases_in_peace: ExitStack, django_db_setup: None, django_db_blocker: Any
) -> Generator[None]:
    """Let tests move the clock, and those that commit empty the tables, audit trail and all."""
    databases_in_peace.close()
    databases_in_peace.enter_context(template.patient(template.UNHURRIED))
    with django_db_blocker.unblock():
        connection.close()
    keep = import_module("accounts.migrations.0007_chain_of_audit")
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(keep.LET_GO)
        clock.install()
        tables.remember()
    yield
    databases_in_peace.close()
    databases_in_peace.enter_context(template.patient())
