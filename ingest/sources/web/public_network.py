"""Connects to public addresses only, with a deadline: a guard against requests into a private network (SSRF).

Promises: the address that was checked is the one that is connected to, so a name that resolves to another address
a moment later reaches nothing; no operation outlives the deadline, however slowly the other side answers.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import httpcore

from ingest.documents.raw import FetchProblem

NO_ADDRESS = "no address"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached

Resolve = Callable[[str, int], list[str]]


def resolve_host(host: str, port: int) -> list[str]:
    """Looks up the addresses of a host; raises :class:`OSError` when there are none."""
    records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in records]


def is_public(address: str) -> bool:
    """Returns whether an address is public; an IPv6 address that stands for an IPv4 one counts as that one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        ip = embedded or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class PublicNetworkBackend(httpcore.NetworkBackend):
    """The network that httpcore uses; refuses hosts with a private address unless ``allow_private``.

    ``deadline`` is on the monotonic clock, and set anew for each request.
    """

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self.deadline = 0.0
        self._resolve = resolve
        self._allow_private = allow_private
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to a host; raises :class:`FetchProblem` when one of its addresses is private."""
        for address in self._addresses(host, port):
            with suppress(httpcore.ConnectError):
                return _Stream(
                    self._tcp.connect_tcp(address, port, self.left(), local_address, socket_options), self
                )
        raise httpcore.ConnectError("refused")

    def left(self) -> float:
        """Returns the seconds until the deadline; raises :class:`httpcore.ReadTimeout` after it."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout
        return seconds

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError(NO_ADDRESS) from None
        if not self._allow_private and not all(map(is_public, addresses)):
            advice = "set allow_private = true if Docent may read it"
            raise FetchProblem(f"is in a private network ({host})", advice)
        return addresses


class _Stream(httpcore.NetworkStream):
    """A connection whose operations end by the deadline of its backend."""

    def __init__(self, stream: httpcore.NetworkStream, backend: PublicNetworkBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._backend.left()), self._backend)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
