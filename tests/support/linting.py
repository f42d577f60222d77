"""The settings under which migrations are linted: those of the portal, and the linter's command."""

from mailportal.settings import *  # noqa: F403
from mailportal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
