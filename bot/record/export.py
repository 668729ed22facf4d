"""Exports rated answers as JSON lines: well-rated turns to train a model, badly rated ones as evaluation cases.

Promises: no person is named; every line is complete in itself; turns that do not qualify are left out and counted
by reason; nothing comes from documents that not everyone may read, from a conversation that was not public, or
from a tool that returns more than passages of documents, whoever the answer was for.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TextIO
from uuid import UUID

from sqlalchemy import text

from agent.llm.model_names import is_local
from agent.store import earlier_turns
from agent.store.database import Database, Transaction
from agent.turn.history import HISTORY_TURNS
from bot.slack.inbox import Origin
from ingest.access import reader_sets

PAGE = 200  # turns read in one transaction


class LeftOut(StrEnum):
    """Why a turn is not exported."""

    MIXED = "mixed"
    UNANSWERED = "unanswered"
    QUOTED = "quoted"
    PRUNED = "pruned"
    OTHER_MODEL = "other_model"
    RESTRICTED = "restricted"
    PRIVATE = "private"
    OTHER_TOOLS = "other_tools"


LEFT_OUT_SENTENCES = {
    LeftOut.MIXED: "rated both 👍 and 👎",
    LeftOut.UNANSWERED: "not answered",
    LeftOut.QUOTED: "quoted without a language model",
    LeftOut.PRUNED: "what the model saw is no longer stored",
    LeftOut.OTHER_MODEL: "answered by another model",
    LeftOut.RESTRICTED: "from documents that not everyone may read, or that were removed",
    LeftOut.PRIVATE: "asked in private, or in a channel that is not known to be public",
    LeftOut.OTHER_TOOLS: "with results of tools that return more than passages of documents",
}
Row = dict[str, Any]
_MENTION = re.compile(r"(?:<|\\+u003c)@[UW][A-Z0-9]+(?:\|[^>\"]*)?>")
# In JSON an escape such as \n or \u003c may precede an id. An id has nine characters and a digit; else it is a
# word.
_START, _END = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))", r"(?![A-Za-z0-9])"
_ANY_ID = re.compile(rf"@?{_START}[UW](?=[A-Z]*[0-9])[A-Z0-9]{{8,}}{_END}")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{5,}")


@dataclass
class Exported:
    """How many lines were written, and how many turns were left out, by reason."""

    n_written: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)


@dataclass(frozen=True)
class ExportFilter:
    """Selects turns asked from ``since`` until ``until``; answered by ``model`` and asked in ``workspace`` if
    these are given."""

    since: datetime
    until: datetime
    model: str | None = None
    workspace: str | None = None


@dataclass(frozen=True)
class ExportScope:
    """Says what is for everyone: ``is_public`` of a channel by its id; ``tools`` that return passages only."""

    is_public: Callable[[str], bool]
    tools: Collection[str]


def export(
    database: Database, filter_: ExportFilter, *, scope: ExportScope, format: str, output: TextIO
) -> Exported:
    """Writes a JSON line for each rated turn that qualifies, oldest first.

    ``format`` is ``openai-chat`` (well-rated turns, to fine-tune a model) or ``eval`` (badly rated ones, for
    ``docent eval``).
    """
    make_line, rating = (_make_training_line, 1) if format == "openai-chat" else (_make_eval_case, -1)
    exported, after = Exported(), None
    while True:
        with database.transaction() as transaction:
            turns = _rated_turns(transaction, filter_, rating=rating, after=after)
            lines = [
                _find_obstacle(transaction, turn, scope) or make_line(transaction, turn, filter_) for turn in turns
            ]
        for turn, line in zip(turns, lines, strict=True):
            if isinstance(line, LeftOut):
                exported.left_out[line] += 1
            else:
                output.write(_remove_people(json.dumps(line, ensure_ascii=False), turn["people"]) + "\n")
                exported.n_written += 1
        if len(turns) < PAGE:
            return exported
        after = turns[-1]["id"]


def describe(exported: Exported, *, format: str, to: str) -> Iterator[str]:
    """Yields sentences that say what was exported."""
    rating = "👍" if format == "openai-chat" else "👎"
    if not exported.n_written and not exported.left_out:
        yield f"No answer was rated {rating} in this time."
        return
    yield f"{exported.n_written} written to {to}."
    for reason, n in exported.left_out.most_common():
        yield f"{n} left out: {LEFT_OUT_SENTENCES[reason]}."


_RATED = text("""
SELECT id, session_id, seq, question, answer, status, reason, model,
       (SELECT array_agg(DISTINCT user_id) FROM turns AS others
        WHERE others.session_id = turns.session_id) AS people,
       (SELECT array_agg(DISTINCT rating) FROM feedback WHERE turn_id = turns.id) AS ratings,
       (SELECT string_agg(comment, ' | ' ORDER BY id) FROM feedback
        WHERE turn_id = turns.id AND rating = :rating) AS comment
