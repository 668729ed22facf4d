"""Whether somebody works on every open question and every open sync, and Redis knows of nothing else.

A clock mends most of this within a minute, so only what has lain for longer counts.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from rq import Queue
from sqlalchemy import select, text

from agent.store import budgets, locks, wakes
from agent.store.database import Database, Transaction
from agent.store.tables import IS_OPEN, SessionRow
from agent.text import count
from bot.jobs import queue
from bot.record.safekeeping.check.finding import CheckedPart, Fault
from ingest.index import lock_names
from ingest.index.active_index import ActiveIndex
from ingest.sync import store
from ingest.sync.store import SyncOrigin, SyncStatus
from ingest.tables import SyncRow

QUESTIONS, SYNCS, WAKE_UPS = "open questions", "open syncs", "wake-ups in Redis"
FORGOTTEN_SECONDS = 120  # a clock wakes once a minute at least
MAX_IDS = 1_000  # jobs looked up in one statement

_COUNT_OPEN = text(f"SELECT count(*) FROM turns WHERE {IS_OPEN}")
_DEAD = text(f"""
SELECT id, session_id FROM turns
WHERE {IS_OPEN} AND lease_until < now() - make_interval(secs => {FORGOTTEN_SECONDS})
""")
_FREE = text("""
UPDATE turns SET lease_owner = NULL, lease_token = NULL, lease_until = NULL, wake_after = now(), n_wakes = 0
WHERE id = ANY(:ids) AND lease_until < now()
""")
_FORGOTTEN = text(f"""
SELECT session_id FROM (
    SELECT DISTINCT ON (session_id) session_id, lease_until, run_after, wake_after
    FROM turns WHERE {IS_OPEN} ORDER BY session_id, seq
) AS first
WHERE lease_until IS NULL AND greatest(run_after, wake_after) < now() - make_interval(secs => {FORGOTTEN_SECONDS})
""")
_IDLE = text("""
SELECT id, source, origin FROM syncs
WHERE ended_at IS NULL AND touched_at < now() - make_interval(secs => :seconds) ORDER BY source
""")
_COUNT_SYNCS = text("SELECT count(*) FROM syncs WHERE ended_at IS NULL")


def check_questions(database: Database, turn_queue: Queue, *, repairs: bool) -> CheckedPart:
    """Looks for questions that nobody works on."""
    with database.transaction() as transaction:
        n_open = transaction.scalar(_COUNT_OPEN) or 0
        dead = transaction.execute(_DEAD).all()
        forgotten = list(transaction.scalars(_FORGOTTEN))
    waiting = queue.list_waiting(turn_queue)
    forgotten = [session_id for session_id in forgotten if str(session_id) not in waiting]
    if repairs and (dead or forgotten):
        with database.transaction() as transaction:
            transaction.execute(_FREE, {"ids": [row[0] for row in dead]})
            budgets.lapse(transaction)
            due = wakes.list_due(transaction)
            wakes.note_wakes(transaction, [turn_id for turn_id, _ in due])
        queue.wake(turn_queue, [*(row[1] for row in dead), *forgotten])
    told = "a worker is told"
    faults = [
        Fault(f"{_describe(len(dead), 'is', 'are')} held by a worker that died, and no other took over",
              len(dead), f"set free, and {told}", is_repaired=repairs),
        Fault(f"{_describe(len(forgotten), 'waits', 'wait')}, and no worker was told. Is the clock running?",
              len(forgotten), told, is_repaired=repairs),
    ]  # fmt: skip
    return CheckedPart(QUESTIONS, count(n_open, "open question"), [fault for fault in faults if fault.n])


def check_syncs(active: ActiveIndex, *, lease_seconds: float, repairs: bool) -> CheckedPart:
    """Looks for syncs that nobody works on."""
    seconds = max(FORGOTTEN_SECONDS, 2 * lease_seconds)
    with active.database.transaction() as transaction:
        n_open = transaction.scalar(_COUNT_SYNCS) or 0
        idle = transaction.execute(_IDLE, {"seconds": seconds}).all()
        dead = [row for row in idle if not _is_held(transaction, row.source, row.origin)]
    if repairs and dead:
        with active.writer.alone(), active.database.transaction() as transaction:
            for row in dead:
                store.end(transaction, row.id, SyncStatus.INTERRUPTED, "nobody worked on it any more")
    names = ", ".join(f"'{row.source}'" for row in dead)
    text_ = f"{count(len(dead), 'sync')} that nobody works on any more: {names}"
    fault = Fault(text_, len(dead), "ended; the next sync goes on where it stopped", is_repaired=repairs)
    return CheckedPart(SYNCS, count(n_open, "open sync"), [fault] if dead else [])


def check_wake_ups(database: Database, turn_queue: Queue, sync_queue: Queue, *, repairs: bool) -> CheckedPart:
    """Looks for jobs in Redis of questions and syncs that are not recorded."""
    n_jobs, stray = 0, list[tuple[Queue, str]]()
    for jobs, column in ((turn_queue, SessionRow.id), (sync_queue, SyncRow.id)):
        job_ids = jobs.get_job_ids()
        n_jobs += len(job_ids)
        for some in _portions(job_ids):
            ids = {job_id: found for job_id in some if (found := _parse(job_id)) is not None}
            with database.transaction() as transaction:
                known = set(transaction.scalars(select(column).where(column.in_(ids.values()))))
            known.add(queue.VERIFIED_ID)
            stray += [(jobs, job_id) for job_id in some if ids.get(job_id) not in known]
    if repairs:
        for jobs, job_id in stray:
            jobs.remove(job_id)
            if job := jobs.fetch_job(job_id):
                job.delete()
    text_ = f"{count(len(stray), 'wake-up')} of questions or syncs that are not recorded"
    fault = Fault(text_, len(stray), "deleted", is_repaired=repairs)
    return CheckedPart(WAKE_UPS, count(n_jobs, "wake-up"), [fault] if stray else [])


def _is_held(transaction: Transaction, source: str, origin: str) -> bool:
    """Returns whether the command that syncs a source still runs."""
    return origin == SyncOrigin.COMMAND and not locks.try_lock(transaction, lock_names.source(source))


def _parse(job_id: str) -> UUID | None:
    try:
        return UUID(job_id[: queue.ID_CHARS])
    except ValueError:
        return None


def _portions(job_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (job_ids[i : i + MAX_IDS] for i in range(0, len(job_ids), MAX_IDS))


def _describe(n: int, one: str, many: str) -> str:
    return f"1 question {one}" if n == 1 else f"{n:,} questions {many}"
