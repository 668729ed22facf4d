"""Slack can be made to fail in every way it fails."""

import time
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler

from bot.simulator import ADA, GENERAL, HELP, FaultRule
from tests.bot.simulator.conftest import Listening, Served, http_served, serving

CLOSED = (ConnectionResetError, RemoteDisconnected, URLError)


def post(slack: Served, text: str = "hi") -> Any:
    return slack.client.chat_postMessage(channel=GENERAL, text=text)


def texts(slack: Served) -> list[str]:
    return [message.text for message in slack.workspace.history(GENERAL)]


def test_a_rate_limit_says_when_to_come_back(slack: Served) -> None:
    slack.workspace.faults.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        post(slack)
    response = caught.value.response
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (429, "ratelimited", "7")
    post(slack, "second try")
    assert texts(slack) == ["second try"]


def test_the_retry_handler_of_the_sdk_gets_through(slack: Served) -> None:
    slack.workspace.faults.rate_limit(retry_after=0)
    slack.client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    assert post(slack)["ok"]
    assert [call.status for call in slack.workspace.calls] == [429, 200]


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_no_json(slack: Served, status: int) -> None:
    slack.workspace.faults.fail(status=status)
    with pytest.raises(SlackApiError) as caught:
        post(slack)
    assert caught.value.response.status_code == status
    assert texts(slack) == []


def test_any_code_of_slack_can_be_answered(slack: Served) -> None:
    slack.workspace.faults.error("chat.postMessage", "restricted_action")
    assert slack.refusal("chat.postMessage", channel=GENERAL, text="hi") == "restricted_action"
    assert slack.workspace.calls[-1].fault == "error"


def test_a_dropped_call_did_not_happen(slack: Served) -> None:
    slack.workspace.faults.drop("chat.postMessage")
    with pytest.raises(CLOSED):
        post(slack)
    assert texts(slack) == []
    assert (slack.workspace.calls[-1].response, slack.workspace.calls[-1].fault) == (None, "drop")


def test_a_lost_answer_hides_a_call_that_happened(slack: Served) -> None:
    slack.workspace.faults.lose_answer("chat.postMessage")
    with pytest.raises(CLOSED):
        post(slack, "once")
    assert texts(slack) == ["once"]
    call = slack.workspace.calls[-1]
    assert (call.error, call.fault) == ("", "lose_answer")


def test_a_client_that_retries_a_lost_answer_posts_twice(slack: Served) -> None:
    slack.workspace.faults.lose_answer("chat.postMessage")
    slack.client.retry_handlers.append(ConnectionErrorRetryHandler(max_retry_count=1))
    post(slack, "twice")
    assert texts(slack) == ["twice", "twice"]


def test_a_slow_answer_meets_the_clients_timeout(slack: Served) -> None:
    slack.workspace.faults.slow(seconds=0.5)
    hasty = WebClient(slack.workspace.app.bot_token, base_url=slack.server.api_url, timeout=0, retry_handlers=[])
    hasty.timeout = 0.05  # type: ignore[assignment]
    with pytest.raises((TimeoutError, URLError)):
        hasty.chat_postMessage(channel=GENERAL, text="late")
    slack.workspace.wait_for(lambda: texts(slack) == ["late"])


def test_slowness_and_failure_combine(slack: Served) -> None:
    slack.workspace.faults.slow(seconds=0.05)
    slack.workspace.faults.fail()
    started = time.monotonic()
    with pytest.raises(SlackApiError):
        post(slack)
    assert time.monotonic() - started >= 0.05


def test_rules_choose_their_calls(slack: Served) -> None:
    faults = slack.workspace.faults
    rule = faults.add(
        FaultRule("error", "chat.postMessage", skip=1, times=2, when=lambda args: args["text"] != "spared")
    )
    outcomes = []
    for text in ("one", "two", "spared", "three", "four"):
        try:
            outcomes.append(post(slack, text)["ok"])
        except SlackApiError as error:
            outcomes.append(error.response["error"])
    assert outcomes == [True, "internal_error", True, "internal_error", True]
    assert rule.n_hits == 2


def test_the_same_seed_meets_the_same_faults() -> None:
    def fates(seed: int) -> list[bool]:
        with serving() as slack:
            slack.workspace.faults.random.seed(seed)
            slack.workspace.faults.add(FaultRule("error", probability=0.5))
            return [_lives(slack) for _ in range(24)]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)


def _lives(slack: Served) -> bool:
    try:
        return bool(slack.client.auth_test()["ok"])
    except SlackApiError:
        return False


@pytest.mark.parametrize(("answer", "error"), [("refused", CLOSED), ("503", SlackApiError)])
def test_slack_can_be_away_and_come_back(slack: Served, answer: Any, error: Any) -> None:
    listener = Listening()
    with http_served(slack, listener):
        slack.workspace.faults.pause(answer)
        slack.workspace.person(ADA).say(HELP, "anybody?")
        with pytest.raises(error):
            post(slack)
        assert listener.requests == []
        slack.workspace.faults.resume()
        slack.workspace.wait_for(lambda: slack.workspace.deliveries)
        assert post(slack)["ok"]


def test_response_urls_fail_too(slack: Served) -> None:
    from urllib.request import Request, urlopen

    slack.workspace.faults.fail("response_url", status=500)
    url = slack.workspace.response_urls.issue(GENERAL, ADA)
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(url, b'{"text": "hi"}'))
    caught.value.close()
    assert caught.value.code == 500
    with urlopen(Request(url, b'{"text": "hi"}')) as answer:
        assert answer.status == 200


def test_rate_tiers_count_per_method_and_posts_per_channel() -> None:
    with serving(is_rate_limited=True) as slack:
        for _ in range(20):
            slack.client.users_list()
        with pytest.raises(SlackApiError) as caught:
            slack.client.users_list()
        assert int(caught.value.response.headers["Retry-After"]) >= 1
        slack.client.users_info(user=ADA)
        for _ in range(60):
            post(slack)
        assert slack.refusal("chat.postMessage", channel=GENERAL, text="hi") == "ratelimited"
        slack.client.chat_postMessage(channel=HELP, text="hi")
        slack.clock.now += 61
        assert post(slack)["ok"]


def test_a_closed_port_is_left_behind() -> None:
    with serving() as slack:
        client = slack.client
    with pytest.raises(URLError):
        client.auth_test()
