"""Sends many mixed requests and looks whether anything grows meanwhile. Run it by hand:

    python -m tests.benchmarks.soak [REQUESTS]

It uses a test database of its own and gunicorn with two workers that are never renewed. Memory
counts from a tenth of the requests on: until then pages are drawn and kept for the first time.
Before them come more callers than each worker counts (CACHES): those counts fill up, by design,
with a few MiB.
"""

import random
import sys
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import tests.support.environment  # noqa: F401  (before the settings are read)
from tests.benchmarks import rates

REQUESTS = 200_000
SAMPLES = 20
FLAT = 0.05  # by how much the memory of a process may differ from what it was after the first tenth
PAGES = ("/dang-nhap/", "/quen-mat-khau/", "/huong-dan/", "/quyen-rieng-tu/", "/kich-hoat/")
VISIT = 10  # requests, at least, of one visitor

Sample = namedtuple("Sample", "memory files threads")


def main(requests=REQUESTS):
    with rates.test_database():
        rates.people()
        with rates.portal() as server:
            fill_counts(server)
            soak(server, requests)


def fill_counts(server):
    """Let more callers come, each once, than both workers count."""
    from django.conf import settings

    missing = 3 * settings.CACHES["default"]["OPTIONS"]["MAX_ENTRIES"]
    while missing > 0:
        missing -= sum(
            count for (count,) in rates.crowd(rates.repeat, server.port, rates.LOGIN, seconds=1)
        )


def soak(server, requests):
    pid, done, samples, began = server.process.pid, 0, [], time.monotonic()
    print(f"{'requests':>9}{'memory of each process, MiB (PSS)':>40}{'files':>8}{'threads':>9}")
    while done < requests:
        target = requests * (len(samples) + 1) // SAMPLES
        while done < target:
            done += sum(rates.crowd(visits, server.port, seconds=2))
        samples.append({process: sample(process) for process in workers(pid)})
        memory = " ".join(f"{it.memory:.1f}" for it in samples[-1].values())
        files, threads = (sum(it[n] for it in samples[-1].values()) for n in (1, 2))
        print(
            f"{done:>9,}{memory:>40}{files:>8}{threads:>9}   {connections()} connections",
            flush=True,
        )
    print(f"{done / (time.monotonic() - began):.0f} requests a second")
    judge(samples)


def judge(samples):
    first = samples[max(0, SAMPLES // 10 - 1)]
    assert {*first} == {*samples[-1]}, "a worker was renewed"
    for process, before in first.items():
        rest = [each[process] for each in samples[SAMPLES // 10 :]]
        most, least = (f(it.memory for it in rest) / before.memory - 1 for f in (max, min))
        rates.say(
            f"memory of {process} since then: {least:+.1%} to {most:+.1%}",
            f"{FLAT:.0%} either way",
            max(abs(most), abs(least)) <= FLAT,
        )
        for name in ("files", "threads"):
            most = max(getattr(it, name) for it in rest)
            rates.say(
                f"{name}: {getattr(before, name)}, at most {most} later",
                "no more than the requests under way",
                most <= getattr(before, name) + rates.CLIENTS,
            )


def visits(_number, _before, stop, port):
    """Be one visitor after the other until the time is over; note how many requests that were."""
    count = 0
    while time.monotonic() < stop:
        count += visit(port)
    return [count]


def visit(port):
    caller, count = f"10.9.8.{random.randrange(250)}", 0
    with closing(rates.connect(port)) as away:
        for _ in range(VISIT):
            away.sendall(rates.get(random.choice((*PAGES, "/healthz", "/khong-co/")), caller))
            rates.read_answer(away)
            count += 1
        kind = random.random()
        if kind < 0.25:
            path, fields = rates.ASK, {"address": f"ai{random.randrange(10**9)}"}
        elif kind < 0.3:
            person = f"nguoi{random.randrange(rates.PEOPLE)}"
            path, fields = rates.LOGIN, {"username": person, "password": "Sai-mat-khau-1"}
        else:
            return count
        cookie, token = rates.open_form(away, path, caller)
        form = urlencode({"csrfmiddlewaretoken": token} | fields)
        away.sendall(rates.post(path, caller, cookie, form))
        status, _ = rates.read_answer(away)
        assert status in (200, 302, 429), status
    return count + 2


def workers(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [pid, *(int(one) for task in tasks for one in (task / "children").read_text().split())]


def sample(process):
    at = Path(f"/proc/{process}")
    lines = (at / "smaps_rollup").read_text().splitlines()[1:]
    pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return Sample(pss / 1024, len(list((at / "fd").iterdir())), len(list((at / "task").iterdir())))


def connections():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
