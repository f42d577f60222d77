"""Parts of pages that are the same for everybody: rendered once in a process, and kept."""

import functools

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def fixed(part: str, **words: str) -> SafeString:
    """Give the template of this name, which is told the profile, these words and nothing else.

    A part that looked at the request, the person or the time would be wrong for all others.
    """
    return _rendered(part, get_language(), **words)


@functools.cache
def _rendered(part: str, _language: str | None, **words: str) -> SafeString:
    return render_to_string(part, {"profile": settings.PROFILE, **words})


# For tests that change a setting, which no process does.
forget = _rendered.cache_clear
