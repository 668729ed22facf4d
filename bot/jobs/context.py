"""What a worker process answers with."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rq import Queue

from agent.llm.model_names import is_local
from agent.prompting import prompt
from agent.settings import AgentSettings
from agent.store.database import Database, Transaction
from agent.store.transcript import Transcript
from agent.translation import languages
from agent.translation.languages import ENGLISH, Speech
from agent.translation.speech import mark, say
from agent.turn.config import AgentConfig, OpeningCall
from agent.types import Audience
from bot.jobs.leases.held import Leases
from bot.jobs.suggestions import Suggestions
from bot.slack.channels import channel_settings, profile
from bot.slack.channels.channel_settings import ChannelSettings
from bot.slack.client import SlackClient
from bot.slack.installation.tokens import NotInstalled
from bot.slack.membership.audience import AudienceResolver
from bot.slack.reading.question_reader import QuestionReader
from bot.slack.replies.closing.buttons import AnswerPlace, HumanHelp
from bot.slack.replies.links.policy import LinkHosts
from bot.slack.replies.reply_rows import Posted
from ingest.access import reader_sets
from ingest.access.reader_sets import DocumentsNow
from ingest.library import Library, LibraryStatus
from ingest.search.text import recognise_language

NO_MODEL = mark("no language model  ·  $0")
RunMetadata = Mapping[str, str | None]  # what a turn is recorded with: model, prompt, settings, index


@dataclass(frozen=True)
class WorkspaceParts:
    """What belongs to one workspace of Slack: its client, who is who there, what reads its messages, its tools'
    resources, where its links may lead."""

    slack: SlackClient
    audiences: AudienceResolver
    questions: QuestionReader
    agent: AgentConfig
    has_operators: bool = False
    load_link_hosts: Callable[[], LinkHosts] = LinkHosts


@dataclass(frozen=True)
class WorkerContext:
    """Everything a process needs to answer questions; see :func:`bot.jobs.wiring.build`.

    ``slack``, ``audiences`` and ``turn_queue`` are None for a process that answers in the terminal. ``questions``
    reads what a question of Slack refers to. ``delivery_hours`` is how long a finished answer waits for Slack.
    ``load_link_hosts`` says where links in answers may lead; ``channel_defaults`` is what counts in a channel for
    which nothing is set; where it ``has_operators``, they may correct answers. Where it ``needs_documents`` and
    there are none, no model is asked.

    Where many workspaces have installed the app, ``open_workspace`` makes what belongs to each, and nothing does
    before :meth:`at` has named one.
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
    channel_defaults: ChannelSettings = field(default_factory=ChannelSettings)
    has_operators: bool = False
    open_workspace: Callable[[str], WorkspaceParts] | None = None
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

    def at(self, posted: Posted) -> "WorkerContext":
        """Returns what answers a question in the workspace where it was asked, within that one's budgets.

        Raises :class:`NotInstalled` where the app is not there any more.
        """
        context, workspace = self, posted.address.team_id
        if self.open_workspace:
            if not posted.is_installed:
                raise NotInstalled(workspace)
            parts = self.open_workspace(workspace)
            context = replace(
                self,
                slack=parts.slack,
                audiences=parts.audiences,
                questions=parts.questions,
                agent=parts.agent,
                has_operators=parts.has_operators,
                load_link_hosts=parts.load_link_hosts,
            )
        if not posted.limits or context.agent.budgets is None:
            return context
        return replace(context, agent=replace(context.agent, budgets=context.agent.budgets.replace(posted.limits)))

    def choose_speech(self, question: str, posted: Posted | None, locale: str = "") -> Speech:
        """Returns which languages are spoken to who asked; operators in the terminal read English.

        ``locale`` is what their Slack is set to, where more is known than when the question was claimed.
        """
        asked = recognise_language(question) or ""
        if posted is None:
            return Speech(answer=asked or ENGLISH)
        return languages.choose(self.settings.language, locale or posted.locale, asked)

    def find_audiences(self, posted: Posted) -> AudienceResolver | None:
        """Returns what resolves audiences where a question was asked; None where the app is not any more."""
        try:
            return self.at(posted).audiences
        except NotInstalled:
            return None

    @property
    def reads_slack(self) -> bool:
        """Returns whether questions come from Slack."""
        return self.slack is not None or self.open_workspace is not None

    @property
    def library(self) -> Library | None:
        """Returns what the tools search; None where they search nothing."""
        library = self.agent.resources.get(Library)
        return library if isinstance(library, Library) else None

    def look_up_documents(
        self, transaction: Transaction, document_ids: Iterable[str], audience: Audience
    ) -> DocumentsNow:
        """Returns which of these documents not everybody of the audience may read, and the others' dates."""
        if self.library is None:
            return DocumentsNow(self.agent.find_unreadable(transaction, document_ids, audience))
        return reader_sets.look_up(transaction, document_ids, audience)

    def settings_of(self, posted: Posted) -> ChannelSettings:
        """Returns what counts in the channel where a question was asked."""
        return channel_settings.apply(posted.settings, self.channel_defaults)

    def within(self, posted: Posted | None) -> "WorkerContext":
        """Returns the context for a question that was asked there: with what is set for its channel."""
        agent = profile.apply(self.agent, self.settings_of(posted)) if posted else self.agent
        if agent is self.agent:
            return self
        described = {"model": agent.models[0].name, "prompt_hash": prompt.system_hash(agent.guidance)}
        return replace(self, agent=agent, run_metadata={**self.run_metadata, **described})

    def find_help(self, posted: Posted, *, is_answered: bool) -> HumanHelp:
        """Returns what people can do about an answer in the place where it was asked for."""
        settings, place = self.settings_of(posted), posted.address.place
        goes_by_itself = not is_answered and settings.ask_human and place is AnswerPlace.THREAD
        asks_experts = bool(settings.experts) and not goes_by_itself
        says_whom = bool(self.suggestions.contact) and is_answered and not settings.experts  # else the notice does
        return HumanHelp(
            can_ask=asks_experts or says_whom,
            can_correct=bool(settings.experts or self.has_operators) and place is AnswerPlace.THREAD,
            is_answered=is_answered,
            is_public=bool(settings.experts) and place is AnswerPlace.EPHEMERAL,
            goes_by_itself=goes_by_itself and bool(settings.experts),
        )

    def describe_cost(self, transcript: Transcript) -> str:
        """Returns what an answer cost so far."""
        model = self.agent.models[0].name
        if is_local(model):
            return say(NO_MODEL)
        tokens = say("{n} tokens", n=transcript.n_tokens)
        return f"{model}  ·  {tokens}  ·  ${transcript.spent_usd:.4f}"

    def read_index_state(self) -> LibraryStatus | None:
        """Reads the state of the index that the tools search; None where they search none."""
        return self.library.status() if self.library else None

    def lacks_documents(self, index: LibraryStatus | None) -> bool:
        """Returns whether there is nothing to answer from: an empty index, and no tools of the operator's own."""
        return self.needs_documents and index is not None and index.is_empty
