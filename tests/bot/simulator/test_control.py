"""Another process drives the workspace over its control surface."""

import json
import threading
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bot.simulator import ADA, HELP
from tests.bot.simulator.conftest import Served


def call(slack: Served, path: str, given: Any = None, **headers: str) -> Any:
    body = None if given is None else json.dumps(given).encode()
    request = Request(f"{slack.server.url}/_control/{path}", body, {"Content-Type": "application/json", **headers})
    try:
        with urlopen(request) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        with error:
            return {"status": error.code, **json.loads(error.read())}


def test_a_person_acts_and_the_thread_is_read(slack: Served) -> None:
    act = {"user": ADA, "action": "mention", "args": {"channel": "#help", "text": "why?"}}
    ts = call(slack, "act", act)["result"]
    slack.client.chat_postMessage(channel=HELP, thread_ts=ts, markdown_text="**because**")
    read = call(slack, f"messages?channel={HELP}&thread_ts={ts}")
    assert [m["plain"] for m in read["messages"]] == [f"<@{slack.workspace.app.bot_user_id}> why?", "**because**"]
    assert [c["name"] for c in call(slack, "workspace")["channels"]][:2] == ["general", "help"]
    assert call(slack, "calls?since=0")[0]["method"] == "chat.postMessage"
    slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    assert call(slack, "deliveries")[0]["reason"] == "connection_failed"


def test_faults_are_set_and_cleared(slack: Served) -> None:
    call(slack, "faults", {"effect": "error", "method": "auth.test", "code": "account_inactive"})
    assert slack.refusal("auth.test") == "account_inactive"
    call(slack, "faults/clear", {})
    assert slack.client.auth_test()["ok"]
    call(slack, "pause", {"answer": "503"})
    assert call(slack, "workspace")["team_id"]  # the control surface stays
    call(slack, "resume", {})
    assert slack.client.auth_test()["ok"]


def test_a_page_waits_for_changes(slack: Served) -> None:
    revision = call(slack, "workspace")["revision"]
    threading.Timer(0.05, lambda: slack.workspace.person(ADA).say(HELP, "hello")).start()
    assert call(slack, f"changes?since={revision}")["revision"] > revision


def test_what_cannot_be_done_is_said(slack: Served) -> None:
    assert call(slack, "act", {"user": ADA, "action": "fly"})["status"] == 400
    assert call(slack, "messages?channel=nowhere")["status"] == 400


@pytest.mark.parametrize("body", [b"{bad", b"[1]", b"1", b'"act"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_said(slack: Served, body: bytes) -> None:
    for path in ("act", "faults", "pause"):
        request = Request(f"{slack.server.url}/_control/{path}", body, {"Content-Type": "application/json"})
        with pytest.raises(HTTPError) as caught:
            urlopen(request)
        with caught.value as error:
            assert error.code == 400
            assert json.loads(error.read()) == {"error": "the body is no JSON object"}


def test_an_app_that_is_too_slow_is_said(slack: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(slack.workspace.outbox, "send_command", late)
    act = {"user": ADA, "action": "command", "args": {"command": "/ask", "text": "x", "channel": HELP}}
    assert call(slack, "act", act) == {"status": 400, "error": "the app did not answer in time"}


def test_other_sites_cannot_use_it(slack: Served) -> None:
    assert call(slack, "workspace", Host="evil.example:80")["status"] == 403
    act = {"user": ADA, "action": "say", "args": {"channel": HELP, "text": "x"}}
    assert call(slack, "act", act, **{"Content-Type": "text/plain"})["status"] == 415
