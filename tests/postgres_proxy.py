"""A proxy that knows enough of PostgreSQL's protocol to cut its connections at a commit, and to be a failover.

Before the commit reaches the server, or after the server did it and before anybody hears of that. Then it is away,
as a database is that moves to another server: it refuses connections, says that it starts, or takes no writes.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

STARTUP, SSL_REQUEST, GSS_REQUEST = 196_608, 80_877_103, 80_877_104
STARTING = (b"SFATAL", b"VFATAL", b"C57P03", b"Mthe database system is starting up")
READ_ONLY = b"-c default_transaction_read_only=on"


class Away(StrEnum):
    """How a database is away."""

    NOT = "not"
    REFUSES = "refuses"
    STARTS = "starts"  # connections are taken, and ended
    READ_ONLY = "read only"  # for connections that are opened now, as long as they live


class When(StrEnum):
    """On which side of a commit the connection is cut."""

    BEFORE = "before"
    AFTER = "after"  # it is committed, and nobody knows


@dataclass
class Cut:
    """Where to cut: at the n-th commit of a transaction with statements that ``is_meant``."""

    n: int
    when: When
    then: Away
    is_meant: Callable[[Sequence[str]], bool]


@dataclass
class _Link:
    client: socket.socket
    server: socket.socket
    statements: list[str] = field(default_factory=list)  # of the open transaction, where they were sent as text
    is_muted: bool = False  # what the server says is not passed on


class PostgresProxy:
    """Forwards to the server of ``url``; ``self.url`` is the same address through the proxy."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._links: list[_Link] = []
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self.away = Away.NOT
        self.n_commits = 0  # of those that were meant
        self.n_turned_away = 0  # connections, since it went away
        self.was_cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        credentials, _, _ = parts.netloc.rpartition("@")
        netloc = f"{credentials}@127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=netloc))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(
        self, n: int, when: When, then: Away, is_meant: Callable[[Sequence[str]], bool] = lambda statements: True
    ) -> None:
        """Cuts every connection at the n-th commit from now; is away from then on until :meth:`come_back`."""
        self.n_commits = 0
        self.was_cut.clear()
        self._cut = Cut(n, when, then, is_meant)

    def fail(self, then: Away) -> None:
        """Cuts every connection now, and is away."""
        self.n_turned_away = 0
        self.away = then
        self._cut_links()
        self.was_cut.set()

    def come_back(self) -> None:
        """Ends being away; connections that are read-only stay so."""
        self.away = Away.NOT

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut_links()

    def _cut_links(self) -> None:
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            for end in (link.client, link.server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._open, args=(client,), daemon=True).start()

    def _open(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            startup = _read_startup(client)
            self.n_turned_away += self.away is not Away.NOT
            if not startup or self.away is Away.REFUSES:
                return
            if self.away is Away.STARTS:
                fields = b"\0".join(STARTING) + b"\0\0"
                client.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                return
            if self.away is Away.READ_ONLY:
                startup = _add_option(startup, READ_ONLY)
            with socket.create_connection(self._target) as server:
                link = _Link(client, server)
                with self._lock:
                    self._links.append(link)
                server.sendall(struct.pack("!i", len(startup) + 4) + startup)
                answers = threading.Thread(target=self._pass_answers, args=(link,), daemon=True)
                answers.start()
                self._pass_messages(link)
                for end in (client, server):
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                answers.join()

    def _pass_messages(self, link: _Link) -> None:
        while head := _read(link.client, 5):
            body = _read(link.client, struct.unpack("!i", head[1:])[0] - 4)
            text = _find_statement(head[:1], body)
            if text.startswith("BEGIN"):
                link.statements.clear()
            elif text.startswith("COMMIT") and self._is_cut_here(link):
                self._cut_here(link, head + body)
                return
            elif text:
                link.statements.append(text)
            link.server.sendall(head + body)

    def _is_cut_here(self, link: _Link) -> bool:
        with self._lock:
            cut = self._cut
            if cut is None or not cut.is_meant(link.statements):
                return False
            self.n_commits += 1
            return self.n_commits == cut.n

    def _cut_here(self, link: _Link, commit: bytes) -> None:
        assert self._cut
        cut, self._cut = self._cut, None
        if cut.when is When.AFTER:
            link.is_muted = True
            answered = threading.Event()
            self._on_answer = answered.set
            link.server.sendall(commit)
            answered.wait(60)
        self.fail(cut.then)

    def _pass_answers(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.server.recv(65_536):
                if link.is_muted:
                    self._on_answer()
                    return
                link.client.sendall(data)
        if link.is_muted:
            return
        with contextlib.suppress(OSError):
            link.client.shutdown(socket.SHUT_RDWR)


def _read_startup(client: socket.socket) -> bytes:
    """Refuses encryption, and returns the message that opens a connection."""
    while head := _read(client, 8):
        length, code = struct.unpack("!ii", head)
        if code not in (SSL_REQUEST, GSS_REQUEST):
            return head[4:] + _read(client, length - 8)
        client.sendall(b"N")
    return b""


def _add_option(startup: bytes, option: bytes) -> bytes:
    """Adds to what the connection sets; the message ends with an empty name."""
    if b"\0options\0" in startup:
        return startup.replace(b"\0options\0", b"\0options\0" + option + b" ", 1)
    return startup[:-1] + b"options\0" + option + b"\0\0"


def _read(end: socket.socket, n: int) -> bytes:
    """Reads so many bytes, or none where the connection ends before."""
    data = b""
    while len(data) < n:
        part = end.recv(n - len(data))
        if not part:
            return b""
        data += part
    return data


def _find_statement(kind: bytes, body: bytes) -> str:
    """Returns the text of a simple query, or of one that is to be parsed; else nothing."""
    if kind == b"Q":
        return body.rstrip(b"\0").decode(errors="replace")
    return body.split(b"\0")[1].decode(errors="replace") if kind == b"P" else ""
