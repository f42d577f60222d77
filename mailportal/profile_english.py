"""What a province says of itself in English: on pages in English, and nowhere else."""

from dataclasses import dataclass, fields, replace
from typing import Any

_PARTS = ("hotline", "support", "privacy")


@dataclass(frozen=True, kw_only=True, slots=True)
class English:
    """The words of a profile in English; what is left out stays as it is there."""

    header_lines: tuple[str, ...] = ()
    title: str = ""
    office: str = ""
    notice: str = ""
    hotline_caption: str = ""
    hotline_hours: str = ""
    support_role: str = ""
    privacy_controller: str = ""
    privacy_contact: str = ""
    privacy_retention: str = ""


def in_english(profile: Any, english: English) -> Any:
    """Give the profile with its words in English; `hotline_hours` is the hotline's `hours`."""
    changes: dict[str, Any] = {}
    parts: dict[str, dict[str, str]] = {}
    for field in fields(english):
        words = getattr(english, field.name)
        part, _, name = field.name.partition("_")
        if words and part in _PARTS:
            parts.setdefault(part, {})[name] = words
        elif words:
            changes[field.name] = words
    for part, words in parts.items():
        if getattr(profile, part):
            changes[part] = replace(getattr(profile, part), **words)
    return replace(profile, **changes)
