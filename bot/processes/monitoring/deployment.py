"""What holds for the whole deployment, whichever process is asked: read when Prometheus asks.

Each web process tells all of it, so boards take the ``max``. Answers are kept for some seconds, and one thread at
a time asks for new ones. Where Postgres or Redis is away, what they know is missing, and ``docent_dependency_up``
says so. Nothing here is about one person, channel or question; sources are those that the operator named.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import redis
from rq import Queue, Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import agent.settings
import ingest.settings
from agent import observability
from agent.clock import now
from agent.errors import UserError
from agent.observability.metrics import Metric, MetricKind, Reading
from agent.store.budgets import Budgets
from agent.store.database import Database, Transaction
from agent.store.tables import IS_OPEN
from bot.jobs import queue
from bot.processes.monitoring import budget_readings
from bot.settings import BotSettings
from ingest import source_config
from ingest.index.mirror import machines
from ingest.settings import IngestSettings

FRESH_SECONDS = 5.0
MAX_SOURCES = 200  # beyond, the freshest are left out
MAX_MACHINES = 100  # with a copy of the index

UP = Metric(MetricKind.READING, "docent_dependency_up", "Whether Postgres and Redis answer", ["part"])
OPEN = Metric(
    MetricKind.READING,
    "docent_questions_open",
    "Questions without an answer yet: waiting for a worker, answering, postponed (until Slack takes the answer)",
    ["state"],
)
OLDEST = Metric(
    MetricKind.READING,
    "docent_oldest_waiting_seconds",
    "Age of the oldest question that waits for a worker; 0 where none does",
)
JOBS = Metric(MetricKind.READING, "docent_jobs_waiting", "Jobs in Redis that no worker has taken", ["queue"])
WORKERS = Metric(MetricKind.READING, "docent_workers", "Worker processes that are registered in Redis")
SYNC_AGE = Metric(
    MetricKind.READING,
    "docent_sync_age_seconds",
    "Seconds since a source was last brought up to date",
    ["source"],
)
SYNC_EVERY = Metric(
    MetricKind.READING,
    "docent_sync_interval_seconds",
    "How often docent.toml wants a source to be synced; missing where that is never",
    ["source"],
)
SYNC_FAILED = Metric(
    MetricKind.READING, "docent_sync_failed", "Whether the latest ended sync of a source failed", ["source"]
)
DOCUMENTS = Metric(MetricKind.READING, "docent_documents", "Documents of a source", ["source"])
PROBLEMS = Metric(
    MetricKind.READING,
    "docent_documents_with_problems",
    "Documents of a source that cannot be searched, or not in full",
    ["source"],
)
CHUNKS = Metric(
    MetricKind.READING, "docent_chunks", "Chunks of a source's documents, as Postgres has them", ["source"]
)
COPY_AGE = Metric(
    MetricKind.READING,
    "docent_index_copy_age_seconds",
    "Seconds since a machine copied the version that it has of an index in a bucket",
    ["machine"],
)
COPY_BEHIND = Metric(
    MetricKind.READING,
    "docent_index_copy_behind",
    "Whether something keeps a machine's copy of an index in a bucket from being the newest version",
    ["machine"],
)

_QUESTIONS = text(f"""
SELECT count(*) FILTER (WHERE is_postponed) AS n_postponed,
       count(*) FILTER (WHERE is_held) AS n_answering,
       count(*) FILTER (WHERE NOT is_held AND NOT is_postponed) AS n_waiting,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE NOT is_held AND NOT is_postponed)), 0)
           AS oldest_seconds
FROM (
    SELECT created_at, run_after > now() AS is_postponed,
           lease_until IS NOT NULL AND lease_until >= now() AS is_held
    FROM turns WHERE {IS_OPEN}
) AS open
""")
_SYNCS = text("""
SELECT source, extract(epoch FROM now() - max(ended_at) FILTER (WHERE status = 'completed')) AS age_seconds,
       (array_agg(status ORDER BY started_at DESC) FILTER (WHERE ended_at IS NOT NULL))[1] = 'failed' AS has_failed
FROM syncs GROUP BY source
""")
_DOCUMENTS = text("""
SELECT source, count(*) AS n_documents, count(coalesce(hidden_because, problem)) AS n_problems,
       coalesce(sum(n_chunks), 0) AS n_chunks
