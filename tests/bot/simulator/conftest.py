"""A served workspace, a client of it, and real Bolt apps over HTTP and Socket Mode."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.simulator import Archive, InstalledApp, PageContent, Timing, Workspace, WorkspaceServer
from bot.simulator.server.web_api import FORM_ONLY

SOON = (0.05, 0.1, 0.2)  # seconds; the redelivery schedule of most tests


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    workspace: Workspace
    server: WorkspaceServer
    client: WebClient
    clock: Clock

    def refusal(self, method: str, **args: Any) -> str:
        """Slack's code for a call that must fail."""
        reads: dict[str, Any] = {"http_verb": "GET", "params": args} if method in FORM_ONLY else {"json": args}
        with pytest.raises(SlackApiError) as caught:
            self.client.api_call(method, **reads)
        return str(caught.value.response["error"])


@contextmanager
def serving(
    app: InstalledApp | None = None,
    *,
    archive: Path | None = None,
    is_rate_limited: bool = False,
    content: PageContent | None = None,
    **durations: Any,
) -> Iterator[Served]:
    """A served workspace whose clock stands still and whose retries come soon; `durations` are those of
    `Timing`."""
    clock = Clock()
    timing = Timing(**{"retry_delays": SOON, "clock": clock, **durations})
    workspace = Workspace(app, timing=timing, archive=archive, is_rate_limited=is_rate_limited)
    with WorkspaceServer(workspace, content=content) as server:
        client = WebClient(workspace.app.bot_token, base_url=server.api_url, retry_handlers=[])
        yield Served(workspace, server, client, clock)
    workspace.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    """For tests of single calls, which share a workspace and mind only what they made themselves."""
    with serving(InstalledApp(subscriptions=())) as served:
        yield served


@pytest.fixture
def slack() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "workspace.sqlite"


Open = Callable[..., Workspace]


@pytest.fixture
def reopen(file: Path) -> Iterator[Open]:
    """The next workspace with the same file; the one before it just stops, as if killed."""
    opened: list[Workspace] = []

    def opening(archive: Archive | None = None, *, is_populated: bool = True) -> Workspace:
        opened.append(Workspace(archive=archive or Archive(file), is_populated=is_populated))
        return opened[-1]

    yield opening
    for workspace in opened:
        workspace.close()


Answer = tuple[str, list[tuple[str, str]]]
OK: Answer = ("200 OK", [])
ERROR: Answer = ("500 Oops", [])


class Listening:
    """A bare WSGI app that keeps each request and answers what it is told to."""

    def __init__(self, answer: Callable[[int], Answer] = lambda n: OK, body: bytes = b"") -> None:
        self.requests: list[dict[str, Any]] = []
        self._answer, self._body = answer, body

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        headers = {k[5:].lower().replace("_", "-"): v for k, v in environ.items() if k.startswith("HTTP_")}
        self.requests.append({"headers": headers, "body": body.decode()})
        status, answer_headers = self._answer(len(self.requests))
        start_response(status, list(answer_headers))  # the server adds to it
        return [self._body]


class ThreadingWSGIServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


def bolt(slack: Served) -> App:
    """A Bolt app as the product runs it: events are acknowledged only after their listener has returned."""
    client = WebClient(slack.workspace.app.bot_token, base_url=slack.server.api_url)
    return App(client=client, signing_secret=slack.workspace.app.signing_secret, process_before_response=True)


@contextmanager
def listening(wsgi: Any) -> Iterator[str]:
    """The request URL of an app that is served."""
    server = make_server("127.0.0.1", 0, wsgi, ThreadingWSGIServer, QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/slack/events"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def http_served(slack: Served, wsgi: Any) -> Iterator[str]:
    with listening(wsgi) as url:
        slack.workspace.app.request_url = url
        yield url


@contextmanager
def socket_connected(slack: Served, app: App) -> Iterator[SocketModeHandler]:
    handler = SocketModeHandler(app, slack.workspace.app.app_token, ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]
    slack.workspace.wait_for(lambda: slack.workspace.sockets.n_connections)
    try:
        yield handler
    finally:
        # The client's own close waits out a read of 3 s and a queue of 1 s; ending both first takes no time.
        handler.client.auto_reconnect_enabled = False
        slack.workspace.sockets.drop()
        handler.client.current_session_runner.shutdown()  # type: ignore[no-untyped-call]
        handler.client.closed = True
        handler.client.enqueue_message("")
        handler.close()  # type: ignore[no-untyped-call]


Connect = Callable[[Served, App], AbstractContextManager[Any]]


@pytest.fixture(params=["http", "socket"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Connects a Bolt app for the length of the test, over HTTP and over Socket Mode in turn."""
    with ExitStack() as stack:

        @contextmanager
        def connected(slack: Served, app: App) -> Iterator[None]:
            over_http = request.param == "http"
            with http_served(slack, SlackRequestHandler(app)) if over_http else socket_connected(slack, app):
                yield

        yield connected
        stack.close()
