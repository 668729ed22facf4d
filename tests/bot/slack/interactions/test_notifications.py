"""What the web process tells Slack beside the acknowledgement; a failure of it disturbs nobody."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.translation.languages import Speech
from agent.translation.speech import speak
from bot.simulator import ADA, Workspace
from bot.slack.client import SlackClient
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions.notifications import Notifications

PROMPTS = ["How many days of leave do I have?"]


@pytest.fixture
def notifications(slack: SlackClient) -> Iterator[Notifications]:
    notifications = Notifications(slack, PROMPTS)
    yield notifications
    notifications.close()


def wait_for_calls(workspace: Workspace, method: str, n: int = 1) -> None:
    assert workspace.wait_for(lambda: len(workspace.calls_of(method)) >= n)


def test_a_thread_is_told_how_many_questions_come_first(
    workspace: Workspace, notifications: Notifications, address: ReplyAddress
) -> None:
    notifications.show_queued(address, 2)
    wait_for_calls(workspace, "assistant.threads.setStatus")
    assert workspace.status(address.channel, str(address.thread_ts)) == "queued, 2 ahead"


@pytest.mark.parametrize(
    ("language", "one", "many", "next_"),
    [
        ("en", "1 question before yours", "1,200 questions before yours", "yours is the next"),
        ("de", "1 Frage vor Ihrer", "1.200 Fragen vor Ihrer", "Ihre Frage ist die nächste"),
        ("zh", "前面有 1 个问题", "前面有 1,200 个问题", "下一个就是您的问题"),
    ],
)
def test_a_place_in_the_queue_is_told_in_the_asker_s_language(  # noqa: PLR0917
    workspace: Workspace,
    notifications: Notifications,
    address: ReplyAddress,
    language: str,
    one: str,
    many: str,
    next_: str,
) -> None:
    with speak(Speech(language)):
        for n_before, said in ((1, one), (1_200, many), (0, next_)):
            notifications.show_place(address, n_before).result(60)
            assert workspace.status(address.channel, str(address.thread_ts)).endswith(said)


def test_a_command_has_no_thread_to_tell(
    workspace: Workspace, notifications: Notifications, address: ReplyAddress
) -> None:
    notifications.show_queued(replace(address, thread_ts=None), 1)
    notifications.show_queued(address, 2)
    wait_for_calls(workspace, "assistant.threads.setStatus")
    assert [call.args["status"] for call in workspace.calls] == ["queued, 2 ahead"]


def test_a_stopped_session_is_active_again(
    workspace: Workspace, notifications: Notifications, address: ReplyAddress
) -> None:
    notifications.show_stopped(address)
    wait_for_calls(workspace, "agents.sessions.setStatus")
    (call,) = workspace.calls_of("agents.sessions.setStatus")
    assert (call.args["thread_ts"], call.args["status"]) == (address.thread_ts, "active")


def test_questions_are_suggested_in_direct_messages(workspace: Workspace, notifications: Notifications) -> None:
    notifications.suggest_prompts(workspace.person(ADA).dm)
    wait_for_calls(workspace, "assistant.threads.setSuggestedPrompts")
    (call,) = workspace.calls_of("assistant.threads.setSuggestedPrompts")
    assert PROMPTS[0] in str(call.args["prompts"])


def test_without_prompts_nothing_is_suggested(
    workspace: Workspace, slack: SlackClient, address: ReplyAddress
) -> None:
    notifications = Notifications(slack)
    notifications.suggest_prompts(workspace.person(ADA).dm)
    notifications.show_queued(address, 1)
    wait_for_calls(workspace, "assistant.threads.setStatus")
    notifications.close()
    assert workspace.calls_of("assistant.threads.setSuggestedPrompts") == []


def test_a_refused_notification_is_only_logged_and_the_next_one_is_sent(
    workspace: Workspace, notifications: Notifications, address: ReplyAddress
) -> None:
    workspace.faults.error("assistant.threads.setStatus", "missing_scope", times=1)
    notifications.show_queued(address, 1)
    wait_for_calls(workspace, "assistant.threads.setStatus")
    notifications.show_queued(address, 1)
    wait_for_calls(workspace, "assistant.threads.setStatus", n=2)
    assert workspace.status(address.channel, str(address.thread_ts)) == "queued, 1 ahead"


@pytest.mark.parametrize("is_direct", [False, True])
def test_who_asks_too_much_is_told_alone(
    workspace: Workspace, notifications: Notifications, address: ReplyAddress, is_direct: bool
) -> None:
    ada = workspace.person(ADA)
    if is_direct:
        ts = ada.write_dm("How many?")
        address = replace(address, channel=ada.dm, ts=ts, thread_ts=ts, is_direct=True)
    notifications.tell(address, "Ask again in 9 seconds.")
    wait_for_calls(workspace, "chat.postMessage" if is_direct else "chat.postEphemeral")
    seen = workspace.thread(ada.dm, str(address.thread_ts)) if is_direct else workspace.ephemerals(ADA)
    assert seen[-1].text == "Ask again in 9 seconds."
