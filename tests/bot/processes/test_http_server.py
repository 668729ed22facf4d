"""Requests that come slowly, or are too large, hold no connection; those that come whole are answered."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from bot.processes import http_server
from bot.processes.http_server import MAX_BODY_BYTES, MAX_HEADER_BYTES

REQUEST = b"GET / HTTP/1.1\r\nHost: docent.example\r\n"
Connect = Callable[[], socket.socket]


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_server, "REQUEST_SECONDS", 1)
        patch.setattr(http_server, "CHECK_SECONDS", 1)
        server = http_server.listen(app, host="127.0.0.1", port=0, threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield lambda: socket.create_connection(("127.0.0.1", server.effective_port), timeout=60)
    server.close()
    thread.join(10)


def test_a_request_that_comes_byte_by_byte_is_cut_off_however_steadily(connect: Connect) -> None:
    """Its sender, who never pauses for long, sees the end; somebody else is answered before that."""
    with closing(connect()) as slow, closing(connect()) as quick:
        slow.settimeout(0.1)
        quick.sendall(REQUEST + b"\r\n")
        assert quick.recv(100).startswith(b"HTTP/1.1 200")
        assert any(_is_closed_after_a_byte(slow) for _ in range(300))


def _is_closed_after_a_byte(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"G")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST + b"X: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n",
        REQUEST.replace(b"GET", b"POST") + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        REQUEST.replace(b"GET", b"POST") + b"Content-Length: -1\r\n\r\n",
        REQUEST.replace(b"GET", b"POST") + b"Content-Length: x\r\n\r\n",
    ],
    ids=["header", "body", "negative", "no number"],
)
def test_what_is_too_large_or_of_no_size_is_refused_before_it_is_read(connect: Connect, request_: bytes) -> None:
    with closing(connect()) as client:
        client.sendall(request_)
        assert client.recv(100).split()[1] in (b"400", b"413", b"431")


def test_a_connection_that_asks_again_and_again_stays(connect: Connect) -> None:
    """Each request is timed from its own first byte; together these take longer than one may."""
    with closing(connect()) as client, client.makefile("rb") as answers:
        for _ in range(4):
            client.sendall(REQUEST)
            time.sleep(0.35)
            client.sendall(b"\r\n")
            assert answers.readline().startswith(b"HTTP/1.1 200")
            while answers.readline().strip():
                pass
            assert answers.read(2) == b"ok"
