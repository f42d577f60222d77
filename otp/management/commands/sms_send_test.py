"""Send one SMS the way codes go, and say what became of it."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from otp import outbox, phones
from otp.models import Message
from otp.phones import PhoneError

TIMEOUT = 30  # seconds
UNDER_WAY = (Message.State.QUEUED, Message.State.SENDING)


class Command(BaseCommand):
    help = "Send the profile's test wording to NUMBER through the outbox and the running sender."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number")

    def handle(self, *args: Any, **options: Any) -> None:
        if not outbox.sender_is_alive():
            raise CommandError("No sender is running: start `manage.py deliver_messages`.")
        try:
            phone = phones.normalise(options["number"])
        except PhoneError as error:
            raise CommandError(f"Not a Vietnamese mobile number ({error.code}).") from None
        text = settings.PROFILE.sms.test.format(
            time=date_format(timezone.localtime(), "SHORT_DATETIME_FORMAT"),
            hotline=settings.PROFILE.hotline.number,
        )
        with transaction.atomic():
            message = outbox.queue_sms("sms_send_test", to=phone, text=text)
        self._report(message)

    def _report(self, message: Message) -> None:
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            message.refresh_from_db()
            if message.state not in UNDER_WAY:
                break
            time.sleep(0.2)
        fate = f"{message.state} {message.reason}".strip()
        self.stdout.write(f"message {message.pk} by {message.gateway or '-'}: {fate}")
        if message.state not in (Message.State.ACCEPTED, Message.State.DELIVERED):
            raise CommandError("It did not go out.")
