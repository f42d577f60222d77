"""Compares every page over a country's rows with the same page over next to none. Run it by hand:

    DATABASE_URL=postgresql://owner@127.0.0.1:5432/postgres python -m tests.benchmarks.flat [WORDS]

`tests.benchmarks.dataset` has made both databases. WORDS keep the pages whose names have one of
them. Both are asked in turn, so what else the machine does falls on both; `rows` are what the
full one's large tables had to read for one page, which no other work changes.
"""

import datetime as dt
import io
import os
import re
import statistics
import sys
import time
from contextlib import contextmanager
from functools import partial

import tests.support.environment  # noqa: F401  (before the settings are read)
from tests.benchmarks.dataset import EMPTY, FULL, address_of

RUNS, FEWEST = 15, 3
LONGEST = 10  # seconds for the runs of one page, where they are more than the fewest
RATIO = 1.1  # of the medians, for what is not counted or searched
LOOKUP, LIST, REPORT = 50, 1000, 1000  # milliseconds
FULL_DAY = 20_000  # codes
QUIET = 1.0  # the load above which a run is not called good

BIG = (
    "accounts_account",
    "accounts_address",
    "accounts_auditevent",
    "accounts_auditlink",
    "otp_code",
    "otp_message",
)
# Flushed by the session itself, so that nothing of the page before is counted for this one.
READ = """
SELECT coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0)
FROM pg_stat_user_tables WHERE relname = ANY(%s)
"""
READ_OF_INDEXES = """
SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname = ANY(%s)
"""


def main(*words):
    set_up(EMPTY)
    on_a_full_day()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    empty, full = Side(EMPTY), Side(FULL)
    print(f"{'':44}{'empty':>9}{'full':>9}{'ratio':>7}{'rows':>10}{'of these by seq. scan':>23}")
    slow = 0
    for what, budget, act in pages():
        if not words or any(word in what for word in words):
            try:
                slow += compare(what, budget, act, empty, full)
            except Exception as error:  # noqa: BLE001  # the pages after it are measured all the same
                print(f"FAIL {what}: {type(error).__name__} {str(error)[:100]}", flush=True)
                slow += 1
    load = os.getloadavg()[0]
    print(
        f"load after: {load:.1f}", "" if load <= QUIET else "(too much for times to mean anything)"
    )
    print(f"{slow} over their budgets")


def set_up(database):
    """Set Django up for one of the two databases, as a deployment with no caller's limits."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="mailportal.settings",
        DATABASE_URL=address_of(database),
        RATELIMIT_ENABLE="0",
        METRICS_TOKEN="m" * 40,
    )
    import django

    django.setup()
    from django.conf import settings
    from django.test.utils import setup_test_environment

    setup_test_environment()
    # Nothing was collected here.
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )


def on_a_full_day():
    """Let it be the last day whose codes are many: some pages count those of today."""
    import time_machine
    from django.db import connection
    from django.utils import timezone

    from otp.models import OFFICE_ZONE, Code

    connection.settings_dict["NAME"] = FULL
    today = timezone.localdate()
    for day in (today - dt.timedelta(days=back) for back in range(90)):
        if Code.objects.filter(local_day=day)[:FULL_DAY].count() == FULL_DAY:
            evening = dt.datetime.combine(day, dt.time(22), OFFICE_ZONE)
            if evening < timezone.now():
                time_machine.travel(evening, tick=True).start()
            break
    connection.close()
    connection.settings_dict["NAME"] = EMPTY


class Side:
    """One of the two databases, with the people who are logged in there."""

    def __init__(self, name):
        self.name = name
        self.clients = {}
        self.asked = 0
        with self.chosen():
            from otp.models import Brakes

            many = 1_000_000
            Brakes.objects.update(
                codes_an_hour=many, codes_a_day=many, guesses_an_hour=many, guesses_a_day=many
            )
            self.people = self._people()

    @contextmanager
    def chosen(self):
        from django.db import connection

        if connection.settings_dict["NAME"] != self.name:
            connection.close()
            connection.settings_dict["NAME"] = self.name
        yield

    def _people(self):
        from accounts.models import Account, Campaign, Device, PhoneCampaign, Session, Unit

        an = Account.objects.get(address__startswith="an@")
        cast_password(an)
        # Of the runs before, whose number is not the same on both sides.
        Session.objects.filter(account=an).delete()
        Device.objects.filter(account=an).delete()
        return {
            "an": an.pk,
            "other": Account.objects.get(address__startswith="nguoi.so77@").pk,
            "unit": Unit.objects.filter(parent=None).earliest("pk").pk,
            "staff": Account.objects.get(address__startswith="mai@").pk,
            "campaign": Campaign.objects.latest("pk").pk,
            "phones": PhoneCampaign.objects.latest("pk").pk,
        }

    def client(self, name):
        """Give a browser in which somebody has logged in; "" for a stranger's."""
        from django.test import Client

        from accounts.models import Account
        from tests.support import cast

        if name not in self.clients:
            client = Client(SERVER_NAME="localhost")
            if name:
                person = Account.objects.get(address__startswith=f"{name}@")
                data = {"username": person.address, "password": cast.PASSWORD}
                assert client.post(cast.LOGIN, data).status_code == 302
                if person.is_staff:
                    data = {"token": cast.token_of(person)}
                    assert client.post(cast.FACTOR, data).status_code == 302
            self.clients[name] = client
        return self.clients[name]


