"""What is stored about one person: read out for them, and forgotten.

A person is known by their Slack id, with which questions, ratings, budgets and places are stored; names stand only
beside ids, in what a tool read in Slack. Forgetting deletes their questions with everything recorded of them,
takes those out of the prompts of later questions of the same threads, deletes their ratings, budgets, reminders,
the questions that they had scheduled, what they said of sources and the verified answers that they wrote, and
replaces their id wherever a record of others mentions it. What they wrote in a thread that a tool read for
somebody else stays there, without their id, until that record is deleted; so do documents.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row, text

from agent.clock import now
from agent.errors import UserError
from agent.prompting import citations
from agent.store import retention
from agent.store.database import Database, Transaction, count_rows
from agent.store.retention import Pruned
from agent.store.tables import HAS_ENDED
from bot.processes.schedules import retention_schedule
from bot.record import recorded_calls
from bot.slack import inbox
from bot.slack.interactions.experts import corrections

FORGOTTEN = "(forgotten)"
SOMEONE = "someone"
QUOTED_CHARS = 12  # of a text that is looked for within others
_CONSTANTS = frozenset({"true", "false", "null"})
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"  # of a word, in JSON too
_ID = re.compile(r"[A-Za-z0-9_.@-]{2,64}")  # Slack's U0123ABCD, or the name of a user of the terminal


@dataclass(frozen=True)
class ForgottenPerson:
    """What was deleted, and how many questions are still being answered: they stay."""

    pruned: Pruned
    n_ratings: int
    n_mentions: int
    n_open: int


def export_person(database: Database, user_id: str, workspace: str | None = None) -> dict[str, Any]:
    """Reads everything that is stored about a person, as JSON: questions with answers, ratings, budgets.

    Passages of documents and prompts are left out: they are not about the person. Of people of several workspaces
    who have one id, it is the one of ``workspace``.
    """
    values = _make_values(database, user_id, workspace)
    with database.transaction() as transaction:
        read = {name: _read(transaction, query, values) for name, query in _EXPORTED.items()}
    place = {"workspace": workspace} if workspace else {}
    return {"user_id": user_id, **place, "exported_at": now().isoformat(timespec="seconds"), **read}


def forget_person(database: Database, user_id: str, workspace: str | None = None) -> ForgottenPerson:
    """Forgets a person. May be repeated: a killed run is finished by the next one.

    Of people of several workspaces who have one id, it is the one of ``workspace``.
    """
    values = _make_values(database, user_id, workspace)
    _blank_history(database, values)
    pruned = retention_schedule.repeat(
        lambda: retention.prune_person(database, user_id, forget=inbox.forget, workspace=workspace)
    )
    with database.transaction() as transaction:
        n_ratings = count_rows(transaction, _DELETE_RATINGS, values)
        transaction.execute(_DELETE_BUDGETS, values)
        transaction.execute(_FORGET_PLACES, values)
        path = {"path": f'$.people."{user_id}"', "workspace": workspace}
        names = transaction.scalars(_NAMES, path).all()
        mention = _make_mention(user_id, names) | {"workspace": workspace}
        verified = transaction.execute(_VERIFIED, values).all()
        hashes = _forget_names(transaction, verified)
        for query in (
            _FORGET_NOTICES,
            _FORGET_REPORTS,
            _FORGET_AUTHOR,
            _FORGET_VERIFIED,
            _FORGET_EXPERT,
            _FORGET_SCHEDULED,
            _FORGET_INSTALLER,
            _FORGET_LOCALE,
        ):
            transaction.execute(query, values)
        n_mentions = sum(count_rows(transaction, query, mention) for query in _REPLACE_ID)
        mentioning = list(transaction.scalars(_BODIES_WITH, mention))
        n_open = transaction.scalars(_COUNT_OPEN, values).one()
    recorded_calls.rewrite(
        database, mentioning, partial(_replace, re.compile(str(mention["who"])), SOMEONE), workspace=workspace
    )
    for name, found in hashes.items():
        change = partial(_replace, re.compile(_name_author(name)), rf"\1{SOMEONE}")
        recorded_calls.rewrite(database, found, change, workspace=workspace)
    return ForgottenPerson(pruned, n_ratings, n_mentions, n_open)


_ANYWHERE = "CAST(:workspace AS text) IS NULL"
_HERE = f"({_ANYWHERE} OR workspace = :workspace)"
_TURN_HERE = f"({_ANYWHERE} OR turn_id IN (SELECT id FROM turns WHERE workspace = :workspace))"
_PLACE_HERE = f"({_ANYWHERE} OR place ->> 'team_id' = :workspace)"
_BUDGET = f"right(subject, length(:ending)) = :ending AND ({_ANYWHERE} OR subject = :ending)"
_TEAM_HERE = f"({_ANYWHERE} OR team = :workspace)"
_KEY_HERE = f"({_ANYWHERE} OR split_part(key, ':', 2) = :workspace)"
_GIVEN_HERE = f"({_ANYWHERE} OR place ->> 'team' = :workspace)"
_NOTICE = f"""
    split_part(subject, ':', 1) IN ('reminder', 'source-reports', 'review')
    AND ({_ANYWHERE} AND regexp_replace(split_part(subject, ':', 2), '^.*/', '') = :user_id
         OR split_part(subject, ':', 2) = CAST(:workspace AS text) || '/' || :user_id)
