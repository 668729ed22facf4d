"""Errors and timings for Sentry: the only importer of sentry_sdk.

An event keeps the type and the stack of an error, without local variables; its message only where the error class
is ours, because foreign messages may quote what they were given. Spans of requests and of processes that we start
keep their times alone.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import structlog

from agent import secrets
from agent.errors import DocentError
from agent.observability.logs import OURS, log
from agent.settings import AgentSettings

if TYPE_CHECKING:
    from sentry_sdk.integrations import Integration
    from sentry_sdk.types import Event, Hint

CONTENT_SPANS = ("http", "subprocess")  # operations whose spans name addresses and commands
HIDDEN_LINE = "(hidden: the line of another library may quote what it was given)"
HIDDEN = "(hidden: the message of a foreign error may quote a question)"


def set_up(settings: AgentSettings, *, process: str) -> None:
    """Sends errors and timings of this process to ``SENTRY_DSN``."""
    import sentry_sdk
    from sentry_sdk.integrations.rq import RqIntegration
    from sentry_sdk.integrations.sqlalchemy import SqlalchemyIntegration

    integrations: list[Integration] = [RqIntegration(), SqlalchemyIntegration()]
    assert settings.sentry_dsn
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        release=settings.release,
        environment=settings.environment,
        integrations=integrations,
        auto_enabling_integrations=False,  # looking for them would import litellm in the web process
        traces_sample_rate=settings.sentry_traces_sample_rate,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        before_send=_strip_content,
        before_send_transaction=_strip_span_content,
    )
    sentry_sdk.set_tag("process", process)


@contextmanager
def context(**ids: str) -> Iterator[None]:
    """Adds ids (``turn_id``, ``session_id``) to every log line and Sentry event inside the ``with``."""
    import sentry_sdk

    with structlog.contextvars.bound_contextvars(**ids), sentry_sdk.new_scope() as scope:
        for name, value in ids.items():
            scope.set_tag(name, value)
        yield


def report(error: BaseException, *, event: str) -> str:
    """Sends an error to the log and to Sentry; returns the error id that a person can quote."""
    import sentry_sdk

    error_id = f"E-{token_hex(4)}"
    # The message of a foreign error stays out of the log: it may quote a question.
    shown = str(error) if isinstance(error, DocentError) else HIDDEN
    log.error(event, error_id=error_id, error_type=type(error).__name__, error=shown)
    logging.getLogger("docent.trace").debug(event, exc_info=error)
    with sentry_sdk.new_scope() as scope:
        scope.set_tag("error_id", error_id)
        scope.set_tag("event", event)
        sentry_sdk.capture_exception(error)
    return error_id


@contextmanager
def span(operation: str, name: str) -> Iterator[None]:
    """Opens a span of the job's trace; ``name`` must hold no content.

    Used for model calls instead of Sentry's LiteLLM integration: with a stream, that one ends its span on
    another thread after the job's transaction is closed, so that it never arrives.
    """
    import sentry_sdk

    with sentry_sdk.start_span(op=operation, name=name):
        yield


def flush(timeout_seconds: float = 2) -> None:
    """Waits until pending events are sent, at the end of a process."""
    import sentry_sdk

    sentry_sdk.flush(timeout_seconds)


def _strip_content(event: "Event", hint: "Hint") -> "Event":
    """Removes from an event what may quote people or documents."""
    ours = {f"{kind.__module__}.{kind.__qualname__}" for kind in _list_family(DocentError)}
    for exception in (event.get("exception") or {}).get("values") or ():
        if f"{exception.get('module')}.{exception.get('type')}" not in ours:
            exception["value"] = HIDDEN
    is_ours = str(event.get("logger") or "").partition(".")[0] == OURS
    said = event.pop("message", None) or event.pop("logentry", {}).get("message")
    if said:  # without its parameters; of others it may have been put together before it was logged
        event["logentry"] = {"message": said if is_ours else HIDDEN_LINE}
    _drop_request(event)
    event.get("contexts", {}).pop("rq-job", None)
    return cast("Event", secrets.redact_json(dict(event)))


def _list_family(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(member for child in kind.__subclasses__() for member in _list_family(child))]


def _strip_span_content(event: "Event", hint: "Hint") -> "Event":
    """Removes the same from the trace of a job or a request."""
    _drop_request(event)
    spans = event.get("spans") or []
    for span in spans if isinstance(spans, list) else []:
        if str(span.get("op") or "").partition(".")[0] in CONTENT_SPANS:
            span["description"], span["data"] = "", {}
    return cast("Event", secrets.redact_json(dict(event)))


def _drop_request(event: "Event") -> None:
    event.pop("request", None)
    event.pop("extra", None)
    event.pop("breadcrumbs", None)
