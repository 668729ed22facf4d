"""The end of an installation, of which Slack tells in two events that come in any order, and often twice.

Promises that a late event does not end an installation that began after it. What was asked there and is not
answered yet ends at once, as ``uninstalled``; what is recorded stays for as long as the operator keeps records.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from agent import observability
from agent.store import revisions
from agent.store.database import Database
from bot.slack.client import Payload
from bot.slack.installation import workspaces
from bot.slack.installation.workspaces import RemovalReason
from bot.slack.reading.foreign_json import to_id, to_object

EVENTS: Mapping[str, RemovalReason] = {
    "app_uninstalled": RemovalReason.UNINSTALLED,
    "tokens_revoked": RemovalReason.REVOKED,
}
SLACKS_SECOND = timedelta(seconds=1)  # its events tell whole seconds


def note_event(database: Database, event: Payload, body: Payload, workspace: str) -> Sequence[UUID]:
    """Removes the workspace that an event tells of; returns the sessions to wake, which end what is open in them.

    Of ``tokens_revoked`` only the bot's own token counts: users' tokens are none of ours.
    """
    bots: list[str] = []
    reason = EVENTS[str(event.get("type"))]
    if reason is RemovalReason.REVOKED:
        named = to_object(event.get("tokens")).get("bot")
        bots = [id_ for one in (named if isinstance(named, list) else ()) if (id_ := to_id(one))]
        if not bots:
            return ()
    told_at = body.get("event_time")
    moment = datetime.fromtimestamp(float(told_at), UTC) if isinstance(told_at, int | float) else None
    return remove(database, workspace, reason, before=moment and moment + SLACKS_SECOND, bot_users=bots)


def remove(
    database: Database,
    workspace: str,
    reason: RemovalReason,
    *,
    before: datetime | None = None,
    bot_users: Sequence[str] = (),
) -> Sequence[UUID]:
    """Deletes a workspace's tokens and interrupts what is open there; returns the sessions to wake."""
    with database.transaction() as transaction:
        if not workspaces.remove(transaction, workspace, reason, before=before, bot_users=bot_users):
            return ()
        sessions = revisions.interrupt_workspace(transaction, workspace)
    observability.log.warning("workspace_removed", workspace=workspace, reason=reason, n_open=len(sessions))
    return sessions
