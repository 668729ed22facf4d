"""The reply in a thread: one message per part, whatever Slack does and wherever the worker dies.

The replies call the simulated workspace over HTTP; time is a number that the tests move.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.errors import LeaseLost
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.tools import ToolLabels
from agent.turn.events import ToolFinished, ToolStarted
from agent.types import CitedPassage, Passage
from bot.simulator import ADA, FaultRule, Workspace, WorkspaceServer
from bot.simulator.stores.messages import SlackMessage
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import task_cards
from bot.slack.replies.progress.live_message import EDIT_SECONDS, FIRST_CARD_SECONDS, STREAM_SECONDS
from bot.slack.replies.reply import Answer
from bot.slack.replies.text.splitting import PART_LIMIT
from bot.slack.replies.text.tables import LongTable
from bot.slack.replies.thread_reply import POSTS, WAITS_FOR_SLACK, ThreadReply
from tests.bot.slack.posted import load_posted

SOURCE = CitedPassage(1, Passage("c", "d", "Leave", "https://handbook.example/leave", "", "", 1.0))
LABELS = ToolLabels("is searching…", "Searching the documents", "Searched the documents")
WHOLE = "You can carry over 5 days."
HALF, REST = "You can carry ", "over 5 days."


class Crash(BaseException):
    """The worker dies here."""


class CrashingClient(SlackClient):
    """Dies at the first call of a method: before Slack hears of it, or after, before anything is stored."""

    def __init__(self, *args: Any, method: str, is_done: bool) -> None:
        super().__init__(*args, sleep=lambda seconds: None)
        self._method, self._is_done = method, is_done

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self._die_in(method, lambda: super(CrashingClient, self).call(method, **arguments))

    def try_once(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self._die_in(method, lambda: super(CrashingClient, self).try_once(method, **arguments))

    def _die_in(self, method: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if method != self._method:
            return call()
        if self._is_done:
            call()
        raise Crash


@dataclass
class Bench:
    """Makes replies to one turn and tells what can be seen of them."""

    workspace: Workspace
    slack: SlackClient
    database: Database
    turn: Turn
    address: ReplyAddress
    now: float = 100.0
    last: ThreadReply | None = None

    def reply(self, slack: SlackClient | None = None) -> ThreadReply:
        """A worker's reply; each is of another worker."""
        posted = load_posted(self.database, self.turn, self.address)
        self.last = ThreadReply(slack or self.slack, self.database, self.turn, posted, clock=lambda: self.now)
        return self.last

    def answer(self, text: str = WHOLE, **options: Any) -> Answer:
        return Answer(self.turn.id, text, [SOURCE], **options)

    def messages(self) -> list[SlackMessage]:
        """The bot's messages in the thread."""
        thread = self.workspace.thread(self.address.channel, str(self.address.thread_ts))
        return [message for message in thread if message.user == self.workspace.app.bot_user_id]

    def rows(self) -> list[tuple[int, str | None, str]]:
        with self.database.transaction() as transaction:
            rows = transaction.execute(text("SELECT part, ts, state FROM replies ORDER BY part"))
            return [tuple(row) for row in rows]

    def end(self) -> list[tuple[int, str | None, str]]:
        """Ends the turn as its last worker does; the rows."""
        assert self.last
        with self.database.transaction() as transaction:
            self.last.finalise(transaction)
        return self.rows()

    def methods(self) -> list[str]:
        """The calls of the reply, without the thread's status."""
        return [
            call.method for call in self.workspace.calls if call.method.startswith(("chat.", "conversations."))
        ]

    def show(self, reply: ThreadReply, *texts: str, seconds: float = STREAM_SECONDS) -> None:
        """Shows texts, with time between them."""
        for text_ in texts:
            self.now += seconds
            reply.show_text(text_)
            self.now += seconds
            reply.refresh()

    def streaming(self) -> ThreadReply:
        """A reply whose stream shows the first half."""
        reply = self.reply()
        self.show(reply, HALF)
        assert self.methods() == ["chat.startStream"]
        return reply


