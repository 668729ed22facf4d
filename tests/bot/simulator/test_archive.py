"""A workspace with an archive is found again as it was, however its process ended."""

import json
import threading
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.simulator import (
    ADA,
    GENERAL,
    GRACE,
    GUEST,
    HELP,
    HR,
    RANDOM,
    Channel,
    ChannelKind,
    InstalledApp,
    MessageStream,
    SlackMessage,
    User,
    Workspace,
    WorkspaceServer,
)
from bot.simulator.stores import snapshot
from bot.simulator.stores.archive import Archive, RecordKind
from bot.simulator.stores.messages import StreamState
from tests.bot.simulator.conftest import (
    ERROR,
    OK,
    Answer,
    Listening,
    Open,
    Served,
    http_served,
    listening,
    serving,
)

RECIPIENT: Any = {"recipient_team_id": "T0STANDIN01", "recipient_user_id": ADA}
BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "More"}, "action_id": "more"}
BLOCKS = [{"type": "actions", "elements": [BUTTON]}]
FINAL: Answer = ("500 Oops", [("x-slack-no-retry", "1")])
WAIT_SECONDS = 120.0
NEVER = (600.0,)  # seconds; a retry that no test waits for


def everything(workspace: Workspace) -> dict[str, Any]:
    """All that is to be found again."""
    channels = {
        channel.id: vars(channel) | {"messages": sorted(channel.messages.items())}
        for channel in workspace.directory.channels.values()
    }
    for channel in channels.values():
        channel["replies"] = {root: replies for root, replies in channel["replies"].items() if replies}
    threads, users = workspace.threads, workspace.directory.users
    return {
        "channels": channels,
        "users": users,
        "ephemerals": [workspace.ephemerals(user) for user in users],
        "threads": (threads.titles, threads.prompts, threads.sessions),
        "response_urls": workspace.response_urls.by_id,
        "homes": workspace.views.homes,
    }


def live(slack: Served) -> None:
    """A bit of everything."""
    workspace, client = slack.workspace, slack.client
    ada, grace = workspace.person(ADA), workspace.person(GRACE)
    question = ada.mention(HELP, "why?\u2028 \U0001f600 'quoted' \x00")
    grace.react(question, "eyes")
    answer = client.chat_postMessage(
        channel=HELP, thread_ts=question, text="Because.", blocks=BLOCKS, attachments=[{"text": "aside"}]
    )
    metadata = {"event_type": "answer", "event_payload": {"turn": [1, 2.5, None]}}
    client.chat_update(channel=HELP, ts=answer["ts"], text="Since.", metadata=metadata)
    asked = ada.write_dm("and now?")
    client.assistant_threads_setTitle(channel_id=ada.dm, thread_ts=asked, title="Now")
    client.assistant_threads_setSuggestedPrompts(
        channel_id=ada.dm, prompts=[{"title": "One", "message": "One?"}], thread_ts=asked
    )
    live = str(client.chat_startStream(channel=ada.dm, thread_ts=asked)["ts"])
    task = {"type": "task_update", "id": "1", "title": "Look", "status": "in_progress"}
    client.chat_appendStream(channel=ada.dm, ts=live, chunks=[task], markdown_text="So far")
    done = str(client.chat_startStream(channel=HELP, thread_ts=question, **RECIPIENT)["ts"])
    client.chat_stopStream(channel=HELP, ts=done, markdown_text="All", blocks=BLOCKS, session_status="closed")
    client.api_call(
        "agents.sessions.rename", json={"channel_id": HELP, "thread_ts": question, "title": "The reason"}
    )
    client.chat_postEphemeral(channel=HELP, user=ADA, text="only you", thread_ts=question)
    grace.edit(grace.say(GENERAL, "teh"), "the")
    grace.delete(grace.say(GENERAL, "gone"))
    root = grace.say(GENERAL, "buried")
    ada.say(GENERAL, "a reply", root)
    ada.delete(ada.say(GENERAL, "a passing reply", root))
    grace.delete(root)
    unanswered = grace.say(GENERAL, "deleted before the answer")
    grace.delete(unanswered)
    client.chat_postMessage(channel=GENERAL, thread_ts=unanswered, text="the answer")
    client.views_publish(user_id=ADA, view={"type": "home", "blocks": BLOCKS})
    workspace.join(RANDOM, GUEST)
    workspace.leave(HR, GRACE)
    workspace.add_user(User("U0NEW000001", "newton", "Newton", tz="Europe/Oslo"))
    workspace.add_channel(
        Channel("C0NEW000001", "new", ChannelKind.PRIVATE, members=["U0NEW000001"], topic="News")
    )
    workspace.response_urls.issue(HELP, ADA, question)
    assert workspace.person(GRACE).dm  # without a message yet


