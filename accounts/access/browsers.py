"""A browser's name, so that people recognise their own sessions."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_BROWSERS = (
    ("coc_coc", "Cốc Cốc"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


_ON = " trên "  # as names are stored
_OTHER = gettext_noop("Trình duyệt khác")


def name_browser(user_agent: str) -> str:
    """Give a name of our own words, to be stored: nothing that the browser says is repeated."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser}{_ON}{system}"
    return browser or system or _OTHER


def in_words(name: str) -> str:
    """Say a stored name on a page."""
    browser, on, system = name.partition(_ON)
    if on:
        return _("%(browser)s trên %(system)s") % {"browser": browser, "system": system}
    return _(_OTHER) if name == _OTHER else name


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
