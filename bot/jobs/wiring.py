"""Sets up a desk: everything a process needs to answer questions, wired once."""

from collections.abc import Callable
from typing import Any

from rq import Queue

import bot.settings
from agent.llm import litellm_setup, models
from agent.llm.circuit_breaker import Breaker, LocalBreaker
from agent.llm.client import CallPolicy
from agent.prompting import prompt
from agent.settings import AgentSettings
from agent.store.budgets import Budgets
from agent.store.database import Database
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.limits import Limits
from bot.jobs.answering import WorkerContext
from bot.jobs.leases import Leases
from bot.slack.client import SlackClient
from bot.slack.thread_reader import SlackThread
from ingest import settings as ingest_settings
from ingest.library import Library
from tools import registry
from tools.current_time import Clock
from tools.extractive import answer
from tools.extractive.follow_ups import standalone
from tools.thread_history import ThreadPort

DELIVERY_SECONDS = 120  # a rate-limited delivery may take this long after the turn's own time

Stamps = Callable[[], dict[str, str | None]]


def build(
    settings: AgentSettings,
    database: Database,
    *,
    slack: SlackClient | None = None,
    jobs: Queue | None = None,
    breaker: Breaker | None = None,
    delivery_hours: float = 24,
) -> WorkerContext:
    """Imports the models (seconds) and opens the library; the first question then waits for nothing.

    Raises :class:`SettingsError` for a model without a price, and for tools that cannot be loaded. ``breaker`` is
    shared with the other workers.
    """
    litellm_setup.register_local(answer.complete, words_per_second=settings.extractive_words_per_second)
    library = Library(database, ingest_settings.load())
    resources: dict[type, Any] = {Library: library, Clock: Clock(settings.time_zone)}
    if slack:
        resources[ThreadPort] = SlackThread(slack)
    kit = AgentConfig(
        database=database,
        models=models.resolve(settings),
        tools=registry.offered(registry.found(bot.settings.load().own_tools), resources),
        limits=Limits.of(settings),
        resources=resources,
        patience=CallPolicy(
            n_retries=settings.model_retries,
            timeout_seconds=settings.model_timeout_seconds,
            stall_seconds=settings.stall_seconds,
        ),
        budgets=Budgets.from_settings(settings),
        breaker=breaker or LocalBreaker(settings.breaker_seconds),
        standalone=standalone,
        is_refusal=lambda text: text.startswith(answer.NOTHING_FOUND),
    )
    return WorkerContext(
        settings=settings,
        database=database,
        kit=kit,
        opening=plan_opening_calls,
        leases=Leases(
            database,
            lease_seconds=settings.lease_seconds,
            longest_seconds=settings.max_seconds * 2 + DELIVERY_SECONDS,
        ),
        slack=slack,
        jobs=jobs,
        stamps=_stamps(settings, library),
        delivery_hours=delivery_hours,
    )


def plan_opening_calls(question: str) -> list[OpeningCall]:
    """What is looked up before the model is asked: the question, as it stands alone."""
    return [OpeningCall("search_docs", {"query": question})]


def _stamps(settings: AgentSettings, library: Library) -> Stamps:
    fixed = {
        "model": settings.model,
        "release": settings.release,
        "prompt_hash": prompt.system_hash(),
        "prompt_version": prompt.version(),
        "settings_hash": settings.fingerprint(),
    }

    def stamps() -> dict[str, str | None]:
        status = library.status()
        return {**fixed, "embedding_model": status.embedding_model, "index_version": status.version}

    return stamps
