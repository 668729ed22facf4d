"""Sets up a desk: everything a process needs to answer questions, wired once."""

from collections.abc import Callable, Sequence

from rq import Queue

from agent import llm, prompt
from agent.database import Database
from agent.limits import Limits
from agent.loop import Kit, OpeningCall
from agent.settings import Settings
from bot.jobs import Desk
from bot.leases import Leases
from bot.slack import Slack
from ingest import settings as ingest_settings
from ingest.library import Library
from tools import extractive, registry
from tools.standalone import standalone

DELIVERY_SECONDS = 120  # a rate-limited delivery may take this long after the turn's own time

Stamps = Callable[[], dict[str, str | None]]


def set_up(
    settings: Settings,
    database: Database,
    *,
    slack: Slack | None = None,
    jobs: Queue | None = None,
    delivery_hours: float = 24,
) -> Desk:
    """Imports the models (seconds) and opens the library; the first question then waits for nothing."""
    llm.register_local(extractive.complete, words_per_second=settings.extractive_words_per_second)
    library = Library(database, ingest_settings.load())
    kit = Kit(
        database=database,
        model=settings.model,
        tools=registry.found(),
        limits=Limits.of(settings),
        resources={Library: library},
        api_base=settings.model_api_base,
        is_refusal=lambda text: text.startswith(extractive.NOTHING_FOUND),
    )
    return Desk(
        settings=settings,
        database=database,
        kit=kit,
        opening=opening,
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


def opening(question: str, earlier: Sequence[str]) -> list[OpeningCall]:
    """What is looked up before the model is asked: the question, made standalone."""
    return [OpeningCall("search_docs", {"query": standalone(question, earlier)})]


def _stamps(settings: Settings, library: Library) -> Stamps:
    fixed = {
        "model": settings.model,
        "release": settings.release,
        "prompt_hash": prompt.system_hash(),
        "settings_hash": settings.fingerprint(),
    }

    def stamps() -> dict[str, str | None]:
        status = library.status()
        return {**fixed, "embedding_model": status.embedding_model, "index_version": status.version}

    return stamps
