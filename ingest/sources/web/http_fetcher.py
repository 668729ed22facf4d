"""Sends requests to one site, one after the other and with a pause between.

Promises: addresses are public unless private ones are allowed (see :mod:`ingest.sources.web.public_network`); no
request lasts longer than its timeout; no answer is read beyond its limit, which counts unpacked bytes; no cookie
is stored. Redirects are followed only for files that belong to a host (its robots.txt), never to another host.
"""

import math
import os
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from agent import __version__
from agent.retry import Retries, RetryPolicy
from ingest.documents.raw import FetchProblem
from ingest.sources.web import public_network
from ingest.sources.web.site import join, normalise

USER_AGENT = f"Docent/{__version__}"
MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 30  # that a server may ask for before the second try
MAX_REST_BYTES = 16_000  # read of a body that is not wanted, so that its connection can be used again
RETRIES = RetryPolicy(n_attempts=2, backoff_seconds=0)  # the site's own pace is the pause
_BUSY = {429, 502, 503, 504}
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_PIECE_BYTES = 64_000

Limit = Callable[[int, httpx.Headers], int]


@dataclass(frozen=True)
class HttpResponse:
    """An answer. ``body`` is unpacked; empty where it was not wanted, cut off where it ``is_too_large``."""

    status: int
    headers: httpx.Headers
    body: bytes = b""
    is_too_large: bool = False

    @property
    def redirect(self) -> str:
        """Returns the address of a redirect, maybe relative; empty for other answers."""
        return str(self.headers.get("location", "")) if self.status in {301, 302, 303, 307, 308} else ""


class HttpFetcher:
    """The connections to one site, for one thread; ``authorization`` is a header sent with each request."""

    def __init__(
        self,
        *,
        timeout_seconds: float = 20,
        delay_seconds: float = 0.2,
        allow_private: bool = False,
        use_proxy: bool = False,
        authorization: str = "",
        resolve: public_network.Resolve = public_network.resolve_host,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.delay_seconds = delay_seconds
        self.requested_at = -math.inf  # the latest request, on the monotonic clock
        self._timeout_seconds = timeout_seconds
        self._use_proxy = use_proxy
        self._headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._headers |= {"Authorization": authorization.strip()} if authorization else {}
        # A proxy resolves names itself, and decides what may be reached through it.
        self._backend = public_network.PublicNetworkBackend(resolve, allow_private=allow_private or use_proxy)
        self._sleep = sleep
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()

    def get(self, url: str, *, limit: Limit, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Requests an address, twice where another try may help.

        ``limit`` returns, for a status and headers, how many bytes of the body are wanted, 0 for none. Raises
        :class:`FetchProblem` when there is no answer.
        """
        sent = {**self._headers, **(headers or {})}
        retries = Retries(RETRIES, sleep=self._sleep)
        while True:
            try:
                answer = self._once(url, sent, limit)
            except FetchProblem as problem:
                if not problem.may_pass or not retries.wait():
                    raise
                continue
            if answer.status not in _BUSY or not retries.wait(_retry_after(answer)):
                return answer

    def follow(self, url: str, *, limit: Limit) -> HttpResponse:
        """Requests an address and follows redirects on the same host and port, or to its https.

        Returns the last answer, which is a redirect where that leads elsewhere.
        """
        answer = self.get(url, limit=limit)
        for _ in range(MAX_REDIRECTS):
            target = normalise(join(url, answer.redirect)) if answer.redirect else None
            if not target or not _is_same_host(target, url):
                break
            url, answer = target, self.get(target, limit=limit)
        return answer

    def _once(self, url: str, headers: Mapping[str, str], limit: Limit) -> HttpResponse:
        self._sleep(max(0.0, self.requested_at + self.delay_seconds - time.monotonic()))
        self.requested_at = time.monotonic()
        self._backend.deadline = self.requested_at + self._timeout_seconds
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        try:
            with self._pool(url).stream("GET", url, headers=sent) as response:
                return _read(response, limit)
        except httpcore.TimeoutException:
            raise _temporary_problem(f"did not answer within {self._timeout_seconds:g} seconds") from None
        except httpcore.ConnectError as error:
            raise _connection_problem(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError):
            raise _temporary_problem("broke off its answer") from None

    def _pool(self, url: str) -> httpcore.ConnectionPool:
        scheme = urlsplit(url).scheme
        if scheme not in self._pools:
            self._pools[scheme] = httpcore.ConnectionPool(
                ssl_context=_ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
                proxy=self._proxy(url),
                network_backend=self._backend,
            )
        return self._pools[scheme]

    def _proxy(self, url: str) -> httpcore.Proxy | None:
        parts = urlsplit(url)
        address = getproxies().get(parts.scheme) if self._use_proxy else None
        if not address or proxy_bypass(parts.hostname or ""):
            return None
        proxy = httpx.Proxy(address)
        return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)


@cache
def _ssl_context(*authorities: str | None) -> ssl.SSLContext:
    """Reads the trusted authorities, which takes 50 ms; httpx knows the variables that add a company's own."""
    return httpx.create_ssl_context()


def _is_same_host(target: str, url: str) -> bool:
    """Returns whether the authorization may be sent along: to the same host and port, or to its https."""
    new, old = httpx.URL(target), httpx.URL(url)
    is_upgrade = (old.scheme, new.scheme, old.port, new.port) == ("http", "https", None, None)
    return new.host == old.host and (is_upgrade or (new.scheme, new.port) == (old.scheme, old.port))


def _retry_after(answer: HttpResponse) -> float:
    """Returns the seconds to wait; a date instead of a number counts as one second."""
    seconds = answer.headers.get("retry-after", "")
    return min(float(seconds), MAX_WAIT_SECONDS) if seconds.isdecimal() else 1.0


def _read(response: httpcore.Response, limit: Limit) -> HttpResponse:
    headers = httpx.Headers(response.headers)
    n_wanted = limit(response.status, headers)
    n_most = max(n_wanted, MAX_REST_BYTES)
    body = bytearray()
    for piece in _unpack(response.iter_stream(), headers) if n_wanted else response.iter_stream():
        body += piece
        if len(body) > n_most:
            break
    return HttpResponse(response.status, headers, bytes(body[:n_wanted]), is_too_large=0 < n_wanted < len(body))


def _unpack(parts: Iterable[bytes], headers: httpx.Headers) -> Iterator[bytes]:
    """Unpacks piece by piece, because a few packed bytes may hold gigabytes."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        yield from parts
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise FetchProblem(f"is compressed in a way that was not asked for ({encoding[:40]})", "repair the server")
    unpacker, has_begun = zlib.decompressobj(_GZIP_OR_ZLIB), False
    try:
        for part in parts:
            rest = part
            has_begun = True
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE_BYTES)
                rest = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        raise _temporary_problem("sent broken data") from None
    if has_begun and not unpacker.eof:
        raise _temporary_problem("broke off its answer")


def _temporary_problem(cause: str) -> FetchProblem:
    return FetchProblem(cause, "it is tried again with the next sync", may_pass=True)


def _connection_problem(message: str) -> FetchProblem:
    """Tells apart what an operator can repair: certificates and names."""
    if "CERTIFICATE" in message.upper():
        advice = "repair the site's certificate, or name your authority's in SSL_CERT_FILE"
        return FetchProblem("has a certificate that is not trusted", advice, may_pass=True)
    if message == public_network.NO_ADDRESS:
        return FetchProblem("is on a host that no name server knows", "check the address", may_pass=True)
    return FetchProblem("cannot be connected to", "check the address, and that the site is up", may_pass=True)
