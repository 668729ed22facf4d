"""Goes through all parts of the check; one that cannot be looked at is said, and holds up no other."""

from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import redis

import agent.settings
from agent.errors import DocentError
from agent.store.database import Database
from bot.jobs import queue
from bot.record.safekeeping.backup.making import PlaceSettings
from bot.record.safekeeping.check import documents, money, questions
from bot.record.safekeeping.check.finding import CheckedPart, Fault
from ingest.index.active_index import ActiveIndex

NOT_LOOKED_AT = "not looked at"


def check(database: Database, settings: PlaceSettings, *, repairs: bool = False) -> list[CheckedPart]:
    """Checks, and with ``repairs`` mends, everything; raises nothing for what is away but Postgres."""
    active = ActiveIndex(database, settings.ingest)
    redis_client = queue.connect(settings.bot)
    turn_queue = queue.open_turn_queue(settings.bot, redis_client)
    sync_queue = queue.open_sync_queue(settings.bot, redis_client)
    zone = ZoneInfo(agent.settings.load().time_zone)
    lease_seconds = settings.ingest.sync_lease_seconds
    chunk_tokens = settings.ingest.chunk_tokens
    looks: dict[str, Callable[[], CheckedPart]] = {
        questions.SYNCS: lambda: questions.check_syncs(active, lease_seconds=lease_seconds, repairs=repairs),
        documents.DOCUMENTS: lambda: documents.check_documents(active, repairs=repairs),
        documents.VERIFIED: lambda: documents.check_verified(active, chunk_tokens=chunk_tokens, repairs=repairs),
        questions.QUESTIONS: lambda: questions.check_questions(database, turn_queue, repairs=repairs),
        questions.WAKE_UPS: lambda: questions.check_wake_ups(database, turn_queue, sync_queue, repairs=repairs),
        money.BUDGETS: lambda: money.check_budgets(database, zone, repairs=repairs),
    }
    try:
        return list(_look_at_each(looks))
    finally:
        redis_client.close()


def _look_at_each(looks: dict[str, Callable[[], CheckedPart]]) -> Iterator[CheckedPart]:
    for name, look in looks.items():
        try:
            yield look()
        except DocentError as error:
            yield CheckedPart(name, NOT_LOOKED_AT, [Fault(str(error))])
        except redis.RedisError:
            advice = "Redis does not answer. 'docent doctor' says what to do."
            yield CheckedPart(name, NOT_LOOKED_AT, [Fault(advice)])
