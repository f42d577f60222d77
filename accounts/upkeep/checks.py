"""Set-up faults of the nightly backup that stop the start, and a restore that was broken off."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import OperationalError

from accounts.upkeep import restoring
from accounts.upkeep.backups import SCRATCH

_PRIVATE_KEY = "AGE-SECRET-KEY-"
_SERVES = ("deliver_messages", "work_jobs")


@register(Tags.security)
def backups_can_be_made(**_: Any) -> list[CheckMessage]:
    """Check what BACKUP_DIR needs, where it is set.

    Whether it is there only the worker can say: the others do not see it.
    """
    if not settings.BACKUP_DIR:
        return []
    return [*_place(), *_recipient(), *_scratch()]


def _place() -> Iterator[CheckMessage]:
    if not Path(settings.BACKUP_DIR).is_absolute():
        yield Error(
            "BACKUP_DIR names no folder.",
            hint="It is a whole path, such as /var/backups/mailportal.",
            id="portal.E035",
        )


def _recipient() -> Iterator[CheckMessage]:
    hint = "Set it to the public key, age1…, or to the name of a GnuPG key: docs/operate.md."
    if not settings.BACKUP_RECIPIENT:
        yield Error("BACKUP_DIR needs BACKUP_RECIPIENT.", hint=hint, id="portal.E036")
    elif settings.BACKUP_RECIPIENT.upper().startswith(_PRIVATE_KEY):
        yield Error("BACKUP_RECIPIENT is a private key.", hint=hint, id="portal.E037")


def _scratch() -> Iterator[CheckMessage]:
    if settings.BACKUP_SCRATCH and SCRATCH not in settings.BACKUP_SCRATCH["NAME"]:
        yield Error(
            f"BACKUP_SCRATCH_URL names a database without {SCRATCH!r} in its name.",
            hint="All that is in it is lost each night: name one that is there for nothing else.",
            id="portal.E038",
        )


@register(Tags.database)
def restores_are_finished(
    *, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Refuse to send, to work and to migrate over a restore that was broken off (GO-11)."""
    if not databases and sys.argv[1:2] not in ([name] for name in _SERVES):
        return []
    name = ""
    with suppress(OperationalError):  # who tries on until the database answers has been told
        name = restoring.unfinished()
    if not name:
        return []
    return [
        Error(
            f"{name} was put back into the database, and is not migrated and verified.",
            hint="manage.py restore, without a file, does the rest.",
            id="portal.E041",
        )
    ]