def cast_password(account):
    from django.contrib.auth.hashers import make_password

    from tests.support import cast

    account.password = make_password(cast.PASSWORD)
    account.save(update_fields=["password"])


def compare(what, budget, act, empty, full):
    times = {empty: [], full: []}
    give_up_at = time.monotonic() + LONGEST
    while len(times[full]) < RUNS and (time.monotonic() < give_up_at or len(times[full]) < FEWEST):
        for side in (empty, full):
            with side.chosen():
                act(side)  # once, because the session of the database is new
                began = time.perf_counter()
                act(side)
                times[side].append((time.perf_counter() - began) * 1000)
    few, many = (statistics.median(times[side]) for side in (empty, full))
    with full.chosen():
        sequential, by_index = rows_read(partial(act, full))
    ratio = many / few
    within = ratio <= RATIO or (budget is not None and many <= budget)
    mark = "    " if within else "OVER"
    rows = f"{sequential + by_index:>10,}{sequential:>15,}"
    print(f"{mark} {what:<39}{few:>9.1f}{many:>9.1f}{ratio:>7.2f}{rows}", flush=True)
    return not within


def rows_read(act):
    from django.db import connection

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(READ, [list(BIG)])
            sequential, _fetched = cursor.fetchone()
            cursor.execute(READ_OF_INDEXES, [list(BIG)])
            return sequential, cursor.fetchone()[0]

    before = read()
    act()
    return tuple(int(then - at) for then, at in zip(read(), before, strict=True))


def get(who, path, status=200):
    def act(side):
        r = side.client(who).get(path.format(**side.people))
        assert r.status_code == status, (path, r.status_code, r.headers.get("Location"))
        if r.streaming:
            next(iter(r.streaming_content))
            r.close()

    return act


def post(who, path, status=200, **data):
    def act(side):
        r = side.client(who).post(path.format(**side.people), data)
        assert r.status_code in (status, 302), (path, r.status_code)

    return act


def ask(name):
    def act(side):
        side.clients.pop("", None)
        side.asked += 1
        # Nobody asks twice within the gap.
        n = (side.asked + int(time.time())) % 399
        r = side.client("").post("/quen-mat-khau/", {"address": name.format(n=n)})
        assert r.status_code in (200, 302), r.status_code

    return act


def log_in(side):
    side.clients.pop("an", None)
    side.client("an")


def metrics(side):
    r = side.client("").get("/metrics", headers={"Authorization": "Bearer " + "m" * 40})
    assert r.status_code == 200


def rule(act):
    return lambda _side: act()


