"""Kills the leader of a Patroni cluster three times under traffic, and counts what came of it:

    apt-get install patroni python3-etcd etcd-server postgresql
    python -m tests.rehearsals.failover

Passwords are got back through the portal's pages by people who try again where a page says that
the portal is away. Nothing may leave twice, nothing that was promised may be lost, the audit chain
must be whole. Ends with 1 where that is not so.
"""

import collections
import http.client
import os
import random
import re
import secrets
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode

from tests.rehearsals.patroni import PASSWORD, Cluster, wait

PEOPLE = 100
AT_ONCE = 4  # people at the same time
TRIES = 400  # of one person, with PAUSE between
OTHERS = 5  # pages that say neither, after which a person gives up
PAUSE = 0.5  # seconds
KILLS = 3
UNDISTURBED = 5  # people who get through between two kills
NEW = "Cay-khe-truoc-san-9"
ROLE = f"mailportal_app:{PASSWORD}"


def main():
    cluster = Cluster()
    try:
        return rehearse(cluster)
    finally:
        cluster.end()


def rehearse(cluster):
    print(f"a cluster after {wait(cluster.is_whole, 'the cluster'):.0f} s", flush=True)
    given = environment(cluster)
    prepare(cluster, given)
    import django

    django.setup()
    from tests.support.programs.gateway import Twilio

    supplier = Twilio()
    make_people()
    portal = Portal(given | supplier.environment())
    traffic = Traffic(portal.server)
    try:
        traffic.start()
        for n in range(1, KILLS + 1):
            kill_leader(n, cluster, traffic)
        traffic.wait()
        portal.drain()
    finally:
        traffic.stop()
        portal.end()
        supplier.close()
    return judge(traffic, supplier)


