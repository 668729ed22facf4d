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
from bot.slack.installation import origin, workspaces
from bot.slack.installation.workspaces import RemovalReason
from bot.slack.reading.foreign_json import to_id, to_object

EVENTS: Mapping[str, RemovalReason] = {
    "app_uninstalled": RemovalReason.UNINSTALLED,
    "tokens_revoked": RemovalReason.REVOKED,
}
ACCESS_REVOKED = "team_access_revoked"
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
        workspace = _find_installation(database, workspace, origin.find_organisation(body))
    told_at = body.get("event_time")
    moment = datetime.fromtimestamp(float(told_at), UTC) if isinstance(told_at, int | float) else None
    return remove(database, workspace, reason, before=moment and moment + SLACKS_SECOND, bot_users=bots)


def note_access(database: Database, event: Payload, organisation: str) -> Sequence[UUID]:
    """Returns the sessions to wake after the app was taken out of single workspaces of an organisation: Slack
    refuses what is asked there, which ends with that. Nothing is to be done for other events."""
    if event.get("type") != ACCESS_REVOKED:
        return ()
    with database.transaction() as transaction:
        sessions = revisions.make_due(transaction, organisation)
    observability.log.warning("workspace_access_revoked", organisation=organisation, n_open=len(sessions))
    return sessions


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


def _find_installation(database: Database, workspace: str, organisation: str) -> str:
    """Returns whose bot's token was revoked: the organisation's, where the app was never in this workspace by
    itself. Slack tells of the end through no installation, and may name any of an organisation's workspaces."""
    if not organisation or origin.is_organisation(workspace):
        return workspace
    with database.transaction() as transaction:
        is_own = workspaces.find_workspace(transaction, workspace) is not None
        is_of_all = not is_own and workspaces.find_workspace(transaction, organisation) is not None
    return organisation if is_of_all else workspace
