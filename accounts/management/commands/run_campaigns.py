"""Does what is due in the campaigns against default passwords and for numbers; every hour."""

from typing import Any

from accounts.campaigns import password_rules, phone_rules
from accounts.credentials.mail_sessions import end_mail_sessions_after_their_time
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = "Warn, and lock, those with a default password; remind those without a good number."

    def handle(self, *args: Any, **options: Any) -> None:
        password_rules.run(self.stdout.write)
        phone_rules.run(self.stdout.write)
        if ended := end_mail_sessions_after_their_time():
            self.stdout.write(f"default passwords: the time of {ended} is over")