LOOK_UPS = {
    "whole address": ("nguoi.so77@hagiang.gov.vn", "", 302),
    "bare name": ("nguoi.so77", "", 302),
    "beginning of an address": ("nguoi.so3", "", None),
    "address nobody has": ("khong.co@hagiang.gov.vn", "", 200),
    "commonest name": ("nguyen", "", 200),
    "with accents": ("Nguyễn", "", 200),
    "names in full": ("nguyen van an", "", 200),
    "rare name": ("xuyen1", "", 302),
    "rare and common": ("nguyen xuyen1", "", None),
    "beginning of a rare name": ("xuyen", "", None),
    "name nobody has": ("zzz", "", 200),
    "names nobody has together": ("ly ly tran xuyen", "", 200),
    "end of a number": ("0539", "", None),
    "masked number": ("0900*****539", "", None),
    "whole number": ("0900000539", "", None),
    "unit": ("", "DV1-0-3", None),
    "unit with many": ("", "DV0-0-0", 200),
    "name in a unit": ("nguyen van an", "DV0-0-0", 200),
}
ACCOUNTS, MESSAGES = "/quan-tri/accounts/account/", "/quan-tri/otp/message/"
CODES, AUDIT = "/quan-tri/otp/code/", "/quan-tri/accounts/auditevent/"
REPORTS, CAMPAIGNS = "/quan-tri/bao-cao/", "/quan-tri/chien-dich/"

STRANGERS = {
    "log-in page": get("", "/dang-nhap/"),
    "step 1": get("", "/quen-mat-khau/"),
    "asking for a code": ask("nguoi.so{n}"),
    "asking, nobody's address": ask("khong.co{n}"),
    "a wrong code": post("", "/quen-mat-khau/xac-thuc/", code="000000"),
    "activation": get("", "/kich-hoat/"),
    "log-in": log_in,
    "healthz": get("", "/healthz"),
}
PEOPLE = {
    "home of a person": get("an", "/"),
    "settings": get("an", "/cau-hinh/"),
    "profile": get("an", "/cau-hinh/thong-tin/"),
    "activity": get("an", "/cau-hinh/hoat-dong/"),
    "activity, page 4": get("an", "/cau-hinh/hoat-dong/?trang=4"),
    "activity, not successful": get("an", "/cau-hinh/hoat-dong/?loc=khong-thanh-cong"),
    "my data": get("an", "/cau-hinh/du-lieu/"),
}
STAFF = {
    "desk": get("mai", "/ho-tro/"),
    "person at the desk": get("mai", "/ho-tro/tai-khoan/{an}/"),
    "person whom few know": get("mai", "/ho-tro/tai-khoan/{other}/"),
    "proposals": get("mai", "/ho-tro/doi-so/"),
    "account in the admin": get("it", ACCOUNTS + "{other}/change/"),
    "home of the admin": get("it", "/quan-tri/"),
    "home of the admin, of a unit": get("don-vi", "/quan-tri/"),
}
STAFF_LISTS = {
    "organisations' mailboxes": get("it", "/quan-tri/hop-thu-to-chuc/"),
    "slips": get("it", "/quan-tri/phieu-kich-hoat/"),
    "departures": get("it", "/quan-tri/nghi-viec/"),
    "removals": get("it", "/quan-tri/xoa/"),
    "data requests": get("it", "/quan-tri/yeu-cau-du-lieu/"),
    "data requests, closed": get("it", "/quan-tri/yeu-cau-du-lieu/?loc=da-xong"),
}
LISTS = {
    "accounts": ACCOUNTS,
    "accounts, page 2": ACCOUNTS + "?p=2",
    "accounts, last page": ACCOUNTS + "?p=LAST",
    "accounts by address": ACCOUNTS + "?o=1",
    "accounts by name": ACCOUNTS + "?o=2",
    "accounts by state": ACCOUNTS + "?o=5",
    **{
        f"accounts, {query}": f"{ACCOUNTS}?{query}"
        for query in (
            *("phone=missing", "phone=none", "phone=doubted", "phone=good", "phone=old-24"),
            *("has_default_password__exact=1", "logged-in=no", "locked=yes", "locked=no"),
            *("locked-by=campaign", "locked-by=nobody", "locked-by={staff}"),
            *("is_active__exact=0", "is_active__exact=1", "kind__exact=organisation"),
            *("unit={unit}", "unit={unit}-", "unit=none"),
            "is_active__exact=1&unit={unit}&locked=yes",
        )
    },
    "messages": MESSAGES,
    "messages, last page": MESSAGES + "?p=LAST",
    **{
        f"messages, {query}": f"{MESSAGES}?{query}"
        for query in (
            *("state__exact=delivered", "state__exact=rejected", "state__exact=queued"),
            *("channel__exact=mail", "channel__exact=sms", "gateway=esms", "gateway=none"),
            "created_at__gte=2026-11-26",
            "state__exact=failed&reason__exact=30003",
        )
    },
    "codes": CODES,
    "codes, last page": CODES + "?p=LAST",
    **{
        f"codes, {query}": f"{CODES}?{query}"
        for query in (
            *("fate=sent", "fate=used", "fate=idle", "fate=wrong", "fate=not-sent"),
            *("purpose__exact=phone", "voided__exact=1", "gateway=esms", "gateway=none"),
            "local_day__gte=2026-11-26&local_day__lt=2026-11-27&fate=wrong",
        )
    },
    "trail": AUDIT,
    "trail, last page": AUDIT + "?p=LAST",
    **{
        f"trail, {query}": f"{AUDIT}?{query}"
        for query in (
            *("event__exact=logged-in", "event__exact=locked", "event__exact=activated"),
            *("ok__exact=0", "staff={staff}", "help=yes", "account={an}", "account={other}"),
            *(
                "at__year=2026",
                "at__year=2026&at__month=11",
                "at__year=2026&at__month=11&at__day=3",
            ),
            "event__exact=code-granted&staff={staff}",
            "at__gte=2026-11-20&at__lt=2026-11-21&event__exact=code-wrong",
        )
    },
    "units": "/quan-tri/accounts/unit/",
    "units, found": "/quan-tri/accounts/unit/?q=0.3",
    "gateways": "/quan-tri/otp/gatewaystate/",
}
REPORTED = {
    "report, coverage": REPORTS,
    "report, one unit": REPORTS + "don-vi/{unit}/",
    "report, codes": REPORTS + "ma/",
    "report, campaigns": CAMPAIGNS,
    "report, campaign": CAMPAIGNS + "{campaign}/",
    "report, people of a campaign": CAMPAIGNS + "{campaign}/nguoi/",
    "report, campaign for numbers": CAMPAIGNS + "so-dien-thoai/{phones}/",
    "report, help": REPORTS + "ho-tro/",
    "report, trail as a file": AUDIT + "xuat/?at__gte=2026-11-26",
    "report, whole trail as a file": AUDIT + "xuat/",
}