@pytest.fixture
def bench(
    workspace: Workspace, slack: SlackClient, database: Database, turn: Turn, address: ReplyAddress
) -> Bench:
    return Bench(workspace, slack, database, turn, address)


# Without faults


def test_an_answer_that_is_complete_at_once_is_posted_in_one_call(bench: Bench) -> None:
    bench.reply().deliver(bench.answer(notice="A notice."))
    (message,) = bench.messages()
    assert bench.methods() == ["chat.postMessage"]
    assert WHOLE in message.plain
    assert "Sources:" in message.plain
    assert "A notice." in message.plain
    assert "Good answer" in message.plain
    assert message.thread_ts == bench.address.thread_ts
    assert bench.rows() == [(0, None, "starting")]  # its ts is stored with the turn's end
    assert bench.end() == [(0, message.ts, "final")]


def test_text_that_comes_slowly_streams_and_the_stream_ends_with_the_rest(bench: Bench) -> None:
    reply = bench.streaming()
    (message,) = bench.messages()
    assert (message.plain.strip(), message.streaming_state) == (HALF.strip(), "in_progress")
    assert bench.rows() == [(0, message.ts, "streaming")]
    bench.show(reply, REST)
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert bench.methods() == ["chat.startStream", "chat.appendStream", "chat.stopStream"]
    assert message.streaming_state == "completed"
    assert message.plain.count(WHOLE) == 1
    assert "Sources:" in message.plain


@pytest.mark.parametrize("is_lost", [False, True], ids=["a stream", "a message that Slack did not tell of"])
def test_a_reply_to_a_question_that_is_gone_is_taken_back(bench: Bench, is_lost: bool) -> None:
    reply = bench.streaming()
    if is_lost:
        with bench.database.transaction() as transaction:
            transaction.execute(text("UPDATE replies SET ts = NULL, state = 'starting'"))
        reply = bench.reply()
    reply.retract()
    assert bench.messages() == []


