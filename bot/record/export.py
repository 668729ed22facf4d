"""What people thought of answers, as data: well-rated turns to train a model with, badly rated ones to test with.

Promises: names no person; every line stands on its own; a turn that does not fit is left out, and why is counted;
nothing is taken from documents that not everyone may read, whoever the answer was for.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session as Transaction

from agent.settings import EXTRACTIVE_MODEL
from agent.store.database import Database
from ingest import access

PAGE = 200  # turns read in one transaction
HISTORY_TURNS = 20  # as many as a model would be shown
LOCAL = EXTRACTIVE_MODEL.split("/", maxsplit=1)[0] + "/"
LEFT_OUT = {
    "mixed": "rated both 👍 and 👎",
    "unanswered": "not answered",
    "quoted": "quoted without a language model",
    "gone": "what the model saw is not stored any more",
    "other_model": "answered by another model",
    "restricted": "from documents that not everyone may read, or that are gone",
}
Row = dict[str, Any]
_MENTION = re.compile(r"(?:<|\\+u003c)@[UW][A-Z0-9]+(?:\|[^>\"]*)?>")
# Within JSON an escape may stand before an id: \n, \u003c. Nine characters with a digit; else it is a word.
_START, _END = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))", r"(?![A-Za-z0-9])"
_ANY_ID = re.compile(rf"@?{_START}[UW](?=[A-Z]*[0-9])[A-Z0-9]{{8,}}{_END}")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{5,}")


@dataclass
class Exported:
    """How many lines were written, and how many turns were left out for which reason of ``LEFT_OUT``."""

    n_written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class ExportFilter:
    """Which turns: rated, asked from ``since`` until ``until``, by this model where one is named."""

    since: datetime
    until: datetime
    model: str | None = None


def export(database: Database, wanted: ExportFilter, *, format: str, output: TextIO) -> Exported:
    """Writes one JSON line for each turn that fits, oldest first."""
    line_of, rating = (_training, 1) if format == "openai-chat" else (_case, -1)
    done, after = Exported(), None
    while True:
        with database.transaction() as transaction:
            turns = _rated(transaction, wanted, rating=rating, after=after)
            lines = [
                line_of(transaction, turn, wanted) if _is_for_everyone(transaction, turn) else "restricted"
                for turn in turns
            ]
        for turn, line in zip(turns, lines, strict=True):
            if isinstance(line, str):
                done.left_out[line] += 1
            else:
                output.write(_nameless(json.dumps(line, ensure_ascii=False), turn["people"]) + "\n")
                done.n_written += 1
        if len(turns) < PAGE:
            return done
        after = turns[-1]["id"]


def said(done: Exported, *, format: str, to: str) -> Iterator[str]:
    """What was done, in sentences."""
    verdict = "👍" if format == "openai-chat" else "👎"
    if not done.n_written and not done.left_out:
        yield f"No answer was rated {verdict} in this time."
        return
    yield f"{done.n_written} written to {to}."
    for why, n in done.left_out.most_common():
        yield f"{n} left out: {LEFT_OUT[why]}."


_RATED = text("""
SELECT id, session_id, seq, question, answer, status, reason, model,
       (SELECT array_agg(DISTINCT user_id) FROM turns AS others
        WHERE others.session_id = turns.session_id) AS people,
       (SELECT array_agg(DISTINCT rating) FROM feedback WHERE turn_id = turns.id) AS ratings,
       (SELECT string_agg(comment, ' | ' ORDER BY id) FROM feedback
        WHERE turn_id = turns.id AND rating = :rating) AS comment
FROM turns
WHERE created_at >= :since AND created_at < :until AND (CAST(:after AS uuid) IS NULL OR id > :after)
  AND EXISTS (SELECT 1 FROM feedback WHERE turn_id = turns.id AND rating = :rating)
