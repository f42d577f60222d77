"""Makes a small list of leaked passwords of a large one: those that were seen often."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.credentials import breached


class Command(BaseCommand):
    help = (
        "Keep of the ordered SHA-1 list that the downloader of Pwned Passwords writes the passwords"
        " that were seen often, for BREACHED_PASSWORDS_FILE."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("whole", type=Path, help="the list as it was downloaded")
        parser.add_argument("small", type=Path, help="where the small one goes")
        parser.add_argument(
            "--least",
            type=int,
            default=10,
            metavar="N",
            help="times that a password must have been seen (default %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        fresh = options["small"].with_name(options["small"].name + ".new")
        try:
            with options["whole"].open("rb") as whole, fresh.open("wb") as small:
                for line in breached.often_seen(whole, least=options["least"]):
                    small.write(line)
                    count += 1
            fresh.replace(options["small"])
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        except breached.Unreadable as error:
            fresh.unlink()
            raise CommandError(f"{options['whole']}: {error}") from None
        self.stdout.write(f"passwords: {count}")
