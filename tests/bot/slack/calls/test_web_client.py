"""Connections to Slack: kept, made again where they are dead, and taken through a proxy."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from bot.slack.calls.web_client import KeptConnections
from bot.slack.client import SlackClient, SlackUnavailable

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
LAST = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@dataclass
class Peer:
    """A server that gives each request the next of ``answers``, the last one again; None hangs up instead."""

    answers: list[bytes | None]
    n_connections: int = 0
    heads: list[str] = field(default_factory=list)
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.n_connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while head := _read_request(connection):
                self.heads.append(head)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    return
                connection.sendall(answer)
                if answer == LAST:
                    return


def _read_request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            return ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    while len(body) < sum(lengths):
        body += connection.recv(65536)
    return head.decode()


@contextmanager
def _serve(*answers: bytes | None) -> Iterator[Peer]:
    peer = Peer(list(answers))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer.port = listener.getsockname()[1]
        threading.Thread(target=peer.serve, args=(listener,), daemon=True).start()
        yield peer
        listener.shutdown(socket.SHUT_RDWR)


def _client(port: int, sleep: Callable[[float], None] = lambda seconds: None) -> SlackClient:
    return SlackClient("xoxb-1", f"http://127.0.0.1:{port}/api/", sleep=sleep)


def _post(client: SlackClient) -> object:
    return client.call("chat.postMessage", is_repeatable=False, channel="C1", text="Hello")["ok"]


def test_calls_share_a_connection() -> None:
    with _serve(OK) as peer:
        client = _client(peer.port)
        assert [_post(client) for _ in range(5)] == [True] * 5
        client.try_once("auth.test")
        assert (peer.n_connections, len(peer.heads)) == (1, 6)


def test_workspaces_share_connections_and_each_call_brings_the_token_of_its_own() -> None:
    with _serve(OK) as peer:
        kept, url = KeptConnections(), f"http://127.0.0.1:{peer.port}/api/"
        for token in ("xoxb-1", "xoxb-2", "xoxb-1"):
            assert _post(SlackClient(token, url, connections=kept))
        sent = [line for head in peer.heads for line in head.splitlines() if "xoxb" in line]
        assert [line.rpartition(" ")[2] for line in sent] == ["xoxb-1", "xoxb-2", "xoxb-1"]
        assert peer.n_connections == 1


def test_a_connection_that_slack_has_closed_is_made_again_and_the_call_sent_once() -> None:
    with _serve(LAST, OK) as peer:
        client = _client(peer.port)
        assert [_post(client), _post(client), _post(client)] == [True] * 3
        assert (peer.n_connections, len(peer.heads)) == (2, 3)


def test_a_call_whose_connection_breaks_may_have_happened_and_is_not_repeated() -> None:
    with _serve(OK, None, OK) as peer:
        client = _client(peer.port)
        _post(client)
        with pytest.raises(SlackUnavailable) as error:
            _post(client)
        assert error.value.may_have_happened
        assert len(peer.heads) == 2
        assert _post(client)


def test_a_connection_that_cannot_be_made_has_surely_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serve(OK) as peer:
        pass  # nobody listens there any more
    with pytest.raises(SlackUnavailable) as error:
        _post(_client(peer.port))
    assert not error.value.may_have_happened
    monkeypatch.setattr(socket, "getaddrinfo", _fail_to_resolve)
    with pytest.raises(SlackUnavailable) as error:
        _post(SlackClient("xoxb-1", "http://slack.example/api/", sleep=lambda seconds: None))
    assert not error.value.may_have_happened


def test_a_proxy_that_is_away_has_surely_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serve(OK) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(SlackUnavailable) as error:
        _post(SlackClient("xoxb-1", "http://slack.example/api/", sleep=lambda seconds: None))
    assert not error.value.may_have_happened


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"{", b"<html>Log in</html>", b'{"error":[1]}'])
def test_an_answer_that_is_not_slacks_is_none(body: bytes) -> None:
    """Some proxy's page is no refusal, after which an answer would be given up."""
    with _serve(_make_answer(b"200 OK", body)) as peer, pytest.raises(SlackUnavailable) as error:
        _post(_client(peer.port))
    assert error.value.may_have_happened


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(b"7", 7), (b"soon", 1), (b"nan", 1), (b"-5", 1), (b"inf", 3600), (b"Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
def test_a_time_to_wait_that_is_none_counts_a_second(asked: bytes, seconds: float) -> None:
    answer = _make_answer(b"429 Too Many Requests\r\nRetry-After: " + asked, b"{}")
    with _serve(answer) as peer, pytest.raises(SlackUnavailable) as error:
        _post(_client(peer.port))
    assert (error.value.retry_after_seconds, error.value.may_have_happened) == (seconds, False)


def _make_answer(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def _fail_to_resolve(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


def test_a_proxy_is_used_with_its_password_and_not_for_what_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serve(OK) as proxy, _serve(OK) as slack:
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:p%40ss@127.0.0.1:{proxy.port}")
        assert _post(SlackClient("xoxb-1", "http://slack.example/api/"))
        (head,) = proxy.heads
        assert head.startswith("POST http://slack.example/api/chat.postMessage ")
        assert base64.b64encode(b"ada:p@ss").decode() in head
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert _post(_client(slack.port))
        assert (len(proxy.heads), len(slack.heads)) == (1, 1)
