"""Who looks after whole sources, as ``docent.toml`` says; a page may name somebody else in its front matter."""

import ingest.settings
from agent import observability
from agent.errors import UserError
from ingest import source_config


def load(workspace: str = "") -> dict[str, str]:
    """Returns the owners' ids in Slack, by the sources' names.

    Where many workspaces have installed the app, an id says who somebody is in one of them only: these are then
    the sources of ``workspace`` alone, also those that name no owner.
    """
    try:
        tables = source_config.sources(ingest.settings.load().config)
    except UserError as error:  # the command and the doctor say it
        observability.log.warning("sources_unreadable", error=str(error))
        return {}
    owners = {name: str(table.get("owner_slack") or "") for name, table in tables.items()}
    if workspace:
        return {
            name: owners[name] for name in tables if source_config.list_workspaces(tables[name]) == [workspace]
        }
    return {name: owner for name, owner in owners.items() if owner}
