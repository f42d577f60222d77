"""Signs of life of the portal's processes, by which each sees that the others live."""

import datetime as dt

from django.db.models.functions import Now

from otp.models import Meter

HEARTBEAT = dt.timedelta(seconds=15)  # how long a process counts as alive after a sign of life

# Who has to be there, by the name of its sign, and what it is called.
EXPECTED = {"sender": "deliver_messages", "worker": "work_jobs"}


def show(name: str) -> None:
    """Show that a process of this name lives; it does so every few seconds."""
    sign = Meter(key=name, count=1, until=Now() + HEARTBEAT)
    Meter.objects.bulk_create(
        [sign], update_conflicts=True, unique_fields=["key"], update_fields=["until"]
    )


def expect(name: str) -> None:
    """Enter that such a process should live, even where none was ever started.

    From then on step 1 asks for no codes while no sender shows a sign of life.
    """
    Meter.objects.bulk_create([Meter(key=name, count=1, until=Now())], ignore_conflicts=True)


def is_shown(name: str) -> bool:
    """Say whether some process of this name has shown a sign of life lately."""
    return Meter.objects.filter(pk=name, until__gt=Now()).exists()


def any_is_shown(database: str) -> bool:
    """Say whether any process lives, as far as this database knows: a replica may be behind."""
    signs = Meter.objects.using(database)
    return signs.filter(pk__in=EXPECTED, until__gt=Now()).exists()


def silent() -> set[str]:
    """Name those that have to be there and show no sign of life."""
    alive = Meter.objects.filter(pk__in=EXPECTED, until__gt=Now()).values_list("pk", flat=True)
    return EXPECTED.keys() - set(alive)
