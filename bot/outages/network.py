"""How a connection failed, in a few words."""

import socket
import ssl
import urllib.error


def describe(error: object, *, timeout_seconds: float | None = None) -> str:
    """Returns what an error of a connection says, without its class where that is known."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout_seconds:g} s" if timeout_seconds else "no answer in time"
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(reason, ssl.SSLError):
        return "no agreement on encryption (TLS)"
    strerror = getattr(reason, "strerror", None)
    return str(strerror).lower() if strerror else type(reason).__name__
