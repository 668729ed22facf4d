"""Reads sessions and turns back from Postgres, with everything recorded of them.

A model call's request is stored as hashes of its messages and tools. :func:`load` replaces the hashes by the
messages and tools; :func:`load_conversation`, which a page polls, leaves the hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text

from agent.errors import UserError
from agent.store.database import Database, Transaction
from bot.record.records import SessionRecord, SessionSummary, TurnRecord

_LIST = """
SELECT sessions.id, key, sessions.status, sessions.n_turns, updated_at, turns.question AS last_question,
       (SELECT sum(cost_usd) FROM turns WHERE session_id = sessions.id) AS cost_usd
FROM sessions JOIN LATERAL (
    SELECT turns.question, turns.origin FROM turns WHERE session_id = sessions.id AND {matches}
    ORDER BY seq DESC LIMIT 1
) AS turns ON true
WHERE turns.origin <> 'eval'
ORDER BY updated_at DESC LIMIT :limit
"""
_CONDITIONS = {  # by the field of SessionFilter
    "since": "turns.created_at >= :since",
    "user": "turns.user_id = :user",
    "channel": "turns.channel = :channel",
    "workspace": "turns.workspace = :workspace",
    "reason": "turns.reason = :reason",
    "status": "turns.status = :status",
    "rating": "EXISTS (SELECT FROM feedback WHERE turn_id = turns.id AND sign(feedback.rating) = :rating)",
}
_SESSION = text("""
SELECT id, key, status, n_turns, created_at, updated_at FROM sessions
WHERE id::text LIKE :prefix OR id IN (SELECT session_id FROM turns WHERE id::text LIKE :prefix) LIMIT 2
""")
_TURNS = text("SELECT * FROM turns WHERE session_id = :id ORDER BY seq")
_PARTS = {
    "messages": "SELECT position, role, content FROM messages WHERE turn_id = :id ORDER BY position",
    "model_calls": """SELECT model_calls.id, started_at, finished_at, position, attempt, purpose, model, status,
        params, prompt_tokens, cached_tokens, completion_tokens, reserved_usd, cost_usd, is_estimated,
        latency_ms, first_token_ms, n_tries, finish_reason, error,
        request.body AS request, response.body AS response
        FROM model_calls LEFT JOIN blobs AS request ON request.hash = request_hash
        LEFT JOIN blobs AS response ON response.hash = response_hash
        WHERE turn_id = :id ORDER BY model_calls.id""",
    "tool_calls": """SELECT id, created_at, position, call_id, name, arguments, result, is_error, duration_ms,
        cost_usd FROM tool_calls WHERE turn_id = :id ORDER BY id""",
    "sources": """SELECT n, chunk_id, title, url, heading_path, document_id, score, is_cited
        FROM sources WHERE turn_id = :id ORDER BY n""",
    "feedback": "SELECT user_id, rating, comment FROM feedback WHERE turn_id = :id ORDER BY id",
    "replies": "SELECT part, channel, thread_ts, ts, state FROM replies WHERE turn_id = :id ORDER BY part",
}


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions to list: those with a turn that has all of this. None counts as anything."""

    since: datetime | None = None
    user: str | None = None
    channel: str | None = None
    workspace: str | None = None
    reason: str | None = None
    status: str | None = None
    rating: int | None = None  # 1 or -1


def list_recent(
    database: Database, *, limit: int, filter: SessionFilter = SessionFilter()
) -> list[SessionSummary]:
    """Lists sessions, the most recently updated first, without those of 'docent eval'.

    The question of each is the latest that the filter lets pass.
    """
    values = {name: value for name, value in vars(filter).items() if value is not None}
    matches = " AND ".join(["true", *(_CONDITIONS[name] for name in values)])
    with database.transaction() as transaction:
        rows = _plain_rows(transaction, text(_LIST.format(matches=matches)), {"limit": limit, **values})
        return cast(list[SessionSummary], rows)


def load(database: Database, session_or_turn: str) -> SessionRecord:
    """Loads a session, given the first characters of its id or of the id of one of its turns.

    Raises :class:`UserError` if none matches or more than one does. For example::

        session = load(database, "01a221b9")
        print(session["turns"][-1]["answer"])
    """
    with database.transaction() as transaction:
        matches = _plain_rows(transaction, _SESSION, {"prefix": _prefix(session_or_turn)})
        if not matches:
            raise UserError(f"No session or turn begins with '{session_or_turn}'. See 'docent sessions list'.")
        if len(matches) > 1:
            raise UserError(
                f"More than one session begins with '{session_or_turn}'. Give more characters of the id."
            )
        session = matches[0]
        turns = _turns(transaction, session["id"])
        _resolve_hashes(transaction, [call["request"] for turn in turns for call in turn["model_calls"]])
        return cast(SessionRecord, {**session, "turns": turns})


_SESSIONS_OF = {
    "thread": text("SELECT id FROM sessions WHERE key = :key"),
    "commands": text("""
        SELECT DISTINCT session_id FROM turns JOIN sessions ON sessions.id = session_id
        WHERE key LIKE :key AND user_id = :user AND origin = 'command' ORDER BY session_id DESC LIMIT 20"""),
}


def load_conversation(
    database: Database, team_id: str, *, channel: str, thread_ts: str = "", user: str = ""
) -> list[TurnRecord]:
    """Loads the turns of a thread, or of a person's latest commands in a channel, oldest first."""
    key = f"slack:{team_id}:{channel}:"
    with database.transaction() as transaction:
        if thread_ts:
            rows = transaction.execute(_SESSIONS_OF["thread"], {"key": key + thread_ts})
        else:
            rows = transaction.execute(_SESSIONS_OF["commands"], {"key": key + "%", "user": user})
        sessions = sorted(row[0] for row in rows)
        return [turn for session_id in sessions for turn in _turns(transaction, session_id)]


def _turns(transaction: Transaction, session_id: Any) -> list[TurnRecord]:
    turns = _plain_rows(transaction, _TURNS, {"id": session_id})
    for turn in turns:
        for part, query in _PARTS.items():
            turn[part] = _plain_rows(transaction, text(query), {"id": turn["id"]})
    return cast(list[TurnRecord], turns)


_BLOBS = text("SELECT hash, body FROM blobs WHERE hash = ANY(:hashes)")


def _resolve_hashes(transaction: Transaction, bodies: Sequence[dict[str, Any] | None]) -> None:
    """Replaces the hashes in the requests by what they stand for, with one query; unknown hashes stay."""
    requests = [body for body in bodies if isinstance(body, dict)]
    hashes = {str(name) for request in requests for name in [*request.get("messages", ()), request.get("tools")]}
    blobs = {row[0]: row[1] for row in transaction.execute(_BLOBS, {"hashes": sorted(hashes)})}
    for request in requests:
        request["messages"] = [blobs.get(name, name) for name in request.get("messages", ())]
        request["tools"] = blobs.get(request.get("tools"), request.get("tools"))


def _prefix(id_: str) -> str:
    allowed = set("0123456789abcdef-")
    if not id_ or not set(id_.lower()) <= allowed:
        raise UserError(f"'{id_}' is not an id. See 'docent sessions list'.")
    return id_.lower() + "%"


def _plain_rows(transaction: Transaction, query: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    rows = transaction.execute(query, values).mappings()
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return float(value)
    return value
