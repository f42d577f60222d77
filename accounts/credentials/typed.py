"""A new password for somebody, as an operator types it at a terminal or pipes it in."""

import getpass
import sys

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.views.decorators.debug import sensitive_variables

from accounts import directory
from accounts.credentials.passwords import change_password
from accounts.models import Account, AuditEvent


@sensitive_variables()
def new_password(account: Account) -> str:
    """Ask for a password without showing it: twice at a terminal, or one line of standard input.

    It is never an argument, which others could see. Raises CommandError for one that the policy
    refuses, or that was typed in two ways.
    """
    if sys.stdin.isatty():
        password = getpass.getpass(f"New password of {account.address}: ")
        if getpass.getpass("The same again: ") != password:
            raise CommandError("These were two different passwords: nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise CommandError("\n".join(error.messages)) from None
    return password


@sensitive_variables("password")
def set_password(account: Account) -> None:
    """Ask for a password and put it in force; raises CommandError where it is not taken."""
    password = new_password(account)
    try:
        change_password(
            account, password, event=AuditEvent.Event.PASSWORD_CHANGED, at_terminal=True
        )
    except ValidationError as error:
        raise CommandError("\n".join(error.messages)) from None
    except directory.NoAnswer:
        raise CommandError("The directory does not answer: nothing was changed.") from None
