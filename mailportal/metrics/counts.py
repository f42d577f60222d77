"""What the database counts, read at each scrape: the same whichever host is asked."""

import platform
import tomllib
from collections.abc import Iterable, Iterator

import django
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Case, Count, Q, Value, When
from django.db.models.functions import Now
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from accounts.access import mail_logins
from accounts.audit import shipping
from accounts.bulk import queue as bulk
from accounts.credentials import app_passwords
from accounts.hooks import standing as webhooks
from accounts.models import AuditEvent
from accounts.upkeep import records
from otp import outbox
from otp.counting import ceilings
from otp.models import CALLER_TRIES, GUESSES, LATELY, Code, GatewayState, Message, Purpose

Event = AuditEvent.Event
GUESSED = {Event.CODE_RIGHT: "right", Event.CODE_WRONG: "wrong", Event.CODE_SPENT: "spent"}
LOGGED_IN = {
    Event.LOGGED_IN: "right",
    Event.LOGIN_FAILED: "wrong",
    Event.LOGIN_HELD: "held",
    Event.FACTOR_RIGHT: "factor-right",
    Event.FACTOR_WRONG: "factor-wrong",
}
SHARES = (0.5, 0.95)  # of the messages that a gateway took

_LATENCY = """
SELECT gateway, percentile_cont(%s::float8[]) WITHIN GROUP (
    ORDER BY extract(epoch FROM accepted_at - created_at))
FROM otp_message
WHERE created_at > statement_timestamp() - %s * interval '1 second' AND accepted_at IS NOT NULL
GROUP BY gateway
"""


class Counts(Collector):
    """Reads everything at each scrape; where the database is away, says just that."""

    def collect(self) -> Iterable[Metric]:
        yield _build()
        try:
            read = [metric for part in _PARTS for metric in part()]
        except DatabaseError:
            connection.close()
            yield _gauge("database_up", "Whether the database answers.", 0)
        else:
            yield _gauge("database_up", "Whether the database answers.", 1)
            yield from read


def _build() -> Metric:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    labels = {
        "version": version,
        "django": django.get_version(),
        "python": platform.python_version(),
    }
    family = GaugeMetricFamily("mailportal_build_info", "What runs.", labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"mailportal_{name}", help_, value=value)


def _gauges(
    name: str, help_: str, labels: list[str], values: Iterable[tuple[list[str], float]]
) -> Metric:
    family = GaugeMetricFamily(f"mailportal_{name}", help_, labels=labels)
    for given, value in values:
        family.add_metric(given, value)
    return family


def _codes() -> Iterator[Metric]:
    fate = Case(
        When(used_at__isnull=False, then=Value("used")),
        When(verified_at__isnull=False, then=Value("right")),
        When(voided=True, then=Value("voided")),
        When(
            Q(attempts__gte=GUESSES) | Q(purpose=Purpose.CALLER, attempts__gte=CALLER_TRIES),
            then=Value("guessed-out"),
        ),
        When(expires_at__lte=Now(), then=Value("expired")),
        default=Value("waiting"),
    )
    lately = Code.objects.filter(issued_at__gt=Now() - LATELY).values("purpose")
    rows = lately.annotate(fate=fate, count=Count("pk")).values_list("purpose", "fate", "count")
    yield _gauges(
        "codes_last_hour",
        "Codes asked for in the last hour, by what became of them.",
        ["purpose", "fate"],
        (([purpose, fate], count) for purpose, fate, count in rows),
    )


def _events() -> Iterator[Metric]:
    lately = AuditEvent.objects.filter(at__gt=Now() - LATELY, event__in=[*GUESSED, *LOGGED_IN])
    counts = dict(lately.values("event").annotate(n=Count("pk")).values_list("event", "n"))
    yield _gauges(
        "guesses_last_hour",
        "Codes typed in during the last hour.",
        ["outcome"],
        (([outcome], counts.get(event, 0)) for event, outcome in GUESSED.items()),
    )
    yield _gauges(
        "logins_last_hour",
        "Log-ins and second factors of the last hour.",
        ["outcome"],
        (([outcome], counts.get(event, 0)) for event, outcome in LOGGED_IN.items()),
    )