FROM documents GROUP BY source
""")


@dataclass
class Deployment:
    """Reads what holds for the deployment, and keeps it for :data:`FRESH_SECONDS`."""

    database: Database
    connection: redis.Redis
    queues: Sequence[tuple[str, Queue]]
    budgets: Budgets
    library: IngestSettings
    clock: Callable[[], float] = time.monotonic
    _known: list[Reading] = field(default_factory=list)
    _fresh_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def of(settings: BotSettings, database: Database, connection: redis.Redis) -> "Deployment":
        """Returns that of the settings."""
        queues = [
            ("turns", queue.open_turn_queue(settings, connection)),
            ("syncs", queue.open_sync_queue(settings, connection)),
        ]
        budgets = Budgets.from_settings(agent.settings.load())
        return Deployment(database, connection, queues, budgets, ingest.settings.load())

    def read(self) -> list[Reading]:
        """Returns the readings, at most some seconds old."""
        with self._lock:
            if self.clock() >= self._fresh_until:
                self._known = [*self._ask()]
                self._fresh_until = self.clock() + FRESH_SECONDS
            return self._known

    def _ask(self) -> Iterator[Reading]:
        is_up = {}
        for part, ask in (("postgres", self._ask_postgres), ("redis", self._ask_redis)):
            try:
                yield from list(ask())
                is_up[part] = 1
            except (SQLAlchemyError, redis.RedisError) as error:
                observability.log.info("not_measured", part=part, error_type=type(error).__name__)
                is_up[part] = 0
        yield _give(UP, is_up.items())

    def _ask_postgres(self) -> Iterator[Reading]:
        with self.database.transaction() as transaction:
            row = transaction.execute(_QUESTIONS).one()
            states = {"waiting": row.n_waiting, "answering": row.n_answering, "postponed": row.n_postponed}
            yield _give(OPEN, states.items())
            yield Reading(OLDEST, [((), float(row.oldest_seconds))])
            yield from self._read_sources(transaction)
            yield from _read_copies(transaction)
            yield from budget_readings.read(transaction, self.budgets)

    def _read_sources(self, transaction: Transaction) -> Iterator[Reading]:
        documents = transaction.execute(_DOCUMENTS).all()[:MAX_SOURCES]
        for metric, column in ((DOCUMENTS, "n_documents"), (PROBLEMS, "n_problems"), (CHUNKS, "n_chunks")):
            yield _give(metric, ((row.source, getattr(row, column)) for row in documents))
        syncs = transaction.execute(_SYNCS).all()
        aged = [(row.source, row.age_seconds) for row in syncs if row.age_seconds is not None]
        yield _give(SYNC_AGE, sorted(aged, key=lambda pair: -pair[1])[:MAX_SOURCES])
        yield _give(SYNC_FAILED, [(row.source, row.has_failed or False) for row in syncs][:MAX_SOURCES])
        yield _give(SYNC_EVERY, self._list_intervals()[:MAX_SOURCES])

    def _list_intervals(self) -> list[tuple[str, float]]:
        try:
            tables = source_config.sources(self.library.config, is_required=self.library.is_config_named)
        except UserError:  # the clock says what is wrong with it
            return []
        intervals = [(name, source_config.sync_interval(table)) for name, table in tables.items()]
        return [(name, every.total_seconds()) for name, every in intervals if every]

    def _ask_redis(self) -> Iterator[Reading]:
        yield _give(JOBS, [(name, len(jobs)) for name, jobs in self.queues])
        yield Reading(WORKERS, [((), Worker.count(queue=self.queues[0][1]))])


def _read_copies(transaction: Transaction) -> Iterator[Reading]:
    copies = machines.load(transaction)[:MAX_MACHINES]
    aged = [(one.host, (now() - one.copied_at).total_seconds()) for one in copies if one.copied_at]
    yield _give(COPY_AGE, aged)
    yield _give(COPY_BEHIND, [(one.host, one.problem is not None) for one in copies])


def _give(metric: Metric, values: Iterable[tuple[str, float]]) -> Reading:
    return Reading(metric, [((label,), float(value)) for label, value in values])
