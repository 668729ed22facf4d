"""People hear where their waiting questions are in the queue, at few calls and one statement a look."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event, text

from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.processes.schedules.queue_places import CHANGE_SECONDS, LOOK_SECONDS, STATUSES_PER_LOOK, QueuePlaces
from bot.simulator import ADA, HELP, Workspace
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.interactions.notifications import Notifications

N_WAITING = STATUSES_PER_LOOK + 2


class _Watch:
    """The clock's part with a clock of the test's own; ``look`` says what each look told, by thread."""

    def __init__(self, database: Database, workspace: Workspace, slack: SlackClient) -> None:
        self.now = 0.0
        self._workspace = workspace
        self.notifications = Notifications(slack)
        self.places = QueuePlaces(database, self.notifications, clock=lambda: self.now)

    def look(self, *, after_seconds: float = LOOK_SECONDS) -> dict[str, str]:
        self.now += after_seconds
        n_before = len(self._workspace.calls)
        self.places.tick()
        for call in self.places._calls:
            call.result(120)
        told = self._workspace.calls[n_before:]
        assert {call.method for call in told} <= {"assistant.threads.setStatus"}
        return dict(sorted((call.args["thread_ts"], call.args["status"]) for call in told))


@pytest.fixture
def watch(database: Database, workspace: Workspace, slack: SlackClient) -> Iterator[_Watch]:
    watch = _Watch(database, workspace, slack)
    yield watch
    watch.notifications.close()


def test_who_waits_hears_how_many_are_before_and_again_when_that_has_changed(
    database: Database, workspace: Workspace, watch: _Watch
) -> None:
    threads, session_ids = [], []
    for _ in range(N_WAITING):
        ts, session_id = _ask(database, workspace)
        threads.append(ts)
        session_ids.append(session_id)
    _ask(database, workspace, thread_ts=threads[0])  # waits for the one before it, not for a worker
    _ask(database, workspace, is_command=True)  # has no thread
    _ask_all(database, seconds_ago=-600)
    assert watch.look() == {}  # nobody waits for long
    _ask_all(database, seconds_ago=1)
    first = watch.look()
    assert list(first) == threads[:STATUSES_PER_LOOK]
    assert list(first.values())[:3] == [
        "queued, yours is the next",
        "queued, 1 question before yours",
        "queued, 2 questions before yours",
    ]
    assert watch.look(after_seconds=0) == {}
    assert list(watch.look()) == threads[STATUSES_PER_LOOK:]
    assert watch.look(after_seconds=CHANGE_SECONDS) == {}  # nothing has changed
    _claim(database, session_ids[0])
    again = watch.look()
    assert list(again) == threads[1 : STATUSES_PER_LOOK + 1]
    assert again[threads[1]] == "queued, yours is the next"


def test_a_place_that_came_after_the_answer_is_taken_away_once(
    database: Database, workspace: Workspace, watch: _Watch
) -> None:
    (quick, quick_session), (slow, slow_session) = _ask(database, workspace), _ask(database, workspace)
    _ask_all(database, seconds_ago=1)
    assert list(watch.look()) == [quick, slow]
    _claim(database, slow_session)
    _claim(database, quick_session)
    with database.transaction() as transaction:
        ended = text("UPDATE turns SET status = 'completed' WHERE session_id = :session_id")
        transaction.execute(ended, {"session_id": quick_session})
    assert watch.look() == {quick: ""}
    assert watch.look() == {}


def test_a_look_costs_one_statement(database: Database, workspace: Workspace, watch: _Watch) -> None:
    for _ in range(3):
        _ask(database, workspace)
    _ask_all(database, seconds_ago=1)
    counts: Counter[str] = Counter()

    def count(*_: object) -> None:
        counts["statements"] += 1

    event.listen(database.engine, "before_cursor_execute", count)
    assert len(watch.look()) == 3
    event.remove(database.engine, "before_cursor_execute", count)
    assert counts["statements"] == 1


def _ask(
    database: Database, workspace: Workspace, *, thread_ts: str | None = None, is_command: bool = False
) -> tuple[str, UUID]:
    ts = workspace.person(ADA).say(HELP, "How many days?", thread_ts=thread_ts)
    channel = workspace.directory.find_channel(HELP).id
    address = ReplyAddress(workspace.app.team_id, channel, ADA, ts=ts, thread_ts=thread_ts or ts)
    if is_command:
        address = replace(address, ts=None, thread_ts=None)
    stored = inbox.store(
        database, inbox.NewQuestion(key=ts, address=address, origin=Origin.MENTION, question="How many days?")
    )
    assert isinstance(stored, StoredQuestion)
    return ts, stored.session_id


def _ask_all(database: Database, *, seconds_ago: float) -> None:
    with database.transaction() as transaction:
        moment = text("UPDATE turns SET created_at = now() - make_interval(secs => :seconds)")
        transaction.execute(moment, {"seconds": seconds_ago})


def _claim(database: Database, session_id: UUID) -> None:
    with database.transaction() as transaction:
        assert sessions.claim(transaction, session_id, owner="w", lease_seconds=60)
