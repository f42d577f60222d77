"""Does what is due in the campaigns against default passwords and at their end; every hour."""

from typing import Any

from accounts.campaigns import rules
from accounts.credentials.mail_sessions import end_mail_sessions_after_their_time
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = "Warn, and with IT's consent lock, those who still have the default password."

    def handle(self, *args: Any, **options: Any) -> None:
        rules.run(self.stdout.write)
        if ended := end_mail_sessions_after_their_time():
            self.stdout.write(f"default passwords: the time of {ended} is over")
