"""Cells of a table that leaves the portal as a file: what a spreadsheet would run is made text."""

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula (AD-12)."""
    return f"'{text}" if text.startswith(_STARTS) else text
