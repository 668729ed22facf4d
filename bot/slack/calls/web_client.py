"""Slack's SDK over connections that are kept open.

The SDK makes a connection for each call, and for each of those a TLS context, which reads all trusted authorities:
tens of milliseconds of CPU, and two more round trips to Slack. Here the connections of a process are used again.
A dead one is noticed by TCP's own probes, so that no call has to find out by its timeout.
"""

import socket
import ssl
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import Request, proxy_bypass

from slack_sdk import WebClient
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, make_headers
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import parse_url

MAX_KEPT = 64  # connections to one host; a call beyond makes one of its own
PROBE_SECONDS = 15  # of silence, before TCP asks whether the other side is there, and between two such questions
MAX_PROBES = 2
PROBES = {"TCP_KEEPIDLE": PROBE_SECONDS, "TCP_KEEPINTVL": PROBE_SECONDS, "TCP_KEEPCNT": MAX_PROBES}


class KeptConnections:
    """The open connections of one process to Slack, or to the proxy before it. Thread-safe; not for forks."""

    def __init__(self) -> None:
        self._pools: dict[str | None, PoolManager] = {}  # by the proxy's URL

    def request(self, request: Request, *, proxy: str | None, timeout_seconds: float) -> BaseHTTPResponse:
        """Sends a request once; raises URLError where it was surely not sent, or another OSError."""
        if proxy and proxy_bypass(request.host):
            proxy = None
        try:
            return self._open(proxy).request(
                request.get_method(),
                request.full_url,
                body=cast(bytes | None, request.data),  # as the SDK makes it
                headers=dict(request.header_items()),
                timeout=timeout_seconds,
                retries=False,
                redirect=False,
            )
        except (NewConnectionError, ConnectTimeoutError, ProxyError) as error:
            raise URLError(error.__cause__ or error) from error
        except SSLError as error:
            raise (error.args[0] if isinstance(error.args[0], OSError) else ConnectionError(str(error))) from error
        except ReadTimeoutError as error:
            raise TimeoutError("timed out") from error
        except HTTPError as error:
            raise ConnectionError(str(error)) from error

    def _open(self, proxy: str | None) -> PoolManager:
        if proxy not in self._pools:
            options: dict[str, Any] = {
                "maxsize": MAX_KEPT,
                "socket_options": _list_socket_options(),
                "ssl_context": ssl.create_default_context(),
            }
            if proxy:
                login = unquote(parse_url(proxy).auth or "")
                headers = make_headers(proxy_basic_auth=login) if login else None
                made: PoolManager = ProxyManager(proxy, proxy_headers=headers, **options)
            else:
                made = PoolManager(**options)
            self._pools.setdefault(proxy, made)
        return self._pools[proxy]


class KeptWebClient(WebClient):
    """The SDK's client, which calls over kept connections and repeats nothing."""

    def __init__(self, token: str, base_url: str, *, timeout: int, connections: KeptConnections) -> None:
        super().__init__(token, base_url=base_url, timeout=timeout, retry_handlers=[])
        self._connections = connections

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        response = self._connections.request(req, proxy=self.proxy, timeout_seconds=self.timeout)
        return {
            "status": response.status,
            "headers": response.headers,
            "body": response.data.decode(errors="replace"),
        }


def _list_socket_options() -> list[tuple[int, int, int]]:
    named = [(getattr(socket, name, None), value) for name, value in PROBES.items()]  # not of every system
    return [
        *HTTPConnection.default_socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, name, value) for name, value in named if name is not None),
    ]
