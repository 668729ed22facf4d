"""Commands, clicks, modals and the URLs that answer them."""

from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_bolt import Ack, Respond
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, WorkspaceError
from tests.bot.simulator.conftest import Connect, Served, bolt, http_served, serving

FEEDBACK = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "rate",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "turn-7:up"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "turn-7:down"},
        }
    ],
}
MODAL = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


def test_a_command_is_acknowledged_with_an_ephemeral(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    heard: list[dict[str, Any]] = []

    @app.command("/ask")
    def ask(ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        heard.append(command)
        ack("Looking…")
        respond(text="Found it.", response_type="in_channel")

    with connect(slack, app):
        ack = slack.workspace.person(ADA).command("/ask", "where is it", HR)
        slack.workspace.wait_for(lambda: slack.workspace.history(HR))
    assert (ack.error, ack.status) == ("", 200)
    assert [message.plain for message in slack.workspace.ephemerals(ADA)] == ["Looking…"]
    assert [message.plain for message in slack.workspace.history(HR)] == ["Found it."]
    (command,) = heard
    assert (command["text"], command["channel_name"], command["user_id"]) == ("where is it", "privategroup", ADA)
    assert command["trigger_id"]


def test_a_command_nobody_handles_fails_before_the_person(slack: Served) -> None:
    with http_served(slack, SlackRequestHandler(bolt(slack))):
        ack = slack.workspace.person(ADA).command("/nobody", "", HELP)
    assert ack.error == "dispatch_failed"
    (told,) = slack.workspace.ephemerals(ADA)
    assert told.plain == "/nobody failed with the error “dispatch_failed”"
    assert len(slack.workspace.deliveries) == 1


def test_a_command_acknowledged_too_late_times_out() -> None:
    import threading

    may_end = threading.Event()
    with serving(ack_seconds=0.2) as slack:
        app = bolt(slack)

        @app.command("/ask")
        def ask(ack: Ack) -> None:
            may_end.wait()
            ack()

        with http_served(slack, SlackRequestHandler(app)):
            assert slack.workspace.person(ADA).command("/ask", "", HELP).error == "operation_timeout"
            may_end.set()


def test_a_click_on_feedback_carries_the_value_of_its_button(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    heard: list[dict[str, Any]] = []

    @app.action("rate")
    def rate(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    with connect(slack, app):
        app.event("message")(lambda event: None)
        question = slack.workspace.person(ADA).say(HELP, "why?")
        ts = slack.client.chat_postMessage(channel=HELP, thread_ts=question, text="x", blocks=[FEEDBACK])["ts"]
        for value in (None, "negative", "turn-7:down"):
            assert slack.workspace.person(GRACE).click(ts, "rate", value).error == ""
    assert [body["actions"][0]["value"] for body in heard] == ["turn-7:up", "turn-7:down", "turn-7:down"]
    first = heard[0]
    assert first["actions"][0]["type"] == "feedback_buttons"
    assert first["actions"][0]["text"]["text"] == "Good"
    assert first["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": HELP,
        "is_ephemeral": False,
        "thread_ts": question,
    }
    assert first["message"]["ts"] == ts
    assert first["user"]["id"] == GRACE


def test_only_what_is_shown_can_be_clicked(shared: Served) -> None:
    ts = shared.client.chat_postMessage(channel=HELP, text="x", blocks=[FEEDBACK])["ts"]
    with pytest.raises(WorkspaceError):
        shared.workspace.person(GRACE).click(ts, "approve")


def test_an_ephemeral_is_replaced_and_deleted_through_its_response_url(slack: Served) -> None:
    app = bolt(slack)
    button = {"type": "button", "action_id": "next", "text": {"type": "plain_text", "text": "Next"}}
    row = {"type": "actions", "elements": [button]}

    @app.action("next")
    def turn(ack: Ack, body: dict[str, Any], respond: Respond) -> None:
        ack()
        assert "message" not in body
        assert body["container"]["is_ephemeral"]
        respond(text="page 2", blocks=[row], replace_original=True)

    with http_served(slack, SlackRequestHandler(app)):
        ts = slack.client.chat_postEphemeral(channel=HELP, user=ADA, text="page 1", blocks=[row])["message_ts"]
        ack = slack.workspace.person(ADA).click(ts, "next")
        slack.workspace.wait_for(lambda: slack.workspace.message(ts).text == "page 2")
    assert len(slack.workspace.ephemerals(ADA)) == 1
    WebhookClient(ack.response_url).send(delete_original=True)
    assert slack.workspace.ephemerals(ADA) == []


def test_a_message_is_replaced_through_its_response_url(slack: Served) -> None:
    app = bolt(slack)
    app.event("message")(lambda event: None)

    @app.action("rate")
    def rate(ack: Ack, respond: Respond) -> None:
        ack()
        respond(text="thank you", replace_original=True)

    with http_served(slack, SlackRequestHandler(app)):
        ts = slack.client.chat_postMessage(channel=HELP, text="x", blocks=[FEEDBACK])["ts"]
        slack.workspace.person(ADA).click(ts, "rate")
        slack.workspace.wait_for(lambda: slack.workspace.message(ts).plain == "thank you")


def answered(url: str, body: bytes = b'{"text": "hi"}') -> tuple[int, str]:
    try:
        with urlopen(Request(url, body)) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_response_url_serves_five_times(shared: Served) -> None:
    url = shared.workspace.response_urls.issue(HELP, ADA)
    assert [answered(url) for _ in range(6)] == [(200, "ok")] * 5 + [(404, "used_url")]


def test_a_response_url_serves_for_thirty_minutes(slack: Served) -> None:
    url = slack.workspace.response_urls.issue(HELP, ADA)
    slack.clock.now += 30 * 60
    assert answered(url) == (200, "ok")
    slack.clock.now += 1
    assert answered(url) == (404, "expired_url")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"hello", "invalid_payload"),
        (b"{}", "no_text"),
        (b'{"text": "x", "blocks": [{"type": "wall"}]}', "invalid_blocks"),
    ],
)
def test_a_bad_answer_is_refused_and_costs_nothing(shared: Served, body: bytes, code: str) -> None:
    url = shared.workspace.response_urls.issue(HELP, ADA)
    assert answered(url, body) == (400, code)
    assert [answered(url)[0] for _ in range(5)] == [200] * 5


def test_a_modal_is_opened_and_submitted(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    given: list[Any] = []

    @app.command("/why")
    def why(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @app.view("why")
    def take(ack: Ack, view: dict[str, Any]) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if not reason:
            ack(response_action="errors", errors={"reason": "Say something"})
            return
        given.append(reason)
        ack()

    ada = slack.workspace.person(ADA)
    with connect(slack, app):
        assert ada.command("/why", "", HELP).error == ""
        (modal,) = ada.modals()
        refused = ada.submit(modal["id"], {"reason": {"text": ""}})
        assert isinstance(refused.body, dict)
        assert refused.body["response_action"] == "errors"
        ada.submit(modal["id"], {"reason": {"text": "curiosity"}})
    assert given == ["curiosity"]
    assert ada.modals() == []


def test_a_trigger_is_good_for_three_seconds(slack: Served) -> None:
    trigger = slack.workspace.views.issue_trigger(ADA)
    slack.clock.now += 3.1
    assert slack.refusal("views.open", trigger_id=trigger, view=MODAL) == "expired_trigger_id"


def test_a_modal_is_judged(slack: Served) -> None:
    trigger = slack.workspace.views.issue_trigger(ADA)
    long_title = {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    assert slack.refusal("views.open", trigger_id=trigger, view=long_title) == "invalid_arguments"
    assert slack.refusal("views.open", trigger_id=trigger, view={**MODAL, "size": "xl"}) == "invalid_arguments"
    bad_blocks = {**MODAL, "blocks": [{"type": "wall"}]}
    assert slack.refusal("views.open", trigger_id=trigger, view=bad_blocks) == "invalid_arguments"
    assert slack.client.views_open(trigger_id=trigger, view=MODAL)["view"]["callback_id"] == "why"


def test_options_are_chosen_by_value(slack: Served) -> None:
    app = bolt(slack)
    app.event("message")(lambda event: None)
    chosen: list[str] = []

    @app.action("pick")
    def pick(ack: Ack, action: dict[str, Any]) -> None:
        ack()
        chosen.append(action["selected_option"]["value"])

    options = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("a", "b")]
    menu = {"type": "static_select", "action_id": "pick", "options": options}
    with http_served(slack, SlackRequestHandler(app)):
        row = {"type": "actions", "elements": [menu]}
        ts = slack.client.chat_postMessage(channel=GENERAL, text="x", blocks=[row])["ts"]
        slack.workspace.person(ADA).click(ts, "pick", "b")
    assert chosen == ["b"]


def test_a_home_tab_is_clicked_outside_of_any_channel(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    heard: list[dict[str, Any]] = []

    def take(ack: Ack, body: dict[str, Any]) -> None:
        heard.append(body)
        ack()

    for action_id in ("go", "where"):
        app.action(action_id)(take)
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "7"}
    choice = {"type": "conversations_select", "action_id": "where"}
    ada = slack.workspace.person(ADA)
    with pytest.raises(WorkspaceError):
        ada.click_home("go")
    view = {
        "type": "home",
        "private_metadata": "kept",
        "blocks": [{"type": "actions", "elements": [button, choice]}],
    }
    with connect(slack, app):
        published = slack.client.views_publish(user_id=ADA, view=view)["view"]
        assert [ada.click_home("go").error, ada.click_home("where", HELP).error] == ["", ""]
    assert [body["actions"][0].get("value") for body in heard] == ["7", None]
    assert heard[1]["actions"][0]["selected_conversation"] == HELP
    for body in heard:
        assert body["container"] == {"type": "view", "view_id": published["id"]}
        assert (body["view"]["hash"], body["view"]["private_metadata"]) == (published["hash"], "kept")
        assert not {"channel", "message", "response_url"} & body.keys()
        assert body["trigger_id"]


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"blocks": [{"type": "markdown", "text": "*x*"}]}, "unsupported type: markdown"),
        ({"blocks": [], "submit": {"type": "plain_text", "text": "Send"}}, "invalid additional property: submit"),
        ({"blocks": [], "private_metadata": "x" * 3_001}, "must be less than 3001 characters"),
        ({"blocks": [{"type": "divider"}] * 101}, "no more than 100 items allowed"),
    ],
)
def test_a_home_tab_is_judged(shared: Served, view: dict[str, Any], said: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        shared.client.views_publish(user_id=ADA, view={"type": "home", **view})
    assert said in str(caught.value.response["response_metadata"]["messages"])


def test_an_app_without_a_home_tab_publishes_none(slack: Served) -> None:
    slack.workspace.app.has_home_tab = False
    assert slack.refusal("views.publish", user_id=ADA, view={"type": "home", "blocks": []}) == "not_enabled"
