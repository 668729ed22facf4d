"""A language model that says what a test tells it to: a real HTTP server that speaks the OpenAI chat API."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.llm import litellm_setup

Request = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """Text, streamed word by word over ``seconds``."""

    text: str
    seconds: float = 0.0
    finish_reason: str = "stop"
    completion_tokens: int = 20  # as the provider counts them


@dataclass(frozen=True)
class Call:
    """Tool calls: (name, arguments) each; arguments may be a string that is no JSON."""

    calls: Sequence[tuple[str, Any]]
    text: str = ""


@dataclass(frozen=True)
class Fail:
    """An HTTP error."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "scripted"
    code: str | None = None


@dataclass(frozen=True)
class Break:
    """Text, and then the connection is cut in the middle of the stream."""

    text: str


@dataclass(frozen=True)
class Stall:
    """Text, and then only comments that keep the connection open, until ``event`` is set or the caller leaves.

    Without ``beats`` not even those.
    """

    text: str
    event: threading.Event
    beats: bool = True


@dataclass(frozen=True)
class Raw:
    """Bytes of a stream, as they are; then the connection is cut."""

    body: bytes


@dataclass(frozen=True)
class Chunks:
    """Chunks as they are, each with its own delta, finish reason and usage; without ``is_done`` no ``[DONE]``."""

    chunks: Sequence[dict[str, Any]]
    is_done: bool = True


@dataclass(frozen=True)
class Hang:
    """Nothing, until ``event`` is set or the caller goes away."""

    event: threading.Event


Line = Say | Call | Fail | Break | Stall | Raw | Chunks | Hang
Script = Callable[[Request], Line]


class ScriptedModel:
    """``script`` gives a line for each request; requests are kept in order, and lines that were said whole."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.said: list[Line] = []  # those with whose usage, and so with whose price, the answer ended
        self.let_go = threading.Event()  # for whoever hangs until a test says so
        self.hung_up = threading.Event()  # a caller left in the middle of an answer
        self._arrived = threading.Condition()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                """Quiet."""

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with model._arrived:
                    model.requests.append(request)
                    model._arrived.notify_all()
                try:
                    _perform(self, model.script(request), model.said)
                except (BrokenPipeError, ConnectionResetError):
                    model.hung_up.set()
                    self.close_connection = True

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> "ScriptedModel":
        litellm_setup.warm_up()  # else the first turn of a process waits for it, on a busy machine to its end
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        _close_clients()

    def wait_for_requests(self, n: int, timeout: float = 120) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= n, timeout), (
                f"{len(self.requests)} of {n} requests came"
            )


def _close_clients() -> None:
    """litellm keeps a client for each address, and closes none it drops: the collector would find its socket open
    in the middle of another test."""
    if sdk := sys.modules.get("litellm"):
        clients = sdk.in_memory_llm_clients_cache.cache_dict
        for key in [key for key, client in clients.items() if type(client).__module__.startswith("openai")]:
            clients.pop(key).close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that is killed drops its connections."""


def _perform(handler: BaseHTTPRequestHandler, line: Line, said: list[Line]) -> None:
    if isinstance(line, Fail):
        error = {"message": line.message, "type": "scripted", "code": line.code}
        body = json.dumps({"error": error}).encode()
        handler.send_response(line.status)
        for name, value in line.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return
    if isinstance(line, Hang):
        line.event.wait(120)
        handler.close_connection = True
        return
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    if isinstance(line, Raw):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(line.body), line.body) if line.body else b"")
        handler.close_connection = True
        handler.connection.close()
        return
    if isinstance(line, Chunks):
        for chunk in line.chunks:
            _send(handler, chunk if "error" in chunk else _chunk(**chunk))
        done = b"data: [DONE]\n\n" if line.is_done else b""
        handler.wfile.write((b"%x\r\n%s\r\n" % (len(done), done) if done else b"") + b"0\r\n\r\n")
        return
    for delta, finish_reason, pause in _deltas(line):
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        _send(handler, _chunk(choices=[choice]))
        if pause:
            time.sleep(pause)
    if isinstance(line, Stall):
        while not line.event.wait(0.1 if line.beats else 60):
            handler.wfile.write(b"a\r\n: waiting\n\r\n")
            handler.wfile.flush()
        handler.close_connection = True
        return
    if isinstance(line, Break):
        handler.close_connection = True
        handler.connection.close()
        return
    n_written = line.completion_tokens if isinstance(line, Say) else 20
    usage = {"prompt_tokens": 100, "completion_tokens": n_written, "total_tokens": 100 + n_written}
    said.append(line)
    _send(handler, _chunk(choices=[], usage=usage))
    handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(b"data: [DONE]\n\n"), b"data: [DONE]\n\n"))


def _deltas(line: Say | Call | Break | Stall) -> Iterator[tuple[dict[str, Any], str | None, float]]:
    yield {"role": "assistant", "content": ""}, None, 0
    words = line.text.split(" ") if line.text else []
    pause = line.seconds / len(words) if isinstance(line, Say) and words else 0
    for index, word in enumerate(words):
        yield {"content": word if index == 0 else f" {word}"}, None, pause
    if isinstance(line, Call):
        for index, (name, arguments) in enumerate(line.calls):
            given = arguments if isinstance(arguments, str) else json.dumps(arguments)
            function = {"name": name, "arguments": given}
            call = {"index": index, "id": f"call_{name}_{index}", "type": "function", "function": function}
            yield {"tool_calls": [call]}, None, 0
        yield {}, "tool_calls", 0
    elif isinstance(line, Say):
        yield {}, line.finish_reason, 0


def _chunk(**fields: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **fields}


def _send(handler: BaseHTTPRequestHandler, chunk: dict[str, Any]) -> None:
    data = f"data: {json.dumps(chunk)}\n\n".encode()
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    handler.wfile.flush()
