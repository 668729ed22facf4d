"""How the app is told: signed HTTP requests or Socket Mode envelopes, with Slack's redelivery.

Owns the tasks that deliver, the retry schedule and the record of every attempt. Promises that all deliveries
run at once, that an event not acknowledged with a 2xx within the ack time is delivered again after each delay
of the schedule with the retry headers, and that commands and interactions are delivered once. Work asked for
before a server runs waits for it. An event whose schedule was cut short by the end of the process begins it
anew in the next, as a retry if it was ever tried. Whatever befalls an attempt, it leaves a record. Does not
disable a subscription that keeps failing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from bot.simulator.delivery.sockets import Outcome
from bot.simulator.errors import WorkspaceError
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.stores.snapshot import Kept
    from bot.simulator.workspace import Workspace

log = logging.getLogger(__name__)

Kind = Literal["events_api", "slash_commands", "interactive"]
RETRY_NUM, RETRY_REASON, NO_RETRY = "X-Slack-Retry-Num", "X-Slack-Retry-Reason", "x-slack-no-retry"


@dataclass(frozen=True)
class Delivery:
    """One attempt at `payload`. `reason` is Slack's word for why it failed, "" if it did not; `body` what the app
    said."""

    kind: Kind
    event_id: str  # "" for commands and interactions
    event_type: str
    attempt: int  # 0 is the first
    status: int | None
    seconds: float
    reason: str
    at: float
    body: Any = None
    is_final: bool = False
    payload: Json | None = None

    @property
    def is_acked(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Undelivered:
    """An event that is neither acknowledged nor given up, and why its last attempt failed, as far as known."""

    envelope: Json
    n_attempts: int = 0
    reason: str = ""

    @property
    def id(self) -> str:
        return str(self.envelope["event_id"])


class Deliveries:
    def __init__(
        self, workspace: "Workspace", kept: "Kept", *, retry_delays: Sequence[float], ack_seconds: float
    ) -> None:
        self._workspace = workspace
        self._delays = tuple(retry_delays)
        self._ack_seconds = ack_seconds
        self._signer = SignatureVerifier(workspace.signing_secret)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._may_go: asyncio.Event | None = None
        self._is_held = False
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unsent = kept.events
        self.envelopes: dict[str, Json] = {event.id: event.envelope for event in kept.events}
        self.records: list[Delivery] = []

    def send_event(self, envelope: Json) -> None:
        event = Undelivered(envelope)
        self.envelopes[event.id] = envelope
        self._workspace.archive.keep("event", event.id, event)
        if self._loop is None:
            self._unsent.append(event)
        else:
            self._loop.call_soon_threadsafe(self._start, self._deliver(event))

    def request(self, kind: Kind, payload: Json) -> Delivery:
        """Deliver a command or an interaction, and wait for how it ended. Not from the server's own thread."""
        name = str(payload.get("command") or payload.get("type"))
        envelope = {"type": kind, "payload": payload, "accepts_response_payload": True}
        return self._wait(self._attempt(envelope, "", name, 0, ""))

    def redeliver(self, event_id: str, *, retry_num: int, reason: str) -> Delivery:
        if event_id not in self.envelopes:
            raise WorkspaceError(f"no event {event_id!r} was sent")
        return self._wait(self._attempt_event(self.envelopes[event_id], retry_num, reason))

    def verify_url(self) -> Delivery:
        """Slack's `url_verification`: the answer must be the challenge."""
        challenge = {
            "type": "url_verification",
            "token": self._workspace.verification_token,
            "challenge": "c4a11e",
        }
        return self._wait(self._attempt(_events_api(challenge, 0, ""), "", "url_verification", 0, ""))

    # Life with a server: `attach` and `close` run on its loop

    def attach(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._may_go = asyncio.Event()
        if not self._is_held:
            self._may_go.set()
        # A kept connection that the app has just closed would look like a failed delivery.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=self._ack_seconds)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        with self._workspace.lock:
            unsent, self._unsent = self._unsent, []
        for event in unsent:
            self._start(self._deliver(event))

    async def close(self) -> None:
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            await self._client.close()

    def hold(self) -> None:
        """Begin no attempt at an event until `release`; before there is a server, too."""
        self._is_held = True
        if self._loop and self._may_go:
            self._loop.call_soon_threadsafe(self._may_go.clear)

    def release(self) -> None:
        self._is_held = False
        if self._loop and self._may_go:
            self._loop.call_soon_threadsafe(self._may_go.set)

    # One event, through its schedule

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: Undelivered) -> None:
        reason = event.reason
        for attempt, delay in enumerate((0.0, *self._delays), event.n_attempts):
            if delay:
                await asyncio.sleep(delay)
            if self._may_go:
                await self._may_go.wait()
            # Should the process end before the answer, nobody will have heard one in time.
            self._keep(replace(event, n_attempts=attempt + 1, reason="http_timeout"))
            done = await self._attempt_event(event.envelope, attempt, reason)
            if done.is_acked or done.is_final:
                return
            reason = done.reason
            self._keep(replace(event, n_attempts=attempt + 1, reason=reason))
        with self._workspace.lock:
            self._workspace.archive.forget("event", event.id)

    def _keep(self, event: Undelivered) -> None:
        with self._workspace.lock:
            self._workspace.archive.keep("event", event.id, event)

    async def _attempt_event(self, envelope: Json, attempt: int, reason: str) -> Delivery:
        wrapped = _events_api(envelope, attempt, reason)
        return await self._attempt(wrapped, envelope["event_id"], envelope["event"]["type"], attempt, reason)

    async def _attempt(
        self, envelope: Json, event_id: str, event_type: str, attempt: int, last_reason: str
    ) -> Delivery:
        started = time.perf_counter()
        at = time.time()
        try:
            if self._workspace.request_url:
                outcome = await self._post(envelope, attempt, last_reason)
            else:
                outcome = await self._workspace.sockets.request(envelope)
        except Exception as error:  # noqa: BLE001 - whatever it is, the schedule goes on and a person is told
            log.warning("workspace_delivery_failed type=%s cause=%r", event_type, error)
            outcome = Outcome(None, reason="unknown_error")
        record = Delivery(
            kind=envelope["type"],
            event_id=event_id,
            event_type=event_type,
            attempt=attempt,
            status=outcome.status,
            seconds=time.perf_counter() - started,
            reason="" if outcome.is_acked else outcome.reason or "http_error",
            at=at,
            body=outcome.body,
            is_final=outcome.is_final,
            payload=envelope["payload"],
        )
        with self._workspace.lock:
            self.records.append(record)
            if event_id and (record.is_acked or record.is_final):
                self._workspace.archive.forget("event", event_id)
            self._workspace.changed()
        return record

    async def _post(self, envelope: Json, attempt: int, last_reason: str) -> Outcome:
        body, content_type = _encode(envelope)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": str(self._signer.generate_signature(timestamp=timestamp, body=body)),
        }
        if attempt:
            headers |= {RETRY_NUM: str(attempt), RETRY_REASON: last_reason or "http_timeout"}
        if self._client is None or self._workspace.request_url is None:
            return Outcome(None, reason="connection_failed")
        try:
            async with self._client.post(
                self._workspace.request_url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                content = await answer.text(errors="replace")
        except TimeoutError:
            return Outcome(None, reason="http_timeout")
        except aiohttp.ClientError:
            return Outcome(None, reason="connection_failed")
        decoded, reason = content or None, ""
        if content and answer.content_type == "application/json":
            try:
                decoded = json.loads(content)
            except (ValueError, RecursionError):  # of an event only the status counts
                reason = "" if envelope["type"] == "events_api" else "unknown_error"
        return Outcome(answer.status, decoded, reason, is_final=answer.headers.get(NO_RETRY) == "1")

    def _wait(self, work: Coroutine[Any, Any, Delivery]) -> Delivery:
        if self._loop is None:
            work.close()
            raise WorkspaceError("start a WorkspaceServer first: nothing can be delivered without one")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._ack_seconds + 5)


def _events_api(payload: Json, attempt: int, reason: str) -> Json:
    return {
        "type": "events_api",
        "payload": payload,
        "accepts_response_payload": False,
        "retry_attempt": attempt,
        "retry_reason": reason,
    }


def _encode(envelope: Json) -> tuple[str, str]:
    """Slack's three bodies: JSON events, form commands, and a form with one JSON field for interactions."""
    payload = envelope["payload"]
    if envelope["type"] == "events_api":
        return json.dumps(payload), "application/json"
    fields = payload if envelope["type"] == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields), "application/x-www-form-urlencoded"
