"""The app is told over HTTP and over Socket Mode, again when it does not say that it heard."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from slack_bolt import App, BoltRequest
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, PARTNER, PARTNERS, Delivery, InstalledApp
from tests.bot.simulator.conftest import (
    ERROR,
    OK,
    SOON,
    Answer,
    Connect,
    Listening,
    Served,
    bolt,
    http_served,
    serving,
    socket_connected,
)


def attempts(slack: Served, event_type: str) -> list[Delivery]:
    return [delivery for delivery in slack.workspace.deliveries if delivery.event_type == event_type]


def test_a_mention_arrives_twice_with_different_event_ids_and_is_answered(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    seen: list[dict[str, Any]] = []

    @app.event("app_mention")
    def answer(event: dict[str, Any], body: dict[str, Any], client: WebClient) -> None:
        seen.append(body)
        client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="Because.")

    @app.event("message")
    def hear(body: dict[str, Any]) -> None:
        seen.append(body)

    with connect(slack, app):
        ts = slack.workspace.person(ADA).mention(HR, "why?")
        slack.workspace.wait_for(lambda: len(slack.workspace.thread(HR, ts)) == 2)
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 3)
    mention, twin = sorted(seen, key=lambda body: body["event"]["type"])
    assert mention["event_id"] != twin["event_id"]
    assert mention["event"]["ts"] == twin["event"]["ts"] == ts
    assert mention["event"]["text"] == f"<@{slack.workspace.app.bot_user_id}> why?"
    assert twin["event"]["channel_type"] == "group"
    assert all(delivery.is_acked for delivery in slack.workspace.deliveries)
    for key in ("token", "team_id", "api_app_id", "event_time", "authorizations", "event_context"):
        assert mention[key]
    assert mention["is_ext_shared_channel"] is False


def test_signatures_are_those_of_slack(slack: Served) -> None:
    listener = Listening()
    with http_served(slack, listener):
        slack.workspace.person(ADA).say(GENERAL, "hello")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    (request,) = listener.requests
    assert SignatureVerifier(slack.workspace.app.signing_secret).is_valid_request(
        request["body"], request["headers"]
    )
    assert not SignatureVerifier("another").is_valid_request(request["body"], request["headers"])


def test_the_app_can_prove_that_its_url_is_its_own(slack: Served) -> None:
    from slack_bolt.adapter.wsgi import SlackRequestHandler

    with http_served(slack, SlackRequestHandler(bolt(slack))):
        assert slack.workspace.outbox.verify_url().body == {"challenge": "c4a11e"}


def test_an_event_that_is_not_acknowledged_comes_again_with_retry_headers(slack: Served) -> None:
    listener = Listening(lambda n: ERROR if n < 4 else OK)
    with http_served(slack, listener):
        slack.workspace.person(ADA).say(GENERAL, "hello")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 4)
    retries = [
        (r["headers"].get("x-slack-retry-num"), r["headers"].get("x-slack-retry-reason"))
        for r in listener.requests
    ]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert len({json.loads(r["body"])["event_id"] for r in listener.requests}) == 1
    assert [(d.attempt, d.status, d.is_acked) for d in slack.workspace.deliveries] == [
        (0, 500, False),
        (1, 500, False),
        (2, 500, False),
        (3, 200, True),
    ]


def test_no_retry_is_honoured(slack: Served) -> None:
    listener = Listening(lambda n: ("500 Oops", [("x-slack-no-retry", "1")]))
    with http_served(slack, listener):
        slack.workspace.person(ADA).say(GENERAL, "first")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)
        (delivery,) = slack.workspace.deliveries
    assert delivery.is_final


def test_a_slow_answer_counts_as_none() -> None:
    may_answer = threading.Event()

    def answer(n: int) -> Answer:
        if n == 1:
            may_answer.wait()
        return OK

    with serving(ack_seconds=0.2) as slack, http_served(slack, Listening(answer)):
        slack.workspace.person(ADA).say(GENERAL, "hello")
        slack.workspace.wait_for(lambda: any(d.is_acked for d in slack.workspace.deliveries))
        may_answer.set()
        assert slack.workspace.deliveries[0].reason == "http_timeout"


def test_an_app_that_is_away_is_tried_by_the_schedule_and_no_longer(slack: Served) -> None:
    with http_served(slack, Listening()):
        pass
    slack.workspace.person(ADA).say(GENERAL, "hello")
    slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 1 + len(SOON))
    assert {d.reason for d in slack.workspace.deliveries} == {"connection_failed"}


JSON: Answer = ("200 OK", [("Content-Type", "application/json; charset=utf-8")])
MALFORMED = [b"{bad", b"\xff\xfe", b"[" * 100_000]


@pytest.mark.parametrize("body", MALFORMED)
def test_of_an_events_answer_only_the_status_counts(slack: Served, body: bytes) -> None:
    with http_served(slack, Listening(lambda n: JSON, body)):
        slack.workspace.person(ADA).say(GENERAL, "hello")
        (delivery,) = slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    assert (delivery.status, delivery.reason) == (200, "")
    assert delivery.body == body.decode(errors="replace")


@pytest.mark.parametrize("body", MALFORMED)
def test_a_command_answered_with_malformed_json_failed(slack: Served, body: bytes) -> None:
    with http_served(slack, Listening(lambda n: JSON, body)):
        ack = slack.workspace.person(ADA).command("/ask", "why?", GENERAL)
    assert (ack.status, ack.error) == (200, "dispatch_failed")
    (told,) = slack.workspace.ephemerals(ADA)
    assert "dispatch_failed" in told.text


def test_an_attempt_that_breaks_is_recorded_and_made_again(
    slack: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with http_served(slack, Listening()):
        slack.workspace.app.request_url = 7  # type: ignore[assignment]  # no client can post there
        slack.workspace.person(ADA).say(GENERAL, "hello")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 1 + len(SOON))
        assert {(d.status, d.reason) for d in slack.workspace.deliveries} == {(None, "unknown_error")}
        assert slack.workspace.person(ADA).command("/ask", "why?", GENERAL).error == "dispatch_failed"
    assert "TypeError" in caplog.text


def test_what_happened_before_the_server_ran_is_delivered_then() -> None:
    from bot.simulator import Timing, Workspace, WorkspaceServer

    workspace = Workspace(timing=Timing(SOON))
    workspace.person(ADA).say(GENERAL, "early")
    with WorkspaceServer(workspace):
        workspace.wait_for(lambda: workspace.deliveries)


def test_a_past_event_can_be_delivered_again_on_demand(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    retries: list[Sequence[str] | None] = []

    @app.event("message")
    def hear(req: BoltRequest) -> None:
        retries.append(req.headers.get("x-slack-retry-num"))

    with connect(slack, app):
        slack.workspace.person(ADA).say(GENERAL, "hello")
        event_id = slack.workspace.wait_for(lambda: slack.workspace.deliveries)[0].event_id
        assert slack.workspace.redeliver(event_id).is_acked
        assert slack.workspace.redeliver(event_id, retry_num=2).is_acked
    assert retries[1:] == [["1"], ["2"]]  # the first has none over HTTP, and "0" over a socket


def test_an_exception_in_a_listener_means_redelivery(slack: Served, connect: Connect) -> None:
    with serving(ack_seconds=0.3) as hasty:
        app = bolt(hasty)
        heard: list[str] = []

        @app.event("message")
        def hear(event: dict[str, Any]) -> None:
            heard.append(event["ts"])
            if len(heard) < 3:
                raise RuntimeError("no database")

        with connect(hasty, app):
            ts = hasty.workspace.person(ADA).say(GENERAL, "hello")
            hasty.workspace.wait_for(lambda: any(d.is_acked for d in hasty.workspace.deliveries))
        assert heard[:3] == [ts] * 3


def test_two_hundred_mentions_go_out_at_once() -> None:
    n_mentions = 200
    together = threading.Barrier(n_mentions * 2, timeout=120)

    def answer(n: int) -> Answer:
        together.wait()  # passes only when every delivery of the burst is under way
        return OK

    with serving(ack_seconds=20) as slack, http_served(slack, Listening(answer)):
        for n in range(n_mentions):
            slack.workspace.person(ADA).mention(HELP, f"question {n}")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) >= n_mentions * 2)
        assert len(attempts(slack, "app_mention")) == n_mentions
        assert all(d.is_acked for d in slack.workspace.deliveries)


def test_only_subscribed_events_of_channels_with_the_app_are_sent() -> None:
    with serving(InstalledApp(subscriptions=["message.im", "reaction_added", "member_joined_channel"])) as slack:
        listener = Listening()
        with http_served(slack, listener):
            ada = slack.workspace.person(ADA)
            ada.mention(GENERAL, "not subscribed")
            ada.say("#random", "the app is not here")
            ada.react(ada.write_dm("subscribed"), "tada")
            slack.workspace.join(GENERAL, PARTNER)
            slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 3)
        types = {json.loads(r["body"])["event"]["type"] for r in listener.requests}
        assert types == {"message", "reaction_added", "member_joined_channel"}


def test_edits_deletions_and_the_apps_own_messages_are_told(slack: Served) -> None:
    listener = Listening()
    with http_served(slack, listener):
        ada = slack.workspace.person(ADA)
        ts = ada.say(GENERAL, "teh")
        ada.edit(ts, "the")
        ada.delete(ts)
        posted = slack.client.chat_postMessage(channel=GENERAL, text="hi")["ts"]
        slack.client.chat_update(channel=GENERAL, ts=posted, text="hello")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 5)
    events = sorted((json.loads(r["body"])["event"] for r in listener.requests), key=lambda e: str(e["event_ts"]))
    assert [event.get("subtype") for event in events] == [
        None,
        "message_changed",
        "message_deleted",
        None,
        "message_changed",
    ]
    assert (events[1]["message"]["text"], events[1]["previous_message"]["text"]) == ("the", "teh")
    assert events[2]["deleted_ts"] == ts
    assert events[3]["bot_id"] == slack.workspace.app.bot_id


def test_an_edit_that_adds_the_mention_is_a_mention(slack: Served) -> None:
    listener = Listening()
    with http_served(slack, listener):
        ts = slack.workspace.person(GRACE).say(GENERAL, "why?")
        slack.workspace.person(GRACE).edit(ts, f"<@{slack.workspace.app.bot_user_id}> why?")
        slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 3)
    mention = next(e for r in listener.requests if (e := json.loads(r["body"])["event"])["type"] == "app_mention")
    assert mention["edited"]["user"] == GRACE


def test_messages_of_partners_name_their_own_team(slack: Served) -> None:
    listener = Listening()
    with http_served(slack, listener):
        slack.workspace.person(PARTNER).say(PARTNERS, "hello from outside")
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)
    body = json.loads(listener.requests[0]["body"])
    assert (body["is_ext_shared_channel"], body["event"]["user_team"]) == (True, "T0PARTNER01")


def test_a_stop_and_an_opened_home_are_told(slack: Served, connect: Connect) -> None:
    app = bolt(slack)
    heard: list[dict[str, Any]] = []

    @app.event("agent_session_stopped")
    @app.event("app_home_opened")
    def hear(event: dict[str, Any]) -> None:
        heard.append(event)

    app.event("message")(lambda event: None)
    with connect(slack, app):
        ada = slack.workspace.person(ADA)
        ts = ada.write_dm("write me a book")
        stream = slack.client.chat_startStream(channel=ada.dm, thread_ts=ts, markdown_text="Chapter 1")["ts"]
        ada.stop(ada.dm, ts)
        slack.workspace.wait_for(lambda: len(heard) == 1)
        ada.open_home("messages")
        slack.workspace.wait_for(lambda: len(heard) == 2)
    assert heard[0]["streaming_message_ts"] == [stream]
    assert (heard[1]["tab"], heard[1]["channel"]) == ("messages", ada.dm)


class TestSocketMode:
    def test_an_event_unacknowledged_over_a_socket_comes_again(self) -> None:
        with serving(ack_seconds=0.3) as slack:
            app = App(client=slack.client, process_before_response=True)
            headers: list[Any] = []

            @app.event("message")
            def hear(req: BoltRequest) -> None:
                headers.append((req.headers.get("x-slack-retry-num"), req.headers.get("x-slack-retry-reason")))
                if len(headers) == 1:
                    raise RuntimeError("no database")

            with socket_connected(slack, app):
                slack.workspace.person(ADA).say(GENERAL, "hello")
                slack.workspace.wait_for(lambda: any(d.is_acked for d in slack.workspace.deliveries))
            assert headers[1] == (["1"], ["timeout"])

    def test_events_wait_for_a_connection(self) -> None:
        with serving(retry_delays=(0.2,) * 100) as slack:
            slack.workspace.person(ADA).say(GENERAL, "anybody?")
            slack.workspace.wait_for(lambda: slack.workspace.deliveries)
            app = bolt(slack)
            heard: list[str] = []
            app.event("message")(lambda event: heard.append(event["text"]))
            with socket_connected(slack, app):
                slack.workspace.wait_for(lambda: any(d.is_acked for d in slack.workspace.deliveries))
        assert heard == ["anybody?"]

    def test_each_payload_goes_to_one_of_several_connections(self, slack: Served) -> None:
        heard: list[list[str]] = [[], []]

        def listening(mine: list[str]) -> App:
            app = bolt(slack)
            app.event("message")(lambda event: mine.append(event["ts"]))
            return app

        with socket_connected(slack, listening(heard[0])), socket_connected(slack, listening(heard[1])):
            slack.workspace.wait_for(lambda: slack.workspace.sockets.n_connections == 2)
            sent = [slack.workspace.person(ADA).say(GENERAL, str(n)) for n in range(6)]
            slack.workspace.wait_for(lambda: len(slack.workspace.deliveries) == 6)
        assert sorted(heard[0] + heard[1]) == sent
        assert len(heard[0]) == len(heard[1]) == 3

    @pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
    def test_an_app_told_to_reconnect_misses_nothing(self, slack: Served, reason: str) -> None:
        app = bolt(slack)
        app.event("message")(lambda event: None)
        with socket_connected(slack, app) as handler:
            first = handler.client.session_id()
            slack.workspace.sockets.disconnect(reason, grace_seconds=0.1)
            slack.workspace.wait_for(lambda: slack.workspace.sockets.n_connections == 1)
            slack.workspace.person(ADA).say(GENERAL, "still there?")
            slack.workspace.wait_for(lambda: any(d.is_acked for d in slack.workspace.deliveries))
            assert handler.client.session_id() != first

    def test_the_client_keeps_its_connection_by_pings(self, slack: Served) -> None:
        app = bolt(slack)
        app.event("message")(lambda event: None)
        with socket_connected(slack, app) as handler:
            session = handler.client.current_session
            assert session is not None
            session.check_state()
            slack.workspace.person(ADA).say(GENERAL, "hello")
            slack.workspace.wait_for(lambda: slack.workspace.deliveries)
            session.check_state()
            assert handler.client.is_connected()
            assert session.last_ping_pong_time is not None

    def test_senseless_messages_acknowledge_nothing_and_end_nothing(self, slack: Served) -> None:
        from websockets.sync.client import connect

        with connect(slack.workspace.sockets.issue_ticket_url()) as socket:
            assert json.loads(socket.recv())["type"] == "hello"
            slack.workspace.person(ADA).say(GENERAL, "hello")
            envelope = json.loads(socket.recv())
            for senseless in ("{bad", "[1]", "1", "null", '{"envelope_id": 7}', "[" * 100_000):
                socket.send(senseless)
            socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
            (delivery,) = slack.workspace.wait_for(lambda: slack.workspace.deliveries)
        assert delivery.is_acked

    def test_a_ticket_opens_one_connection(self, slack: Served) -> None:
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect

        url = slack.client.apps_connections_open(app_token=slack.workspace.app.app_token)["url"]
        with connect(url) as socket:
            hello = json.loads(socket.recv())
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(InvalidStatus):
            connect(url)