"""
_INSTALLER = f"installed_by = :user_id AND ({_ANYWHERE} OR id = :workspace)"
_EXPORTED = {
    "questions": text(f"""
        SELECT id, session_id, created_at, finished_at, origin, workspace, channel, question, edited_question,
               answer, notice, offered,
               status, reason, model, cost_usd, n_steps FROM turns
        WHERE user_id = :user_id AND {_HERE} ORDER BY id"""),
    "ratings": text(f"""
        SELECT turn_id, rating, comment, created_at, updated_at FROM feedback
        WHERE user_id = :user_id AND {_TURN_HERE} ORDER BY id"""),
    "budgets": text(f"""
        SELECT period, starts_on, spent_usd FROM budgets
        WHERE scope = 'person' AND {_BUDGET} ORDER BY starts_on"""),
    "scheduled_questions": text(f"""
        SELECT created_at, team, channel, question, language, days, to_char(at, 'HH24:MI') AS at, time_zone,
               next_at, paused FROM scheduled_questions
        WHERE user_id = :user_id AND {_TEAM_HERE} ORDER BY created_at"""),
    "requests": text(f"""
        SELECT turn_id, channel, asked_by, taken_by, resolved_by, created_at FROM human_requests
        WHERE :user_id IN (asked_by, taken_by, resolved_by) AND {_TEAM_HERE} ORDER BY id"""),
    "source_reports": text(f"""
        SELECT turn_id, document_id, kind, comment, created_at, told_at FROM source_reports
        WHERE user_id = :user_id AND {_TURN_HERE} ORDER BY id"""),
    "verified_answers": text(f"""
        SELECT id, turn_id, question, answer, author_name, place, status, verified_at FROM verified_answers
        WHERE author = :user_id AND {_GIVEN_HERE} ORDER BY id"""),
    "reminders": text(f"""
        SELECT begun_at, sent_at FROM notices WHERE starts_with(subject, 'reminder:') AND {_NOTICE}"""),
    "settings_of_channels": text(f"""
        SELECT team, channel, version, settings, changed_at FROM channel_settings
        WHERE (changed_by = :user_id OR settings -> 'experts' ? CAST(:user_id AS text)) AND {_TEAM_HERE}
        ORDER BY team, channel, version"""),
    "settings_of_threads": text(f"""
        SELECT key, follow_ups, changed_at FROM thread_settings
        WHERE changed_by = :user_id AND {_KEY_HERE} ORDER BY changed_at"""),
    "deliveries": text(f"""
        SELECT key, received_at, place - 'response_url' AS place, enclosed FROM deliveries
        WHERE place ->> 'user_id' = :user_id AND {_PLACE_HERE} ORDER BY received_at"""),
    "locales": text(f"""
        SELECT workspace, locale, changed_at FROM slack_locales WHERE user_id = :user_id AND {_HERE}
        ORDER BY workspace"""),
    "installations": text(f"""
        SELECT id, name, installed_at, removed_at FROM workspaces WHERE {_INSTALLER} ORDER BY id"""),
}
_FORGET_SCHEDULED = text(f"DELETE FROM scheduled_questions WHERE user_id = :user_id AND {_TEAM_HERE}")
_TEXTS = text(f"""
SELECT session_id, seq, question, coalesce(answer, '') FROM turns
WHERE user_id = :user_id AND {HAS_ENDED} AND {_HERE}
""")
_LATER_MESSAGES = text("""
SELECT DISTINCT jsonb_array_elements_text(request.body -> 'messages')
FROM turns JOIN model_calls ON turn_id = turns.id JOIN blobs AS request ON request.hash = request_hash
WHERE session_id = :session_id AND seq > :seq AND jsonb_typeof(request.body -> 'messages') = 'array'
""")
# A tool that reads a thread, or what came with a question, has the names of people beside their ids.
_NAMES = text(f"""
SELECT DISTINCT jsonb_path_query_first(result, CAST(:path AS jsonpath)) #>> '{{}}' FROM tool_calls
WHERE {_TURN_HERE}
""")
_BODIES_WITH = text("SELECT hash FROM blobs WHERE body::text LIKE :like AND body::text ~ :id")
_DELETE_RATINGS = text(f"DELETE FROM feedback WHERE user_id = :user_id AND {_TURN_HERE}")
_DELETE_BUDGETS = text(f"DELETE FROM budgets WHERE scope = 'person' AND {_BUDGET} AND held_usd = 0")
_FORGET_PLACES = text(f"""
UPDATE deliveries SET place = '{{}}', enclosed = NULL WHERE place ->> 'user_id' = :user_id AND {_PLACE_HERE}
AND NOT EXISTS (SELECT FROM turns WHERE turns.id = turn_id AND NOT {HAS_ENDED})
""")
_FORGET_NOTICES = text(f"DELETE FROM notices WHERE {_NOTICE}")
_FORGET_REPORTS = text(f"DELETE FROM source_reports WHERE user_id = :user_id AND {_TURN_HERE}")
_FORGET_AUTHOR = text(f"""
UPDATE documents SET verified_by = NULL, upkeep = NULL
WHERE id IN (SELECT id FROM verified_answers WHERE author = :user_id AND {_GIVEN_HERE})
""")
_FORGET_VERIFIED = text(
    f"DELETE FROM verified_answers WHERE author = :user_id AND {_GIVEN_HERE}"
)  # the clock takes them out of the index
_FORGET_EXPERT = text(f"""
UPDATE channel_settings
SET settings = jsonb_set(settings, '{{experts}}', (settings -> 'experts') - CAST(:user_id AS text))
WHERE jsonb_exists(settings -> 'experts', :user_id) AND {_TEAM_HERE}
""")
_FORGET_LOCALE = text(f"DELETE FROM slack_locales WHERE user_id = :user_id AND {_HERE}")
_FORGET_INSTALLER = text(f"UPDATE workspaces SET installed_by = NULL WHERE {_INSTALLER}")
_VERIFIED = text(f"""
SELECT id, turn_id, author_name FROM verified_answers
WHERE author = :user_id AND author_name <> '' AND {_GIVEN_HERE}
""")
_FORGET_NOTICE = text("UPDATE turns SET notice = replace(notice, :by, :by_someone) WHERE id = :turn_id")
_FORGET_BY = tuple(
    text(f"""
