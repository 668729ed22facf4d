"""Sentry: whether its address can be read and its host reached. Sends nothing."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding

TIMEOUT_SECONDS = 3
PORTS = {"https": 443, "http": 80}


def sentry(who: CheckContext) -> Iterator[Finding]:
    """The DSN, then a connection."""
    given = who.kernel.sentry_dsn
    if not given:
        yield Finding("sentry", "skipped", "SENTRY_DSN is not set: errors are in the log only")
        return
    try:
        parts = urlsplit(given.get_secret_value())
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
        project = parts.path.rpartition("/")[2]
    except ValueError:
        host, port, project = None, None, ""
    if not (host and port and project and parts.username):
        advice = "It looks like https://key@host/number; copy it from the project's settings, 'Client Keys'."
        yield Finding("sentry", "problem", "SENTRY_DSN cannot be read.", advice)
        return
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        why = f"{host}:{port} cannot be reached ({type(error).__name__})."
        yield Finding(
            "sentry", "warning", why, "Errors stay in the log until it can; check network and SENTRY_DSN."
        )
        return
    yield Finding("sentry", "ok", f"project {project} at {host}:{port} can be reached")