def test_everything_is_found_again(file: Path, reopen: Open) -> None:
    with serving(archive=file) as slack:
        live(slack)
        before = everything(slack.workspace)
        assert all(before.values())
        after = reopen()
        assert everything(after) == before
    after.close()
    assert everything(reopen()) == before


def test_without_an_archive_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving() as slack:
        live(slack)
    assert not list(tmp_path.iterdir())


def test_what_happens_after_the_end_is_not_kept(reopen: Open) -> None:
    workspace = reopen()
    kept = workspace.person(ADA).say(HELP, "before")
    workspace.close()
    workspace.close()
    workspace.person(ADA).say(HELP, "after")
    assert [message.ts for message in reopen().history(HELP)] == [kept]


def test_new_ts_stay_unique_and_increasing_when_the_clock_was_set_back(reopen: Open) -> None:
    workspace = reopen()
    with workspace.lock:
        workspace.timestamps.last_us += 9_000_000_000 * 1_000_000
        last = workspace.timestamps.make()
    assert reopen().timestamps.make() > last


def test_ids_made_up_for_blocks_are_not_used_again(file: Path, reopen: Open) -> None:
    seen: list[str] = []
    ts = ""
    for _ in range(3):
        with serving(archive=file) as slack:
            channel = slack.workspace.person(ADA).dm
            if not ts:
                root = slack.workspace.person(ADA).write_dm("show me")
                ts = str(slack.client.chat_startStream(channel=channel, thread_ts=root)["ts"])
            chunk = {"type": "blocks", "blocks": [{"type": "divider"}]}
            slack.client.chat_appendStream(channel=channel, ts=ts, chunks=[chunk])
            seen = [block["block_id"] for block in slack.workspace.message(ts).blocks]
    assert len(set(seen)) == len(seen) == 3


def test_a_live_stream_goes_on_and_ages(file: Path) -> None:
    with serving(archive=file) as slack:
        root = slack.workspace.person(ADA).mention(HELP, "why?")
        ts = str(slack.client.chat_startStream(channel=HELP, thread_ts=root, **RECIPIENT)["ts"])
        slack.client.chat_appendStream(channel=HELP, ts=ts, markdown_text="One ")
    with serving(archive=file) as slack:
        assert slack.workspace.message(ts).streaming_state == "in_progress"
        slack.client.chat_appendStream(channel=HELP, ts=ts, markdown_text="two")
        assert slack.workspace.message(ts).plain == "One two"
        slack.clock.now += slack.workspace.timing.stream_seconds
        assert slack.refusal("chat.stopStream", channel=HELP, ts=ts) == "message_not_in_streaming_state"


def test_a_response_url_is_served_at_the_new_address_for_what_is_left_of_its_uses(file: Path) -> None:
    def post(slack: Served, url: str) -> int:
        body = json.dumps({"text": "hello"}).encode()
        request = Request(slack.server.url + urlsplit(url).path, body, {"Content-Type": "application/json"})
        try:
            with urlopen(request) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    with serving(archive=file) as slack:
        with slack.workspace.lock:
            url = slack.workspace.response_urls.issue(HELP, ADA)
        assert [post(slack, url) for _ in range(3)] == [200] * 3
    with serving(archive=file) as slack:
        assert [post(slack, url) for _ in range(3)] == [200, 200, 404]
        assert len(slack.workspace.ephemerals(ADA)) == 5


def test_code_that_adds_its_people_and_places_at_each_start_finds_them_as_they_were_left(reopen: Open) -> None:
    def start() -> Workspace:
        workspace = reopen(is_populated=False)
        workspace.add_user(User(ADA, "ada", "Ada"))
        workspace.add_user(User(GRACE, "grace", "Grace"))
        workspace.add_channel(Channel(HELP, "help", members=[ADA]))
        return workspace

    workspace = start()
    workspace.join(HELP, GRACE)
    ts = workspace.person(GRACE).say(HELP, "hello")
    after = start()
    assert [message.ts for message in after.history(HELP)] == [ts]
    assert after.person(GRACE).say(HELP, "still here")


def test_a_file_from_a_workspace_with_more_channels_can_be_used(reopen: Open) -> None:
    reopen().person(ADA).say(HELP, "hello")
    assert not reopen(is_populated=False).directory.channels


# Messages and streams

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)
STREAMS = st.builds(
    MessageStream,
    st.sampled_from(StreamState),
    st.floats(0, 2e9),
    st.none() | st.text(),
    tasks=st.dictionaries(st.text(), OBJECTS, max_size=3),
    n_appends=st.integers(0),
)
MESSAGES = st.builds(
    SlackMessage,
    st.just(HELP),
    st.just("1.000001"),
    text=st.text(),
    user=st.none() | st.text(),
    thread_ts=st.none() | st.just("1.000000"),
    blocks=st.lists(OBJECTS, max_size=3).map(tuple),
    markdown=st.text(),
    attachments=st.lists(OBJECTS, max_size=3).map(tuple),
    metadata=st.none() | OBJECTS,
    edited=st.none() | OBJECTS,
    stream=st.none() | STREAMS,
    is_broadcast=st.booleans(),
    reactions=st.dictionaries(st.text(), st.lists(st.text(), min_size=1).map(tuple), max_size=3),
)


