"""Files, forwarded messages, shortcuts and links that unfold, as Slack tells an app of them."""

from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from slack_bolt import Ack

from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, RANDOM, WorkspaceError
from tests.bot.simulator.conftest import Connect, Served, bolt


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def events(slack: Served, n: int) -> list[dict[str, Any]]:
    """The first ``n`` events, as they were sent: nobody took them."""

    def sent() -> list[Any]:
        first = [d for d in slack.workspace.deliveries if d.attempt == 0]
        return [d.payload["event"] for d in first if d.payload] if len(first) >= n else []  # type: ignore[typeddict-item]

    return slack.workspace.wait_for(sent)


def fetch(url: str, token: str) -> tuple[int, str]:
    request = Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with build_opener(_Stay).open(request) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("location", "")


def test_a_shared_file_is_told_as_a_message_alone_and_read_with_the_scope_only(slack: Served) -> None:
    app = slack.workspace.app
    slack.workspace.person(ADA).upload(HELP, "error.log", "E42", f"<@{app.bot_user_id}> why?")
    (event,) = events(slack, 1)
    assert (event["type"], event["subtype"]) == ("message", "file_share")
    (file,) = event["files"]
    assert (file["name"], file["mode"], file["size"]) == ("error.log", "snippet", 3)
    for name in ("url_private", "url_private_download"):
        assert fetch(file[name], app.bot_token) == (200, "E42")
    assert fetch(file["url_private"].replace(file["id"], "F0NOWHERE01"), app.bot_token)[0] == 404
    for token, scopes in (("xoxb-other", app.scopes), (app.bot_token, app.scopes - {"files:read"})):
        app.scopes = set(scopes)
        status, address = fetch(file["url_private"], token)
        assert (status, address.startswith("https://stand-in.slack.com/?redir=")) == (302, True)


def test_a_forwarded_message_shows_what_and_where_it_was(slack: Served) -> None:
    ada, grace = slack.workspace.person(ADA), slack.workspace.person(GRACE)
    source = grace.say(HR, "Between us")
    forwarded = ada.forward(source, GENERAL, "See this")
    (attachment,) = slack.workspace.message(forwarded).attachments
    assert (attachment["is_share"], attachment["channel_id"], attachment["ts"]) == (True, HR, source)
    assert (attachment["author_id"], attachment["text"]) == (GRACE, "Between us")
    assert attachment["from_url"] == ada.permalink(source)
    with pytest.raises(WorkspaceError, match="is not in hr"):
        slack.workspace.person(LINUS).forward(source, GENERAL)


def test_a_link_unfolds_as_a_change_that_nobody_made(slack: Served) -> None:
    ts = slack.workspace.person(ADA).say(HELP, "https://intranet.example")
    slack.workspace.unfurl(ts, {"text": "The intranet", "from_url": "https://intranet.example"})
    _, changed = events(slack, 2)
    assert changed["subtype"] == "message_changed"
    assert "edited" not in changed["message"]
    assert changed["message"]["text"] == changed["previous_message"]["text"]


def test_a_shortcut_tells_of_the_message_also_where_the_app_is_not(slack: Served, connect: Connect) -> None:
    app, heard = bolt(slack), list[dict[str, Any]]()

    @app.shortcut("look")
    def look(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    ts = slack.workspace.person(GRACE).say(RANDOM, "Anybody?")
    with connect(slack, app):
        assert slack.workspace.person(ADA).use_shortcut(ts, "look").error == ""
    (body,) = heard
    assert (body["type"], body["message"]["text"], body["message"]["user"]) == (
        "message_action",
        "Anybody?",
        GRACE,
    )
    assert (body["channel"]["id"], body["user"]["id"], body["message_ts"]) == (RANDOM, ADA, ts)
    assert body["response_url"].startswith("http://127.0.0.1")
