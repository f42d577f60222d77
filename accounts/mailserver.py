"""What the mail server is told of an account. All else it reads for itself, from its views."""

from accounts.models import Account
from otp import outbox


def end_mail_sessions(account: Account) -> None:
    """Have what is open in mail programs ended, in the transaction of what forbids it (PR-02)."""
    outbox.queue_kick(account.address, to=account.address)


def end_mail_sessions_of_domain(domain: str) -> None:
    outbox.queue_kick(domain, to=f"*@{domain}")
