"""What is seen of Docent from outside: logs, Sentry, metrics, traces. Each library has one importer here.

Promises: no question, document text, token or key leaves the process this way. Logs carry a fixed event name and
fields; turn and session ids come from context variables; what looks like a secret is masked, in the lines of other
libraries too. See :mod:`.logs`, :mod:`.sentry`, :mod:`.metrics`, :mod:`.tracing`.
"""

from agent.observability import logs, sentry, tracing
from agent.observability.logs import log
from agent.observability.sentry import HIDDEN, HIDDEN_LINE, context, report, span
from agent.settings import AgentSettings

__all__ = ["HIDDEN", "HIDDEN_LINE", "context", "flush", "log", "report", "set_up", "span"]


def set_up(settings: AgentSettings, *, process: str) -> None:
    """Configures logging, Sentry when ``SENTRY_DSN`` is set, and traces when ``OTEL_EXPORTER_OTLP_ENDPOINT`` is.

    ``process``: web, worker, clock, cli.
    """
    # A person at the terminal sees results, not events, unless they ask for more.
    is_default = "log_level" not in settings.model_fields_set
    level = "WARNING" if process == "cli" and is_default else settings.log_level
    logs.set_up(level, is_json=settings.log_format == "json")
    if settings.sentry_dsn:
        sentry.set_up(settings, process=process)
    tracing.set_up(settings, process=process)


def flush(timeout_seconds: float = 2) -> None:
    """Waits until pending events and traces are sent, at the end of a process."""
    sentry.flush(timeout_seconds)
    tracing.flush(timeout_seconds)
