"""Measures how many requests a second the portal answers, beside what these processors can do.

    python -m tests.benchmarks.rates

Run it by hand, on a quiet machine. It uses a test database of its own and gunicorn as an operator
starts it, with two workers. The client is on the same processors, so only ratios within one run
mean anything.
"""

import datetime as dt
import itertools
import multiprocessing
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

from tests.benchmarks import bare
from tests.support.environment import own_database

CLIENTS = 8  # connections at once
SECONDS = 5  # for each row
HOST = "matkhau.example.gov.vn"
LOGIN, ASK, HEALTHZ = "/dang-nhap/", "/quen-mat-khau/", "/healthz"
BARE = "a bare Django view"
HALF, MOST = 0.5, 0.7  # of a bare Django view's rate: a page, /healthz
P95 = 80  # ms, of a POST that asks for a code
HASHES, ALONE = 0.85, 0.92  # log-ins of what Argon2id alone would allow: with their GET, without
PEOPLE = 8_000
QUIET = 1.0  # the load above which a run is not called good


def main():
    with test_database():
        people()
        at_most = bare_servers()
        with portal() as server:
            pages(server, at_most)
            asking(server)
            log_ins(server)


@contextmanager
def test_database():
    """Make a test database, with all that a server needs beside it; say how busy the machine is."""
    with own_database():
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        setup_test_environment()
        call_command("collectstatic", verbosity=0, interactive=False)
        load = os.getloadavg()[0]
        doubt = "" if load <= QUIET else "(too much: this is no good run)"
        print(f"load before: {load:.1f}", doubt)
        yield


def people():
    from django.contrib.auth.hashers import make_password
    from django.db.models.functions import Now

    from accounts.models import Account
    from otp.models import Brakes, Meter
    from otp.outbox import life
    from tests.support import cast

    password = make_password(cast.PASSWORD)
    Account.objects.bulk_create(
        Account(address=f"nguoi{n}@hagiang.gov.vn", phone=f"+849123{n:05}", password=password)
        for n in range(PEOPLE)
    )
    life.show("sender")
    Meter.objects.filter(pk="sender").update(until=Now() + dt.timedelta(hours=1))
    many = 1_000_000
    Brakes.objects.update(
        codes_an_hour=many, codes_a_day=many, guesses_an_hour=many, guesses_a_day=many
    )


@contextmanager
def portal():
    from tests.support.programs import deployment

    arguments = ("--workers", "2", "--max-requests", "0")
    server = deployment.Server(*arguments, anew=True, LOG_LEVEL="ERROR")
    try:
        yield server
    except BaseException:
        print(server.log())
        raise
    finally:
        server.end()


def bare_servers():
    """Say how often the three answer; give the rate of the bare Django view."""
    rates = {}
    for what, app in (
        ("a bare WSGI function", "tests.benchmarks.bare:function"),
        ("a new Django project's page with a form", "tests.benchmarks.bare:django_form()"),
        (BARE, "tests.benchmarks.bare:django()"),
    ):
        with bare_server(app) as (port, pid):
            rates[what] = rate(what, port, pid, "/")
    return rates[BARE]


@contextmanager
def bare_server(app, **environment):
    from tests.support.programs import deployment
    from tests.support.programs.ports import free_port

    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"),
            *("--workers", "2", "--max-requests", "0", "--bind", f"127.0.0.1:{port}", app),
        ],
        env={name: deployment.environment()[name] for name in ("PATH", "GLIBC_TUNABLES")}
        | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_open(port)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def pages(server, at_most):
    pid = server.process.pid
    for what, path, share in (
        ("/healthz", HEALTHZ, MOST),
        ("log-in page", LOGIN, HALF),
        ("step 1", ASK, HALF),
    ):
        measured = rate(what, server.port, pid, path)
        say(
            f"  of a bare Django view: {measured / at_most:.2f}",
            f"at least {share}",
            measured >= share * at_most,
        )


