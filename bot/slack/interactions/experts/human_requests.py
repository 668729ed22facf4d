"""Questions that people were asked to answer: who asked, who took one, who closed it.

Owns what is stored. Promises one request for an answer, and one open request in a thread. While somebody has taken
a thread's, replies in it are not taken for questions: they are meant for that person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from agent.clock import new_id
from agent.store import locks
from agent.store.database import Transaction

MAX_FAILURES = 5  # refusals of Slack, after which a request's message is left as it is


@dataclass(frozen=True)
class HumanRequest:
    """A request for a person's answer; ``thread_ts`` is None where only its asker has seen the bot's answer."""

    id: UUID
    turn_id: UUID
    team: str
    channel: str
    thread_ts: str | None
    asked_by: str
    taken_by: str | None
    resolved_by: str | None
    message_ts: str | None
    begun_at: datetime | None
    changed_at: datetime
    question: str


_STORE = text(f"""
INSERT INTO human_requests (id, turn_id, team, channel, thread_ts, asked_by)
SELECT :id, turns.id, :team, :channel, :thread_ts, :asked_by FROM turns
WHERE turns.id = :turn_id AND (:workspace = '' OR turns.workspace = :workspace)
AND NOT EXISTS (SELECT FROM human_requests WHERE team = :team AND channel = :channel AND thread_ts = :thread_ts
                AND turn_id <> :turn_id AND resolved_by IS NULL
                AND (message_ts IS NOT NULL OR n_failures < {MAX_FAILURES}))
ON CONFLICT (turn_id) DO UPDATE SET n_failures = 0, asked_by = excluded.asked_by
WHERE human_requests.message_ts IS NULL AND human_requests.n_failures > 0
AND human_requests.resolved_by IS NULL RETURNING id
""")
_LOAD = text("""
SELECT r.id, r.turn_id, team, r.channel, thread_ts, asked_by, taken_by, resolved_by, message_ts, begun_at,
       changed_at, question
FROM human_requests r JOIN turns ON turns.id = r.turn_id
WHERE r.id = :id AND (:workspace = '' OR team = :workspace)
""")
_TAKE = text("""
UPDATE human_requests SET taken_by = :user_id, changed_at = clock_timestamp()
WHERE id = :id AND taken_by IS NULL AND resolved_by IS NULL AND asked_by <> :user_id
AND (:workspace = '' OR team = :workspace)
""")
_RESOLVE = text("""
UPDATE human_requests SET resolved_by = :user_id, changed_at = clock_timestamp()
WHERE id = :id AND resolved_by IS NULL
""")
_QUIETEN = text("""
INSERT INTO thread_settings (key, follow_ups, changed_by)
SELECT sessions.key, 'mention', 'request:' || r.id FROM human_requests r
JOIN turns ON turns.id = r.turn_id JOIN sessions ON sessions.id = turns.session_id
WHERE r.id = :id AND r.thread_ts IS NOT NULL AND r.taken_by = :user_id AND r.resolved_by IS NULL
AND (:workspace = '' OR team = :workspace)
ON CONFLICT (key) DO UPDATE
    SET follow_ups = excluded.follow_ups, changed_by = excluded.changed_by, changed_at = clock_timestamp()
    WHERE thread_settings.follow_ups = ''
RETURNING key
""")
_LISTEN = text("""
UPDATE thread_settings SET follow_ups = '', changed_at = clock_timestamp()
WHERE changed_by = 'request:' || CAST(:id AS text) RETURNING key
""")


@dataclass(frozen=True)
class RequestChange:
    """What came of a click: the request as it is now, and the thread whose replies are heard otherwise since."""

    request: HumanRequest | None
    thread_key: str | None = None


def store(
    transaction: Transaction,
    turn_id: UUID,
    *,
    team: str,
    channel: str,
    thread_ts: str | None,
    asked_by: str,
    workspace: str = "",
) -> UUID | None:
    """Stores a request; returns its id, None where there is one already or the turn is gone, or is not of
    ``workspace``, where many have installed the app."""
    values: Mapping[str, object] = {
        "id": new_id(),
        "turn_id": turn_id,
        "team": team,
        "channel": channel,
        "thread_ts": thread_ts,
        "asked_by": asked_by,
        "workspace": workspace,
    }
    if thread_ts:  # two clicks below two answers
        locks.lock(transaction, f"human requests:{team}:{channel}:{thread_ts}")
    stored: UUID | None = transaction.scalar(_STORE, values)
    return stored


def load(transaction: Transaction, id_: UUID, workspace: str = "") -> HumanRequest | None:
    """Loads a request; returns None for one that is gone with its question, or is not of ``workspace``."""
    row = transaction.execute(_LOAD, {"id": id_, "workspace": workspace}).one_or_none()
    return HumanRequest(*row) if row else None


def take(transaction: Transaction, id_: UUID, user_id: str, workspace: str = "") -> RequestChange:
    """Stores who takes a request, unless somebody has; its asker cannot."""
    values = {"id": id_, "user_id": user_id, "workspace": workspace}
    transaction.execute(_TAKE, values)
    key = transaction.scalar(_QUIETEN, values)
    return RequestChange(load(transaction, id_, workspace), key)


def resolve(transaction: Transaction, id_: UUID, user_id: str, workspace: str = "") -> RequestChange:
    """Stores who closes a request, unless it is closed."""
    request = load(transaction, id_, workspace)
    if request is None:
        return RequestChange(None)
    transaction.execute(_RESOLVE, {"id": id_, "user_id": user_id})
    key = transaction.scalar(_LISTEN, {"id": str(id_)})
    return RequestChange(load(transaction, id_), key)


_BEGIN = text("UPDATE human_requests SET begun_at = coalesce(begun_at, now()) WHERE id = :id")
_SHOWN = text("""
UPDATE human_requests SET message_ts = :message_ts, shown_at = :changed_at, n_failures = 0 WHERE id = :id
""")
_FAIL = text("UPDATE human_requests SET n_failures = n_failures + 1 WHERE id = :id")
# Of a request whose message does not say what has changed that long ago.
IS_UNSHOWN = f"""(shown_at IS NULL OR shown_at < changed_at)
AND changed_at < now() - make_interval(secs => :seconds) AND n_failures < {MAX_FAILURES}"""
_UNSHOWN = text(f"""
SELECT id FROM human_requests WHERE {IS_UNSHOWN} AND (:workspace = '' OR team = :workspace) ORDER BY id
""")


def note_begun(transaction: Transaction, id_: UUID) -> None:
    """Stores that Slack is about to be asked for the request's message."""
    transaction.execute(_BEGIN, {"id": id_})


def note_shown(transaction: Transaction, request: HumanRequest, message_ts: str) -> None:
    """Stores the request's message, and that it says what was loaded."""
    values = {"id": request.id, "message_ts": message_ts, "changed_at": request.changed_at}
    transaction.execute(_SHOWN, values)


def note_failure(transaction: Transaction, id_: UUID) -> None:
    """Counts a refusal."""
    transaction.execute(_FAIL, {"id": id_})


def list_unshown(transaction: Transaction, *, seconds: float, workspace: str = "") -> list[UUID]:
    """Lists the requests whose messages do not say what has changed that long ago; those of one workspace, where
    many have installed the app."""
    return list(transaction.scalars(_UNSHOWN, {"seconds": seconds, "workspace": workspace}))
