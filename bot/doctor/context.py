"""What every check of ``docent doctor`` is given."""

from dataclasses import dataclass, field

from redis import Redis

import agent.settings
import bot.settings
import ingest.settings
from agent.store.database import Database
from ingest.sync.reports import LibraryStats


@dataclass
class CheckContext:
    """The settings to check, and what earlier checks learned: filled in as the checks run."""

    kernel: agent.settings.AgentSettings
    bot: bot.settings.BotSettings
    library: ingest.settings.IngestSettings
    may_call: bool | None = None  # whether to call a paid model; None: nobody could be asked
    url: str | None = None
    database_url: str | None = None
    redis_url: str | None = None
    database: Database | None = None  # set once it answers with a schema this release can read
    redis: Redis | None = None  # set once it answers
    documents: LibraryStats | None = None
    worker_hosts: list[str] = field(default_factory=list)
    drifts: dict[str, float] = field(
        default_factory=dict
    )  # seconds by which this machine's clock is ahead, by the other clock's name
