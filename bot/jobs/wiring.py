"""The composition root: builds everything a process needs to answer questions, once.

The one place that decides which parts work together; nothing else builds a :class:`WorkerContext`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

from rq import Queue

import bot.settings
from agent.llm import local_provider, models
from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.client import CallPolicy
from agent.prompting import prompt
from agent.settings import AgentSettings, split_list
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.limits import Limits
from bot.jobs.answers.link_hosts import AllowedHosts
from bot.jobs.context import RunMetadata, WorkerContext, WorkspaceParts
from bot.jobs.leases.held import Leases
from bot.jobs.slack_connection import ByWorkspace, SlackConnections
from bot.jobs.suggestions import Suggestions
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import ChannelSettings
from bot.slack.client import SlackClient
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from bot.slack.reading.file_reader import SlackFiles
from bot.slack.reading.question_reader import QuestionReader
from bot.slack.reading.thread_reader import SlackThread
from ingest import settings as ingest_settings
from ingest.access import reader_sets
from ingest.library import Library
from ingest.sources.slackthreads import installed_tokens
from tools import registry
from tools.current_time import Clock
from tools.extractive import answer, follow_ups, sections, small_talk
from tools.extractive.rules import taking_up
from tools.thread_history import ThreadPort

DELIVERY_SECONDS = 120  # a rate-limited delivery may take this long after the turn's own time


def build(
    settings: AgentSettings,
    database: Database,
    *,
    slack: SlackClient | None = None,
    connections: SlackConnections | None = None,
    turn_queue: Queue | None = None,
    breaker: Breaker | None = None,
    delivery_hours: float = 24,
    renewer: Connection | None = None,
) -> WorkerContext:
    """Loads the models (seconds) and opens the library, so that the first question waits for neither.

    Raises :class:`SettingsError` for a model without a price, and for tools that cannot be loaded. ``breaker`` is
    shared with the other workers; without one, the process keeps its own. ``renewer`` is the pipe to the process
    that renews leases; without one, a thread does. ``connections`` stand in the place of ``slack`` where many
    workspaces have installed the app::

        context = wiring.build(agent.settings.load(), database)
        answer = terminal_reply.ask(context, database, "How many days?", user="me", stream=sys.stdout)
        context.leases.close()
    """
    examples = bot.settings.load().prompts
    local_provider.register(
        partial(answer.complete, examples=examples), words_per_second=settings.extractive_words_per_second
    )
    library = Library(database, ingest_settings.load())
    if connections and connections.read_token:
        installed_tokens.register(connections.read_token)
    agent_config = _configure_agent(settings, database, library, breaker, has_threads=bool(slack or connections))
    hosts = AllowedHosts(library, split_list(bot.settings.load().link_hosts))
    parts = _open_parts(slack, "", agent_config, library, hosts) if slack else None
    leases = Leases(
        database,
        lease_seconds=settings.lease_seconds,
        longest_seconds=settings.max_seconds * 2 + DELIVERY_SECONDS,
        pipe=renewer,
    )
    return WorkerContext(
        settings=settings,
        database=database,
        agent=parts.agent if parts else agent_config,
        plan_opening_calls=partial(plan_opening_calls, examples=examples),
        leases=leases,
        slack=slack,
        audiences=parts.audiences if parts else None,
        questions=parts.questions if parts else None,
        open_workspace=_open_each(connections, agent_config, library, hosts) if connections else None,
        turn_queue=turn_queue,
        run_metadata=_describe_run(settings),
        delivery_hours=delivery_hours,
        suggestions=Suggestions(examples, bot.settings.load().help_contact),
        needs_documents=not bot.settings.load().own_tools,
        has_operators=parts.has_operators if parts else False,
        channel_defaults=channel_settings.apply(bot.settings.load().of_channels, ChannelSettings()),
        load_link_hosts=hosts.load,
    )


def plan_opening_calls(question: str, examples: Sequence[str] = ()) -> list[OpeningCall]:
    """Returns the calls to make before the model is asked: a search, unless the question needs none
    or names what to read."""
    kind = small_talk.recognise(question)
    if small_talk.needs_listing(kind, examples):
        return [OpeningCall("list_documents", {})]
    if small_talk.needs_no_search(question):
        return []
    if section := sections.read(question):
        return [OpeningCall("read_document", {"document": section.title, "heading": section.heading})]
    return [OpeningCall("search_docs", {"query": question})]


def _open_each(
    connections: SlackConnections, agent_config: AgentConfig, library: Library, hosts: AllowedHosts
) -> Callable[[str], WorkspaceParts]:
    return ByWorkspace(
        lambda workspace: _open_parts(connections.open(workspace), workspace, agent_config, library, hosts)
    )


def _open_parts(
    slack: SlackClient, workspace: str, agent_config: AgentConfig, library: Library, hosts: AllowedHosts
) -> WorkspaceParts:
    """Opens what belongs to one workspace; "" is the one of the token."""
    database, directory = library.database, SlackDirectory(slack, workspace)
    found = registry.find_tools(bot.settings.load().own_tools)
    passage_tools = frozenset(name for name, tool in found.items() if tool.only_passages)
    thread = SlackThread(slack, database, passage_tools, directory.names, workspace=workspace)
    files = SlackFiles(slack.token, bot.settings.load().slack_api_url)
    return WorkspaceParts(
        slack,
        AudienceResolver(directory, library.reader_sets, database, workspace),
        QuestionReader(slack, directory, thread, database, files),
        replace(agent_config, resources={**agent_config.resources, ThreadPort: thread}),
        has_operators=bool(bot.settings.load().list_operators(workspace)),
        load_link_hosts=partial(hosts.load, workspace),
    )


def _configure_agent(
    settings: AgentSettings,
    database: Database,
    library: Library,
    breaker: Breaker | None,
    *,
    has_threads: bool,
) -> AgentConfig:
    resources: dict[type, object] = {Library: library, Clock: Clock(settings.time_zone)}
    found = registry.find_tools(bot.settings.load().own_tools)
    in_slack: dict[type, object] = {ThreadPort: None} if has_threads else {}  # each workspace has its own
    return AgentConfig(
        database=database,
        models=models.resolve(settings),
        tools=registry.select_offered(found, {**resources, **in_slack}),
        limits=Limits.of(settings),
        resources=resources,
        call_policy=CallPolicy(
            n_retries=settings.model_retries,
            timeout_seconds=settings.model_timeout_seconds,
            stall_seconds=settings.stall_seconds,
        ),
        budgets=Budgets.from_settings(settings),
        breaker=breaker or LocalBreaker(settings.breaker_seconds),
        rewrite_follow_up=follow_ups.rewrite,
        is_small_talk=small_talk.needs_no_search,
        take_up=taking_up.take_up,
        find_unreadable=reader_sets.find_unreadable,
    )


def _describe_run(settings: AgentSettings) -> RunMetadata:
    return {
        "model": settings.model,
        "release": settings.release,
        "prompt_hash": prompt.system_hash(),
        "prompt_version": prompt.version(),
        "settings_hash": settings.fingerprint(),
    }
