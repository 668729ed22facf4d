"""Checks Sentry: whether SENTRY_DSN is valid and its host reachable. Sends nothing."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.outages import network

TIMEOUT_SECONDS = 3
PORTS = {"https": 443, "http": 80}


def sentry(context: CheckContext) -> Iterator[Finding]:
    """Checks the DSN, then tries to connect."""
    dsn = context.kernel.sentry_dsn
    if not dsn:
        yield Finding("sentry", FindingState.SKIPPED, "SENTRY_DSN is not set: errors go to the log only")
        return
    try:
        parts = urlsplit(dsn.get_secret_value())
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
        project = parts.path.rpartition("/")[2]
    except ValueError:
        host, port, project = None, None, ""
    if not (host and port and project and parts.username):
        advice = "It looks like https://key@host/number; copy it from the project's settings, 'Client Keys'."
        yield Finding("sentry", FindingState.PROBLEM, "SENTRY_DSN is not a valid DSN.", advice)
        return
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_SECONDS).close()
    except OSError as error:
        why = f"{host}:{port} cannot be reached ({network.describe(error, timeout_seconds=TIMEOUT_SECONDS)})."
        yield Finding(
            "sentry",
            FindingState.WARNING,
            why,
            "Errors go to the log only until then. Check the network and SENTRY_DSN.",
        )
        return
    yield Finding("sentry", FindingState.OK, f"project {project} at {host}:{port} is reachable")
