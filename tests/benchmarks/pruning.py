"""Measures what pruning a day of a country's codes takes, and pages meanwhile. Run it by hand:

    DATABASE_URL=postgresql://owner@127.0.0.1/postgres python -m tests.benchmarks.pruning [KEPT]

`tests.benchmarks.dataset` has made the database, with a day more than is kept. To measure again,
say a number of days KEPT below the last time's.
"""

import io
import multiprocessing
import os
import statistics
import sys
import time

import tests.support.environment  # noqa: F401  (before the settings are read)
from tests.benchmarks import flat
from tests.benchmarks.dataset import FULL, address_of

KEPT = 90  # days
LONGEST, SLOWER = 60, 2.0  # seconds; times, in the median
PAGES = 30  # of each kind, before it
KINDS = {
    "asking for a code": flat.ask("nguoi.so{n}"),
    "log-in": flat.log_in,
    "home of a person": flat.get("an", "/"),
    "profile": flat.get("an", "/cau-hinh/thong-tin/"),
    "person at the desk": flat.get("mai", "/ho-tro/tai-khoan/{an}/"),
    "list of messages": flat.get("it", flat.MESSAGES),
    "list of codes": flat.get("it", flat.CODES),
}


def main(kept=KEPT):
    flat.set_up(FULL)
    side = flat.Side(FULL)
    for act in KINDS.values():
        act(side)
    load = os.getloadavg()[0]
    before = {what: [taken(act, side) for _ in range(PAGES)] for what, act in KINDS.items()}
    during = {what: [] for what in KINDS}
    pruning = multiprocessing.get_context("spawn").Process(target=prune, args=(kept,))
    pruning.start()
    while pruning.is_alive():
        for what, act in KINDS.items():
            during[what].append(taken(act, side))
    print(f"load before: {load:.1f}, after: {os.getloadavg()[0]:.1f}")
    print(f"{'':34}{'before':>9}{'during':>9}{'ratio':>7}   ms, medians")
    for what in KINDS:
        few, many = (statistics.median(times[what]) * 1000 for times in (before, during))
        mark = "    " if many <= SLOWER * few else "OVER"
        print(f"{mark} {what:<29}{few:>9.1f}{many:>9.1f}{many / few:>7.2f}")


def taken(act, side):
    began = time.perf_counter()
    act(side)
    return time.perf_counter() - began


def prune(kept):
    os.environ.update(DATABASE_URL=address_of(FULL), DJANGO_SETTINGS_MODULE="mailportal.settings")
    import django

    from mailportal import postgresql

    postgresql.is_command("benchmark")
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.RETENTION_CODES_DAYS = kept
    out = io.StringIO()
    began = time.monotonic()
    call_command("prune", stdout=out)
    took = time.monotonic() - began
    mark = "    " if took <= LONGEST else "OVER"
    print(f"{mark} prune: {took:.1f} s ({'; '.join(out.getvalue().splitlines())})", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
