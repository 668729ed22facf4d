"""Socket Mode: the app's own connections, through which payloads go instead of HTTP.

Owns the tickets of `apps.connections.open`, the open connections, and the wait for each acknowledgement.
Promises that a payload goes to exactly one connection, in turn, and counts as acknowledged only by its
`envelope_id`, on whichever connection that arrives. Does not retry: `delivery` does.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.simulator import limits
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

TICKET_SECONDS = 30.0
GRACE_SECONDS = 2.0  # between a `disconnect` message and the close


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended: a status, and a reason if there is none or the body cannot be read."""

    status: int | None
    body: Any = None
    reason: str = ""
    is_final: bool = False  # the app asked for no retry

    @property
    def is_acked(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and not self.reason


@dataclass(eq=False)
class Connection:
    websocket: WebSocket
    is_leaving: bool = False
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, message: Json) -> None:
        async with self.sending:
            await self.websocket.send_text(json.dumps(message))


class Sockets:
    def __init__(self, workspace: "Workspace", *, ack_seconds: float) -> None:
        self._workspace = workspace
        self._ack_seconds = ack_seconds
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._turn = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def n_connections(self) -> int:
        return len(self._open())

    def ticket_url(self) -> str:
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = time.monotonic() + TICKET_SECONDS
        host = self._workspace.url.replace("http://", "ws://", 1)
        return f"{host}/link/?ticket={ticket}&app_id={self._workspace.app_id}"

    async def serve(self, websocket: WebSocket) -> None:
        """One connection from hello to its end."""
        expires_at = self._tickets.pop(websocket.query_params.get("ticket", ""), 0.0)
        if expires_at < time.monotonic() or self._workspace.faults.away:
            await websocket.close()
            return
        await websocket.accept()
        self._loop = asyncio.get_running_loop()
        connection = Connection(websocket)
        try:
            if len(self._connections) >= limits.SOCKETS_PER_APP:
                await connection.send({"type": "disconnect", "reason": "too_many_websockets"})
                await websocket.close()
                return
            self._connections.append(connection)
            await connection.send(self._hello())
            self._tell()
            while True:
                self._take(await websocket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            pass  # RuntimeError: starlette's word for sending on a connection that is gone
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
            self._tell()

    async def request(self, envelope: Json) -> Outcome:
        """Send to one connection, in turn, and wait for the acknowledgement."""
        open_ones = self._open()
        if not open_ones:
            return Outcome(None, reason="connection_failed")
        connection = open_ones[next(self._turn) % len(open_ones)]
        envelope_id = str(uuid.uuid4())
        acknowledged = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = acknowledged
        try:
            await connection.send({**envelope, "envelope_id": envelope_id})
            body = await asyncio.wait_for(acknowledged, self._ack_seconds)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return Outcome(None, reason="timeout")
        finally:
            del self._waiting[envelope_id]
        return Outcome(200, body)

    def disconnect(self, reason: str = "refresh_requested", *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Ask every connected app to reconnect, as Slack does every few hours; the old connections close then."""
        for connection in self._open():
            connection.is_leaving = True
            self._run(self._bid_farewell(connection, reason, grace_seconds))

    def drop(self) -> None:
        """Close every connection without a word."""
        for connection in self._open():
            connection.is_leaving = True
            self._run(self._close(connection))

    async def close(self) -> None:
        for connection in list(self._connections):
            await self._close(connection)

    def _open(self) -> list[Connection]:
        return [connection for connection in self._connections if not connection.is_leaving]

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": self._workspace.app_id},
            "debug_info": _debug_info(),
        }

    def _take(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return  # it acknowledges nothing
        if not isinstance(message, dict):
            return
        waiting = self._waiting.get(str(message.get("envelope_id")))
        if waiting and not waiting.done():
            waiting.set_result(message.get("payload"))

    async def _bid_farewell(self, connection: Connection, reason: str, grace_seconds: float) -> None:
        try:
            await connection.send({"type": "disconnect", "reason": reason, "debug_info": _debug_info()})
            await asyncio.sleep(grace_seconds)
        except (WebSocketDisconnect, RuntimeError):
            return
        await self._close(connection)

    async def _close(self, connection: Connection) -> None:
        with contextlib.suppress(RuntimeError):  # it closed first
            await connection.websocket.close()

    def _run(self, farewell: Any) -> None:
        if self._loop is None:
            farewell.close()
        else:
            asyncio.run_coroutine_threadsafe(farewell, self._loop)

    def _tell(self) -> None:
        with self._workspace.lock:
            self._workspace.changed()


def _debug_info() -> Json:
    return {"host": "applink-stand-in", "build_number": 1, "approximate_connection_time": 18060}
