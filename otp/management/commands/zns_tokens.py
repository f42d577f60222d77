"""Take the first pair of Zalo's tokens from standard input, and renew it at once as a proof."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.views.decorators.debug import sensitive_variables

from otp.suppliers.gateway import SmsError
from otp.suppliers.zns import tokens

LONGEST = 4_096  # characters of a token


class Command(BaseCommand):
    help = "Read an access token and a refresh token, one a line, from standard input; keep them."

    @sensitive_variables()
    def handle(self, *args: Any, **options: Any) -> None:
        lines = [line.strip() for line in sys.stdin.read(2 * LONGEST).splitlines() if line.strip()]
        if len(lines) != 2 or not all(line.isascii() and line.isprintable() for line in lines):
            raise CommandError("Give two lines: the access token, then the refresh token.")
        tokens.store(*lines)
        try:
            renewed = tokens.in_force()
        except SmsError as error:
            raise CommandError(
                f"They are kept, but Zalo did not answer ({error.reason}); the next code tries."
            ) from None
        if not renewed:
            raise CommandError("Zalo does not renew this pair: make another one.")
        self.stdout.write("Zalo has renewed the pair; codes can go by it.")
