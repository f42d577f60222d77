"""Makes a database as large as a country's in a few minutes, by COPY. Run it by hand:

    DATABASE_URL=postgresql://owner@127.0.0.1:5432/postgres python -m tests.benchmarks.dataset

It makes `flat_full` and, with a page of each list in it, `flat_empty`, beside the database that
the address names; what has these names goes. The role has to be a superuser, because triggers stand
still meanwhile. The large one takes some 17 GB of disk. `tests.benchmarks.flat` measures both.
Other sizes: `… dataset ACCOUNTS CODES EVENTS`.

Every row is as the portal would have written it: the constraints are there while rows come, and
`verify_audit` finds the chain of the trail whole.
"""

import datetime as dt
import hashlib
import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import tests.support.environment  # noqa: F401  (before the settings are read)
from tests.benchmarks import records

FULL, EMPTY = "flat_full", "flat_empty"
BATCH = 20_000  # rows handed to a COPY at once
CODE_DAYS = 92  # a day more than is kept, for `prune`
TRAIL_DAYS = 730
OPEN = 61_200  # seconds of a day in which people ask: of a UTC day that is one of the office's
UNITS = (30, 12, 4)  # below each of those before: 1,830, the same in both databases
STAFF = 60  # who act on others, the same in both
OF_AN = 300  # rows of the trail that are An's, the same in both

DOMAIN = "hagiang.gov.vn"
FAMILIES = (*("Nguyễn",) * 4, "Trần", "Lê", "Phạm", "Vàng", "Sùng", "Lý")
MIDDLES = ("Văn", "Thị", "Đức", "Minh", "Ngọc", "Mí")
GIVEN = ("An", "Bình", "Chi", "Dũng", "Hà", "Hương", "Khoa", "Lan", "Mai", "Yến")

# One in so many thousand; what is left of a thousand is the first.
STATES = (
    ("delivered", "", 600),
    ("accepted", "", 310),
    ("failed", "30003", 20),
    ("rejected", "21211", 5),
    ("unknown", "timeout", 3),
    ("expired", "", 2),
    ("skipped", "decoy", 60),
)
# The event, whether it went well, whose it is, and how many of a thousand.
OWN, STRANGER, STAFFS, STAFF_ONLY = range(4)
EVENTS = (
    ("logged-in", "true", OWN, 470),
    ("code-right", "true", OWN, 100),
    ("code-wrong", "false", OWN, 60),
    ("login-failed", "false", OWN, 100),
    ("login-failed", "false", STRANGER, 60),
    ("password-reset", "true", OWN, 90),
    ("phone-confirmed", "true", OWN, 40),
    ("viewed", "true", STAFFS, 45),
    ("looked-up", "true", STAFF_ONLY, 25),
    ("code-granted", "true", STAFFS, 4),
    ("locked", "true", STAFFS, 4),
    ("audit-viewed", "true", STAFF_ONLY, 2),
)


@dataclass(frozen=True)
class Size:
    accounts: int
    codes: int
    events: int


WHOLE = Size(1_000_000, 10_000_000, 10_000_000)
ONE_PAGE = Size(400, 4_000, 4_000)  # as many of one person as in the whole


def main(*words):
    size = Size(*map(int, words)) if words else WHOLE
    for name, its in ((EMPTY, ONE_PAGE), (FULL, size)):
        # Django's settings name one database a process.
        child = multiprocessing.get_context("spawn").Process(target=make, args=(name, its))
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(child.exitcode)


def make(name, size):
    began = time.monotonic()
    _create(name)
    _set_up_django(name)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _people_with_names()
    _fill(size)
    call_command("snapshot", verbosity=0)  # as every night: reports count the last days alone
    took = time.monotonic() - began
    what = f"{size.accounts:,} accounts, {size.codes:,} codes, {size.events:,} rows of the trail"
    print(f"{name}: {what} in {took:.0f} s", flush=True)