FROM turns
WHERE created_at >= :since AND created_at < :until AND (CAST(:after AS uuid) IS NULL OR id > :after)
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
  AND EXISTS (SELECT 1 FROM feedback WHERE turn_id = turns.id AND rating = :rating)
ORDER BY id LIMIT :limit
""")


def _rated_turns(
    transaction: Transaction, filter_: ExportFilter, *, rating: int, after: UUID | None
) -> Sequence[Row]:
    values = {"since": filter_.since, "until": filter_.until, "rating": rating, "after": after, "limit": PAGE}
    values["workspace"] = filter_.workspace
    return [dict(row) for row in transaction.execute(_RATED, values).mappings()]


_SEEN = text(f"""
SELECT {earlier_turns.BASIS} FROM turns WHERE session_id = :session_id AND seq <= :seq
""")


_PLACES = text("""
SELECT DISTINCT origin, channel FROM turns WHERE session_id = :session_id AND seq <= :seq
""")
_TOOLS_RUN = text("""
SELECT DISTINCT name FROM tool_calls JOIN turns ON turns.id = turn_id
WHERE session_id = :session_id AND seq <= :seq
""")
PUBLIC_ORIGINS = frozenset({Origin.MENTION, Origin.THREAD})


def _find_obstacle(transaction: Transaction, turn: Row, scope: ExportScope) -> LeftOut | None:
    """Returns why nobody else may see this and earlier turns of the session: a line contains them all."""
    values = {"session_id": turn["session_id"], "seq": turn["seq"]}
    if not _is_for_everyone(transaction, turn):
        return LeftOut.RESTRICTED
    for origin, channel in transaction.execute(_PLACES, values):
        if channel is not None and not (origin in PUBLIC_ORIGINS and scope.is_public(channel)):
            return LeftOut.PRIVATE
    run = set(transaction.scalars(_TOOLS_RUN, values))
    return LeftOut.OTHER_TOOLS if run - set(scope.tools) else None


def _is_for_everyone(transaction: Transaction, turn: Row) -> bool:
    """Returns whether everyone may read what this and earlier turns of the session saw: a line contains them
    all."""
    rows = transaction.execute(_SEEN, {"session_id": turn["session_id"], "seq": turn["seq"]})
    document_ids = {id_ for basis in rows for id_ in earlier_turns.make_basis(*basis).document_ids}
    return reader_sets.are_for_everyone(transaction, document_ids)


def _remove_people(line: str, people: Sequence[str]) -> str:
    """Replaces mentions, ids of the people who asked in this session, and whatever looks like a person's id.

    A tool may have read other people's ids in the thread. In evidence ``<`` is escaped.
    """
    line = _ANY_ID.sub(_replace_id, _MENTION.sub("@someone", line))
    ids = "|".join(re.escape(person) for person in people if _SLACK_ID.fullmatch(person))
    return re.sub(rf"@?{_START}(?:{ids}){_END}", _replace_id, line) if ids else line


def _replace_id(match: re.Match[str]) -> str:
    return "@someone" if match[0].startswith("@") else "someone"


_LAST_CALL = text("""
SELECT model, body AS request FROM model_calls LEFT JOIN blobs ON hash = request_hash
WHERE turn_id = :id AND status = 'completed' AND purpose <> 'standalone' ORDER BY model_calls.id DESC LIMIT 1
""")
_BLOBS = text("SELECT hash, body FROM blobs WHERE hash = ANY(:hashes)")
_FINAL = text("""
SELECT content FROM messages WHERE turn_id = :id AND role = 'assistant' ORDER BY position DESC LIMIT 1
""")


def _make_training_line(transaction: Transaction, turn: Row, filter_: ExportFilter) -> Row | LeftOut:
    """Makes a line for fine-tuning, or says why there is none."""
    if set(turn["ratings"]) != {1}:
        return LeftOut.MIXED
    if (turn["status"], turn["reason"]) != ("completed", "answered"):
        return LeftOut.UNANSWERED
    call = transaction.execute(_LAST_CALL, {"id": turn["id"]}).mappings().one_or_none()
    if call is None or is_local(call["model"]):
        return LeftOut.QUOTED
    if filter_.model and call["model"] != filter_.model:
        return LeftOut.OTHER_MODEL
    request = _load_request(transaction, call["request"])
    final = transaction.scalars(_FINAL, {"id": turn["id"]}).one_or_none()
    if request is None or final is None:
        return LeftOut.PRUNED
    messages, tools = request
    line: Row = {"messages": [_reduce_message(message) for message in (*messages, final)]}
    if tools:
        line["tools"] = tools
    return line


def _load_request(transaction: Transaction, body: Any) -> tuple[list[Row], list[Row]] | None:
    if not isinstance(body, Mapping):
        return None
    hashes, tools = list(body["messages"]), body["tools"]
    bodies = {row[0]: row[1] for row in transaction.execute(_BLOBS, {"hashes": [*hashes, tools]})}
    if not bodies.keys() >= {*hashes, tools}:
        return None
    return [bodies[hash_] for hash_ in hashes], list(bodies[tools])


def _reduce_message(message: Mapping[str, Any]) -> Row:
    """Returns the message with the format's keys only, without a provider's own (reasoning, annotations)."""
    reduced: Row = {
        key: message[key] for key in ("role", "content", "tool_call_id", "name") if message.get(key) is not None
    }
    if calls := message.get("tool_calls"):
        reduced["tool_calls"] = [_reduce_call(call) for call in calls]
    elif "content" not in reduced:
        reduced["content"] = ""
    return reduced


def _reduce_call(call: Mapping[str, Any]) -> Row:
    function = call["function"]
    reduced = {"name": function["name"], "arguments": function.get("arguments") or "{}"}
    return {"id": call["id"], "type": "function", "function": reduced}


_CITED = text("SELECT url FROM sources WHERE turn_id = :id AND is_cited ORDER BY n")


def _make_eval_case(transaction: Transaction, turn: Row, filter_: ExportFilter) -> Row | LeftOut:
    """Makes an evaluation case; a person has to fill in what a right answer needs."""
    if filter_.model and turn["model"] != filter_.model:
        return LeftOut.OTHER_MODEL
    earlier = earlier_turns.load(transaction, turn["session_id"], before=turn["seq"], limit=HISTORY_TURNS)
    public = (one for one in earlier if reader_sets.are_for_everyone(transaction, one.basis.document_ids))
    history = [(one.question, one.answer) for one in public]
    return {
        "id": f"turn-{turn['id']}",
        "kind": "rated_badly",
        "question": turn["question"],
        "history": list(_speeches(history)),
        "relevant": [],
        "relevant_groups": [],
        "facts": [],
        "fact_files": [],
        "answer": "",
        "said": turn["answer"] or "",
        "comment": turn["comment"] or "",
        "cited": list(transaction.scalars(_CITED, {"id": turn["id"]})),
    }


def _speeches(turns: Iterable[tuple[str, str]]) -> Iterator[Row]:
    for question, answer in turns:
        yield {"speaker": "user", "text": question}
        yield {"speaker": "agent", "text": answer}
