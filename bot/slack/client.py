"""Calls to Slack's Web API. Answers the question that every caller has after a failure: did the call happen?

Promises: a call that may be repeated is repeated after rate limits, 5xx and broken connections. A call that must
not be repeated, because it would post twice, is repeated only if Slack said that nothing happened. To find out
what an unclear call did is the caller's part: see :mod:`bot.slack.replies.thread_reply`.
"""

import math
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError

from slack_sdk.errors import SlackApiError, SlackClientError

from agent import observability
from agent.errors import ReplyError
from agent.observability.metrics import Metric, MetricKind
from agent.retry import Retries, RetryPolicy
from bot.outages import slack as outages
from bot.slack.calls.limiter import CallLimiter
from bot.slack.calls.web_client import KeptConnections, KeptWebClient

TIMEOUT_SECONDS = 15
QUICK_TIMEOUT_SECONDS = 3  # for calls that may fail, such as a status
RETRIES = RetryPolicy(n_attempts=4, backoff_seconds=0.3, max_pause_seconds=30)
LONGEST_WAIT_SECONDS = 10.0  # for a place: a thread that waits answers nobody else
MOST_RETRY_SECONDS = 3_600.0  # that a Retry-After is believed
CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")  # of Slack's errors
LIMITED_CODES = {"ratelimited", "rate_limited"}
TRANSIENT_CODES = {
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}

NO_ACCESS = "team_access_not_granted"  # an organisation's app, to one of its workspaces
# What the operator can mend: until then the answers wait, as for a Slack that is away.
OPERATOR_CODES = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "invalid_auth",
        "missing_scope",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        NO_ACCESS,
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
# What Slack says of a token that is no longer good.
TOKEN_CODES = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"})
MISSING_SCOPE = "missing_scope"
TOKEN = "SLACK_BOT_TOKEN"
UPLOAD = "upload"  # a file's content, to the address that Slack named

RATE_LIMITED = Metric(
    MetricKind.COUNTER, "docent_slack_rate_limited", "Calls that Slack refused with 429, by its method", ["method"]
)

Payload = dict[str, Any]  # JSON that Slack sent


