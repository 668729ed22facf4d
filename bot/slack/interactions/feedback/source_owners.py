"""Who looks after whole sources, as ``docent.toml`` says; a page may name somebody else in its front matter."""

import ingest.settings
from agent import observability
from agent.errors import UserError
from ingest import source_config


def load() -> dict[str, str]:
    """Returns the owners' ids in Slack, by the sources' names."""
    try:
        tables = source_config.sources(ingest.settings.load().config)
    except UserError as error:  # the command and the doctor say it
        observability.log.warning("sources_unreadable", error=str(error))
        return {}
    return {name: str(table["owner_slack"]) for name, table in tables.items() if table.get("owner_slack")}