UPDATE {table} SET {column} = regexp_replace({column}::text, :who, :someone, 'g')::jsonb
WHERE {column}::text LIKE :like
""")
    for table, column in (("messages", "content"), ("tool_calls", "result"))
)
_COUNT_OPEN = text(f"SELECT count(*) FROM turns WHERE user_id = :user_id AND NOT {HAS_ENDED} AND {_HERE}")
_PLACES = text("""
SELECT DISTINCT place FROM (
    SELECT workspace AS place FROM turns WHERE user_id = :user_id
    UNION SELECT workspace FROM source_reports r JOIN turns ON turns.id = turn_id WHERE r.user_id = :user_id
    UNION SELECT team FROM scheduled_questions WHERE user_id = :user_id
    UNION SELECT team FROM human_requests WHERE :user_id IN (taken_by, resolved_by)
    UNION SELECT verified_answers.place ->> 'team' FROM verified_answers WHERE author = :user_id
) AS places WHERE place IS NOT NULL ORDER BY place
""")
_REPLACE_ID = tuple(
    text(f"""
UPDATE {table} SET {column} = regexp_replace({column}::text, :who, '{SOMEONE}', 'g')::{kind}
WHERE {column}::text LIKE :like AND {column}::text ~ :id AND {here}
""")
    for table, column, kind, here in (
        ("messages", "content", "jsonb", _TURN_HERE),
        ("tool_calls", "arguments", "jsonb", _TURN_HERE),
        ("tool_calls", "result", "jsonb", _TURN_HERE),
        ("turns", "question", "text", _HERE),
        ("turns", "edited_question", "text", _HERE),
        ("turns", "answer", "text", _HERE),
        ("feedback", "comment", "text", _TURN_HERE),
        ("deliveries", "enclosed", "jsonb", _PLACE_HERE),
        ("thread_settings", "changed_by", "text", _KEY_HERE),
        ("channel_settings", "changed_by", "text", _TEAM_HERE),
        ("channel_settings", "settings", "jsonb", _TEAM_HERE),
        ("scheduled_questions", "question", "text", _TEAM_HERE),
        ("human_requests", "asked_by", "text", _TEAM_HERE),
        ("human_requests", "taken_by", "text", _TEAM_HERE),
        ("human_requests", "resolved_by", "text", _TEAM_HERE),
        ("source_reports", "owner", "text", _TURN_HERE),
        ("source_reports", "comment", "text", _TURN_HERE),
        ("verified_answers", "question", "text", _GIVEN_HERE),
        ("verified_answers", "answer", "text", _GIVEN_HERE),
        ("verified_answers", "place", "jsonb", _GIVEN_HERE),
        ("verified_answers", "readers", "jsonb", _GIVEN_HERE),
    )
)


def _make_mention(user_id: str, names: Sequence[str]) -> dict[str, str | None]:
    """Returns the patterns of rows with the person's id, and of what is replaced in them: their names, too, where
    they are words of a text, and no keys, numbers or constants of JSON."""
    id_ = rf"{_START}{re.escape(user_id)}(?![A-Za-z0-9])"
    known = {name for name in names if name and any(map(str.isalpha, name)) and name not in _CONSTANTS}
    written = sorted({json.dumps(name, ensure_ascii=False)[1:-1] for name in known}, key=len, reverse=True)
    who = "|".join([id_, *(rf'{_START}{re.escape(name)}(?![A-Za-z0-9]|":)' for name in written)])
    return {"id": id_, "like": f"%{user_id}%", "who": who}


def _make_values(database: Database, user_id: str, workspace: str | None) -> dict[str, str | None]:
    """Returns the parameters of the queries; raises :class:`UserError` for an id of several people."""
    _check(user_id)
    with database.transaction() as transaction:
        places = transaction.scalars(_PLACES, {"user_id": user_id}).all()
    if workspace is None and len(places) > 1:
        raise UserError(
            f"Somebody has the id {user_id} in each of these workspaces: {', '.join(places)}. Name one with "
            "--workspace: they need not be one person."
        )
    ending = f"{workspace}:{user_id}" if workspace else f":{user_id}"
    return {"user_id": user_id, "workspace": workspace, "ending": ending}


def _check(user_id: str) -> str:
    if not _ID.fullmatch(user_id):
        raise UserError(f"'{user_id}' is not the id of a person. 'docent usage --by user' lists who has asked.")
    return user_id


def _read(transaction: Transaction, query: Any, values: Mapping[str, str | None]) -> list[dict[str, Any]]:
    return [dict(row) for row in transaction.execute(query, values).mappings()]


def _blank_history(database: Database, values: Mapping[str, str | None]) -> None:
    """Takes the person's questions and answers out of the prompts of later turns of the same sessions."""
    with database.transaction() as transaction:
        texts = transaction.execute(_TEXTS, values).all()
    for session_id, seq, question, answer in texts:
        said = {part for part in (question, citations.strip_references(answer)) if part}
        with database.transaction() as transaction:
            hashes = list(transaction.scalars(_LATER_MESSAGES, {"session_id": session_id, "seq": seq}))
        recorded_calls.rewrite(database, hashes, partial(_blank, said), session_id=session_id)


