"""The door for a web server: refuses to open when the set-up is broken."""

import os

from django.core.checks import ERROR, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")

application = get_wsgi_application()


def _refuse_broken_set_up() -> None:
    from django.conf import settings

    faults = run_checks(include_deployment_checks=not settings.DEMO, tags=_tags())
    broken = [
        f"{fault.id}: {fault.msg} {fault.hint or ''}" for fault in faults if fault.level >= ERROR
    ]
    if broken:
        raise ImproperlyConfigured("\n".join(broken))


def _tags() -> list[str]:
    return [Tags.security, "portal"]


_refuse_broken_set_up()
