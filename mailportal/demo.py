"""The environment of the demonstration that `make run` starts.

It cannot be switched on in a deployment: a system check refuses PORTAL_DEMO there.
"""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def set_environment(var: Path) -> None:
    """Fill in what the environment leaves open: secrets of this machine, and gateways to files.

    Raises ImproperlyConfigured where they cannot be kept.
    """
    port = os.environ.setdefault("PORT", "8000")
    for name in ("SECRET_KEY", "OTP_PEPPER"):
        try:
            os.environ.setdefault(name, _kept_secret(var / name.lower()))
        except OSError as error:
            raise ImproperlyConfigured(
                f"{error.filename}: {error.strerror}. The demonstration keeps its data in {var}:"
                " make that a folder you may write to."
            ) from None
    os.environ.setdefault("PUBLIC_BASE_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("ALLOWED_HOSTS", "127.0.0.1,localhost")
    os.environ.setdefault("SMS_GATEWAY", "file")
    os.environ.setdefault("SMS_FILE", str(var / "sms.jsonl"))
    os.environ.setdefault("APP_PASSWORDS", "on")
    os.environ.setdefault("WEBHOOK_NETWORKS", "127.0.0.0/8,::1/128")
    os.environ.setdefault("EMAIL_URL", f"file:///{var / 'mail'}")


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Two processes may start at once: each writes its own file, the later one stands.
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        fresh.replace(path)
    return path.read_text().strip()
