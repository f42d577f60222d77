"""The database that the processes of a run copy, so that one of them migrates and not each."""

from unittest import mock

from django.db import connection

_NAME = "test_mailportal_template"


def make():
    """Migrate it; whatever an earlier run left of it goes."""
    at = connection.settings_dict
    own = at["NAME"]
    with mock.patch.dict(at["TEST"], NAME=_NAME):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    # Nobody may be connected to what is copied.
    connection.close()
    at["NAME"] = own


def copy():
    """Let the test database of this process be made from it."""
    connection.settings_dict["TEST"].update(TEMPLATE=_NAME, MIGRATE=False)


def drop():
    own = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {_NAME}")
    connection.settings_dict["NAME"] = own
