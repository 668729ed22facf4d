"""Socket Mode: the app's own connections, through which payloads go instead of HTTP.

Owns the tickets of `apps.connections.open`, the open connections, and the wait for each acknowledgement.
Promises that a payload goes to exactly one connection, in turn, and counts as acknowledged only by its
`envelope_id`, on whichever connection that arrives. Does not retry: `outbox` does.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import time
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.simulator import limits
from bot.simulator.delivery.faults import Faults
from bot.simulator.payloads import DeliveryEnvelope
from bot.simulator.stores.changes import Changes
from bot.simulator.stores.pending_events import FailureReason

TICKET_SECONDS = 30.0
GRACE_SECONDS = 2.0  # between a `disconnect` message and the close


@dataclass(frozen=True)
class AttemptOutcome:
    """How one attempt ended: a status, and a reason if there is none or the body cannot be read."""

    status: int | None
    body: object = None
    reason: FailureReason = FailureReason.NONE
    is_final: bool = False  # the app asked for no retry

    @property
    def is_acked(self) -> bool:
        """Whether the app acknowledged it."""
        return self.status is not None and 200 <= self.status < 300 and not self.reason


@dataclass(eq=False)
class SocketConnection:
    """One connection of the app; `is_leaving` once it gets no more payloads."""

    websocket: WebSocket
    is_leaving: bool = False
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, message: Mapping[str, object]) -> None:
        """Sends one JSON message, whole."""
        async with self._sending:
            await self.websocket.send_text(json.dumps(message))


class SocketHub:
    """The app's open connections. The server sets `base_url` when it starts."""

    def __init__(self, app_id: str, faults: Faults, changes: Changes, *, ack_seconds: float) -> None:
        self.base_url = ""
        self._app_id, self._faults, self._changes = app_id, faults, changes
        self._ack_seconds = ack_seconds
        self._tickets: dict[str, float] = {}
        self._connections: list[SocketConnection] = []
        self._waiting: dict[str, asyncio.Future[object]] = {}
        self._turn = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def n_connections(self) -> int:
        """How many connections get payloads."""
        return len(self._open())

    def issue_ticket_url(self) -> str:
        """Returns a URL that opens one connection within half a minute."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = time.monotonic() + TICKET_SECONDS
        host = self.base_url.replace("http://", "ws://", 1)
        return f"{host}/link/?ticket={ticket}&app_id={self._app_id}"

    async def serve(self, websocket: WebSocket) -> None:
        """Serves one connection from hello to its end."""
        expires_at = self._tickets.pop(websocket.query_params.get("ticket", ""), 0.0)
        if expires_at < time.monotonic() or self._faults.outage:
            await websocket.close()
            return
        await websocket.accept()
        self._loop = asyncio.get_running_loop()
        connection = SocketConnection(websocket)
        try:
            if len(self._connections) >= limits.SOCKETS_PER_APP:
                await connection.send({"type": "disconnect", "reason": "too_many_websockets"})
                await websocket.close()
                return
            self._connections.append(connection)
            await connection.send(self._hello())
            self._notify()
            while True:
                self._acknowledge(await websocket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            pass  # RuntimeError: what starlette raises for sending on a closed connection
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
            self._notify()

    async def request(self, envelope: DeliveryEnvelope) -> AttemptOutcome:
        """Sends to one connection, in turn, and waits for the acknowledgement."""
        connections = self._open()
        if not connections:
            return AttemptOutcome(None, reason=FailureReason.CONNECTION_FAILED)
        connection = connections[next(self._turn) % len(connections)]
        envelope_id = str(uuid.uuid4())
        acknowledged: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = acknowledged
        try:
            await connection.send({**envelope, "envelope_id": envelope_id})
            body = await asyncio.wait_for(acknowledged, self._ack_seconds)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return AttemptOutcome(None, reason=FailureReason.TIMEOUT)
        finally:
            del self._waiting[envelope_id]
        return AttemptOutcome(200, body)

    def disconnect(self, reason: str = "refresh_requested", *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Asks every connected app to reconnect, as Slack does every few hours; then closes the old
        connections."""
        for connection in self._open():
            connection.is_leaving = True
            self._run(self._disconnect(connection, reason, grace_seconds))

    def drop(self) -> None:
        """Closes every connection without notice."""
        for connection in self._open():
            connection.is_leaving = True
            self._run(self._close(connection))

    async def close(self) -> None:
        """Closes every connection and waits for that."""
        for connection in list(self._connections):
            await self._close(connection)

    def _open(self) -> list[SocketConnection]:
        return [connection for connection in self._connections if not connection.is_leaving]

    def _hello(self) -> dict[str, object]:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": self._app_id},
            "debug_info": _debug_info(),
        }

    def _acknowledge(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return  # it acknowledges nothing
        if not isinstance(message, dict):
            return
        waiting = self._waiting.get(str(message.get("envelope_id")))
        if waiting and not waiting.done():
            waiting.set_result(message.get("payload"))

    async def _disconnect(self, connection: SocketConnection, reason: str, grace_seconds: float) -> None:
        try:
            await connection.send({"type": "disconnect", "reason": reason, "debug_info": _debug_info()})
            await asyncio.sleep(grace_seconds)
        except (WebSocketDisconnect, RuntimeError):
            return
        await self._close(connection)

    async def _close(self, connection: SocketConnection) -> None:
        with contextlib.suppress(RuntimeError):  # it closed first
            await connection.websocket.close()

    def _run(self, ending: Coroutine[None, None, None]) -> None:
        if self._loop is None:
            ending.close()
        else:
            asyncio.run_coroutine_threadsafe(ending, self._loop)

    def _notify(self) -> None:
        with self._changes.lock:
            self._changes.notify()


def _debug_info() -> dict[str, object]:
    return {"host": "applink-stand-in", "build_number": 1, "approximate_connection_time": 18060}
