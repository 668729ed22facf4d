"""Calls to Slack: which are repeated, how long is waited, and what each failure means."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from bot.simulator import ADA, GRACE, HELP, HR, Workspace, WorkspaceServer
from bot.simulator.limits import RateLimiter
from bot.slack.calls.limiter import LocalLimiter
from bot.slack.client import LONGEST_WAIT_SECONDS, RETRIES, SlackClient, SlackRefused, SlackUnavailable

POST: dict[str, Any] = {"channel": HELP, "text": "Hello"}


@pytest.fixture
def pauses() -> list[float]:
    """How long the client slept, in seconds."""
    return []


@pytest.fixture
def client(workspace: Workspace, server: WorkspaceServer, pauses: list[float]) -> SlackClient:
    return SlackClient(workspace.app.bot_token, server.api_url, sleep=pauses.append)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


def n_posts(workspace: Workspace) -> int:
    return sum(message.user == workspace.app.bot_user_id for message in workspace.history(HELP))


def test_a_call_returns_slacks_json_and_leaves_out_what_is_none(workspace: Workspace, client: SlackClient) -> None:
    posted = client.call("chat.postMessage", is_repeatable=False, thread_ts=None, **POST)
    assert posted["ok"]
    (call,) = workspace.calls_of("chat.postMessage")
    assert "thread_ts" not in call.args


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_a_rate_limited_call_is_repeated_after_the_time_slack_says(
    workspace: Workspace, client: SlackClient, pauses: list[float], is_repeatable: bool
) -> None:
    workspace.faults.rate_limit("chat.postMessage", retry_after=7, times=2)
    client.call("chat.postMessage", is_repeatable=is_repeatable, **POST)
    assert (pauses, n_posts(workspace)) == ([7, 7], 1)


def test_a_call_that_may_be_repeated_is_repeated_with_growing_pauses(
    workspace: Workspace, client: SlackClient, pauses: list[float]
) -> None:
    workspace.faults.fail("auth.test", status=503, times=RETRIES.n_attempts - 1)
    assert client.call("auth.test", is_repeatable=True)["ok"]
    assert pauses == pytest.approx([RETRIES.backoff_seconds * 2**n for n in range(RETRIES.n_attempts - 1)])


def test_the_tries_are_bounded(workspace: Workspace, client: SlackClient) -> None:
    workspace.faults.fail("auth.test", status=503, times=None)
    with pytest.raises(SlackUnavailable):
        client.call("auth.test", is_repeatable=True)
    assert len(workspace.calls_of("auth.test")) == RETRIES.n_attempts


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "fail"])
def test_a_post_that_may_have_happened_is_not_repeated(
    workspace: Workspace, client: SlackClient, fault: str
) -> None:
    getattr(workspace.faults, fault)("chat.postMessage")
    with pytest.raises(SlackUnavailable) as error:
        client.call("chat.postMessage", is_repeatable=False, **POST)
    assert (error.value.may_have_happened, error.value.is_transient) == (True, True)
    assert n_posts(workspace) == (1 if fault == "lose_answer" else 0)


def test_a_refused_connection_means_that_nothing_happened(closed_port: int, pauses: list[float]) -> None:
    client = SlackClient("xoxb-1", f"http://127.0.0.1:{closed_port}/api/", sleep=pauses.append)
    with pytest.raises(SlackUnavailable) as error:
        client.call("chat.postMessage", is_repeatable=False, **POST)
    assert not error.value.may_have_happened
    assert len(pauses) == RETRIES.n_attempts - 1


def test_an_error_code_is_a_refusal_and_is_not_repeated(
    workspace: Workspace, client: SlackClient, pauses: list[float]
) -> None:
    workspace.faults.error("chat.postMessage", "is_archived", times=None)
    with pytest.raises(SlackRefused, match=r"Slack refused chat\.postMessage: is_archived") as error:
        client.call("chat.postMessage", is_repeatable=True, **POST)
    assert (error.value.code, error.value.is_transient, pauses) == ("is_archived", False, [])


@pytest.mark.parametrize("code", ["internal_error", "ratelimited", "service_unavailable"])
def test_a_code_that_says_try_later_is_no_refusal(workspace: Workspace, client: SlackClient, code: str) -> None:
    workspace.faults.error("auth.test", code)
    assert client.call("auth.test", is_repeatable=True)["ok"]


def test_a_wait_that_is_too_long_is_left_to_the_caller(
    workspace: Workspace, client: SlackClient, pauses: list[float]
) -> None:
    seconds = int(RETRIES.max_pause_seconds) + 1
    workspace.faults.rate_limit("auth.test", retry_after=seconds)
    with pytest.raises(SlackUnavailable) as error:
        client.call("auth.test", is_repeatable=True)
    assert (error.value.retry_after_seconds, pauses) == (seconds, [])


def test_no_try_begins_after_the_deadline_but_the_first(
    workspace: Workspace, client: SlackClient, pauses: list[float]
) -> None:
    assert client.call("auth.test", is_repeatable=True, deadline=0)["ok"]
    workspace.faults.rate_limit("auth.test", retry_after=1)
    with pytest.raises(SlackUnavailable):
        client.call("auth.test", is_repeatable=True, deadline=0)
    assert pauses == []


def test_a_quick_call_is_tried_once(workspace: Workspace, client: SlackClient, pauses: list[float]) -> None:
    workspace.faults.rate_limit("auth.test", retry_after=1)
    with pytest.raises(SlackUnavailable):
        client.try_once("auth.test")
    assert (len(workspace.calls_of("auth.test")), pauses) == (1, [])


def test_the_bot_knows_its_own_messages_and_asks_once_who_it_is(workspace: Workspace, client: SlackClient) -> None:
    app = workspace.app
    assert client.is_own({"user": app.bot_user_id})
    assert client.is_own({"bot_id": app.bot_id})
    assert not client.is_own({"user": ADA})
    assert not client.is_own({"user": GRACE, "bot_id": None})
    assert len(workspace.calls_of("auth.test")) == 1


def test_a_refused_token_is_told_once_until_it_was_taken_in_between(
    workspace: Workspace, client: SlackClient, capfd: pytest.CaptureFixture[str]
) -> None:
    for code in ("token_revoked", "invalid_auth"):
        workspace.faults.error("*", code, times=3)
        for method in ("auth.test", "team.info", "auth.test"):
            with pytest.raises(SlackRefused):
                client.call(method, is_repeatable=True)
        assert "slack_refuses_token" in (said := capfd.readouterr().out)
        assert said.count("slack_refuses_token") == 1
        assert client.call("auth.test", is_repeatable=True)["ok"]
        assert "slack_takes_token" in capfd.readouterr().out


def test_a_missing_scope_is_told_once_however_many_other_calls_work(
    workspace: Workspace, client: SlackClient, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace.app.scopes.discard("team:read")
    for _ in range(3):
        with pytest.raises(SlackRefused):
            client.call("team.info", is_repeatable=True)
        client.call("auth.test", is_repeatable=True)
    assert capfd.readouterr().out.count("slack_refuses_token") == 1


# Slack's limits


class Office:
    """A Slack that enforces its limits, and clients that share theirs, in a time of their own."""

    def __init__(self, workspace: Workspace, server: WorkspaceServer) -> None:
        self.workspace, self.now, self.started_at = workspace, 1_000.0, 1_000.0
        workspace.rate_limiter = RateLimiter(is_enforced=True, clock=lambda: self.now)
        limiter = LocalLimiter(post_burst=60, clock=lambda: self.now)
        self.one, self.other = (
            SlackClient(workspace.app.bot_token, server.api_url, limiter=limiter, sleep=self._sleep)
            for _ in range(2)
        )

    @property
    def seconds(self) -> float:
        return self.now - self.started_at

    def n_limited(self) -> int:
        return sum(call.status == 429 for call in self.workspace.calls)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def office(workspace: Workspace, server: WorkspaceServer) -> Office:
    return Office(workspace, server)


def post(client: SlackClient, channel: str = HELP) -> None:
    client.call("chat.postMessage", is_repeatable=False, channel=channel, text="Hello")


def test_a_client_without_a_limiter_meets_the_limits_that_the_stand_in_enforces(
    office: Office, client: SlackClient
) -> None:
    for _ in range(60):
        post(client)
    with pytest.raises(SlackUnavailable) as error:
        post(client)
    assert error.value.retry_after_seconds > 0


def test_nothing_is_refused_however_much_is_posted(office: Office) -> None:
    for n in range(200):
        try:
            post((office.one, office.other)[n % 2])
        except SlackUnavailable as error:
            office.now += error.retry_after_seconds  # the turn is given back for so long
            post(office.one)
    assert (office.n_limited(), n_posts(office.workspace)) == (0, 200)
    assert office.seconds == pytest.approx(183.6)  # of four minutes' worth, the first comes at once


def test_a_retry_after_holds_for_all_clients_and_only_in_its_channel(office: Office) -> None:
    office.workspace.faults.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(SlackUnavailable):
        office.one.try_once("chat.postMessage", **POST)
    post(office.other, HR)
    assert office.seconds == 0
    post(office.other)
    post(office.one)
    assert (office.seconds, len(office.workspace.calls_of("chat.postMessage"))) == (8, 4)


def test_a_place_that_is_too_far_off_is_left_to_the_caller_without_a_call(office: Office) -> None:
    office.workspace.faults.rate_limit("chat.postMessage", retry_after=int(LONGEST_WAIT_SECONDS) + 1)
    for kind in ("told", "knows"):
        with pytest.raises(SlackUnavailable) as error:
            office.one.try_once("chat.postMessage", **POST)
        assert error.value.retry_after_seconds == LONGEST_WAIT_SECONDS + 1, kind
    with pytest.raises(SlackUnavailable) as error:
        post(office.other)
    assert (error.value.may_have_happened, error.value.is_transient) == (False, True)
    assert (office.seconds, len(office.workspace.calls_of("chat.postMessage"))) == (0, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.try_once("auth.test"),
        lambda client: client.call("auth.test", is_repeatable=True, deadline=0),
    ],
    ids=["quick", "late"],
)
def test_a_call_that_may_not_wait_is_not_made(office: Office, call: Callable[[SlackClient], object]) -> None:
    office.workspace.faults.rate_limit("auth.test", retry_after=5)
    for _ in range(2):
        with pytest.raises(SlackUnavailable):
            call(office.one)
    assert (office.seconds, len(office.workspace.calls_of("auth.test"))) == (0, 1)
    assert office.other.call("auth.test", is_repeatable=True)["ok"]
    assert office.seconds == 5
