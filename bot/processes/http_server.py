"""The HTTP server of the web process: waitress, with an end to how long and how large a request may be.

Promises that a connection is closed when its request is not complete some seconds after its first byte, however
steadily the bytes come: waitress' own timeout begins anew with each of them. Does not limit how many connections
one address opens: that is for a proxy in front of it.
"""

import time
from typing import Any

import waitress
from waitress.channel import HTTPChannel

REQUEST_SECONDS = 10  # Slack sends its requests whole, and waits three seconds for an answer
CHECK_SECONDS = 2
MAX_BODY_BYTES = 1_000_000
MAX_HEADER_BYTES = 32_768
MAX_CONNECTIONS = 1000


class TimedChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that counts as idle since its unfinished request began."""

    begun_at: float | None = None  # of the request that is being received

    def received(self, data: bytes) -> bool:
        """Takes bytes in."""
        is_taken = bool(super().received(data))
        self.begun_at = (self.begun_at or time.time()) if self.request is not None else None
        if self.begun_at is not None:
            self.last_activity = self.begun_at
        return is_taken


def listen(app: Any, *, host: str, port: int, threads: int) -> Any:
    """Opens the port; returns waitress's server. Raises OSError, and ValueError for a host without an address."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=threads,
        max_request_body_size=MAX_BODY_BYTES,
        max_request_header_size=MAX_HEADER_BYTES,
        ident="docent",
        channel_timeout=REQUEST_SECONDS,
        cleanup_interval=CHECK_SECONDS,
        backlog=1024,
        connection_limit=MAX_CONNECTIONS,
        asyncore_use_poll=True,  # select() dies beyond 1,024 descriptors
    )
    for listening in sockets.values():  # one for each address of the host
        if hasattr(listening, "channel_class"):
            listening.channel_class = TimedChannel
    return server
