"""The environment of the tests, set before the settings are read (a pytest plugin)."""

import atexit
import os
import shutil
import sys
import tempfile
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
