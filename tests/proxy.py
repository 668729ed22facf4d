"""A TCP proxy on loopback that can go away and come back on the same port: a database's or a queue's outage."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit, urlunsplit

PROBES = {  # seconds, seconds, probes, milliseconds
    socket.TCP_KEEPIDLE: 5,
    socket.TCP_KEEPINTVL: 2,
    socket.TCP_KEEPCNT: 2,
    socket.TCP_USER_TIMEOUT: 8_000,
}


class Proxy:
    """Forwards to the server of ``url``; ``self.url`` is the same address through the proxy."""

    def __init__(self, url: str, *, address: str = "127.0.0.1", probes: bool = False) -> None:
        """``address`` is the one to listen on. With ``probes`` a client that vanished without a word is noticed
        within seconds, as a server does that has been told to."""
        self._probes = probes
        parts = urlsplit(url)
        self._address = address
        self._target = (parts.hostname or "127.0.0.1", parts.port or 0)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        credentials, _, _ = parts.netloc.rpartition("@")
        netloc = f"{credentials}@{address}:{self.port}" if credentials else f"{address}:{self.port}"
        self.url = urlunsplit(parts._replace(netloc=netloc))

    def go_away(self) -> None:
        """Refuses new connections and cuts the open ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Listens on the same port again."""
        self._listener = self._listen(self.port)

    def lead_to(self, url: str) -> None:
        """Leads to another server from now on: new connections do."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 0)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.go_away()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._address, port))
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._probes:
                for option, value in PROBES.items():
                    client.setsockopt(socket.IPPROTO_TCP, option, value)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._connections |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()
        with self._lock:
            self._connections.discard(source)
