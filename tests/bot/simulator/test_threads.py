"""Threads are read back page by page, and show a status until something ends it."""

from typing import Any

import pytest

from bot.simulator import ADA, GENERAL, GRACE, HELP, WorkspaceError
from tests.bot.simulator.conftest import Served

METADATA = {"event_type": "answer", "event_payload": {"turn": "7"}}


def thread_of(slack: Served, n_replies: int) -> list[str]:
    root = slack.workspace.person(ADA).say(GENERAL, "root")
    return [root, *(slack.workspace.person(GRACE).say(GENERAL, f"reply {n}", root) for n in range(n_replies))]


def test_a_thread_is_read_root_first_and_in_pages(shared: Served) -> None:
    stamps = thread_of(shared, 7)
    assert [m.ts for m in shared.workspace.thread(GENERAL, stamps[0])] == stamps
    pages = [
        dict(page.data) for page in shared.client.conversations_replies(channel=GENERAL, ts=stamps[0], limit=4)
    ]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert all(page["messages"][0]["ts"] == stamps[0] for page in pages)
    assert [m["ts"] for page in pages for m in page["messages"][1:]] == stamps[1:]
    root = pages[0]["messages"][0]
    assert (root["reply_count"], root["latest_reply"], root["reply_users"]) == (7, stamps[-1], [GRACE])
    assert pages[0]["messages"][1]["parent_user_id"] == ADA


def test_a_thread_is_cut_to_a_window(shared: Served) -> None:
    stamps = thread_of(shared, 4)

    def replies(**window: object) -> list[str]:
        answer = shared.client.conversations_replies(channel=GENERAL, ts=stamps[0], **window)  # type: ignore[arg-type]
        return [m["ts"] for m in answer["messages"]][1:]

    assert replies(oldest=stamps[2]) == stamps[3:]
    assert replies(oldest=stamps[2], inclusive=True) == stamps[2:]
    assert replies(latest=stamps[2]) == stamps[1:2]
    assert replies(oldest=stamps[1], latest=stamps[3]) == stamps[2:3]


def test_the_payload_of_metadata_is_shown_only_when_asked_for(shared: Served) -> None:
    ts = shared.client.chat_postMessage(channel=GENERAL, text="x", metadata=METADATA)["ts"]
    shy = shared.client.conversations_replies(channel=GENERAL, ts=ts)["messages"][0]
    assert shy["metadata"] == {"event_type": "answer"}
    frank = shared.client.conversations_replies(channel=GENERAL, ts=ts, include_all_metadata=True)
    assert frank["messages"][0]["metadata"] == METADATA


def test_history_is_newest_first_without_replies(slack: Served) -> None:
    ada = slack.workspace.person(ADA)
    first, second = ada.say(GENERAL, "first"), ada.say(GENERAL, "second")
    ada.say(GENERAL, "a reply", first)
    shown = ada.say(GENERAL, "for all to see", first, subtype="thread_broadcast", is_broadcast=True)
    pages = slack.client.conversations_history(channel=GENERAL, limit=2)
    assert [m["ts"] for page in pages for m in page["messages"]] == [shown, second, first]


def test_a_deleted_root_leaves_a_tombstone(slack: Served) -> None:
    root, reply = thread_of(slack, 1)
    slack.workspace.person(ADA).delete(root)
    wire = slack.client.conversations_replies(channel=GENERAL, ts=root)["messages"]
    assert [(m.get("subtype"), m["ts"]) for m in wire] == [("tombstone", root), (None, reply)]


def test_a_reply_to_a_root_deleted_meanwhile_still_arrives(slack: Served) -> None:
    (root,) = thread_of(slack, 0)
    slack.workspace.person(ADA).delete(root)
    slack.client.chat_postMessage(channel=GENERAL, text="too late", thread_ts=root)
    assert [m.plain for m in slack.workspace.thread(GENERAL, root)] == ["This message was deleted.", "too late"]


def test_a_reply_cannot_be_replied_to(shared: Served) -> None:
    _, reply = thread_of(shared, 1)
    refused = shared.refusal("chat.postMessage", channel=GENERAL, text="nested", thread_ts=reply)
    assert refused == "cannot_reply_to_message"


