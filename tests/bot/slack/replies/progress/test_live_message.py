"""The modes of a message that grows; what they show in the thread is tested in test_thread_reply.py."""

from collections.abc import Callable

import pytest

from agent.store.database import Database
from agent.store.sessions import Turn
from bot.simulator import Workspace
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.replies.progress.live_message import EDIT_SECONDS, LiveMessage, Mode
from bot.slack.replies.reply import Answer
from bot.slack.replies.reply_rows import ReplyRows
from bot.slack.replies.thread_messages import ThreadMessages
from tests.bot.slack.posted import load_posted


class Clock:
    """Seconds that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(
    slack: SlackClient, database: Database, turn: Turn, address: ReplyAddress, clock: Clock
) -> Callable[[], LiveMessage]:
    def make() -> LiveMessage:
        return LiveMessage(
            ThreadMessages(slack, address, turn.id),
            ReplyRows(database, turn, load_posted(database, turn, address)),
            clock,
        )

    return make


def show(live: LiveMessage, clock: Clock, *texts: str) -> None:
    for text in texts:
        clock.now += EDIT_SECONDS
        live.show_text(text)
        clock.now += EDIT_SECONDS
        live.refresh()


@pytest.mark.parametrize(
    ("method", "code", "mode", "may_be_streaming"),
    [
        ("chat.startStream", "unknown_method", Mode.EDITING, False),
        ("chat.appendStream", "message_not_in_streaming_state", Mode.EDITING, False),
        ("chat.appendStream", "streaming_state_conflict", Mode.EDITING, True),
        ("chat.appendStream", "stopped_by_user", Mode.QUIET, False),
    ],
)
def test_a_refusal_changes_the_mode(  # noqa: PLR0917
    workspace: Workspace,
    make: Callable[[], LiveMessage],
    clock: Clock,
    method: str,
    code: str,
    mode: Mode,
    may_be_streaming: bool,
) -> None:
    live = make()
    workspace.faults.error(method, code)
    live.show_text("You ")
    clock.now += EDIT_SECONDS
    live.refresh()
    if method == "chat.appendStream":
        assert live.mode == Mode.STREAMING
        clock.now += EDIT_SECONDS
        live.show_text("have ")
    assert (live.mode, live.may_be_streaming) == (mode, may_be_streaming)


def test_a_refused_edit_makes_it_quiet(
    workspace: Workspace, make: Callable[[], LiveMessage], clock: Clock
) -> None:
    live = make()
    workspace.faults.error("chat.startStream", "unknown_method")
    workspace.faults.error("chat.postMessage", "is_archived")
    show(live, clock, "You ", "have ")
    assert live.mode == Mode.QUIET


@pytest.mark.parametrize(("fault", "mode"), [("rate_limit", Mode.WAITING), ("lose_answer", Mode.QUIET)])
def test_only_a_call_that_may_have_worked_makes_it_quiet(
    workspace: Workspace, make: Callable[[], LiveMessage], clock: Clock, fault: str, mode: Mode
) -> None:
    live = make()
    getattr(workspace.faults, fault)("chat.startStream")
    show(live, clock, "You ")
    assert live.mode == mode
    assert live.may_be_streaming is (fault == "lose_answer")


def test_the_message_of_an_earlier_attempt_is_left_alone_until_the_end(
    workspace: Workspace, make: Callable[[], LiveMessage], clock: Clock
) -> None:
    show(make(), clock, "You ")
    n_calls = len(workspace.calls)
    live = make()
    show(live, clock, "You ", "have ")
    assert (live.mode, len(workspace.calls)) == (Mode.QUIET, n_calls)


def test_only_a_live_stream_can_be_completed_and_only_by_a_text_that_goes_on_from_it(
    make: Callable[[], LiveMessage], clock: Clock, turn: Turn
) -> None:
    live = make()
    assert not live.complete(Answer(turn.id, "You have 5 days."), "You have 5 days.")
    show(live, clock, "You ")
    assert not live.complete(Answer(turn.id, "None."), "None.")
    assert live.complete(Answer(turn.id, "You have 5 days."), "You have 5 days.")
