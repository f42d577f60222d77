"""Does what is due today in the campaigns against default passwords; for cron, every hour."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import campaign_steps


class Command(BaseCommand):
    help = "Warn, and with IT's consent lock, those who still have the default password."

    def handle(self, *args: Any, **options: Any) -> None:
        campaign_steps.run(self.stdout.write)