ORDER BY id LIMIT :limit
""")


def _rated(transaction: Transaction, wanted: ExportFilter, *, rating: int, after: UUID | None) -> Sequence[Row]:
    values = {"since": wanted.since, "until": wanted.until, "rating": rating, "after": after, "limit": PAGE}
    return [dict(row) for row in transaction.execute(_RATED, values).mappings()]


_SEEN = text("""
SELECT DISTINCT document_id FROM sources JOIN turns ON turns.id = turn_id
WHERE session_id = :session_id AND seq <= :seq
""")


def _is_for_everyone(transaction: Transaction, turn: Row) -> bool:
    """Earlier turns of the session counted in: their answers stand in a line, too."""
    seen = transaction.scalars(_SEEN, {"session_id": turn["session_id"], "seq": turn["seq"]})
    return access.are_for_everyone(transaction, seen)


def _nameless(line: str, people: Sequence[str]) -> str:
    """A mention becomes a word, and so does what looks like a person's id or is one of who asked in this session.

    Of other people there may be ids in what a tool read of the thread. Evidence has its ``<`` escaped.
    """
    line = _ANY_ID.sub(_someone, _MENTION.sub("@someone", line))
    ids = "|".join(re.escape(person) for person in people if _SLACK_ID.fullmatch(person))
    return re.sub(rf"@?{_START}(?:{ids}){_END}", _someone, line) if ids else line


def _someone(found: re.Match[str]) -> str:
    return "@someone" if found[0].startswith("@") else "someone"


_LAST_CALL = text("""
SELECT model, body AS request FROM model_calls LEFT JOIN blobs ON hash = request_hash
WHERE turn_id = :id AND status = 'completed' AND purpose <> 'standalone' ORDER BY model_calls.id DESC LIMIT 1
""")
_BLOBS = text("SELECT hash, body FROM blobs WHERE hash = ANY(:hashes)")
_FINAL = text("""
SELECT content FROM messages WHERE turn_id = :id AND role = 'assistant' ORDER BY position DESC LIMIT 1
""")


def _training(transaction: Transaction, turn: Row, wanted: ExportFilter) -> Row | str:
    """A line to fine-tune with, or why there is none."""
    if set(turn["ratings"]) != {1}:
        return "mixed"
    if (turn["status"], turn["reason"]) != ("completed", "answered"):
        return "unanswered"
    call = transaction.execute(_LAST_CALL, {"id": turn["id"]}).mappings().one_or_none()
    if call is None or call["model"].startswith(LOCAL):
        return "quoted"
    if wanted.model and call["model"] != wanted.model:
        return "other_model"
    given = _request(transaction, call["request"])
    final = transaction.scalars(_FINAL, {"id": turn["id"]}).one_or_none()
    if given is None or final is None:
        return "gone"
    messages, tools = given
    line: Row = {"messages": [_message(message) for message in (*messages, final)]}
    if tools:
        line["tools"] = tools
    return line


def _request(transaction: Transaction, body: Any) -> tuple[list[Row], list[Row]] | None:
    if not isinstance(body, Mapping):
        return None
    names, tools = list(body["messages"]), body["tools"]
    bodies = {row[0]: row[1] for row in transaction.execute(_BLOBS, {"hashes": [*names, tools]})}
    if not bodies.keys() >= {*names, tools}:
        return None
    return [bodies[name] for name in names], list(bodies[tools])


def _message(message: Mapping[str, Any]) -> Row:
    """The message with the keys that the format knows; a provider's own (reasoning, annotations) go."""
    kept = {
        key: message[key] for key in ("role", "content", "tool_call_id", "name") if message.get(key) is not None
    }
    if calls := message.get("tool_calls"):
        kept["tool_calls"] = [_call(call) for call in calls]
    elif "content" not in kept:
        kept["content"] = ""
    return kept


def _call(call: Mapping[str, Any]) -> Row:
    function = call["function"]
    given = {"name": function["name"], "arguments": function.get("arguments") or "{}"}
    return {"id": call["id"], "type": "function", "function": given}


_CITED = text("SELECT url FROM sources WHERE turn_id = :id AND is_cited ORDER BY n")
_BEFORE = text("""
SELECT question, answer FROM turns
WHERE session_id = :session_id AND seq < :seq AND status = 'completed' AND answer IS NOT NULL
ORDER BY seq DESC LIMIT :limit
""")


def _case(transaction: Transaction, turn: Row, wanted: ExportFilter) -> Row | str:
    """A case of an evaluation; what a right answer needs is left for a person to fill in."""
    if wanted.model and turn["model"] != wanted.model:
        return "other_model"
    before = {"session_id": turn["session_id"], "seq": turn["seq"], "limit": HISTORY_TURNS}
    history = transaction.execute(_BEFORE, before).all()
    return {
        "id": f"turn-{turn['id']}",
        "kind": "rated_badly",
        "question": turn["question"],
        "history": list(_said(reversed(history))),
        "relevant": [],
        "relevant_groups": [],
        "facts": [],
        "fact_files": [],
        "answer": "",
        "said": turn["answer"] or "",
        "comment": turn["comment"] or "",
        "cited": list(transaction.scalars(_CITED, {"id": turn["id"]})),
    }


def _said(turns: Iterator[Any]) -> Iterator[Row]:
    for question, answer in turns:
        yield {"speaker": "user", "text": question}
        yield {"speaker": "agent", "text": answer}
