"""The door for a web server: refuses to open when the set-up is broken."""

import os

from django.conf import settings
from django.core.checks import ERROR, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailportal.settings")

application = get_wsgi_application()


def _refuse_broken_set_up() -> None:
    faults = run_checks(include_deployment_checks=not settings.DEMO, tags=[Tags.security])
    broken = [
        f"{fault.id}: {fault.msg} {fault.hint or ''}" for fault in faults if fault.level >= ERROR
    ]
    if broken:
        raise ImproperlyConfigured("\n".join(broken))


_refuse_broken_set_up()
