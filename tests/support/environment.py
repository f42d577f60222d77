"""The environment of tests and benchmarks, set before the settings are read (a pytest plugin)."""

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

_var = Path(tempfile.mkdtemp(prefix="mailportal-tests-"))
atexit.register(shutil.rmtree, _var, ignore_errors=True)

os.environ.update(
    {
        "PORTAL_PROFILE": "hagiang",
        "SECRET_KEY": "only-for-tests-" + "k" * 40,
        "OTP_PEPPER": "only-for-tests-" + "p" * 40,
        "PUBLIC_BASE_URL": "http://testserver",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "SMS_GATEWAY": "file",
        "SMS_FILE": str(_var / "sms.jsonl"),
        "EMAIL_URL": "memory://",
        "DOVEADM_URL": "",
        "DOVEADM_API_KEY": "",
        "LOG_LEVEL": "WARNING",
    }
)
os.environ.pop("PORTAL_DEMO", None)

# Where bytecode is not kept, each of the hundreds of processes of a run would compile all anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@contextmanager
def own_database(*, name="", command="benchmark", **environment):
    """Set Django up, with the patience of a command, in this environment too, over a test database.

    `name` is for a database beside the one that tests use.
    """
    os.environ.update(DJANGO_SETTINGS_MODULE="mailportal.settings", **environment)
    import django

    from mailportal import postgresql

    postgresql.is_command(command)
    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    if name:
        connection.settings_dict["TEST"]["NAME"] = name
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(databases, verbosity=0)
