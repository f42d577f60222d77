"""What the directory answers: entries, and what it would not do."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

PAGE = 500  # entries; many servers give no more than 1,000 at a time


class NoAnswer(Exception):
    """The directory did not answer, or could not do it: nothing is known, and a retry may help."""


class PasswordRefused(Exception):
    """The directory's own policy does not take a password; `reason` names a sentence for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """One entry of the directory; its values by names in small letters."""

    dn: str
    values: Mapping[str, tuple[str, ...]]

    @property
    def phones(self) -> tuple[str, ...]:
        """Give the numbers where the office keeps mobile ones."""
        return self.values.get(settings.DIRECTORY_PHONE_ATTRIBUTE.lower(), ())
