"""What is stored of a workspace: counted, and deleted once the app was removed from it.

Documents are not: they belong to their sources. Deletes everything else, also which messages were delivered, and
the workspace itself.
"""

from sqlalchemy import text

from agent.store import retention
from agent.store.database import Database
from agent.store.retention import Pruned
from bot.processes.schedules import retention_schedule
from bot.slack import inbox
from bot.slack.membership import changes

_COUNTS = text("""
SELECT (SELECT count(*) FROM turns WHERE workspace = :workspace),
       (SELECT count(DISTINCT user_id) FROM turns WHERE workspace = :workspace),
       (SELECT count(DISTINCT (team, channel)) FROM channel_settings WHERE team = :workspace)
""")
_DELETE = tuple(
    text(statement)
    for statement in (
        "DELETE FROM budgets WHERE split_part(subject, ':', 1) = :workspace AND held_usd = 0",
        "DELETE FROM deliveries WHERE split_part(key, ':', 2) = :workspace OR place ->> 'team_id' = :workspace",
        "DELETE FROM channel_settings WHERE team = :workspace",
        "DELETE FROM scheduled_questions WHERE team = :workspace",
        "DELETE FROM human_requests WHERE team = :workspace",
        "UPDATE documents SET verified_by = NULL, upkeep = NULL WHERE id IN (SELECT id FROM verified_answers"
        " WHERE place ->> 'team' = :workspace)",
        "DELETE FROM verified_answers WHERE place ->> 'team' = :workspace",  # leaves the index by the clock
        "DELETE FROM thread_settings WHERE split_part(key, ':', 2) = :workspace",
        "DELETE FROM notices WHERE starts_with(split_part(subject, ':', 2), :workspace || '/')",
        "DELETE FROM slack_locales WHERE workspace = :workspace",
        "DELETE FROM workspace_budgets WHERE workspace = :workspace",
        "DELETE FROM workspaces WHERE id = :workspace AND removed_at IS NOT NULL",
    )
)


def count(database: Database, workspace: str) -> dict[str, int]:
    """Counts questions, people who asked, and channels with settings of their own."""
    with database.transaction() as transaction:
        n_questions, n_people, n_channels = transaction.execute(_COUNTS, {"workspace": workspace}).one()
    return {"questions": n_questions, "people": n_people, "channels with settings": n_channels}


def forget(database: Database, workspace: str) -> Pruned:
    """Deletes it. May be repeated: a killed run is finished by the next one."""
    pruned = retention_schedule.repeat(lambda: retention.prune_workspace(database, workspace, forget=inbox.forget))
    with database.transaction() as transaction:
        for statement in _DELETE:
            transaction.execute(statement, {"workspace": workspace})
        changes.forget_workspace(transaction, workspace)
    return pruned
