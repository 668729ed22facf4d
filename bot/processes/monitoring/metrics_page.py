"""Serves ``/metrics`` to Prometheus, at a port of its own, or at the web process's with a token.

A port that is taken, or any other fault here, costs the metrics and nothing else: it is told of in the log.
"""

import hmac
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.types import StartResponse, WSGIEnvironment

from agent import observability
from agent.observability import metrics
from agent.observability.metrics import Reading
from bot.outages import machine
from bot.processes import http_server
from bot.settings import BotSettings

if TYPE_CHECKING:
    from agent.observability.metrics import Registry

PATH = "/metrics"
THREADS = 2  # so that somebody is told of a wrong token while the page is made
PORTS = {"web": 0, "worker": 1, "clock": 2}  # beyond DOCENT_METRICS_PORT, so that one machine may run all
NOTE = "Questions are answered all the same; Prometheus sees nothing of this process."


class MetricsPage:
    """The page as a WSGI application. ``open_registry`` returns what is shown."""

    def __init__(self, open_registry: "Callable[[], Registry]", token: str) -> None:
        self._open_registry, self._token = open_registry, token
        self.making = threading.Lock()  # one at a time

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handles one request."""
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "GET":
            return _say(start_response, "404 Not Found", f"The metrics are at {PATH}.\n")
        if not self.admits(environ):
            return _say(start_response, "401 Unauthorized", "DOCENT_METRICS_TOKEN is needed, as a bearer token.\n")
        try:
            with self.making:
                body, content_type = metrics.render(self._open_registry(), environ.get("HTTP_ACCEPT", ""))
        except Exception as error:  # noqa: BLE001  a request ends here
            error_id = observability.report(error, event="metrics_failed")
            return _say(start_response, "500 Internal Server Error", f"The log has why, by {error_id}.\n")
        start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def admits(self, environ: WSGIEnvironment) -> bool:
        """Returns whether the request brings the token, where one is set."""
        if not self._token:
            return True
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(errors="replace"), self._token.encode()
        )


def make(settings: BotSettings, open_registry: "Callable[[], Registry]") -> MetricsPage:
    """Makes the page with the token of the settings."""
    token = settings.metrics_token
    return MetricsPage(open_registry, token.get_secret_value() if token else "")


def open_own(settings: BotSettings, read: Callable[[], Iterable[Reading]] | None = None) -> MetricsPage | None:
    """Begins to count in this process, where metrics are wanted; returns the page of what it counts, and of what
    ``read`` returns each time."""
    if settings.metrics_port is None and settings.metrics_token is None:
        return None
    registry = metrics.start()
    if read:
        metrics.read_when_asked(registry, read)
    return make(settings, lambda: registry)


def listen(settings: BotSettings, page: MetricsPage, *, process: str) -> Any:
    """Opens the port of a process; returns waitress's server, None where that is impossible or not wanted."""
    if settings.metrics_port is None:
        return None
    host, port = settings.metrics_host, settings.metrics_port + PORTS[process]
    try:
        return http_server.listen(page, host=host, port=port, threads=THREADS)
    except (OSError, ValueError, OverflowError) as error:
        cause = error if isinstance(error, OSError) else OSError(0, "it cannot be resolved or is no port")
        outage = machine.explain_port(host, port, cause, setting="DOCENT_METRICS_PORT")
        observability.log.warning("metrics_port_unusable", problem=outage.text, note=NOTE)
        return None


def serve_beside(settings: BotSettings, page: MetricsPage | None, *, process: str) -> None:
    """Serves the page in a thread of this process, if it has a port."""
    if page and (server := listen(settings, page, process=process)):
        threading.Thread(target=server.run, name="metrics", daemon=True).start()


def _say(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    payload = text.encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(payload)))]
    if status.startswith("401"):
        headers.append(("WWW-Authenticate", "Bearer"))
    start_response(status, headers)
    return [payload]