def asking(server):
    """A form read and sent by a visitor who was never there: each a flow."""
    pid = server.process.pid
    before, began = cpu(pid), time.perf_counter()
    flows = crowd(ask, server.port)
    took = time.perf_counter() - began
    spent = (cpu(pid) - before) / len(flows) * 1000
    posts = sorted(seconds for _, seconds in flows)
    p95 = posts[int(len(posts) * 0.95)] * 1000
    print(
        f"     asking for a code: {len(flows) / took:.1f} flows a second,"
        f" {spent:.1f} ms of the workers each"
    )
    say(
        f"  its POST: median {statistics.median(posts) * 1000:.0f} ms, p95 {p95:.0f} ms",
        f"{P95} ms",
        p95 <= P95,
    )


def log_ins(server):
    """Each by a browser in which this person has logged in before: a GET and a POST, or a POST."""
    raw = hashes()
    with bare_server("tests.benchmarks.bare:django_log_in()") as (port, _):
        least = log_ins_a_second(port)
    print(f"     hashes alone: {raw:.1f} a second")
    print(f"     a new Django project's log-ins, which ask no database: {least:.1f}")
    with (
        bare.database_of_its_own([f"nguoi{n}" for n in range(2 * CLIENTS)]) as url,
        bare_server("tests.benchmarks.bare:django_own_log_in()", DATABASE_URL=url) as (port, _),
    ):
        own = log_ins_a_second(port)
    print(f"     Django's own, with its people and sessions in PostgreSQL: {own:.1f}")
    for what, keeps_form, share in (("with their GET", False, HASHES), ("alone", True, ALONE)):
        measured = log_ins_a_second(server.port, keeps_form=keeps_form)
        print(f"     log-ins {what}: {measured:.1f} a second")
        say(
            f"  of the hashes alone: {measured / raw:.2f}",
            f"at least {share}",
            measured >= share * raw,
        )


def log_ins_a_second(port, *, keeps_form=False):
    moments = {}
    for number, moment in crowd(log_in, port, keeps_form):
        moments.setdefault(number, []).append(moment)
    return sum((len(at) - 1) / (at[-1] - at[0]) for at in moments.values() if len(at) > 1)


def say(what, budget, within):
    print(f"{'ok  ' if within else 'OVER'} {what:<60} budget {budget}", flush=True)


def rate(what, port, pid, path):
    """Say and give the requests that are answered a second, on kept connections."""
    wait_until_open(port)
    crowd(repeat, port, path, seconds=1)
    before = cpu(pid)
    count = sum(number for (number,) in crowd(repeat, port, path))
    spent = (cpu(pid) - before) / count * 1000
    print(
        f"     {what}: {count / SECONDS:.0f} a second, {spent:.2f} ms of the workers each",
        flush=True,
    )
    return count / SECONDS


def crowd(visit, *arguments, seconds=SECONDS):
    """Let CLIENTS processes visit until the time is over; give all that they noted."""
    fork = multiprocessing.get_context("fork")
    with fork.Pool(CLIENTS) as pool:
        jobs = [(visit, n, time.monotonic() + seconds, arguments) for n in range(CLIENTS)]
        return [note for notes in pool.starmap(_visit, jobs, chunksize=1) for note in notes]


def _visit(visit, number, stop, arguments):
    notes = []
    while time.monotonic() < stop:
        notes += visit(number, len(notes), stop, *arguments)
    return notes


def repeat(_number, _before, stop, port, path):
    """Read one page over and over again on one connection; note how often it came."""
    count, requests = 0, itertools.cycle([get(path) for _ in range(500)])
    with closing(connect(port)) as away:
        while time.monotonic() < stop:
            try:
                away.sendall(next(requests))
                status, _ = read_answer(away)
            except ConnectionError:  # kept connections end after so many requests
                break
            assert status == 200, status
            count += 1
    return [(count,)]