class SlackRefused(ReplyError):
    """Slack answered with an error; ``code`` is its error code. Transient where the operator can mend it."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method}: {code}", is_transient=code in OPERATOR_CODES)
        self.method, self.code = method, code


class SlackUnavailable(ReplyError):
    """Slack gave no answer; ``may_have_happened`` tells whether the call may have had its effect.

    ``retry_after_seconds``: its limits, or Slack itself, ask to wait so long; 0 where nobody named a time.
    """

    def __init__(self, method: str, *, may_have_happened: bool, retry_after_seconds: float = 0) -> None:
        super().__init__(f"Slack did not answer {method}", is_transient=True)
        self.may_have_happened = may_have_happened
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_unreached(self) -> bool:
        """Returns whether no connection could be made: from this machine, nothing can be said either."""
        return not (self.may_have_happened or self.retry_after_seconds)


class BotToken(Protocol):
    """The token of one workspace; ``name`` is what an operator knows it by."""

    @property
    def name(self) -> str: ...

    def read(self) -> str:
        """Returns the token as it is now; raises :class:`ReplyError` where there is none."""
        ...

    def is_renewed(self, refused: str) -> bool:
        """Looks whether another token stands in the place of one that Slack refuses."""
        ...


class FixedToken:
    """The token of the settings."""

    name = TOKEN

    def __init__(self, token: str) -> None:
        self._token = token

    def read(self) -> str:
        """Returns the token."""
        return self._token

    def is_renewed(self, refused: str) -> bool:
        """Returns False: the operator changes it, and starts the process anew."""
        return False


class TokenAlarm:
    """Tells the operator that Slack refuses the token: once, and again only if it was taken in between.

    Thread-safe. A missing scope is told once per method, because other methods go on working.
    """

    def __init__(self, token_name: str = TOKEN) -> None:
        self._token_name = token_name
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def note_refusal(self, error: SlackRefused) -> None:
        """Reports the first of an outage."""
        what = error.method if error.code == MISSING_SCOPE else ""
        with self._lock:
            is_known = what in self._told
            self._told.add(what)
        if not is_known:
            observability.report(error, event="slack_refuses_token")
            outage = outages.refuse(self._token_name, error.code)
            observability.log.error("answers_wait", problem=outage.text, advice=outage.advice)

    def note_success(self, method: str) -> None:
        """Notes that Slack took the token."""
        if not self._told:
            return
        with self._lock:
            n_told = len(self._told)
            self._told -= {"", method}
            is_over = len(self._told) < n_told
        if is_over:
            observability.log.warning("slack_takes_token", method=method)


class SlackClient:
    """One workspace's Web API. Thread-safe."""

    def __init__(
        self,
        token: str | BotToken,
        base_url: str,
        *,
        limiter: CallLimiter | None = None,
        connections: KeptConnections | None = None,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``limiter`` is shared with other processes; a command that calls Slack a few times needs none.

        Clients of many workspaces share ``connections``: each call brings its own token.

        ``longest_wait_seconds`` is how long one call without a deadline may wait for its place.
        """
        self.token: BotToken = FixedToken(token) if isinstance(token, str) else token
        kept = connections or KeptConnections()
        self._client = KeptWebClient(base_url, timeout=TIMEOUT_SECONDS, connections=kept)
        self._quick = KeptWebClient(base_url, timeout=QUICK_TIMEOUT_SECONDS, connections=kept)
        self._limiter, self._longest_wait_seconds, self._sleep = limiter, longest_wait_seconds, sleep
        self._alarm = TokenAlarm(self.token.name)
        self._identity: Payload | None = None

    def call(
        self, method: str, *, is_repeatable: bool, deadline: float | None = None, **arguments: object
    ) -> Payload:
        """Calls ``method``; raises :class:`SlackRefused`, or :class:`SlackUnavailable` after the last try.

        After ``deadline`` (``time.monotonic()`` seconds) no further try begins, nor one whose place is later.
        Arguments that are None are left out::

            posted = slack.call("chat.postMessage", is_repeatable=False, channel="C1", text="Hello")
            slack.call("chat.update", is_repeatable=True, channel="C1", ts=posted["ts"], text="Hello again")
        """
        retries = Retries(RETRIES, deadline=math.inf if deadline is None else deadline, sleep=self._sleep)
        while True:
            self._wait_for_place(method, arguments, deadline)
            try:
                return self._call_once(self._client, method, arguments)
            except SlackUnavailable as error:
                is_safe = is_repeatable or not error.may_have_happened
                if not is_safe or not retries.wait(error.retry_after_seconds):
                    raise

    def upload(self, name: str, content: bytes) -> str:
        """Uploads a file, which nobody sees before ``files.completeUploadExternal``; returns its id."""
        told = self.call("files.getUploadURLExternal", is_repeatable=True, filename=name, length=len(content))
        request = urllib.request.Request(told["upload_url"], data=content, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
                return str(told["file_id"])
        except HTTPError as error:
            with error:
                raise SlackRefused(UPLOAD, f"http_{error.code}") from error
        except (OSError, HTTPException) as error:
            raise SlackUnavailable(UPLOAD, may_have_happened=True) from error

    def try_once(self, method: str, **arguments: object) -> Payload:
        """Calls ``method`` once, with a short timeout: for calls that may fail, or that the caller repeats.

        Raises :class:`SlackUnavailable` where it would have to wait for its place.
        """
        self._wait_for_place(method, arguments, deadline=0)
        return self._call_once(self._quick, method, arguments)

    def is_own(self, message: Payload) -> bool:
        """Returns whether this bot wrote the message."""
        identity = self.identify()
        return message.get("user") == identity.get("user_id") or (
            message.get("bot_id") is not None and message.get("bot_id") == identity.get("bot_id")
        )

    def identify(self) -> Payload:
        """Returns whose token this is, as ``auth.test`` said first."""
        if self._identity is None:
            self._identity = self.call("auth.test", is_repeatable=True)
        return self._identity

    def _wait_for_place(self, method: str, arguments: dict[str, object], deadline: float | None) -> None:
        """Waits until the call may be made; raises :class:`SlackUnavailable`, at once, if that takes too long."""
        if self._limiter is None:
            return
        left = self._longest_wait_seconds if deadline is None else max(0.0, deadline - time.monotonic())
        has_waited = False
        while True:
            wait = self._limiter.reserve(
                method, _find_channel(arguments), longest_seconds=left, has_waited=has_waited
            )
            if wait > left:
                raise SlackUnavailable(method, may_have_happened=False, retry_after_seconds=wait)
            if not wait:
                return
            self._sleep(wait)
            left, has_waited = left - wait, True

    def _call_once(self, client: KeptWebClient, method: str, arguments: dict[str, object]) -> Payload:
        try:
            answer = self._call_with_token(client, method, arguments)
        except SlackRefused as error:
            if error.is_transient:
                self._alarm.note_refusal(error)
            raise
        except SlackUnavailable as error:
            if error.retry_after_seconds:
                RATE_LIMITED.add(method=method)
            if self._limiter and error.retry_after_seconds:
                self._limiter.note_limited(method, _find_channel(arguments), error.retry_after_seconds)
            raise
        self._alarm.note_success(method)
        return answer

    def _call_with_token(self, client: KeptWebClient, method: str, arguments: dict[str, object]) -> Payload:
        """Calls with the token as it is now, and once more where Slack refuses one that was renewed meanwhile."""
        token = self.token.read()
        try:
            return _call_once(client, method, arguments, token)
        except SlackRefused as error:
            if error.code not in TOKEN_CODES or not self.token.is_renewed(token):
                raise
        return _call_once(client, method, arguments, self.token.read())


def _find_channel(arguments: dict[str, object]) -> str:
    return str(arguments.get("channel") or "")


def _call_once(client: KeptWebClient, method: str, arguments: dict[str, object], token: str) -> Payload:
    present = {name: value for name, value in arguments.items() if value is not None}
    try:
        # The SDK's own functions know which methods take a form, a query or JSON: reads refuse JSON.
        data = getattr(client, method.replace(".", "_"))(token=token, **present).data
        return data if isinstance(data, dict) else {}
    except SlackApiError as error:
        raise _translate(method, error) from error
    except URLError as error:  # of a connection that was not made
        raise SlackUnavailable(method, may_have_happened=False) from error
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise SlackUnavailable(method, may_have_happened=True) from error
    except AttributeError as error:  # of the SDK, for JSON that is no object
        raise SlackUnavailable(method, may_have_happened=True) from error


def _read_seconds(asked: object) -> float:
    """Reads how long to wait; a second where that is nonsense, or a date, which Slack does not send."""
    try:
        seconds = float(str(asked))
    except ValueError:
        return 1
    return min(seconds, MOST_RETRY_SECONDS) if seconds > 0 else 1


def _translate(method: str, error: SlackApiError) -> ReplyError:
    response: Any = error.response
    status = getattr(response, "status_code", 200)
    data = response.data if isinstance(getattr(response, "data", None), dict) else {}
    code = str(data.get("error") or "")
    if status == 429 or code in LIMITED_CODES:
        asked = response.headers.get("Retry-After") or response.headers.get("retry-after")
        return SlackUnavailable(method, may_have_happened=False, retry_after_seconds=_read_seconds(asked))
    if status >= 500 or not CODE.fullmatch(code) or code in TRANSIENT_CODES:  # or a page of some proxy
        return SlackUnavailable(method, may_have_happened=True)
    return SlackRefused(method, code)
