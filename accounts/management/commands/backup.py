"""Backs the database up: encrypted, tried out by a restore, and kept for some days."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from accounts.management.recorded import RecordedCommand
from accounts.upkeep import backups
from accounts.upkeep.pipes import Failed


class Command(RecordedCommand):
    help = (
        "Write an encrypted backup of the database into DIR, having restored it into the scratch"
        " database, and delete those older than BACKUP_KEEP_DAYS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "directory", nargs="?", default=settings.BACKUP_DIR, help="default: BACKUP_DIR"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["directory"]:
            raise CommandError("Say where to: manage.py backup DIR, or set BACKUP_DIR.")
        directory = Path(options["directory"])
        try:
            file = backups.make(directory)
        except (backups.Refused, Failed) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{file}: {file.stat().st_size} bytes")
        if settings.BACKUP_SCRATCH:
            self.stdout.write("It was restored into the scratch database, and is whole.")
        else:
            self.stdout.write("It can be read to its end. BACKUP_SCRATCH_URL would try it out.")
        if old := backups.drop_old(directory):
            self.stdout.write(f"older ones deleted: {old}")
