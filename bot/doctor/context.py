"""What every check of ``docent doctor`` is given."""

from dataclasses import dataclass, field

from redis import Redis

import agent.settings
import bot.settings
import ingest.settings
from agent.store.database import Database
from ingest.stats import LibraryStats as Library


@dataclass
class CheckContext:
    """The settings to check, and what each check learned for the next."""

    kernel: agent.settings.AgentSettings
    bot: bot.settings.BotSettings
    library: ingest.settings.IngestSettings
    may_call: bool | None = None  # a model that costs; None: nobody was there to be asked
    url: str | None = None
    database_url: str | None = None
    redis_url: str | None = None
    database: Database | None = None  # answers, and has a schema this release can read
    redis: Redis | None = None  # answers
    documents: Library | None = None
    worker_hosts: list[str] = field(default_factory=list)
    drifts: dict[str, float] = field(default_factory=dict)  # seconds this clock is ahead, by whose clock
