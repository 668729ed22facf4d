"""The answer to a command reaches the asker alone, by whichever way Slack still takes it."""

from dataclasses import replace
from uuid import uuid4

import pytest

from agent.types import CitedPassage, Passage
from bot.simulator import ADA, HELP, TEAM, Workspace, WorkspaceServer
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies.command_reply import CommandReply
from bot.slack.replies.reply import Answer
from bot.slack.replies.task_cards import TaskCard

SOURCE = CitedPassage(1, Passage("c", "d", "Leave", "https://handbook.example/leave", "", "", 1.0))
ANSWER = Answer(uuid4(), "You can carry over 5 days.", [SOURCE])


@pytest.fixture
def address(workspace: Workspace, server: WorkspaceServer) -> ReplyAddress:
    """Of a command whose response URL Slack still takes."""
    assert server.url
    channel = workspace.directory.find_channel(HELP).id
    with workspace.lock:
        url = workspace.response_urls.issue(channel, ADA)
    return ReplyAddress(TEAM, channel, ADA, response_url=url)


def seen(workspace: Workspace) -> list[str]:
    """What Ada alone sees."""
    return [message.plain for message in workspace.ephemerals(ADA)]


def test_it_comes_through_the_response_url_with_sources_and_thumbs(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    CommandReply(slack, address).deliver(ANSWER)
    (text,) = seen(workspace)
    assert "5 days" in text
    assert "Sources:" in text
    assert "Good answer" in text
    assert workspace.calls_of("chat.postEphemeral") == []


def test_a_long_answer_comes_in_parts_and_the_sources_with_the_last(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    CommandReply(slack, address).deliver(replace(ANSWER, text="\n\n".join("y" * 900 for _ in range(15))))
    assert ["Sources:" in text for text in seen(workspace)] == [False, True]


def test_a_response_url_that_is_used_up_is_replaced_by_an_ephemeral_message(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    with workspace.lock:
        workspace.response_urls.find(str(address.response_url)).n_uses = 5
    CommandReply(slack, address).deliver(ANSWER)
    assert len(workspace.calls_of("chat.postEphemeral")) == 1
    assert "5 days" in seen(workspace)[0]


def test_without_a_response_url_it_is_an_ephemeral_message(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    CommandReply(slack, replace(address, response_url=None)).deliver(ANSWER)
    assert "5 days" in seen(workspace)[0]


def test_where_slack_refuses_that_too_it_is_a_direct_message(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    workspace.faults.error("chat.postEphemeral", "user_not_in_channel")
    CommandReply(slack, replace(address, response_url=None)).deliver(ANSWER)
    (message,) = workspace.history(workspace.person(ADA).dm)
    assert "5 days" in message.plain
    assert "Sources:" in message.plain


def test_a_refused_direct_message_is_raised(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    workspace.faults.error("chat.postEphemeral", "user_not_in_channel")
    workspace.faults.error("conversations.open", "missing_scope")
    with pytest.raises(SlackRefused):
        CommandReply(slack, replace(address, response_url=None)).deliver(ANSWER)


@pytest.mark.parametrize(
    ("fault", "may_have_happened"),
    [("rate_limit", False), ("fail", False), ("drop", True), ("lose_answer", True)],
)
def test_a_slack_that_is_away_is_an_error_that_may_pass(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress, fault: str, may_have_happened: bool
) -> None:
    getattr(workspace.faults, fault)("response_url", times=None)
    with pytest.raises(SlackUnavailable) as error:
        CommandReply(slack, address).deliver(ANSWER)
    assert (error.value.is_transient, error.value.may_have_happened) == (True, may_have_happened)


def test_two_answers_are_told_apart_by_their_questions(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    CommandReply(slack, address, "How many days,\n<!here> & *when*?").deliver(ANSWER)
    CommandReply(slack, replace(address, response_url=None), "x" * 900).deliver(ANSWER)
    first, second = seen(workspace)
    assert first.startswith("*You asked:* How many days, &lt;\u2060!here&gt; &amp; *when*?\n")
    assert second.startswith("*You asked:* " + "x" * 499 + "…\n")


def test_the_answer_takes_the_place_of_the_waiting_line(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    with workspace.lock:
        workspace.responder.apply(str(address.response_url), {"text": "Looking…", "response_type": "ephemeral"})
    long = replace(ANSWER, text="\n\n".join("y" * 900 for _ in range(15)))
    CommandReply(slack, address, "How many?").deliver(long)
    assert len(seen(workspace)) == 2  # the parts of the answer, and nothing else
    assert not any("Looking" in text for text in seen(workspace))


def test_progress_is_not_shown(workspace: Workspace, slack: SlackClient, address: ReplyAddress) -> None:
    reply = CommandReply(slack, address)
    reply.show_status("is searching…")
    reply.show_card(TaskCard("1", "Searching"))
    reply.show_text("You can")
    reply.reset_text()
    reply.refresh()
    assert (workspace.calls, seen(workspace)) == ([], [])