def test_a_status_shows_until_the_app_writes(shared: Served) -> None:
    (root,) = thread_of(shared, 0)
    where = {"channel_id": GENERAL, "thread_ts": root}
    shared.client.assistant_threads_setStatus(**where, status="is reading", loading_messages=["Page 1", "Page 2"])
    assert shared.workspace.status(GENERAL, root) == "is reading"
    shared.workspace.person(GRACE).say(GENERAL, "me too", root)
    assert shared.workspace.status(GENERAL, root) == "is reading"
    shared.client.chat_postMessage(channel=GENERAL, thread_ts=root, text="done")
    assert shared.workspace.status(GENERAL, root) == ""
    history = shared.workspace.status_history(GENERAL, root)
    assert [status.text for status in history] == ["is reading", ""]
    assert history[0].loading_messages == ("Page 1", "Page 2")


def test_a_status_ends_by_an_empty_one_and_after_two_minutes(slack: Served) -> None:
    (root,) = thread_of(slack, 0)
    where: dict[str, Any] = {"channel_id": GENERAL, "thread_ts": root}
    slack.client.assistant_threads_setStatus(**where, status="is reading")
    slack.client.assistant_threads_setStatus(**where, status="")
    assert slack.workspace.status(GENERAL, root) == ""
    slack.client.assistant_threads_setStatus(**where, status="is reading")
    slack.clock.now += 119
    assert slack.workspace.status(GENERAL, root) == "is reading"
    slack.clock.now += 1
    assert slack.workspace.status(GENERAL, root) == ""


def test_a_status_has_at_most_ten_loading_messages(shared: Served) -> None:
    (root,) = thread_of(shared, 0)
    where = {"channel_id": GENERAL, "thread_ts": root, "status": "is reading"}
    refused = shared.refusal("assistant.threads.setStatus", **where, loading_messages=["x"] * 11)
    assert refused == "invalid_arguments"


def test_titles_prompts_and_sessions_are_kept(shared: Served) -> None:
    (root,) = thread_of(shared, 0)
    where = {"channel_id": GENERAL, "thread_ts": root}
    shared.client.assistant_threads_setTitle(**where, title="Rooms")
    prompts = [{"title": "Book", "message": "How do I book?"}]
    shared.client.assistant_threads_setSuggestedPrompts(**where, prompts=prompts)
    answer = shared.client.agents_sessions_setStatus(**where, status="processing", title="Rooms")
    assert answer["agent_status"] == "processing"
    threads = shared.workspace.threads
    key = (GENERAL, root)
    assert (threads.titles[key], threads.prompts[key], threads.sessions[key].title) == ("Rooms", prompts, "Rooms")
    assert shared.refusal("agents.sessions.setStatus", **where, status="lost") == "invalid_status"
    bare = {"channel_id": GENERAL, "status": "active"}
    assert shared.refusal("agents.sessions.setStatus", **bare) == "thread_ts_required"


def test_people_can_only_do_what_people_can_do(shared: Served) -> None:
    workspace = shared.workspace
    ts = workspace.person(ADA).say(GENERAL, "mine")
    for impossible in (
        lambda: workspace.person(GRACE).edit(ts, "yours"),
        lambda: workspace.person(GRACE).say("#partners", "hello"),
        lambda: workspace.person(GRACE).say(GENERAL, "hello", "1.1"),
        lambda: workspace.person("U0NOBODY001"),
        lambda: workspace.message("1.1"),
    ):
        with pytest.raises(WorkspaceError):
            impossible()


def test_waiting_ends_with_the_change_or_says_what_there_was(shared: Served) -> None:
    with pytest.raises(TimeoutError, match=r"calls, last: "):
        shared.workspace.wait_for(lambda: shared.workspace.ephemerals("U0NOBODY001"), timeout=0.05)
    shared.refusal("chat.postMessage", channel=HELP, text="")
    assert shared.workspace.wait_for(lambda: shared.workspace.calls[-1].error) == "no_text"