def pages():
    from django.core.management import call_command

    for what, act in (STRANGERS | PEOPLE | STAFF).items():
        yield what, None, act
    for what, (words, unit, status) in LOOK_UPS.items():
        yield f"look-up, {what}", LOOKUP, looked_up(words, unit, status)
    for what, act in STAFF_LISTS.items():
        yield f"list, {what}", LIST, act
    for what, path in LISTS.items():
        yield f"list, {what}", LIST, listed(path)
    yield "list, accounts of a unit", LIST, get("don-vi", ACCOUNTS)
    for what, path in REPORTED.items():
        yield what, REPORT, get("it", path)
    yield "report, coverage of a unit", REPORT, get("don-vi", REPORTS)
    yield "metrics", None, metrics
    yield "readyz", None, get("", "/readyz", 503)
    yield "snapshot", REPORT, rule(partial(call_command, "snapshot", stdout=io.StringIO()))


def looked_up(words, unit, status):
    def act(side):
        r = side.client("mai").post("/ho-tro/", {"words": words, "unit": unit})
        assert r.status_code in ((200, 302) if status is None else (status,)), r.status_code

    return act


def listed(path):
    last = {}

    def act(side):
        at = path
        if "LAST" in path:
            if side not in last:
                page = side.client("it").get(path.partition("?")[0]).content.decode()
                last[side] = max([1, *map(int, re.findall(r"\?p=(\d+)", page))])
            at = path.replace("LAST", str(last[side]))
        get("it", at)(side)

    return act


if __name__ == "__main__":
    main(*sys.argv[1:])
