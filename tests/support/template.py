"""The database that the processes of a run copy, so that one of them migrates and not each."""

from contextlib import contextmanager
from unittest import mock

from django.db import connection

from mailportal import postgresql
from mailportal.postgresql import COMMAND, PAGE, Patience

_NAME = "test_mailportal_template"

# Longer than a page's: on a busy machine any statement may wait for the disk, and the last of a
# crowd for all others. None is tried here for how long it takes.
UNHURRIED = PAGE._replace(lock=120, statement=120, idle=120)


@contextmanager
def patient(limits: Patience = COMMAND):
    """Let connections that are opened meanwhile have these limits instead of a page's."""
    options = connection.settings_dict["OPTIONS"]
    with (
        mock.patch.dict(options, options=f"{options['options']} {limits.options()}"),
        mock.patch.object(postgresql, "patience", limits),
    ):
        yield


def make():
    """Migrate it; whatever an earlier run left of it goes."""
    at = connection.settings_dict
    own = at["NAME"]
    with patient(), mock.patch.dict(at["TEST"], NAME=_NAME):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        # Nobody may be connected to what is copied.
        connection.close()
    at["NAME"] = own


def copy():
    """Let the test database of this process be made from it."""
    connection.settings_dict["TEST"].update(TEMPLATE=_NAME, MIGRATE=False)


def drop():
    own = connection.settings_dict["NAME"]
    with patient(), connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {_NAME}")
    connection.settings_dict["NAME"] = own
