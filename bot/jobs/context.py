"""What a worker process answers with."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rq import Queue

from agent.settings import AgentSettings
from agent.store.database import Database
from agent.turn.config import AgentConfig, OpeningCall
from bot.jobs.leases import Leases
from bot.jobs.suggestions import Suggestions
from bot.slack.client import SlackClient

RunMetadata = dict[str, str | None]  # what a turn is recorded with: model, prompt, settings, index


@dataclass(frozen=True)
class WorkerContext:
    """Everything a process needs to answer questions; see :func:`bot.jobs.wiring.build`.

    ``slack`` and ``turn_queue`` are None for a process that answers in the terminal. ``delivery_hours`` is how
    long a finished answer waits for Slack. ``has_nothing_to_search`` is asked before each turn: then no model is.
    """

    settings: AgentSettings
    database: Database
    agent: AgentConfig
    plan_opening_calls: Callable[[str], Sequence[OpeningCall]]
    leases: Leases
    slack: SlackClient | None
    turn_queue: Queue | None
    load_run_metadata: Callable[[], RunMetadata]
    delivery_hours: float = 24
    suggestions: Suggestions = field(default_factory=Suggestions)
    has_nothing_to_search: Callable[[], bool] = lambda: False
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