def test_a_reply_that_cannot_be_taken_back_is_left(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.error("chat.delete", "thread_not_found")
    reply.retract()
    assert len(bench.messages()) == 1


def test_a_stream_is_for_the_asker_also_from_another_company(bench: Bench) -> None:
    bench.address = replace(bench.address, asker_team_id="T0OTHER")
    bench.streaming()
    (call,) = bench.workspace.calls_of("chat.startStream")
    assert (call.args["recipient_user_id"], call.args["recipient_team_id"]) == (ADA, "T0OTHER")


def test_pieces_that_come_faster_than_slack_allows_are_shown_together(bench: Bench) -> None:
    reply = bench.streaming()
    for word in ("over ", "5 ", "days."):
        bench.now += STREAM_SECONDS / 10
        reply.show_text(word)
    assert bench.methods() == ["chat.startStream"]
    bench.now += STREAM_SECONDS
    reply.refresh()
    assert bench.methods() == ["chat.startStream", "chat.appendStream"]
    assert bench.messages()[0].plain.strip() == WHOLE


def test_the_steps_of_a_turn_without_text_are_cards_of_the_stream(bench: Bench) -> None:
    reply = bench.reply()
    card = task_cards.open_card(1, ToolStarted("a", "search_docs", {"query": "leave"}, LABELS))
    reply.show_card(card)
    assert bench.methods() == []  # it may be over at once
    bench.now += FIRST_CARD_SECONDS
    reply.refresh()
    bench.now += STREAM_SECONDS
    reply.show_card(task_cards.close_card(card, ToolFinished("a", "search_docs", False, (SOURCE,), LABELS)))
    assert bench.methods() == ["chat.startStream", "chat.appendStream"]
    (message,) = bench.messages()
    assert message.stream
    assert message.stream.tasks["step_1"]["title"] == "Searched the documents"
    assert message.stream.tasks["step_1"]["details"] == "leave"
    reply.deliver(bench.answer())
    assert WHOLE in bench.messages()[0].plain


def test_a_status_is_shown_until_the_stream_shows_cards(bench: Bench) -> None:
    reply = bench.reply()
    reply.show_status("is searching…")
    assert bench.workspace.status(bench.address.channel, str(bench.address.thread_ts)) == "is searching…"
    bench.show(reply, HALF)
    reply.show_status("is reading…")
    assert len(bench.workspace.calls_of("assistant.threads.setStatus")) == 1


def test_a_status_that_slack_does_not_take_stops_nothing(bench: Bench) -> None:
    bench.workspace.faults.error("assistant.threads.setStatus", "missing_scope")
    bench.reply().show_status("is searching…")


def test_narration_that_was_streamed_is_replaced_by_the_answer(bench: Bench) -> None:
    reply = bench.reply()
    bench.show(reply, "Let me look that up.")
    reply.reset_text()
    bench.show(reply, WHOLE)
    assert "Let me look" in bench.messages()[0].plain  # a stream cannot take it back
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert "Let me look" not in message.plain
    assert message.plain.count(WHOLE) == 1


def test_text_that_was_not_shown_yet_is_forgotten_by_a_reset(bench: Bench) -> None:
    reply = bench.reply()
    reply.show_text("Let me look that up.")
    reply.reset_text()
    bench.show(reply, HALF)
    assert bench.messages()[0].plain.strip() == HALF.strip()


def test_an_answer_too_long_for_a_message_is_delivered_in_parts(bench: Bench) -> None:
    paragraphs = [f"Paragraph {n}. " + "x" * 900 for n in range(25)]
    reply = bench.streaming()
    bench.show(reply, "x" * PART_LIMIT)  # no longer shown: it would be too long for one message
    reply.deliver(bench.answer("\n\n".join(paragraphs)))
    messages = bench.messages()
    assert len(messages) == 3
    shown = "\n".join(message.plain for message in messages)
    assert all(f"Paragraph {n}." in shown for n in range(25))
    assert ["Sources:" in message.plain for message in messages] == [False, False, True]
    assert [(part, ts) for part, ts, _ in bench.end()] == [(n, m.ts) for n, m in enumerate(messages)]


# Slack refuses


@pytest.mark.parametrize("code", ["missing_recipient_user_id", "channel_type_not_supported", "unknown_method"])
def test_where_slack_refuses_a_stream_the_message_is_posted_and_edited(bench: Bench, code: str) -> None:
    bench.workspace.faults.error("chat.startStream", code)
    reply = bench.reply()
    bench.show(reply, HALF, "over ", "5 days.", seconds=EDIT_SECONDS)
    assert bench.methods() == ["chat.startStream", "chat.postMessage", "chat.update"]
    assert bench.messages()[0].plain.strip() == f"{WHOLE} …"
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert WHOLE in message.plain
    assert "…" not in message.plain


def test_a_stream_that_slack_ended_goes_on_as_edits(bench: Bench) -> None:
    reply = bench.streaming()
    (message,) = bench.messages()
    bench.slack.call("chat.stopStream", is_repeatable=False, channel=message.channel, ts=message.ts)
    bench.show(reply, REST, seconds=EDIT_SECONDS)
    assert bench.methods()[-2:] == ["chat.appendStream", "chat.update"]
    assert bench.messages()[0].plain.strip() == f"{WHOLE} …"
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert message.plain.count(WHOLE) == 1


def test_a_stream_that_ended_before_its_last_call_is_replaced(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.error("chat.stopStream", "message_not_in_streaming_state")
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert bench.methods()[-1] == "chat.update"
    assert message.plain.count(WHOLE) == 1
    assert "Sources:" in message.plain


def test_after_a_press_on_stop_nothing_more_is_shown_but_the_end(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.error("chat.appendStream", "stopped_by_user")
    bench.show(reply, REST, "and more", seconds=EDIT_SECONDS)
    assert bench.methods() == ["chat.startStream", "chat.appendStream"]
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert message.plain.count(WHOLE) == 1


def test_what_was_shown_is_what_slack_took(bench: Bench) -> None:
    reply = bench.reply()
    assert reply.get_shown_text() == ""
    bench.show(reply, HALF)
    bench.workspace.faults.error("chat.appendStream", "stopped_by_user")
    bench.show(reply, REST)
    assert reply.get_shown_text() == HALF.strip()
    assert bench.reply().get_shown_text() is None  # of an earlier attempt, nobody knows


def test_what_an_edit_shows_was_shown_without_its_ellipsis(bench: Bench) -> None:
    bench.workspace.faults.error("chat.startStream", "unknown_method")
    reply = bench.reply()
    bench.show(reply, HALF, "over ", seconds=EDIT_SECONDS)
    assert reply.get_shown_text() == "You can carry over"


def test_a_stream_that_still_lives_is_ended_before_the_message_is_edited(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.error("chat.appendStream", "streaming_state_conflict")
    bench.show(reply, REST, seconds=EDIT_SECONDS)
    assert bench.methods()[-2:] == ["chat.stopStream", "chat.update"]
    reply.deliver(bench.answer())
    assert bench.messages()[0].plain.count(WHOLE) == 1


def test_a_refused_edit_leaves_the_draft_until_the_end(bench: Bench) -> None:
    bench.workspace.faults.error("chat.startStream", "unknown_method")
    bench.workspace.faults.error("chat.update", "cant_update_message", times=1)
    reply = bench.reply()
    bench.show(reply, HALF, REST, "and more", seconds=EDIT_SECONDS)
    assert bench.methods() == ["chat.startStream", "chat.postMessage", "chat.update"]
    reply.deliver(bench.answer())
    assert WHOLE in bench.messages()[0].plain


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"])
@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_layout_that_slack_refuses_is_sent_again_as_sections(bench: Bench, code: str, is_streamed: bool) -> None:
    reply = bench.streaming() if is_streamed else bench.reply()
    bench.workspace.faults.error("chat.update" if is_streamed else "chat.postMessage", code)
    reply.deliver(bench.answer("Up to 5 days."))
    (message,) = bench.messages()
    assert "Up to 5 days." in message.plain
    assert "Sources:" in message.plain
    assert "Good answer" in message.plain
    assert {block["type"] for block in message.blocks} == {"section", "context", "actions"}


def test_a_message_that_somebody_deleted_is_not_posted_again(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.error("chat.stopStream", "message_not_found", times=None)
    bench.workspace.faults.error("chat.update", "message_not_found", times=None)
    reply.deliver(bench.answer())
    assert "chat.postMessage" not in bench.methods()


def test_a_refusal_that_nothing_helps_against_is_raised(bench: Bench) -> None:
    bench.workspace.faults.error("chat.postMessage", "is_archived", times=None)
    with pytest.raises(SlackRefused) as error:
        bench.reply().deliver(bench.answer())
    assert (error.value.code, error.value.is_transient) == ("is_archived", False)


# Slack is slow, limits, or loses answers


def test_a_rate_limited_piece_waits_as_long_as_slack_says_and_comes_with_the_next(bench: Bench) -> None:
    reply = bench.streaming()
    bench.workspace.faults.rate_limit("chat.appendStream", retry_after=30)
    bench.now += STREAM_SECONDS
    reply.show_text("over ")
    bench.now += 29
    reply.show_text("5 days.")
    assert bench.methods().count("chat.appendStream") == 1
    bench.now += 1
    reply.refresh()
    assert bench.methods().count("chat.appendStream") == 2
    assert bench.messages()[0].plain.strip() == WHOLE


def test_a_rate_limited_post_is_repeated(bench: Bench) -> None:
    bench.workspace.faults.rate_limit("chat.postMessage", retry_after=1, times=2)
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1


@pytest.mark.parametrize("kind", ["at once", "streamed"])
def test_a_post_that_slack_limits_for_long_waits_with_a_status_and_nobody_searches_it(
    bench: Bench, kind: str
) -> None:
    """It was surely not posted: a search would be one of fifty a minute."""
    reply = bench.reply()
    limit = bench.workspace.faults.rate_limit
    limit("chat.postMessage", retry_after=60)
    if kind == "streamed":
        limit("chat.startStream", retry_after=60)
        bench.show(reply, WHOLE)
    else:
        with bench.database.transaction() as transaction:
            reply.prepare(transaction)
    with pytest.raises(SlackUnavailable) as error:
        reply.deliver(bench.answer())
    assert (error.value.retry_after_seconds, bench.rows()) == (60, [])
    (status,) = bench.workspace.calls_of("assistant.threads.setStatus")
    assert status.args["status"] == WAITS_FOR_SLACK
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1
    assert "conversations.replies" not in bench.methods()


def test_a_message_that_an_earlier_worker_may_have_posted_is_searched_however_often_slack_limits_it(
    bench: Bench, server: WorkspaceServer
) -> None:
    slack = CrashingClient(bench.workspace.app.bot_token, server.api_url, method="chat.postMessage", is_done=True)
    with pytest.raises(Crash):
        bench.reply(slack).deliver(bench.answer())
    bench.workspace.faults.rate_limit("conversations.replies", retry_after=60)
    with pytest.raises(SlackUnavailable):
        bench.reply().deliver(bench.answer())
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1


@pytest.mark.parametrize("is_done", [True, False])
def test_a_piece_that_may_have_arrived_makes_the_stream_quiet_until_its_end(bench: Bench, is_done: bool) -> None:
    reply = bench.streaming()
    faults = bench.workspace.faults
    faults.lose_answer("chat.appendStream") if is_done else faults.fail("chat.appendStream", status=503)
    bench.show(reply, REST, "and more")
    assert bench.methods().count("chat.appendStream") == 1
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert message.plain.count(WHOLE) == 1


@pytest.mark.parametrize("is_done", [True, False])
def test_a_stream_whose_start_is_unclear_is_found_or_replaced(bench: Bench, is_done: bool) -> None:
    faults = bench.workspace.faults
    faults.lose_answer("chat.startStream") if is_done else faults.drop("chat.startStream")
    reply = bench.reply()
    bench.show(reply, HALF, REST)
    assert bench.rows() == [(0, None, "starting")]
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert message.plain.count(WHOLE) == 1
    assert message.streaming_state in (None, "completed")
    assert bench.end() == [(0, message.ts, "final")]


@pytest.mark.parametrize("n_lost", range(1, POSTS.n_attempts))
def test_a_post_whose_answer_is_lost_is_found_in_the_thread(bench: Bench, n_lost: int) -> None:
    bench.workspace.faults.lose_answer("chat.postMessage", times=n_lost)
    bench.reply().deliver(bench.answer())
    (message,) = bench.messages()
    assert bench.end() == [(0, message.ts, "final")]
    assert bench.methods().count("chat.postMessage") == 1


def test_a_post_that_never_arrived_is_tried_again_after_a_search(bench: Bench) -> None:
    bench.workspace.faults.fail("chat.postMessage", status=500, times=POSTS.n_attempts - 1)
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1
    assert bench.methods().count("conversations.replies") == POSTS.n_attempts - 1


def test_slack_that_stays_away_is_an_error_that_may_pass_and_the_next_worker_delivers(bench: Bench) -> None:
    bench.workspace.faults.fail("chat.postMessage", status=500, times=POSTS.n_attempts)
    with pytest.raises(SlackUnavailable) as error:
        bench.reply().deliver(bench.answer())
    assert error.value.is_transient
    assert bench.rows() == [(0, None, "starting")]
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1


def test_a_thread_that_may_not_be_searched_is_answered_rather_twice_than_never(bench: Bench) -> None:
    bench.workspace.faults.lose_answer("chat.postMessage")
    bench.workspace.faults.error("conversations.replies", "missing_scope", times=None)
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 2


# The worker dies


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
def test_a_stream_of_a_worker_that_died_is_adopted(
    bench: Bench, server: WorkspaceServer, method: str, is_done: bool
) -> None:
    slack = CrashingClient(bench.workspace.app.bot_token, server.api_url, method=method, is_done=is_done)
    with pytest.raises(Crash):  # noqa: PT012
        reply = bench.reply(slack)
        bench.show(reply, HALF, REST)
        reply.deliver(bench.answer())
    reply = bench.reply()
    bench.show(reply, WHOLE)  # nothing is shown twice meanwhile
    reply.deliver(bench.answer())
    (message,) = bench.messages()
    assert message.plain.count(WHOLE) == 1
    assert "Sources:" in message.plain
    assert message.streaming_state in (None, "completed")
    assert bench.end()[0][1] == message.ts


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("part", [0, 1])
def test_a_part_that_a_dead_worker_was_posting_is_posted_once(
    bench: Bench, server: WorkspaceServer, part: int, is_done: bool
) -> None:
    answer = bench.answer("\n\n".join("y" * 900 for _ in range(15)))
    slack = CrashingClient(
        bench.workspace.app.bot_token, server.api_url, method="chat.postMessage", is_done=is_done
    )
    if part:
        bench.workspace.faults.add(FaultRule("error", "chat.postMessage", 1, skip=1, code="is_archived"))
        with pytest.raises(SlackRefused):
            bench.reply().deliver(answer)
    with pytest.raises(Crash):
        bench.reply(slack).deliver(answer)
    bench.reply().deliver(answer)
    messages = bench.messages()
    assert len(messages) == 2
    assert [ts for _, ts, _ in bench.end()] == [message.ts for message in messages]
    assert sum(message.plain.count("y" * 900) for message in messages) == 15


def test_a_delivered_answer_is_delivered_again_into_the_same_message(bench: Bench) -> None:
    bench.reply().deliver(bench.answer())
    bench.reply().deliver(bench.answer("You can carry over 6 days."))
    (message,) = bench.messages()
    assert "6 days" in message.plain


def test_the_message_of_another_turn_in_the_thread_is_not_adopted(
    bench: Bench, make_turn: Callable[..., Turn], server: WorkspaceServer
) -> None:
    reply = bench.reply()
    reply.deliver(bench.answer("The first answer."))
    ts = bench.workspace.person(ADA).mention("#help", "And now?", bench.address.thread_ts)
    with bench.database.transaction() as transaction:
        reply.finalise(transaction)
        transaction.execute(text("UPDATE turns SET status = 'completed'"))
    bench.address = replace(bench.address, ts=ts)
    bench.turn = make_turn(bench.address)
    slack = CrashingClient(bench.workspace.app.bot_token, server.api_url, method="chat.postMessage", is_done=False)
    with pytest.raises(Crash):
        bench.reply(slack).deliver(bench.answer("The second answer."))
    bench.reply().deliver(bench.answer("The second answer."))
    first, second = bench.messages()
    assert "The first answer." in first.plain
    assert "The second answer." in second.plain


# The lease


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_worker_that_lost_its_turn_posts_nothing(bench: Bench, is_streamed: bool) -> None:
    reply = bench.reply()
    bench.turn = replace(bench.turn, token=uuid4())
    with bench.database.transaction() as transaction:
        transaction.execute(text("UPDATE turns SET lease_token = :token"), {"token": bench.turn.token})
    with pytest.raises(LeaseLost):  # noqa: PT012
        if is_streamed:
            bench.show(reply, HALF)
        reply.deliver(bench.answer())
    assert bench.methods() == []
    bench.reply().deliver(bench.answer())
    assert len(bench.messages()) == 1


def test_the_end_of_the_turn_marks_every_part_as_final(bench: Bench) -> None:
    bench.reply().deliver(bench.answer("\n\n".join("z" * 900 for _ in range(15))))
    assert [state for _, _, state in bench.end()] == ["final", "final"]


def test_a_table_is_attached_once_although_the_worker_dies_behind_it(bench: Bench) -> None:
    answer = bench.answer(long_tables=[LongTable([["a"], ["1"]])])
    bench.reply().deliver(answer)
    bench.turn = replace(bench.turn, attempt=2)
    bench.reply().deliver(answer)
    files = [file["name"] for message in bench.messages() for file in message.files]
    assert files == [f"table-{bench.turn.id.hex[-8:]}-1.csv"]


def test_above_an_answer_that_was_asked_for_by_a_click_stands_its_question(bench: Bench) -> None:
    bench.address = replace(bench.address, quotes_question=True)
    reply = bench.reply()
    bench.show(reply, HALF, REST)
    assert reply.get_shown_text() == WHOLE
    reply.deliver(Answer(bench.turn.id, WHOLE))
    (message,) = bench.messages()
    assert message.plain.startswith(f"> How many days?\n\n{WHOLE}")
