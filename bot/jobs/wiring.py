"""The composition root: builds everything a process needs to answer questions, once.

The one place that decides which parts work together; nothing else builds a :class:`WorkerContext`.
"""

from collections.abc import Sequence
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
from bot.jobs.context import RunMetadata, WorkerContext
from bot.jobs.leases.held import Leases
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
from tools import registry
from tools.current_time import Clock
from tools.extractive import answer, follow_ups, sections, small_talk
from tools.thread_history import ThreadPort

DELIVERY_SECONDS = 120  # a rate-limited delivery may take this long after the turn's own time


def build(
    settings: AgentSettings,
    database: Database,
    *,
    slack: SlackClient | None = None,
    turn_queue: Queue | None = None,
    breaker: Breaker | None = None,
    delivery_hours: float = 24,
    renewer: Connection | None = None,
) -> WorkerContext:
    """Loads the models (seconds) and opens the library, so that the first question waits for neither.

    Raises :class:`SettingsError` for a model without a price, and for tools that cannot be loaded. ``breaker`` is
    shared with the other workers; without one, the process keeps its own. ``renewer`` is the pipe to the process
    that renews leases; without one, a thread does::

        context = wiring.build(agent.settings.load(), database)
        answer = terminal_reply.ask(context, database, "How many days?", user="me", stream=sys.stdout)
        context.leases.close()
    """
    examples = bot.settings.load().prompts
    local_provider.register(
        partial(answer.complete, examples=examples), words_per_second=settings.extractive_words_per_second
    )
    library = Library(database, ingest_settings.load())
    directory = SlackDirectory(slack) if slack else None
    thread = _open_thread(slack, directory, database)
    agent_config = _configure_agent(settings, database, library, thread, breaker)
    leases = Leases(
        database,
        lease_seconds=settings.lease_seconds,
        longest_seconds=settings.max_seconds * 2 + DELIVERY_SECONDS,
        pipe=renewer,
    )
    return WorkerContext(
        settings=settings,
        database=database,
        agent=agent_config,
        plan_opening_calls=partial(plan_opening_calls, examples=examples),
        leases=leases,
        slack=slack,
        audiences=AudienceResolver(directory, library.reader_sets, database) if directory else None,
        questions=_open_questions(slack, directory, thread, database),
        turn_queue=turn_queue,
        run_metadata=_describe_run(settings),
        delivery_hours=delivery_hours,
        suggestions=Suggestions(examples, bot.settings.load().help_contact),
        needs_documents=not bot.settings.load().own_tools,
        has_operators=bool(split_list(bot.settings.load().operators)),
        channel_defaults=channel_settings.apply(bot.settings.load().of_channels, ChannelSettings()),
        load_link_hosts=AllowedHosts(library, split_list(bot.settings.load().link_hosts)).load,
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


def _open_thread(
    slack: SlackClient | None, directory: SlackDirectory | None, database: Database
) -> SlackThread | None:
    if not (slack and directory):
        return None
    found = registry.find_tools(bot.settings.load().own_tools)
    passage_tools = frozenset(name for name, tool in found.items() if tool.only_passages)
    return SlackThread(slack, database, passage_tools, directory.names)


def _open_questions(
    slack: SlackClient | None, directory: SlackDirectory | None, thread: SlackThread | None, database: Database
) -> QuestionReader | None:
    settings = bot.settings.load()
    if not (slack and directory and thread):
        return None
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else ""
    files = SlackFiles(token, settings.slack_api_url)
    return QuestionReader(slack, directory, thread, database, files)


def _configure_agent(
    settings: AgentSettings,
    database: Database,
    library: Library,
    thread: SlackThread | None,
    breaker: Breaker | None,
) -> AgentConfig:
    resources: dict[type, object] = {Library: library, Clock: Clock(settings.time_zone)}
    found = registry.find_tools(bot.settings.load().own_tools)
    if thread:
        resources[ThreadPort] = thread
    return AgentConfig(
        database=database,
        models=models.resolve(settings),
        tools=registry.select_offered(found, resources),
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
