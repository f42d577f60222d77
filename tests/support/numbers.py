"""Telephone numbers in a text, however they are spelled."""

import re


def number(phone):
    """Find a number in any spelling: national, international, with marks between the digits."""
    return re.compile(r"[\s.\-()%20]{0,3}".join(phone.removeprefix("+84")))
