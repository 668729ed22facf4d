"""The clock visits the workspaces in which something is to be done, however many there are."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from sqlalchemy import event, text

from agent.clock import new_id
from agent.store.database import Database
from bot.record.care import unfinished
from bot.record.care.unfinished import (
    PLACES_AT_ONCE,
    PLACES_SECONDS,
    RETRY_SECONDS,
    Unfinished,
    UnfinishedEverywhere,
)

N = 50  # workspaces
ANSWER = text("""
INSERT INTO verified_answers (id, question, answer, author, place, readers, status, verified_at)
VALUES (:id, 'Who?', 'Linus.', 'U1', jsonb_build_object('team', CAST(:team AS text), 'channel', 'C1'),
        '["everyone"]', :status, now() - interval '1 hour')
""")


@dataclass
class Visits:
    """What is done in each workspace."""

    finished: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    now: float = 0.0
    is_away: Callable[[str], bool] = lambda team: False

    def open(self, team: str) -> Unfinished:
        return cast(Unfinished, _Work(self, team))


@dataclass
class _Work:
    visits: Visits
    team: str

    def finish(self) -> None:
        self.visits.finished.append(self.team)

    def check_places(self) -> bool:
        self.visits.looked.append(self.team)
        return not self.visits.is_away(self.team)


@pytest.fixture
def teams(database: Database) -> list[str]:
    """Each has a verified answer in a public channel."""
    named = [f"T{n:02}" for n in range(N)]
    for team in named:
        write(database, team)
    return named


@pytest.fixture
def asked(database: Database) -> Iterator[list[str]]:
    """The statements of this process."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


def write(database: Database, team: str, status: str = "active") -> None:
    with database.transaction() as transaction:
        transaction.execute(ANSWER, {"id": new_id(), "team": team, "status": status})


def test_where_nothing_is_to_be_done_nobody_looks(database: Database, teams: list[str], asked: list[str]) -> None:
    visits = Visits()
    everywhere = UnfinishedEverywhere(database, visits.open, lambda busy: [], lambda: visits.now)
    everywhere.finish()
    asked.clear()
    everywhere.finish()
    assert (visits.finished, len(asked)) == ([], 1)
    write(database, "T07", "pending")
    named: list[Collection[str]] = []
    UnfinishedEverywhere(database, visits.open, lambda busy: named.append(busy) or sorted(busy)).finish()  # type: ignore[func-returns-value]
    assert visits.finished == ["T07"]
    assert set(named[0]) == {"T07"}


def test_channels_are_looked_up_a_few_workspaces_at_a_time_and_again_soon_where_slack_was_away(
    database: Database, teams: list[str]
) -> None:
    visits = Visits(now=1.0, is_away=lambda team: team == "T03")
    everywhere = UnfinishedEverywhere(database, visits.open, sorted, lambda: visits.now)
    for n in range(1, N // PLACES_AT_ONCE + 1):
        everywhere.finish()
        assert len(visits.looked) == n * PLACES_AT_ONCE
    assert sorted(visits.looked) == teams
    everywhere.finish()
    visits.now += RETRY_SECONDS
    everywhere.finish()
    assert visits.looked[N:] == ["T03"]
    visits.now += PLACES_SECONDS
    everywhere.finish()
    assert len(visits.looked) == N + 1 + PLACES_AT_ONCE


def test_the_one_workspace_of_a_token_is_visited_by_its_name(database: Database, teams: list[str]) -> None:
    visits = Visits(now=1.0)
    everywhere = UnfinishedEverywhere(database, visits.open, lambda busy: [""] if busy else [], lambda: visits.now)
    for _ in range(2):
        everywhere.finish()
    assert (visits.finished, visits.looked) == ([], [""])
    write(database, "T1", "pending")
    everywhere.finish()
    assert visits.finished == [""]


def test_what_a_workspace_has_to_do_is_listed_while_it_has(database: Database, teams: list[str]) -> None:
    with database.transaction() as transaction:
        assert unfinished.list_workspaces(transaction) == []
    write(database, "T1", "pending")
    with database.transaction() as transaction:
        assert unfinished.list_workspaces(transaction) == ["T1"]
        assert unfinished.list_workspaces(transaction, seconds=7_200) == []  # who stored it is at work
