"""Requests to a site of somebody else's, one after the other and with a pause between.

Promises: addresses are public unless private ones are allowed (see :mod:`ingest.sources.web.public_network`); no
request lasts
longer than its time; no answer is read further than its limit, which counts what is unpacked; no cookie is kept. A
redirect is followed for files that belong to a host (its robots.txt), never to another host.
"""

import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from agent import __version__
from ingest.documents.raw import FetchProblem
from ingest.sources.web import public_network
from ingest.sources.web.site import joined, normalised

USER_AGENT = f"Docent/{__version__}"
MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 30  # that a server may ask for before the second try
MAX_REST_BYTES = 16_000  # read of an answer nobody wants, so that its connection can be used again
_BUSY = {429, 502, 503, 504}
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_PIECE_BYTES = 64_000

Limit = Callable[[int, httpx.Headers], int]


@dataclass(frozen=True)
class HttpResponse:
    """``body`` is unpacked; empty where nobody wanted it, broken off where it ``is_too_large``."""

    status: int
    headers: httpx.Headers
    body: bytes = b""
    is_too_large: bool = False

    @property
    def redirect(self) -> str:
        """Where it sends to, maybe relative; empty where it does not."""
        return str(self.headers.get("location", "")) if self.status in {301, 302, 303, 307, 308} else ""


class HttpFetcher:
    """Connections to one site, for one thread; ``authorization`` is a header sent with each request."""

    def __init__(
        self,
        *,
        timeout_seconds: float = 20,
        delay_seconds: float = 0.2,
        allow_private: bool = False,
        use_proxy: bool = False,
        authorization: str = "",
        resolve: public_network.Resolve = public_network.resolved,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.delay_seconds = delay_seconds
        self.asked_at = -math.inf  # on the monotonic clock; the next request keeps its distance from it
        self._timeout_seconds = timeout_seconds
        self._use_proxy = use_proxy
        self._headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._headers |= {"Authorization": authorization.strip()} if authorization else {}
        # A proxy resolves names itself, and guards what is reached through it.
        self._line = public_network.PublicNetworkBackend(resolve, allow_private=allow_private or use_proxy)
        self._sleep = sleep
        self._pools: dict[str, httpcore.ConnectionPool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()

    def get(self, url: str, *, limit: Limit, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """``limit`` tells by status and headers how many bytes of the body are wanted, 0 for none.

        Tried twice where another try may help. Raises :class:`FetchProblem` when there is no answer.
        """
        sent = {**self._headers, **(headers or {})}
        try:
            answer = self._once(url, sent, limit)
        except FetchProblem as problem:
            if not problem.may_pass:
                raise
            return self._once(url, sent, limit)
        if answer.status in _BUSY:
            self._sleep(_asked_wait(answer))
            return self._once(url, sent, limit)
        return answer

    def follow(self, url: str, *, limit: Limit) -> HttpResponse:
        """As :meth:`get`, through redirects on the same host and port, or to its https; the last answer where they
        lead elsewhere."""
        answer = self.get(url, limit=limit)
        for _ in range(MAX_REDIRECTS):
            target = normalised(joined(url, answer.redirect)) if answer.redirect else None
            if not target or not _is_near(target, url):
                break
            url, answer = target, self.get(target, limit=limit)
        return answer

    def _once(self, url: str, headers: Mapping[str, str], limit: Limit) -> HttpResponse:
        self._sleep(max(0.0, self.asked_at + self.delay_seconds - time.monotonic()))
        self.asked_at = time.monotonic()
        self._line.deadline = self.asked_at + self._timeout_seconds
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        try:
            with self._pool(url).stream("GET", url, headers=sent) as response:
                return _answer(response, limit)
        except httpcore.TimeoutException:
            raise _passing(f"did not answer within {self._timeout_seconds:g} seconds") from None
        except httpcore.ConnectError as error:
            raise _unconnected(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError):
            raise _passing("broke off its answer") from None

    def _pool(self, url: str) -> httpcore.ConnectionPool:
        scheme = urlsplit(url).scheme
        if scheme not in self._pools:
            self._pools[scheme] = httpcore.ConnectionPool(
                ssl_context=httpx.create_ssl_context(),  # knows SSL_CERT_FILE, for a company's own authority
                proxy=self._proxy(url),
                network_backend=self._line,
            )
        return self._pools[scheme]

    def _proxy(self, url: str) -> httpcore.Proxy | None:
        parts = urlsplit(url)
        address = getproxies().get(parts.scheme) if self._use_proxy else None
        if not address or proxy_bypass(parts.hostname or ""):
            return None
        proxy = httpx.Proxy(address)
        return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)


def _is_near(target: str, url: str) -> bool:
    """Elsewhere, even in clear text, the authorization must not be sent."""
    to, at = httpx.URL(target), httpx.URL(url)
    is_secured = (at.scheme, to.scheme, at.port, to.port) == ("http", "https", None, None)
    return to.host == at.host and (is_secured or (to.scheme, to.port) == (at.scheme, at.port))


def _asked_wait(answer: HttpResponse) -> float:
    """Seconds; a date instead of a number is not worth the reading."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), MAX_WAIT_SECONDS) if asked.isdecimal() else 1.0


def _answer(response: httpcore.Response, limit: Limit) -> HttpResponse:
    headers = httpx.Headers(response.headers)
    wanted = limit(response.status, headers)
    most = max(wanted, MAX_REST_BYTES)
    body = bytearray()
    for piece in _unpacked(response.iter_stream(), headers) if wanted else response.iter_stream():
        body += piece
        if len(body) > most:
            break
    return HttpResponse(response.status, headers, bytes(body[:wanted]), is_too_large=0 < wanted < len(body))


def _unpacked(parts: Iterable[bytes], headers: httpx.Headers) -> Iterator[bytes]:
    """Piece by piece: a few packed bytes may hold gigabytes."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        yield from parts
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise FetchProblem(f"is packed in a way nobody asked for ({encoding[:40]})", "mend the server")
    unpacking, is_begun = zlib.decompressobj(_GZIP_OR_ZLIB), False
    try:
        for part in parts:
            rest = part
            is_begun = True
            while rest and not unpacking.eof:
                yield unpacking.decompress(rest, _PIECE_BYTES)
                rest = unpacking.unconsumed_tail
        yield unpacking.flush()
    except zlib.error:
        raise _passing("sent broken data") from None
    if is_begun and not unpacking.eof:
        raise _passing("broke off its answer")


def _passing(cause: str) -> FetchProblem:
    return FetchProblem(cause, "it is tried again with the next sync", may_pass=True)


def _unconnected(said: str) -> FetchProblem:
    """Certificates and names are what an operator can mend."""
    if "CERTIFICATE" in said.upper():
        advice = "mend the site's certificate, or name your authority's in SSL_CERT_FILE"
        return FetchProblem("has a certificate that is not trusted", advice, may_pass=True)
    if said == public_network.NO_ADDRESS:
        return FetchProblem("is on a host that no name server knows", "check the address", may_pass=True)
    return FetchProblem("cannot be connected to", "check the address, and that the site is up", may_pass=True)