def _blank(said: Collection[str], body: Any) -> Any:
    """Returns a message without what it says, if that is one of these texts or quotes one, as a rewriting does."""
    content = str(body.get("content") or "") if isinstance(body, dict) else ""
    is_theirs = any(content == part or (len(part) >= QUOTED_CHARS and part[:100] in content) for part in said)
    return {**body, "content": FORGOTTEN} if is_theirs else body


def _forget_names(transaction: Transaction, verified: Sequence[Row[Any]]) -> dict[str, list[str]]:
    """Takes the name of an author out of what was said below answers that they corrected, and of what tools
    returned of these; returns the bodies of model calls that have it, by name."""
    bodies: dict[str, list[str]] = {}
    for row in verified:
        name = str(row.author_name)
        for before, after in corrections.list_surroundings():
            said = {"by": f"{before}{name}{after}", "by_someone": f"{before}{SOMEONE}{after}"}
            transaction.execute(_FORGET_NOTICE, {"turn_id": row.turn_id, **said})
        mention = {
            "like": f"%{row.id.hex}%",
            "id": row.id.hex,
            "who": _name_author(name),
            "someone": rf"\1{SOMEONE}",
        }
        for query in _FORGET_BY:
            transaction.execute(query, mention)
        bodies.setdefault(name, []).extend(transaction.scalars(_BODIES_WITH, mention))
    return bodies


def _name_author(name: str) -> str:
    """Returns the pattern of a name as the author of a verified answer, in JSON or in JSON within that."""
    written = "".join(map(_write_char, name))
    return rf'(\\*"by\\*": ?\\*"){written}(?=\\*")'


def _write_char(char: str) -> str:
    """Returns the pattern of a character, which JSON may write as an escape."""
    escaped = json.dumps(char)[1:-1].replace("\\", r"\\+")
    return re.escape(char) if escaped == char else f"(?:{re.escape(char)}|{escaped})"


def _replace(pattern: re.Pattern[str], by: str, body: Any) -> Any:
    return json.loads(pattern.sub(by, json.dumps(body, ensure_ascii=False)))