def address_of(name):
    """Give DATABASE_URL with another database."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def _create(name):
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")


def _set_up_django(name):
    os.environ.update(DATABASE_URL=address_of(name), DJANGO_SETTINGS_MODULE="mailportal.settings")
    import django

    from mailportal import postgresql

    postgresql.is_command("benchmark")
    django.setup()


def _people_with_names():
    """Make units, An, and the staff, as the tests know them."""
    from accounts.models import Unit
    from tests.support import cast

    above = [None]
    for level, below in enumerate(UNITS):
        units = [
            Unit(name=f"Đơn vị {level}.{n}.{m}", code=f"DV{level}-{n}-{m}", parent=parent)
            for n, parent in enumerate(above)
            for m in range(below)
        ]
        above = Unit.objects.bulk_create(units)
    first = Unit.objects.filter(parent=None).earliest("pk")
    cast.make_staff("mai", "hotline", full_name="Trần Thị Mai")
    cast.make_staff("it", "province-it", full_name="Lê Văn Tỉnh")
    cast.make_staff("don-vi", "unit-it", full_name="Phạm Thị Sở", unit=first)
    cast.make_staff("kiem-tra", "auditor", full_name="Vàng Mí Kiểm")
    for n in range(STAFF - 4):
        cast.make_staff(f"ho-tro{n}", "hotline", full_name=f"Cán bộ Hỗ trợ {n}")


def _fill(size):
    """Copy everything, with indexes that are made at the end: two tables at a time."""
    import psycopg

    url = os.environ["DATABASE_URL"]
    tables = (
        *("accounts_account", "accounts_address", "accounts_session", "otp_meter"),
        *("otp_code", "otp_message", "accounts_auditevent", "accounts_auditlink"),
    )
    with psycopg.connect(url, autocommit=True) as connection:
        first = connection.execute("SELECT max(id) + 1 FROM accounts_account").fetchone()[0]
        events = connection.execute("SELECT count(*) FROM accounts_auditevent").fetchone()[0]
        assert events == 0, "the chain has to begin here"
        # Not built while rows come. A REINDEX makes them whole and valid again, and checks what
        # they promise; only that no code stands in the gap of another would take hours.
        connection.execute(_INDEXES_REST, [list(tables)])
    rows = Rows(size, first)
    jobs = [rows.accounts, rows.trail, rows.codes]
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=job) for job in jobs]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    halves = ([*tables[:4], *tables[6:]], tables[4:6])
    children = [fork.Process(target=_finish, args=(url, half)) for half in halves]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_GAP_HOLDS)
        connection.execute(_SUMS)
        connection.execute(_TALLY, [HASH, size.accounts])
        records.add(connection)


def _finish(url, tables):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        for table in tables:
            began = time.monotonic()
            connection.execute(f"REINDEX TABLE {table}")
            connection.execute(f"VACUUM (ANALYZE) {table}")
            print(f"    indexes of {table}: {time.monotonic() - began:.0f} s", flush=True)


_INDEXES_REST = """
UPDATE pg_index
SET indisready = false, indisvalid = false, indisexclusion = indexrelid <> 'code_gap'::regclass
    AND indisexclusion
WHERE indrelid = ANY(%s::regclass[])
"""
_GAP_HOLDS = """
UPDATE pg_index SET indisexclusion = true WHERE indexrelid = 'code_gap'::regclass
"""

# What the triggers would have summed up, and the figures of the nights gone by.
_SUMS = """
INSERT INTO accounts_unitday
    (unit_id, day, accounts, phones, default_passwords, never_logged_in, locked)