def kept_and_read(message: SlackMessage) -> list[SlackMessage]:
    with TemporaryDirectory() as folder:
        for _ in range(2):
            archive = Archive(Path(folder) / "kept.sqlite")
            found = snapshot.load(archive).messages
            archive.keep(RecordKind.MESSAGE, message.ts, message)
            archive.close()
    return found


@settings(max_examples=50)
@given(MESSAGES)
@example(SlackMessage(HELP, "1.000001", text="half a character: \ud800, and none: \x00"))
def test_a_message_comes_back_equal(message: SlackMessage) -> None:
    (found,) = kept_and_read(message)
    assert found == message
    assert repr(found) == repr(message)  # also where equality knows no difference, as between 1 and True


# Undelivered events


def told(listener: Listening) -> dict[str, tuple[str | None, str | None]]:
    """The retry headers by the text of each message told of."""
    return {
        json.loads(request["body"])["event"]["text"]: (
            request["headers"].get("x-slack-retry-num"),
            request["headers"].get("x-slack-retry-reason"),
        )
        for request in listener.requests
    }


def answering(answer: Answer, n: int) -> Answer:
    return answer


def is_tried(slack: Served, text: str) -> bool:
    payloads: list[Any] = [delivery.payload for delivery in slack.workspace.deliveries]
    return any(payload and payload["event"]["text"] == text for payload in payloads)


def test_what_was_not_acknowledged_is_delivered_again_and_nothing_else(file: Path) -> None:
    ways = {"heard": OK, "failed": ERROR, "given up": FINAL}
    with serving(archive=file, retry_delays=NEVER) as slack:
        ada = slack.workspace.person(ADA)
        for text, answer in ways.items():
            with http_served(slack, Listening(partial(answering, answer))):
                ada.say(HELP, text)
                slack.workspace.wait_for(partial(is_tried, slack, text))
        ada.say(HELP, "nobody there")
        slack.workspace.wait_for(partial(is_tried, slack, "nobody there"))
        slack.workspace.faults.pause()
        ada.say(HELP, "held back")
    listener = Listening()
    with listening(listener) as url, serving(InstalledApp(url), archive=file) as slack:
        slack.workspace.wait_for(lambda: sum(d.is_acked for d in slack.workspace.deliveries) == 3)
    assert told(listener) == {
        "failed": ("1", "http_error"),
        "nobody there": ("1", "connection_failed"),
        "held back": (None, None),
    }
    with serving(archive=file) as slack:
        assert not slack.workspace.pending_events.envelopes


def test_an_event_cut_off_in_the_middle_of_its_attempt_comes_again_as_a_timeout(file: Path) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer(n: int) -> Answer:
        is_asked.set()
        may_answer.wait()
        return OK

    slow = Listening(answer)
    with serving(archive=file) as slack, http_served(slack, slow):
        slack.workspace.person(ADA).say(HELP, "hello")
        assert is_asked.wait(WAIT_SECONDS)
        slack.workspace.close()
        may_answer.set()
    for _ in range(2):  # it is never heard, so it is due again after each start
        with serving(archive=file, retry_delays=NEVER) as slack:
            slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    listener = Listening()
    with listening(listener) as url, serving(InstalledApp(url), archive=file) as slack:
        slack.workspace.wait_for(lambda: any(d.is_acked for d in slack.workspace.deliveries))
    assert told(listener) == {"hello": ("3", "connection_failed")}


def test_what_is_due_can_be_held_back_until_the_app_is_up(file: Path, reopen: Open) -> None:
    reopen().person(ADA).say(HELP, "hello")
    workspace = reopen()
    workspace.outbox.hold()
    listener = Listening()
    with WorkspaceServer(workspace), listening(listener) as workspace.app.request_url:
        workspace.person(ADA).say(HELP, "and again")
        assert not workspace.deliveries
        workspace.outbox.release()
        workspace.wait_for(lambda: len(workspace.deliveries) == 2)
    assert told(listener) == {"hello": (None, None), "and again": (None, None)}


def test_an_event_whose_retries_are_used_up_is_lost_as_in_slack(file: Path) -> None:
    with serving(archive=file) as slack:
        slack.workspace.person(ADA).say(HELP, "hello")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 4)
    with serving(archive=file) as slack:
        assert not slack.workspace.pending_events.envelopes