def prepare(cluster, given):
    """Make the database and its two roles, and be a portal of it in this process too."""
    import psycopg

    leader = cluster.leader()
    with psycopg.connect(
        host="127.0.0.1",
        port=leader.port,
        user="postgres",
        password=PASSWORD,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        for role in ("mailportal", "mailportal_app"):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE mailportal OWNER mailportal TEMPLATE template0")
    os.environ.update(given)
    owner = {"DATABASE_OWNER_URL": cluster.url("mailportal")}
    command = [sys.executable, "manage.py", "migrate", "--noinput", "-v0"]
    subprocess.run(command, env=os.environ | owner, check=True)


def environment(cluster):
    return {
        "DJANGO_SETTINGS_MODULE": "mailportal.settings",
        "DATABASE_URL": cluster.url("mailportal_app"),
        "PORTAL_PROFILE": "hagiang",
        "SECRET_KEY": f"rehearsal-k-{secrets.token_hex(32)}",
        "OTP_PEPPER": f"rehearsal-p-{secrets.token_hex(32)}",
        "PUBLIC_BASE_URL": "https://matkhau.example.gov.vn",
        "SMS_GATEWAY": "file",
        "SMS_FILE": os.devnull,
        "EMAIL_URL": "submission://nobody:listens@127.0.0.1:1",
        "LOG_LEVEL": "ERROR",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def make_people():
    from django.utils import timezone

    from accounts.models import Account

    now = timezone.now()
    for n in range(PEOPLE):
        Account.objects.create_user(f"nguoi{n}", None, phone=f"+8491{n:07}", phone_confirmed_at=now)


class Portal:
    """Web pages, two senders and a worker, as an operator starts them."""

    def __init__(self, given):
        from tests.support.programs.deployment import Server

        self.server = Server(**given)
        self.others = [
            subprocess.Popen(
                [sys.executable, "manage.py", command],
                env=os.environ | given,
                stderr=subprocess.DEVNULL,
            )
            for command in ("deliver_messages", "deliver_messages", "work_jobs")
        ]

    def drain(self):
        from django.db import connection

        from otp.models import Message

        connection.close()  # it was to a leader that died
        waiting = Message.objects.filter(
            channel=Message.Channel.SMS, state__in=(Message.State.QUEUED, Message.State.SENDING)
        )
        wait(lambda: not waiting.exists(), "the outbox to be empty")

    def end(self):
        self.server.end()
        for process in self.others:
            process.terminate()
            process.wait()


class Line:
    """The way to the portal from an address of one's own."""

    def __init__(self, server, n):
        self.server, self.client = server, f"100.{64 + n // 250}.{n % 250}.7"

    def request(self, *arguments, **headers):
        return self.server.request(*arguments, **headers, X_Forwarded_For=self.client)


class Traffic:
    """People who get their password back, some at a time, until all have been there."""

    def __init__(self, server):
        self.server = server
        self.left = list(range(PEOPLE))
        random.shuffle(self.left)
        self.asked, self.changed, self.turned_away = set(), set(), set()
        self.answers = collections.Counter()
        self.went_well_at = time.monotonic()
        self.longest = 0.0  # seconds without one page that was as it should be
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._work) for _ in range(AT_ONCE)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        self.wait()

    def wait(self):
        for thread in self.threads:
            thread.join()

    def _work(self):
        while self.left and not self.stopped.is_set():
            self._recover(self.left.pop())

    def _recover(self, n):
        from tests.support.cast import ASK, CODE
        from tests.support.cast import NEW as CHOOSE

        person, address = Person(Line(self.server, n)), f"nguoi{n}@hagiang.gov.vn"
        if not self._until(person, ASK, {"address": address}, 'name="code"'):
            self.turned_away.add(n)
            return
        self.asked.add(n)
        code = self._code(address)
        if not self._until(person, CODE, {"code": code}, 'name="new_password1"'):
            self.turned_away.add(n)
            return
        chosen = {"new_password1": NEW, "new_password2": NEW}
        if self._until(person, CHOOSE, chosen, "Đã đổi mật khẩu"):
            self.changed.add(n)
        else:
            self.turned_away.add(n)

    def _until(self, person, path, typed, words):
        """Do a step again until the page says these words; False where it says something else."""
        others = 0
        for _ in range(TRIES):
            try:
                page = person.send(path, typed)
            except (OSError, http.client.HTTPException, Away):
                self.answers[_title(person)] += 1
            else:
                if words in page:
                    self._note()
                    return True
                self.answers[_title(person)] += 1
                others += 1
                if others == OTHERS:
                    return False
            if self.stopped.wait(PAUSE):
                return False
        return False

    def _note(self):
        self.answers["well"] += 1
        now = time.monotonic()
        self.longest = max(self.longest, now - self.went_well_at)
        self.went_well_at = now

    def _code(self, address):
        """Read the SMS: work the code out as the sender does."""
        from django.db import Error, connection

        from otp import codes
        from otp.counting.keyed_names import name_of
        from otp.models import Code

        for _ in range(TRIES):
            try:
                code = Code.objects.get(address_key=name_of("address", address))
                return codes.digits(code.pk, code.pepper_id)
            except Error:
                connection.close()
                time.sleep(PAUSE)
        raise RuntimeError("no database")


class Away(Exception):
    """The page says that the portal is away, and to try again."""


class Person:
    """Fills in a form, and sends the same form again where the page says to try again."""

    def __init__(self, line):
        from tests.support.programs.deployment import Visitor

        self.visitor = Visitor(line)
        self.form = None

    def send(self, path, typed):
        """Give the page that comes of it; raises Away where it is to be sent again."""
        if self.form is None:
            hidden = re.findall(_HIDDEN, self.visitor.get(path))
            if not hidden:
                raise Away
            self.form = dict(hidden) | typed
        page = self.visitor._go("POST", path, urlencode(self.form).encode())
        if self.visitor.last.status == 503:
            raise Away
        self.form = None
        return page


_HIDDEN = r'<input type="hidden" name="(\w+)" value="([^"]*)"'


def _title(person):
    """Name the page that came last."""
    last = person.visitor.last
    if last is None:
        return "no answer"
    found = re.search(r"<title>([^<]*)", last.text)
    return f"{last.status} {found[1].partition(' - ')[0].strip() if found else ''}"


def kill_leader(n, cluster, traffic):
    enough = len(traffic.changed) + UNDISTURBED
    try:
        wait(lambda: len(traffic.changed) >= enough, "people who get through")
    except RuntimeError as error:
        said = f"{error}; pages: {dict(traffic.answers)}\n{traffic.server.log()[-2000:]}"
        raise RuntimeError(said) from None
    leader = cluster.leader()
    traffic.longest, traffic.went_well_at = 0.0, time.monotonic()
    leader.kill()
    led = wait(lambda: (now := cluster.leader()) and now is not leader, "a new leader")
    wait(lambda: len(traffic.changed) >= enough + UNDISTURBED, "people who get through again")
    print(f"kill {n}: a new leader after {led:.1f} s, pages stood still {traffic.longest:.1f} s")
    leader.start()
    print(f"kill {n}: whole again after {wait(cluster.is_whole, 'the rest'):.1f} s", flush=True)


def judge(traffic, supplier):
    from django.core.management import call_command
    from django.db.models import Count

    from accounts.models import Account, AuditEvent
    from otp.models import Code, Message

    texts = collections.Counter((given["to"], given["text"]) for given in supplier.texts)
    resets = AuditEvent.objects.filter(event=AuditEvent.Event.PASSWORD_RESET)
    twice = resets.values("account").annotate(count=Count("pk")).filter(count__gt=1).count()
    changed = [f"+8491{n:07}" for n in traffic.changed]
    usable = Account.objects.filter(phone__in=changed).exclude(password__startswith="!").count()
    codes_of = Code.objects.values("address_key").annotate(count=Count("pk"))
    states = Message.objects.filter(channel="sms").values_list("state").annotate(Count("pk"))
    print(f"pages: {dict(traffic.answers)}; messages: {dict(states)}")
    print(
        f"people {PEOPLE}, asked {len(traffic.asked)}, changed {len(changed)},"
        f" turned away {len(traffic.turned_away)}"
    )
    call_command("verify_audit")
    faults = {
        "SMS that went twice": sum(count > 1 for count in texts.values()),
        "codes that were counted twice": codes_of.filter(count__gt=1).count(),
        "promised codes that are lost": max(0, len(traffic.asked) - codes_of.count()),
        "promised passwords that are lost": len(changed) - usable,
        "resets on record twice": twice,
        "resets that are on no record": max(0, len(changed) - resets.count()),
        "people whose password is not the new one": sum(
            not Account.objects.get(phone=f"+8491{n:07}").check_password(NEW)
            for n in traffic.turned_away
        ),
    }
    for what, count in faults.items():
        print(f"{what}: {count}")
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
