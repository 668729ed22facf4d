"""What a worker process answers with."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rq import Queue

from agent.settings import AgentSettings
from agent.store.database import Database
from agent.turn.config import AgentConfig, OpeningCall
from bot.jobs.leases.held import Leases
from bot.jobs.suggestions import Suggestions
from bot.slack.client import SlackClient
from bot.slack.membership.audience import AudienceResolver
from bot.slack.reading.question_reader import QuestionReader
from bot.slack.replies.links.policy import LinkHosts
from ingest.library import Library, LibraryStatus

RunMetadata = Mapping[str, str | None]  # what a turn is recorded with: model, prompt, settings, index


@dataclass(frozen=True)
class WorkerContext:
    """Everything a process needs to answer questions; see :func:`bot.jobs.wiring.build`.

    ``slack``, ``audiences`` and ``turn_queue`` are None for a process that answers in the terminal. ``questions``
    reads what a question of Slack refers to. ``delivery_hours`` is how long a finished answer waits for Slack.
    ``load_link_hosts`` says where links in answers may lead. Where it ``needs_documents`` and there are none, no
    model is asked.
    """

    settings: AgentSettings
    database: Database
    agent: AgentConfig
    plan_opening_calls: Callable[[str], Sequence[OpeningCall]]
    leases: Leases
    slack: SlackClient | None
    turn_queue: Queue | None
    run_metadata: RunMetadata
    delivery_hours: float = 24
    audiences: AudienceResolver | None = None
    questions: QuestionReader | None = None
    suggestions: Suggestions = field(default_factory=Suggestions)
    needs_documents: bool = True
    load_link_hosts: Callable[[], LinkHosts] = LinkHosts
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    @property
    def library(self) -> Library | None:
        """Returns what the tools search; None where they search nothing."""
        library = self.agent.resources.get(Library)
        return library if isinstance(library, Library) else None

    def read_index_state(self) -> LibraryStatus | None:
        """Reads the state of the index that the tools search; None where they search none."""
        return self.library.status() if self.library else None

    def lacks_documents(self, index: LibraryStatus | None) -> bool:
        """Returns whether there is nothing to answer from: an empty index, and no tools of the operator's own."""
        return self.needs_documents and index is not None and index.is_empty