def ask(number, before, _stop, port):
    person = (
        f"nguoi{(number + CLIENTS * before) % PEOPLE}" if before % 2 else f"ai{number}.{before}"
    )
    caller = anybody()
    with closing(connect(port)) as away:
        cookie, token = open_form(away, ASK, caller)
        form = urlencode({"csrfmiddlewaretoken": token, "address": person})
        began = time.perf_counter()
        away.sendall(post(ASK, caller, cookie, form))
        status, _ = read_answer(away)
    assert status == 302, status
    return [(status, time.perf_counter() - began)]


def log_in(number, _before, _stop, port, keeps_form):
    """Log one of two people in, each from a browser of theirs; the first time does not count."""
    from tests.support import cast

    person = f"nguoi{number * 2 + _turn[0] % 2}"
    _turn[0] += 1
    caller, known = anybody(), _browsers.get(person, "")
    with closing(connect(port)) as away:
        if not (keeps_form and person in _forms):
            _forms[person] = open_form(away, LOGIN, caller)
        cookie, token = _forms[person]
        form = urlencode(
            {"csrfmiddlewaretoken": token, "username": person, "password": cast.PASSWORD}
        )
        away.sendall(post(LOGIN, caller, "; ".join(filter(None, (cookie, known))), form))
        status, answer = read_answer(away)
    assert status == 302, status
    cookies = re.findall(rb"(?i)set-cookie: ([^;]+)", answer)
    _browsers[person] = "; ".join(c.decode() for c in cookies if not _OF_A_VISIT.match(c)) or known
    return [(number, time.monotonic())] if known else []


_turn, _browsers, _forms = [0], {}, {}
_OF_A_VISIT = re.compile(rb"[^=]*(session|csrf)")


def hashes():
    """Give the hashes a second that two processes compute, as there are two workers."""
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool:
        return sum(pool.map(_hash, [SECONDS] * 2, chunksize=1)) / SECONDS


def _hash(seconds):
    from django.contrib.auth.hashers import check_password, make_password

    from tests.support import cast

    known, count, stop = make_password(cast.PASSWORD), 0, time.monotonic() + seconds
    while time.monotonic() < stop:
        assert check_password(cast.PASSWORD, known)
        count += 1
    return count


def get(path, caller=None):
    return f"GET {path} HTTP/1.1\r\n{head(caller or anybody())}\r\n".encode()


def head(caller):
    return f"Host: {HOST}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: {caller}\r\n"


def anybody():
    """Give an address from which hardly anybody asked before: no limit is meant to be met."""
    return f"10.{random.getrandbits(8)}.{random.getrandbits(8)}.{random.getrandbits(8)}"


def post(path, caller, cookie, form):
    return (
        f"POST {path} HTTP/1.1\r\n{head(caller)}Origin: https://{HOST}\r\nCookie: {cookie}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    ).encode()


def open_form(away, path, caller):
    away.sendall(get(path, caller))
    status, page = read_answer(away)
    assert status == 200, status
    token = re.search(rb'csrfmiddlewaretoken" value="(\w+)"', page)[1].decode()
    return re.search(rb"(?i)set-cookie: ([^;]+)", page)[1].decode(), token


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 60)


def wait_until_open(port):
    from tests.support.waiting import wait_for

    def is_open():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(is_open, "gunicorn to listen")


def read_answer(away):
    """Read a whole answer; give its status, and all its bytes."""
    came = b""
    while b"\r\n\r\n" not in came:
        more = away.recv(65_536)
        if not more:
            raise ConnectionResetError
        came += more
    head, _, rest = came.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while len(rest) < int(length[1]) if length else not rest.endswith(b"0\r\n\r\n"):
        rest += away.recv(65_536)
    return int(head.split()[1]), head + rest


def cpu(pid):
    """Give the seconds of processor that a server's workers have used."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in children]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
