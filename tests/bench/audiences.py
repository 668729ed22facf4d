"""What it takes to know who reads an answer in a channel of a hundred thousand."""

import statistics
import time
from collections.abc import Iterator
from typing import cast

from agent.store.database import Database
from bot.slack.client import Payload, SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.membership import changes
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import PAGE, SlackDirectory
from ingest.access.reader_sets import ReaderSets, one_of, store_readers
from tests.bench.figures import Row
from tests.bench.office import Office

N_MEMBERS = 100_000
N_SETS = 5_000
N_GROUPS = 300
N_TIMES = 20
ADDRESS = ReplyAddress("T1", "C1", "U0", ts="1.1", thread_ts="1.1")


class _LargeWorkspace:
    """Answers the look-ups at once, as Slack would of a large company: one guest in a thousand."""

    def __init__(self) -> None:
        self.guests = {f"U{i}" for i in range(0, N_MEMBERS, 1_000)}

    def call(self, method: str, **arguments: object) -> Payload:
        start = int(str(arguments.get("cursor") or 0))
        numbers = range(start, min(start + PAGE, N_MEMBERS))
        more: Payload = {"next_cursor": str(start + PAGE) if start + PAGE < N_MEMBERS else ""}
        match method:
            case "users.list":
                return {"members": [self._user(f"U{i}") for i in numbers], "response_metadata": more}
            case "conversations.members":
                return {"members": [f"U{i}" for i in numbers], "response_metadata": more}
            case "users.info":
                return {"user": self._user(str(arguments["user"]))}
            case "usergroups.list":
                members = {f"S{i}": [f"U{j}" for j in range(i, N_MEMBERS, 50 + i)] for i in range(N_GROUPS)}
                return {"usergroups": [{"id": id_, "users": users} for id_, users in members.items()]}
        return {"team_id": "T1", "channel": {}}

    def _user(self, id_: str) -> Payload:
        profile = {"email": f"{id_.lower()}@example.com"}
        return {"id": id_, "team_id": "T1", "is_restricted": id_ in self.guests, "profile": profile}


def audiences(office: Office) -> Iterator[Row]:
    """Slack itself takes no time here."""
    sets = ReaderSets()
    with office.database.transaction() as transaction:
        for i in range(N_SETS):
            groups = [f"group:S{(i * k) % N_GROUPS}" for k in (1, 7, 11)]
            store_readers(
                transaction, one_of([*groups, "everyone" if i % 2 else f"user:U{i}", *["guests"][: i % 3]])
            )
    directory = SlackDirectory(cast(SlackClient, _LargeWorkspace()))
    resolver = AudienceResolver(directory, sets, office.database)
    first = _time(resolver, sets)
    again = statistics.median(_time(resolver, sets) for _ in range(N_TIMES))
    changed = statistics.median(_change(office.database, resolver, sets, f"U{i}") for i in range(N_TIMES))
    name = f"audience of {N_MEMBERS:,} members, {N_SETS:,} sets of readers"
    yield Row(f"{name}: first", f"{first * 1000:,.0f} ms", "", first)
    yield Row(f"{name}: again within a minute", f"{again * 1000:.1f} ms", "≤ 0.028 u", again)
    yield Row(f"{name}: after somebody has changed", f"{changed * 1000:.0f} ms", "", changed)


def _change(database: Database, resolver: AudienceResolver, sets: ReaderSets, user_id: str) -> float:
    changes.store(database, {"type": "user_change", "user": {"id": user_id}})
    return _time(resolver, sets)


def _time(resolver: AudienceResolver, sets: ReaderSets) -> float:
    started = time.perf_counter()
    sets.readable(resolver.resolve(ADDRESS).audience)
    return time.perf_counter() - started
