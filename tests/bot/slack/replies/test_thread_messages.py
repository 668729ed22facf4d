"""Which message of a thread may be the one that Slack posted without telling us."""

from uuid import uuid4

import pytest

from bot.simulator import ADA, HELP, Workspace
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer
from bot.slack.replies.thread_messages import REPLIES_PAGE, ThreadMessages


@pytest.fixture
def messages(slack: SlackClient, address: ReplyAddress) -> ThreadMessages:
    return ThreadMessages(slack, address, uuid4())


def test_a_posted_part_is_found_by_its_mark(messages: ThreadMessages) -> None:
    ts = [messages.post(part, {"text": f"Part {part}."}) for part in (0, 1)]
    assert [messages.find_lost(part, ()) for part in (0, 1, 2)] == [*ts, None]


def test_a_message_that_has_a_row_is_not_lost(messages: ThreadMessages) -> None:
    ts = messages.post(0, {"text": "An answer."})
    assert messages.find_lost(0, {ts}) is None


def test_a_stream_has_no_mark_and_can_only_be_the_first_part(messages: ThreadMessages) -> None:
    ts = messages.start_stream({"markdown_text": "An"})
    assert (messages.find_lost(0, ()), messages.find_lost(1, ())) == (ts, None)


def test_the_message_of_another_turn_or_person_or_before_the_question_is_not_it(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress, messages: ThreadMessages
) -> None:
    ThreadMessages(slack, address, uuid4()).post(0, {"text": "Of another turn."})
    workspace.person(ADA).say(HELP, "Of a person.", address.thread_ts)
    slack.call("chat.postMessage", is_repeatable=False, channel=HELP, thread_ts=address.thread_ts, text="Earlier.")
    later = workspace.person(ADA).say(HELP, "The next question.", address.thread_ts)
    asked_later = ReplyAddress(address.team_id, address.channel, ADA, ts=later, thread_ts=address.thread_ts)
    assert ThreadMessages(slack, asked_later, uuid4()).find_lost(0, ()) is None


def test_a_finished_answer_is_told_from_a_draft_by_its_buttons(
    workspace: Workspace, messages: ThreadMessages
) -> None:
    closing = blocks.build_closing(Answer(uuid4(), "An answer."))
    stream, draft = messages.start_stream({"markdown_text": "An"}), messages.post_draft(blocks.build_draft("An"))
    assert not any(map(messages.is_finished, (stream, draft, "1.1")))
    messages.complete_stream(stream, {"markdown_text": " answer."}, closing)
    messages.update(draft, {"blocks": closing, "text": "An answer."})
    assert messages.is_finished(stream)
    assert messages.is_finished(draft)
    workspace.faults.error("conversations.replies", "missing_scope")
    assert not messages.is_finished(draft)


def test_every_page_of_a_long_thread_is_searched(
    workspace: Workspace, address: ReplyAddress, messages: ThreadMessages
) -> None:
    for n in range(REPLIES_PAGE):
        workspace.person(ADA).say(HELP, f"Reply {n}", address.thread_ts)
    ts = messages.post(0, {"text": "An answer."})
    assert messages.find_lost(0, ()) == ts
    assert len(workspace.calls_of("conversations.replies")) == 2


def test_a_thread_that_may_not_be_read_gives_none(workspace: Workspace, messages: ThreadMessages) -> None:
    messages.post(0, {"text": "An answer."})
    workspace.faults.error("conversations.replies", "missing_scope")
    assert messages.find_lost(0, ()) is None


def test_links_in_an_answer_are_not_unfurled(workspace: Workspace, messages: ThreadMessages) -> None:
    messages.post(0, {"text": "An answer."})
    (call,) = workspace.calls_of("chat.postMessage")
    assert (str(call.args["unfurl_links"]), str(call.args["unfurl_media"])) == ("False", "False")


def test_a_stream_that_is_over_can_be_stopped_again(messages: ThreadMessages) -> None:
    ts = messages.start_stream({"markdown_text": "An answer."})
    messages.stop_stream(ts)
    messages.stop_stream(ts)
