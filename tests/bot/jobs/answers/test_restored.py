"""A question that was open when the record was backed up: its thread is told of it unless its answer is there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import text

from agent.clock import new_id
from agent.store import sessions
from agent.store.sessions import StoredQuestion, Turn
from bot.jobs.answers import restored
from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn
from bot.simulator import ADA, HELP, TEAM, Workspace
from bot.slack import inbox
from bot.slack.client import SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.replies import blocks, reply_rows
from bot.slack.replies.reply import Answer
from bot.slack.replies.reply_rows import Posted, ReplyRows, ReplyState
from bot.slack.replies.thread_messages import ThreadMessages
from tests.bot.jobs.conftest import RecordingReply

Begin = Callable[[ThreadMessages], str]


@dataclass(frozen=True)
class Opened:
    """A claimed turn of a backup, and its thread."""

    context: WorkerContext
    turn: Turn
    address: ReplyAddress
    messages: ThreadMessages
    workspace: Workspace

    def load_posted(self) -> Posted:
        with self.context.database.transaction() as transaction:
            posted = reply_rows.load(transaction, self.turn.id)
        assert posted
        return posted

    def begin(self, begin: Begin) -> str:
        """Begins a reply that the record knows."""
        rows = ReplyRows(self.context.database, self.turn, self.load_posted())
        rows.announce(0)
        ts = begin(self.messages)
        rows.record(0, ts, ReplyState.STREAMING)
        return ts

    def end(self) -> None:
        claimed = ClaimedTurn(self.turn, self.load_posted(), None)
        assert restored.ends(self.context, claimed, RecordingReply())

    def count_told(self) -> int:
        page = self.context.slack.call(  # type: ignore[union-attr]
            "conversations.replies", is_repeatable=True, channel=self.address.channel, ts=self.address.thread_ts
        )
        return sum(message["text"] == restored.RESTORED for message in page["messages"])


@pytest.fixture
def opened(context: WorkerContext, slack: SlackClient, workspace: Workspace) -> Opened:
    ts = workspace.person(ADA).mention(HELP, "How many days?")
    channel = workspace.directory.find_channel(HELP).id
    address = ReplyAddress(TEAM, channel, ADA, ts=ts, thread_ts=ts)
    question = inbox.NewQuestion(str(new_id()), address, Origin.MENTION, "How many days?")
    stored = inbox.store(context.database, question)
    assert isinstance(stored, StoredQuestion)
    with context.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET reason = 'restored'"))
        turn = sessions.claim(transaction, stored.session_id, owner="test", lease_seconds=60)
    assert turn
    messages = ThreadMessages(slack, address, turn.id)
    return Opened(replace(context, slack=slack), turn, address, messages, workspace)


def begin_stream(messages: ThreadMessages) -> str:
    return messages.start_stream({"markdown_text": "You"})


def begin_draft(messages: ThreadMessages) -> str:
    return messages.post_draft(blocks.build_draft("You"))


@pytest.mark.parametrize("begin", [begin_stream, begin_draft])
def test_a_draft_that_nobody_finished_is_told_of_once(opened: Opened, begin: Begin) -> None:
    opened.begin(begin)
    opened.end()
    assert opened.count_told() == 1


@pytest.mark.parametrize("begin", [begin_stream, begin_draft])
def test_a_draft_that_has_become_an_answer_is_left_alone(opened: Opened, begin: Begin) -> None:
    ts = opened.begin(begin)
    closing = blocks.build_closing(Answer(opened.turn.id, "You have 30."))
    if begin is begin_stream:
        opened.messages.complete_stream(ts, {"markdown_text": " have 30."}, closing)
    else:
        opened.messages.update(ts, {"blocks": closing, "text": "You have 30."})
    opened.end()
    assert opened.count_told() == 0


def test_a_draft_whose_answer_went_on_in_another_message_is_left_alone(opened: Opened) -> None:
    opened.begin(begin_stream)
    closing = blocks.build_closing(Answer(opened.turn.id, "You have 30."))
    opened.messages.post(1, {"blocks": closing, "text": "have 30."})
    opened.end()
    assert opened.count_told() == 0


def test_a_sentence_that_a_dead_worker_posted_is_not_posted_again(opened: Opened) -> None:
    opened.begin(begin_stream)
    opened.messages.post(1, {"text": restored.RESTORED})
    opened.end()
    assert opened.count_told() == 1
