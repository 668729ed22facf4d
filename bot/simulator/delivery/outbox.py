"""Deliveries to the app: signed HTTP requests or Socket Mode envelopes, with Slack's redelivery.

Owns the tasks that deliver, the retry schedule and the record of every attempt. Promises that all deliveries run
at once, that an event not acknowledged with a 2xx within the ack time is delivered again after each delay of the
schedule with the retry headers, and that commands and interactions are delivered once. Events sent before a server
runs wait for it. An event whose schedule was cut short by the end of the process starts the schedule again in the
next, as a retry if it was ever tried. Every attempt leaves a record. Does not disable a subscription that keeps
failing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

import aiohttp
from slack_sdk.signature import SignatureVerifier

from bot.simulator.delivery.sockets import AttemptOutcome, SocketHub
from bot.simulator.errors import WorkspaceError
from bot.simulator.payloads import (
    AppPayload,
    CommandPayload,
    DeliveryEnvelope,
    EventEnvelope,
    InteractionPayload,
    UrlVerification,
)
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.pending_events import FailureReason, PendingEvent, PendingEvents
from bot.simulator.timing import Timing

log = logging.getLogger(__name__)

RETRY_NUM, RETRY_REASON, NO_RETRY = "X-Slack-Retry-Num", "X-Slack-Retry-Reason", "x-slack-no-retry"
USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
WAIT_MARGIN_SECONDS = 5.0  # beyond the ack time, within which every attempt ends


class DeliveryKind(StrEnum):
    """What is delivered, in the words of Socket Mode."""

    EVENT = "events_api"
    COMMAND = "slash_commands"
    INTERACTION = "interactive"


@dataclass(frozen=True)
class Delivery:
    """One attempt at `payload`. `body` is what the app answered."""

    kind: DeliveryKind
    event_id: str  # "" for commands and interactions
    event_type: str
    attempt: int  # 0 is the first
    status: int | None
    seconds: float
    reason: FailureReason
    at: float
    body: object = None
    is_final: bool = False
    payload: AppPayload | None = None

    @property
    def is_acked(self) -> bool:
        """Whether the app acknowledged it."""
        return not self.reason


@dataclass(frozen=True)
class Attempt:
    """What is about to be delivered. `last_reason`: why the attempt before failed."""

    envelope: DeliveryEnvelope
    event_type: str
    event_id: str = ""
    number: int = 0
    last_reason: FailureReason = FailureReason.NONE


class Outbox:
    """Delivers events by their schedule, and commands and interactions while the caller waits."""

    def __init__(
        self, app: InstalledApp, pending: PendingEvents, sockets: SocketHub, changes: Changes, *, timing: Timing
    ) -> None:
        self._app, self._pending, self._sockets, self._changes = app, pending, sockets, changes
        self._delays, self._ack_seconds = tuple(timing.retry_delays), timing.ack_seconds
        self._signer = SignatureVerifier(app.signing_secret)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._may_go: asyncio.Event | None = None
        self._is_held = False
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.records: list[Delivery] = []

    def send_event(self, envelope: EventEnvelope) -> None:
        """Starts the schedule of a new event; the caller holds the lock."""
        event = PendingEvent(envelope)
        self._pending.add(event)
        if self._loop is None:
            self._pending.defer(event)
        else:
            self._loop.call_soon_threadsafe(self._start, event)

    def send_command(self, payload: CommandPayload) -> Delivery:
        """Delivers a command and waits for its end. Not from the server's own thread."""
        return self._request(DeliveryKind.COMMAND, payload, payload["command"])

    def send_interaction(self, payload: InteractionPayload) -> Delivery:
        """Delivers an interaction and waits for its end. Not from the server's own thread."""
        return self._request(DeliveryKind.INTERACTION, payload, payload["type"])

    def redeliver(self, event_id: str, *, retry_num: int, reason: FailureReason) -> Delivery:
        """Delivers a past event once more, now, and waits for its end."""
        envelope = self._pending.envelopes.get(event_id)
        if envelope is None:
            raise WorkspaceError(f"no event {event_id!r} was sent")
        return self._wait(self._deliver_once(_event_attempt(envelope, retry_num, reason)))

    def verify_url(self) -> Delivery:
        """Delivers Slack's `url_verification`; the answer must be the challenge."""
        challenge: UrlVerification = {
            "type": "url_verification",
            "token": self._app.verification_token,
            "challenge": "c4a11e",
        }
        envelope = _event_envelope(challenge, 0, FailureReason.NONE)
        return self._wait(self._deliver_once(Attempt(envelope, "url_verification")))

    # `attach` and `close` run on the loop of a server

    def attach(self) -> None:
        """Begins to deliver, first what waited for a server."""
        self._loop = asyncio.get_running_loop()
        self._may_go = asyncio.Event()
        if not self._is_held:
            self._may_go.set()
        # A kept connection that the app has just closed would look like a failed delivery.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=self._ack_seconds)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        for event in self._pending.take_deferred():
            self._start(event)

    async def close(self) -> None:
        """Ends every delivery at once."""
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            await self._client.close()

    def hold(self) -> None:
        """Begins no attempt at an event until `release`; before there is a server, too."""
        self._is_held = True
        if self._loop and self._may_go:
            self._loop.call_soon_threadsafe(self._may_go.clear)

    def release(self) -> None:
        """Ends a `hold`."""
        self._is_held = False
        if self._loop and self._may_go:
            self._loop.call_soon_threadsafe(self._may_go.set)

    def _start(self, event: PendingEvent) -> None:
        task = asyncio.get_running_loop().create_task(self._follow_schedule(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow_schedule(self, event: PendingEvent) -> None:
        reason = event.reason
        for number, delay in enumerate((0.0, *self._delays), event.n_attempts):
            if delay:
                await asyncio.sleep(delay)
            if self._may_go:
                await self._may_go.wait()
            # Should the process end before the answer, it counts as one that did not come in time.
            self._pending.save(replace(event, n_attempts=number + 1, reason=FailureReason.HTTP_TIMEOUT))
            record = await self._deliver_once(_event_attempt(event.envelope, number, reason))
            if record.is_acked or record.is_final:
                return
            reason = record.reason
            self._pending.save(replace(event, n_attempts=number + 1, reason=reason))
        self._pending.settle(event.id)

    async def _deliver_once(self, attempt: Attempt) -> Delivery:
        started, at = time.perf_counter(), time.time()
        try:
            if self._app.request_url:
                outcome = await self._post(attempt, self._app.request_url)
            else:
                outcome = await self._sockets.request(attempt.envelope)
        except Exception as error:  # noqa: BLE001 - whatever it is, the schedule goes on and the log has it
            log.warning("workspace_delivery_failed type=%s cause=%r", attempt.event_type, error)
            outcome = AttemptOutcome(None, reason=FailureReason.UNKNOWN_ERROR)
        record = Delivery(
            kind=DeliveryKind(attempt.envelope["type"]),
            event_id=attempt.event_id,
            event_type=attempt.event_type,
            attempt=attempt.number,
            status=outcome.status,
            seconds=time.perf_counter() - started,
            reason=FailureReason.NONE if outcome.is_acked else outcome.reason or FailureReason.HTTP_ERROR,
            at=at,
            body=outcome.body,
            is_final=outcome.is_final,
            payload=attempt.envelope["payload"],
        )
        with self._changes.lock:
            self.records.append(record)
            if attempt.event_id and (record.is_acked or record.is_final):
                self._pending.settle(attempt.event_id)
            self._changes.notify()
        return record

    async def _post(self, attempt: Attempt, url: str) -> AttemptOutcome:
        body, content_type = _encode(attempt.envelope)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": USER_AGENT,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": str(self._signer.generate_signature(timestamp=timestamp, body=body)),
        }
        if attempt.number:
            last_reason = attempt.last_reason or FailureReason.HTTP_TIMEOUT
            headers |= {RETRY_NUM: str(attempt.number), RETRY_REASON: last_reason}
        if self._client is None:
            return AttemptOutcome(None, reason=FailureReason.CONNECTION_FAILED)
        try:
            async with self._client.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                content = await answer.text(errors="replace")
        except TimeoutError:
            return AttemptOutcome(None, reason=FailureReason.HTTP_TIMEOUT)
        except aiohttp.ClientError:
            return AttemptOutcome(None, reason=FailureReason.CONNECTION_FAILED)
        decoded: object = content or None
        reason = FailureReason.NONE
        if content and answer.content_type == "application/json":
            try:
                decoded = json.loads(content)
            except (ValueError, RecursionError):  # of an event only the status counts
                is_event = attempt.envelope["type"] == DeliveryKind.EVENT
                reason = FailureReason.NONE if is_event else FailureReason.UNKNOWN_ERROR
        return AttemptOutcome(answer.status, decoded, reason, is_final=answer.headers.get(NO_RETRY) == "1")

    def _request(self, kind: DeliveryKind, payload: CommandPayload | InteractionPayload, name: str) -> Delivery:
        envelope: DeliveryEnvelope = {"type": kind, "payload": payload, "accepts_response_payload": True}
        return self._wait(self._deliver_once(Attempt(envelope, name)))

    def _wait(self, delivery: Coroutine[None, None, Delivery]) -> Delivery:
        if self._loop is None:
            delivery.close()
            raise WorkspaceError("start a WorkspaceServer first: nothing can be delivered without one")
        future = asyncio.run_coroutine_threadsafe(delivery, self._loop)
        return future.result(self._ack_seconds + WAIT_MARGIN_SECONDS)


def _event_attempt(envelope: EventEnvelope, number: int, last_reason: FailureReason) -> Attempt:
    wrapped = _event_envelope(envelope, number, last_reason)
    return Attempt(wrapped, envelope["event"]["type"], envelope["event_id"], number, last_reason)


def _event_envelope(
    payload: EventEnvelope | UrlVerification, number: int, last_reason: FailureReason
) -> DeliveryEnvelope:
    return {
        "type": DeliveryKind.EVENT,
        "payload": payload,
        "accepts_response_payload": False,
        "retry_attempt": number,
        "retry_reason": last_reason,
    }


def _encode(envelope: DeliveryEnvelope) -> tuple[str, str]:
    """Returns body and content type: JSON for events, a form for commands, a form with one JSON field for
    interactions."""
    payload = envelope["payload"]
    if envelope["type"] == DeliveryKind.EVENT:
        return json.dumps(payload), "application/json"
    fields = payload if envelope["type"] == DeliveryKind.COMMAND else {"payload": json.dumps(payload)}
    return urlencode(fields), "application/x-www-form-urlencoded"