def _queue() -> Iterator[Metric]:
    under_way = Q(state__in=[Message.State.QUEUED, Message.State.SENDING])
    rows = (
        Message.objects.filter(under_way)
        .values("channel")
        .annotate(n=Count("pk"))
        .values_list("channel", "n")
    )
    counts = dict.fromkeys(Message.Channel.values, 0) | dict(rows)
    yield _gauges(
        "queue_messages",
        "Messages that wait for the sender or are on their way.",
        ["channel"],
        (([channel], n) for channel, n in counts.items()),
    )
    waited = outbox.oldest_waiting()
    yield _gauge(
        "queue_oldest_seconds",
        "How long the oldest message has been due.",
        waited.total_seconds() if waited else 0,
    )
    yield _gauge("sender_up", "Whether a sender lives.", outbox.sender_is_alive())
    yield _gauge("bulk_jobs_waiting", "Work on many accounts that waits.", bulk.to_do().count())


def _messages() -> Iterator[Metric]:
    rows = (
        Message.objects.filter(created_at__gt=Now() - LATELY)
        .values("channel", "state")
        .annotate(n=Count("pk"))
        .values_list("channel", "state", "n")
    )
    yield _gauges(
        "messages_last_hour",
        "Messages of the last hour, by how they stand.",
        ["channel", "state"],
        (([channel, state], n) for channel, state, n in rows),
    )


def _gateways() -> Iterator[Metric]:
    states = list(GatewayState.objects.order_by("pk"))
    paused = set(GatewayState.objects.paused().values_list("pk", flat=True))
    yield _gauges(
        "gateway_paused",
        "Whether a gateway is paused after failures.",
        ["gateway"],
        (([state.name], state.name in paused) for state in states),
    )
    yield _gauges(
        "gateway_failures",
        "Failures of a gateway in a row.",
        ["gateway"],
        (([state.name], state.failures) for state in states),
    )
    with connection.cursor() as cursor:
        cursor.execute(_LATENCY, [list(SHARES), LATELY.total_seconds()])
        rows = cursor.fetchall()
    yield _gauges(
        "gateway_latency_seconds",
        "Time within which a share of the last hour's messages was taken by a gateway.",
        ["gateway", "share"],
        (
            ([gateway, str(share)], seconds)
            for gateway, times in rows
            for share, seconds in zip(SHARES, times, strict=True)
        ),
    )


def _ceilings() -> Iterator[Metric]:
    readings = ceilings.readings()
    yield _gauges(
        "ceiling_used",
        "What counts against a ceiling of the whole portal.",
        ["ceiling"],
        (([reading.key], reading.count) for reading in readings),
    )
    yield _gauges(
        "ceiling_most",
        "The ceilings of the whole portal.",
        ["ceiling"],
        (([reading.key], reading.most) for reading in readings),
    )


def _jobs() -> Iterator[Metric]:
    readings = records.readings()
    yield _gauges(
        "job_age_seconds",
        "Time since a task that runs by itself last went well.",
        ["job"],
        (([each.task.name], each.age.total_seconds()) for each in readings),
    )
    yield _gauges(
        "job_overdue",
        "Whether a task that runs by itself is overdue.",
        ["job"],
        (([each.task.name], each.is_overdue) for each in readings),
    )
    yield _gauges(
        "job_failures",
        "Failures of a task in a row.",
        ["job"],
        (([each.task.name], each.row.failures) for each in readings),
    )
    runs = CounterMetricFamily(
        "mailportal_job_runs", "Runs of a task, by outcome.", labels=["job", "outcome"]
    )
    for each in readings:
        runs.add_metric([each.task.name, "well"], each.row.runs)
        runs.add_metric([each.task.name, "failed"], each.row.failed_runs)
    yield runs


def _shipping() -> Iterator[Metric]:
    yield _gauges(
        "audit_rows_waiting",
        "Rows of the audit trail that a place outside does not have yet.",
        ["place"],
        (([place], count) for place, count in shipping.waiting()),
    )


def _mail_logins() -> Iterator[Metric]:
    counts = mail_logins.counts_of_today()
    if counts is not None:
        yield _gauges(
            "mail_logins_today",
            "Log-ins of mail programs since midnight, as Dovecot reports them.",
            ["protocol"],
            (([protocol], count) for protocol, count in counts.items()),
        )


def _app_passwords() -> Iterator[Metric]:
    if app_passwords.are_offered():
        yield _gauge(
            "app_password_owners",
            "Accounts that have a password for a mail program.",
            app_passwords.count_owners(),
        )


def _webhooks() -> Iterator[Metric]:
    count, longest = webhooks.waiting()
    yield _gauge("webhooks_waiting", "Messages that wait for a webhook.", count)
    yield _gauge("webhook_oldest_seconds", "How long the oldest of these has waited.", longest)


_PARTS = (
    _codes,
    _events,
    _mail_logins,
    _app_passwords,
    _queue,
    _webhooks,
    _messages,
    _gateways,
    _ceilings,
    _jobs,
    _shipping,
)
