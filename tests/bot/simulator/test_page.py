"""The page's files, and the JSON it is drawn from."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk.models.messages.chunk import TaskUpdateChunk
from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bot.simulator import (
    ADA,
    GENERAL,
    GRACE,
    GUEST,
    HELP,
    HR,
    RANDOM,
    TEAM,
    VISITORS,
    PageContent,
    Workspace,
    WorkspaceServer,
)
from bot.simulator.server.static_page import CONTENT_TYPES, FILES
from tests.bot.simulator.conftest import Served, serving
from tests.bot.simulator.test_control import call


def fetch(slack: Served, path: str, **headers: str) -> tuple[int, Any, str]:
    try:
        with urlopen(Request(slack.server.url + path, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def view(slack: Served, user: str, channel: str = "", **more: Any) -> Any:
    query = "&".join(f"{k}={v}" for k, v in {"user": user, "channel": channel, **more}.items())
    return call(slack, f"view?{query}")


SERVED = sorted(
    path.relative_to(FILES).as_posix()
    for path in FILES.rglob("*")
    if path.is_file() and path.suffix in CONTENT_TYPES
)
VENDOR = FILES / "vendor"


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in SERVED)])
def test_every_file_is_served_with_its_type_and_a_strict_policy(shared: Served, path: str) -> None:
    status, headers, body = fetch(shared, path)
    suffix = path[path.rfind(".") :] if "." in path else ".html"
    assert (status, headers["Content-Type"]) == (200, CONTENT_TYPES[suffix])
    assert headers["Cache-Control"] == "no-cache"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    if "/vendor/" not in path:
        assert set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+", body)) <= {"http://www.w3.org"}  # a name, not loaded


def test_the_libraries_are_as_they_were_published() -> None:
    [sums] = re.findall(r"```sha256\n(.*?)```", (VENDOR / "README.md").read_text(), re.DOTALL)
    expected = dict(reversed(line.split("  ")) for line in sums.splitlines())
    ours = {".md", ".ts", ".mts"}
    files = [path for path in VENDOR.rglob("*") if path.is_file() and path.suffix not in ours]
    assert {
        path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files
    } == expected


def test_the_page_is_small() -> None:
    lines = [line for path in FILES.glob("*.js") for line in path.read_text().splitlines()]
    assert len(lines) <= 2_200
    assert max(map(len, lines)) <= 115


@pytest.mark.parametrize(
    "path",
    [
        "/page/nothing.js",
        "/page/slack.d.ts",
        "/page/vendor/README.md",
        "/page/vendor",
        "/page/..%2fpage.py",
        "/page/%2e%2e/page.py",
        "/page/",
    ],
)
def test_nothing_else_is_served(shared: Served, path: str) -> None:
    assert fetch(shared, path)[0] == 404


@pytest.mark.parametrize(
    "path", ["/", "/page/main.js", "/_control/view", "/_control/changes?since=soon", "/_control/story"]
)
def test_other_names_than_loopback_are_refused(shared: Served, path: str) -> None:
    assert fetch(shared, path, Host="evil.example:80")[0] == 403
    assert fetch(shared, path, Host=f"localhost:{shared.server.port}")[0] in (200, 400)


def test_a_person_sees_their_own(slack: Served) -> None:
    secret = slack.workspace.person(ADA).say(HR, "secret")
    slack.client.chat_postEphemeral(channel=HELP, user=ADA, text="psst")
    assert [c["name"] for c in view(slack, ADA)["channels"] if c["id"] == HR] == ["hr"]
    guest = view(slack, GUEST, HR)
    assert [c["id"] for c in guest["channels"]] == ["D0GUEST0001", VISITORS]
    assert guest["channel"] == VISITORS
    assert guest["messages"] == {}
    assert [m["text"] for m in view(slack, ADA, HELP)["messages"].values()] == ["psst"]
    assert view(slack, GUEST, VISITORS, thread_ts=secret)["thread"] is None
    assert view(slack, "U0NOBODY")["me"] == ADA


def test_only_what_changed_comes_again(slack: Served) -> None:
    ada = slack.workspace.person(ADA)
    first, second = ada.say(HELP, "one"), ada.say(HELP, "two")
    seen = view(slack, ADA, HELP)
    assert [m["text"] for m in seen["messages"].values()] == ["one", "two"]
    same = view(slack, ADA, HELP, since=seen["version"])
    assert (same["messages"], same["order"]) == ({}, [first, second])
    slack.workspace.person(GRACE).say(HELP, "reply", thread_ts=first)
    changed = view(slack, ADA, HELP, since=same["version"])
    assert list(changed["messages"]) == [first]
    assert changed["messages"][first]["replies"]["n"] == 1
    assert set(view(slack, ADA, HELP, thread_ts=first)["messages"]) > {first, second}
    ada.delete(second)
    assert view(slack, ADA, HELP, since=changed["version"])["order"] == [first]


def test_a_long_channel_comes_from_its_end(slack: Served) -> None:
    ada = slack.workspace.person(ADA)
    written = [ada.say(RANDOM, str(n)) for n in range(30)]
    seen = view(slack, ADA, RANDOM, limit=10)
    assert (seen["order"], seen["n_earlier"]) == (written[-10:], 20)
    kept = view(slack, ADA, RANDOM, limit=10, oldest=written[15])
    assert (kept["order"], kept["n_earlier"]) == (written[15:], 15)


def test_a_thread_tells_what_is_going_on(slack: Served) -> None:
    ts = slack.workspace.person(ADA).mention(GENERAL, "why?")
    slack.client.assistant_threads_setStatus(
        channel_id=GENERAL, thread_ts=ts, status="is searching…", loading_messages=["Reading", "Thinking"]
    )
    thread = view(slack, ADA, GENERAL, thread_ts=ts)["thread"]
    assert (thread["status"], thread["loading"], thread["is_running"]) == (
        "is searching…",
        ["Reading", "Thinking"],
        False,
    )
    stream = slack.client.chat_startStream(
        channel=GENERAL,
        thread_ts=ts,
        recipient_team_id=TEAM,
        recipient_user_id=ADA,
        chunks=[TaskUpdateChunk(id="1", title="Look", status="in_progress")],
    )
    seen = view(slack, ADA, GENERAL, thread_ts=ts)
    assert seen["thread"]["is_running"]
    assert seen["messages"][ts]["replies"]["activity"] == {"status": "", "loading": [], "is_running": True}
    assert seen["messages"][stream["ts"]]["stream"]["tasks"][0]["title"] == "Look"


def test_examples_and_commands_are_told() -> None:
    with serving(content=PageContent(examples=["Why?"], commands={"/why": "Ask why"})) as slack:
        seen = view(slack, ADA)
        assert (seen["examples"], seen["commands"]) == (["Why?"], {"/why": "Ask why"})


def test_the_wire_tells_calls_and_deliveries(slack: Served) -> None:
    slack.client.chat_postMessage(channel=HELP, text="hello")
    assert slack.refusal("chat.postMessage", channel="C0NOWHERE", text="x") == "channel_not_found"
    slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    wire = call(slack, "wire")
    assert [(c["n"], c["method"], c["is_ok"], c["error"]) for c in wire["calls"]] == [
        (0, "chat.postMessage", True, ""),
        (1, "chat.postMessage", False, "channel_not_found"),
    ]
    assert wire["deliveries"][0]["reason"] == "connection_failed"
    assert call(slack, f"wire?since_calls={wire['n_calls']}")["calls"] == []
    whole = call(slack, "call?n=0")
    assert (whole["arguments"], whole["response"]["ok"]) == ({"channel": HELP, "text": "hello"}, True)
    assert call(slack, "delivery?n=0")["payload"]["event"]["text"] == "hello"
    assert call(slack, "call?n=7")["status"] == 400


def test_the_story_comes_from_the_app() -> None:
    asked: list[dict[str, str]] = []

    def story(about: dict[str, str]) -> list[dict[str, Any]]:
        asked.append(about)
        return [{"question": "why?"}]

    with serving(content=PageContent(story)) as slack:
        assert call(slack, f"story?channel={HELP}&thread_ts=1.0") == {"turns": [{"question": "why?"}]}
        assert asked == [{"channel": HELP, "thread_ts": "1.0"}]


def test_without_a_story_there_is_a_sentence() -> None:
    def story(about: dict[str, str]) -> list[dict[str, Any]]:
        raise RuntimeError("the database is away")

    with serving() as slack:
        assert "Nothing is recorded" in call(slack, "story?channel=C1&user=U1")["note"]
    with serving(content=PageContent(story)) as slack:
        told = call(slack, "story?channel=C1&user=U1")
        assert told["turns"] == []
        assert "could not be read" in told["note"]
        assert "database is away" not in told["note"]


def test_many_waiting_pages_starve_nobody(slack: Served) -> None:
    revision = view(slack, ADA)["revision"]
    with ThreadPoolExecutor(60) as pages:
        waiting = [pages.submit(call, slack, f"changes?since={revision}") for _ in range(60)]
        while len(slack.workspace.changes.watchers) < 60:
            threading.Event().wait(0.01)
        act = {"user": ADA, "action": "say", "args": {"channel": HELP, "text": "here"}}
        assert call(slack, "act", act)["result"]
        assert all(page.result()["revision"] > revision for page in waiting)
    assert call(slack, "changes?since=soon")["status"] == 400


def test_further_routes_are_served() -> None:
    async def hello(request: Asked) -> PlainTextResponse:
        return PlainTextResponse("hello")

    with (
        WorkspaceServer(Workspace(), routes=[Route("/docs", hello)]) as server,
        urlopen(server.url + "/docs") as got,
    ):
        assert got.read() == b"hello"


def test_a_modal_is_closed(slack: Served) -> None:
    view_of = {"type": "modal", "title": {"type": "plain_text", "text": "Why"}, "blocks": []}
    with slack.workspace.lock:
        opened = slack.workspace.views.open(slack.workspace.views.issue_trigger(ADA), view_of)
    grace = {"user": GRACE, "action": "close", "args": {"view_id": opened["id"]}}
    assert call(slack, "act", grace)["status"] == 400
    assert [modal["id"] for modal in view(slack, ADA)["modals"]] == [opened["id"]]
    call(slack, "act", {**grace, "user": ADA})
    assert view(slack, ADA)["modals"] == []