SELECT unit.id, current_date - back, 500, 300 - back, 50, 100, 5
FROM accounts_unit AS unit, generate_series(1, 89) AS back;
SELECT setval(pg_get_serial_sequence(name, 'id'), top + 1) FROM (VALUES
    ('accounts_account', (SELECT max(id) FROM accounts_account)),
    ('accounts_address', (SELECT max(id) FROM accounts_address)),
    ('accounts_auditevent', (SELECT max(id) FROM accounts_auditevent)),
    ('otp_message', (SELECT max(id) FROM otp_message))
) AS filled (name, top);
"""
_TALLY = "INSERT INTO accounts_hashtally (scheme, count) VALUES (accounts_hash_scheme(%s), %s)"


class Rows:
    """The rows, each as a line of COPY; everything follows from its number and one seed."""

    def __init__(self, size, first):
        from django.conf import settings

        from accounts.models import Account, Unit
        from otp.counting import keyed_names

        self.size, self.first = size, first
        self.now = dt.datetime.now(dt.UTC)
        self.unit = Unit.objects.earliest("pk").pk
        self.units = Unit.objects.count()
        self.staff = list(Account.objects.filter(is_staff=True).order_by("pk").values_list("pk"))
        self.staff = [pk for (pk,) in self.staff]
        self.pepper = keyed_names.current_id()
        pepper = settings.OTP_PEPPERS[0]
        # 64 letters each: a million texts would take twice the room in every process.
        self.keys = "".join(
            keyed_names._name(pepper, "address", self.address(n)) for n in range(size.accounts)
        )
        self.clock = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400)]

    @staticmethod
    def address(n):
        return f"nguoi.so{n}@{DOMAIN}" if n else f"an@{DOMAIN}"

    def key(self, n):
        return self.keys[64 * n : 64 * n + 64]

    def days(self, count):
        """Give the last days, and the seconds in which people ask from the first of them to now."""
        today = self.now.date()
        days = [f"{today - dt.timedelta(days=back)} " for back in range(count - 1, -1, -1)]
        passed = self.now.hour * 3600 + self.now.minute * 60 + self.now.second
        return days, (count - 1) * OPEN + min(passed, OPEN)

    def accounts(self):
        with _copying("accounts_account", ACCOUNT) as write:
            _in_batches(write, map(self._account, range(self.size.accounts)))
        with _copying("accounts_address", "address, is_main, account_id") as write:
            _in_batches(write, self._addresses())
        with _copying("accounts_session", SESSION) as write:
            _in_batches(write, map(self._session, range(self.size.accounts // 5)))
        with _copying("otp_meter", "key, count, until") as write:
            until = self.now + dt.timedelta(hours=1)
            lines = (f"log-in:{self.key(n)}\t1\t{until}\n" for n in range(self.size.accounts // 5))
            _in_batches(write, lines)

    def _account(self, n):
        chance = _mixed(n)
        name = f"{FAMILIES[chance % 10]} {MIDDLES[chance // 10 % 6]} {GIVEN[chance // 60 % 10]}"
        if n % 1000 == 1:
            name += f" Xuyến{n}"
        of_a_thousand = chance // 600 % 1000
        has_phone = of_a_thousand < 850 or n == 0
        phone = f"+849{n * 7 % 100_000_000:08}" if has_phone else ""
        confirmed = f"2026-03-01 {self.clock[n % 86_400]}+00" if has_phone and n % 8 else "\\N"
        last = f"2026-10-01 {self.clock[n % 86_400]}+00" if n % 10 < 8 else "\\N"
        return (
            f"{self.first + n}\t{HASH}\tf\t{self.address(n)}\t{name}\t"
            f"{'organisation' if n % 100 == 99 else 'person'}\t{self.unit + n % self.units}\t"
            f"{phone}\t{confirmed}\t\t\t{'t' if n % 12 == 7 else 'f'}\t"
            f"{'f' if n % 50 == 33 else 't'}\t"
            f"{f'2026-05-01 {self.clock[n % 86_400]}+00' if n % 100 == 42 else _NULL}\tf\t"
            f"2024-01-01 {self.clock[n % 86_400]}+00\t{last}\n"
        )

    def _addresses(self):
        for n in range(self.size.accounts):
            yield f"{self.address(n)}\tt\t{self.first + n}\n"
            if n % 30 == 29:
                yield f"ten.khac{n}@{DOMAIN}\tf\t{self.first + n}\n"

    def _session(self, n):
        at = self.now - dt.timedelta(seconds=n % 900)
        until = self.now + dt.timedelta(seconds=1800 - n % 1800)
        key = hashlib.sha256(b"session%d" % n).hexdigest()
        return f"{key}\te30:\t{until}\t{self.first + n * 5}\t{at}\t{at}\n"

    def codes(self):
        """Copy codes and the messages that carried them, side by side."""
        with _copying("otp_code", CODE) as codes, _copying("otp_message", MESSAGE) as messages:
            batch = [], []
            for code, message in self._codes():
                batch[0].append(code)
                batch[1].append(message)
                if len(batch[0]) == BATCH:
                    codes("".join(batch[0]))
                    messages("".join(batch[1]))
                    batch = [], []
            codes("".join(batch[0]))
            messages("".join(batch[1]))

    def _codes(self):
        """One in seven asks a second time, half a day later; one in twelve asks for nobody."""
        days, passed = self.days(CODE_DAYS)
        count, people, clock = self.size.codes, self.size.accounts, self.clock
        half = max(1, count // CODE_DAYS // 2)
        states = [(s, reason) for s, reason, of in STATES for _ in range(of)]
        bits = random.Random(1).getrandbits
        for n in range(count):
            day, second = divmod(n * passed // count, OPEN)
            asker, ordinal = n, 1
            if n % 14 == half % 14 and (n - half) * passed // count // OPEN == day:
                asker, ordinal = n - half, 2
            chance = bits(32)
            if asker % 12 == 5:
                key = hashlib.sha256(b"khong.co%d" % asker).hexdigest()
                state, reason = "skipped", "decoy"
            else:
                key = self.key(asker * 7919 % people)
                state, reason = states[chance % 1000]
            date, sent = days[day], state in ("delivered", "accepted")
            at = f"{date}{clock[second]}+00"
            end = f"{date}{clock[second + 300]}+00"
            right = f"{date}{clock[second + 40]}+00" if sent and chance // 1000 % 10 < 7 else _NULL
            used = right if chance // 10_000 % 20 else _NULL
            pk = f"{bits(128):032x}"
            yield (
                f"{pk}\t{key}\t{'phone' if asker % 25 == 3 else 'recovery'}\t{self.pepper}\t"
                f"{key}\t{at}\t{end}\t{end}\t{ordinal}\tf\t{int(right != _NULL)}\t"
                f"{right}\t{used}\tf\n",
                f"{pk}\t{key}\t{key}\tsms\t\t+84*****{chance % 1000:03}\t\t\t{state}\t{reason}\t"
                f"{'' if state == 'skipped' else 'esms' if chance & 1 else 'twilio'}\t"
                f"{'' if state == 'skipped' else f'SM{n:x}'}\t1\t{at}\t{at}\t{end}\t{at}\t"
                f"{at if sent else _NULL}\n",
            )

    def trail(self):
        """Copy the trail with its chain: the hashes are those that PostgreSQL would make."""
        events, links = [], []
        with (
            _copying("accounts_auditevent", EVENT) as write_events,
            _copying("accounts_auditlink", "seq, event_id, at, row, digest") as write_links,
        ):
            for event, link in self._trail():
                events.append(event)
                links.append(link)
                if len(events) == BATCH:
                    write_events("".join(events))
                    write_links("".join(links))
                    events, links = [], []
            write_events("".join(events))
            write_links("".join(links))

    def _trail(self):
        days, passed = self.days(TRAIL_DAYS)
        count, clock, staff, sha = self.size.events, self.clock, self.staff, hashlib.sha256
        kinds = [kind[:3] for kind in EVENTS for _ in range(kind[3])]
        bits = random.Random(2).getrandbits
        step, before = max(1, count // OF_AN), ""
        for n in range(count):
            chance = bits(48)
            day, second = divmod(n * passed // count, OPEN)
            time_ = f"{days[day]}{clock[second]}.000000"
            event, ok, who = kinds[chance % 1000]
            person = (chance >> 10) % self.size.accounts
            back, rest = divmod(count - 1 - n, step)
            if rest == 0 and back < OF_AN:
                person = 0
            account, actor, key, detail = self.first + person, "null", self.key(person), "{}"
            if who == OWN:
                actor = account
                if ok == "false":
                    actor = "null"
            elif who == STRANGER:
                account, key = "null", sha(b"la%d" % person).hexdigest()
            elif who == STAFFS:
                actor = staff[chance // 1000 % len(staff)]
                detail = f'{{"why": "Theo yêu cầu", "ticket": "PYC-{n}"}}'
            else:
                account, actor, key = "null", staff[chance // 1000 % len(staff)], ""
                detail = '{"by": "name"}'
            client = f"10.{chance >> 8 & 255}.{chance >> 16 & 255}.{chance >> 24 & 255}"
            request, salt = f"{bits(128):032x}", f"{bits(128):032x}"
            seal = sha(f'["{salt}", "{key}", "{client}", {detail}]'.encode()).hexdigest()
            row = sha(
                f'[{n + 1}, "{time_}", "{event}", {ok}, "", {account}, {actor}, "{request}",'
                f' "{seal}"]'.encode()
            ).hexdigest()
            before = sha(f"{before}\n{time_}\n{row}".encode()).hexdigest()
            yield (
                f"{n + 1}\t{time_}+00\t{event}\t{ok[0]}\t\t{_or_null(account)}\t"
                f"{_or_null(actor)}\t{key}\t{client}\t{request}\t{detail}\t{salt}\t\n",
                f"{n + 1}\t{n + 1}\t{time_}+00\t{row}\t{before}\n",
            )


_NULL = "\\N"
HASH = "argon2$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHRzYWx0" + "$" + "h" * 43
ACCOUNT = (
    "id, password, is_superuser, address, full_name, kind, unit_id, phone, phone_confirmed_at,"
    " new_phone, old_phone, has_default_password, is_active, locked_at, is_staff, created_at,"
    " last_login"
)
SESSION = "session_key, session_data, expire_date, account_id, created_at, seen_at"
CODE = (
    "id, address_key, purpose, pepper_id, browser_key, issued_at, gap_until, expires_at, ordinal,"
    " voided, attempts, verified_at, used_at, from_own_browser"
)
MESSAGE = (
    'code_id, address_key, phone_key, channel, "to", to_masked, subject, text, state, reason,'
    " gateway, gateway_id, tries, created_at, due_at, good_until, changed_at, accepted_at"
)
EVENT = (
    "id, at, event, ok, reason, account_id, actor_id, address_key, client, request_id, detail,"
    " salt, seal"
)


def _mixed(n):
    return (n * 2_654_435_761 ^ n >> 7) & 0xFFFFFFFF


def _or_null(value):
    return _NULL if value == "null" else value


class _copying:  # noqa: N801  (a block)
    """A COPY into a table on a connection of its own, in which no trigger fires."""

    def __init__(self, table, columns):
        import psycopg

        self.connection = psycopg.connect(os.environ["DATABASE_URL"])
        self.connection.execute("SET session_replication_role = replica")
        self.copying = self.connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN")

    def __enter__(self):
        return self.copying.__enter__().write

    def __exit__(self, *error):
        self.copying.__exit__(*error)
        self.connection.commit()
        self.connection.close()


def _in_batches(write, lines):
    batch = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            write("".join(batch))
            batch = []
    write("".join(batch))


if __name__ == "__main__":
    main(*sys.argv[1:])
