"""The database that the processes of a run copy, so that one of them migrates and not each."""

from contextlib import contextmanager
from unittest import mock

from django.db import connection

from mailportal import postgresql
from mailportal.postgresql import COMMAND

_NAME = "test_mailportal_template"


@contextmanager
def patient():
    """Let databases be made, copied and dropped, however long a busy machine takes for it."""
    options = connection.settings_dict["OPTIONS"]
    with (
        mock.patch.dict(options, options=f"{options['options']} {COMMAND.options()}"),
        mock.patch.object(postgresql, "patience", COMMAND),
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
