"""The sender: a process of its own that hands over what waits in the outbox."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from otp import outbox
from otp.outbox.sender import Sender, all_beside
from otp.suppliers.route import route_from_settings


class Command(BaseCommand):
    help = "Send the codes and notices that wait in the outbox, until told to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        route = route_from_settings()
        if options["once"]:
            outbox.sweep()
            while outbox.deliver_one(route):
                pass
            route.end()
            for each in all_beside():
                each.drain()
            return
        sender = Sender(route)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, sender.stop)
        sender.run()
