"""The WSGI application; raises ImproperlyConfigured where the set-up is broken."""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.checks import ERROR, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.template.loader import get_template
from django.urls import get_resolver
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")

_django = get_wsgi_application()


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request, whatever it says of its encoding.

    Django decodes by any codec that is named, also by those that fail or that give characters
    which cannot be stored, and does so before a middleware could catch it.
    """
    if not _is_utf8(environ.get("CONTENT_TYPE", "")):
        environ["CONTENT_TYPE"] = ""  # the body is then not read
    return _django(environ, start_response)


def _is_utf8(content_type: str) -> bool:
    try:
        _, parameters = parse_header_parameters(content_type)
    except ValueError:
        return False
    return str(parameters.get("charset", "utf-8")).lower() in ("utf-8", "utf8")


def _refuse_broken_set_up() -> None:
    faults = run_checks(include_deployment_checks=not settings.DEMO, tags=[Tags.security])
    broken = [
        f"{fault.id}: {fault.msg} {fault.hint or ''}" for fault in faults if fault.level >= ERROR
    ]
    if broken:
        raise ImproperlyConfigured("\n".join(broken))


def _read_pages() -> None:
    """Read all pages and addresses now: later, their files may be those of the next release."""
    folder = settings.BASE_DIR / "templates"
    for page in folder.rglob("*.*"):
        get_template(str(page.relative_to(folder)))
    get_resolver().url_patterns  # noqa: B018 - looked at to be read


def _give_memory_back() -> None:
    """Have hashes leave no memory behind: for hours nobody may log in."""
    from accounts.credentials import hashers  # reads the settings

    hashers.crowd.gives_back = True


_refuse_broken_set_up()
_read_pages()
_give_memory_back()
