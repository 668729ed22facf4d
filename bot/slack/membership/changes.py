"""Which of Slack's facts have changed, told by its events and kept in Postgres, where every worker sees it.

What a worker has looked up before a change counts no more. Promises that an event is acknowledged only once it is
stored here. Without events, what was looked up still lasts no longer than :mod:`.directory` says.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert

from agent.store.database import Database, Transaction
from bot.slack.client import Payload
from bot.slack.installation.origin import OF_ORGANISATIONS
from bot.slack.reading.foreign_json import to_id
from bot.slack.tables import MembershipChangeRow
from ingest.verified import places

KEPT = timedelta(days=2)  # longer than anybody remembers what was looked up

# The subjects that an event is about, by its type: where the event names one, and what it is.
_SUBJECTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "member_joined_channel": (("channel", "channel"), ("user", "user")),
    "member_left_channel": (("channel", "channel"), ("user", "user")),
    "channel_shared": (("channel", "channel"),),
    "channel_unshared": (("channel", "channel"),),
    "channel_convert_to_private": (("channel", "channel"),),
    "user_change": (("user", "user"),),
    "team_join": (("user", "user"),),
    "subteam_created": (("groups", ""),),
    "subteam_updated": (("groups", ""),),
    "subteam_members_changed": (("groups", ""),),
    **dict.fromkeys(OF_ORGANISATIONS, (("teams", ""), ("users", ""), ("groups", ""))),
}
EVENTS = tuple(_SUBJECTS)
CONVERTED = "channel_convert_to_private"
NO_SUBSCRIPTION = {CONVERTED}  # Slack tells it as a message's subtype


def store(database: Database, event: Payload, workspace: str = "") -> None:
    """Stores what an event is about as changed now, and deletes what is old.

    ``workspace`` is the one in which it changed, where many have installed the app. Verified answers of a channel
    that has become private are kept to its members.
    """
    rows = [{"subject": f"{_make_prefix(workspace)}{subject}"} for subject in _find_subjects(event)]
    if not rows:
        return
    statement = insert(MembershipChangeRow)
    update = {"changed_at": func.clock_timestamp()}
    with database.transaction() as transaction:
        transaction.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=update), rows)
        transaction.execute(delete(MembershipChangeRow).where(MembershipChangeRow.changed_at < func.now() - KEPT))
        if _find_type(event) == CONVERTED:
            places.narrow_to_members(transaction, str(event.get("channel")), workspace)


_LOAD = text("""
SELECT extract(epoch FROM clock_timestamp()), (
    SELECT jsonb_object_agg(subject, extract(epoch FROM changed_at)) FROM membership_changes
    WHERE changed_at >= to_timestamp(:since) AND starts_with(subject, :prefix)
)
""")


def load(transaction: Transaction, *, since: float, workspace: str = "") -> tuple[float, dict[str, float]]:
    """Reads the database's time, and when what changed in a workspace since then did, in seconds since 1970."""
    prefix = _make_prefix(workspace)
    now, changed = transaction.execute(_LOAD, {"since": since, "prefix": prefix}).one()
    return float(now), {subject.removeprefix(prefix): float(at) for subject, at in (changed or {}).items()}


def forget_workspace(transaction: Transaction, workspace: str) -> None:
    """Deletes what is stored of a workspace's changes."""
    prefix = _make_prefix(workspace)
    transaction.execute(delete(MembershipChangeRow).where(MembershipChangeRow.subject.startswith(prefix)))


def _make_prefix(workspace: str) -> str:
    return f"{workspace}/" if workspace else ""


def _find_subjects(event: Payload) -> Iterator[str]:
    for field, kind in _SUBJECTS.get(_find_type(event), ()):
        if not kind:
            yield field
            continue
        named = event.get(field)
        id_ = to_id(named.get("id") if isinstance(named, dict) else named)
        if id_:
            yield f"{kind}:{id_}"


def _find_type(event: Payload) -> str:
    return str(event.get("subtype") if event.get("type") == "message" else event.get("type"))
