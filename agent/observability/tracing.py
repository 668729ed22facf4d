"""Traces by OpenTelemetry: the only importer of opentelemetry. Without an endpoint nothing of it is loaded.

Promises: spans have names, ids, counts and times, never content; nobody waits for the exporter, which sends from a
thread of its own, and a collector that is away is told of once. The names follow OpenTelemetry's conventions for
generative AI: ``invoke_agent``, ``chat MODEL``, ``execute_tool NAME``. The library reads the standard variables
(``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_TRACES_SAMPLER``, …) itself.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from agent.observability.logs import log
from agent.settings import AgentSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span

Attribute = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Attribute | None]  # those that are None are left out

TRACEPARENT = "traceparent"  # the header of W3C's Trace Context, and its name in a job
MISSING = "Install it with 'pip install docent-answers[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT."
LOOK = "Look at OTEL_EXPORTER_OTLP_ENDPOINT. Answers go on; what is traced until it is back is dropped."
SERVICE = "docent"
UNNAMED = "unknown_service"  # of a process of which nobody says what it is called

_providers: "list[TracerProvider]" = []  # at most one: the process's, where traces are on
_arrived_at: ContextVar[int | None] = ContextVar("arrived_at", default=None)


class SpanRole(StrEnum):
    """What a span is to those on the other side, by OpenTelemetry's names."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"


class OpenSpan:
    """A span that has begun; without traces, nothing."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        """Adds attributes."""
        if self._span:
            self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})

    def fail(self, error: BaseException | str) -> None:
        """Marks it as failed, by the error's class: its message may quote somebody."""
        if self._span:
            from opentelemetry.trace import StatusCode

            self._span.set_status(StatusCode.ERROR)
            self._span.set_attribute("error.type", error if isinstance(error, str) else type(error).__name__)

    def end(self) -> None:
        """Ends it; it is sent some seconds later."""
        if self._span:
            self._span.end()


NO_SPAN = OpenSpan()


def set_up(settings: AgentSettings, *, process: str) -> None:
    """Begins to trace, where an endpoint is set; without the library it says so and goes on."""
    if not settings.otlp_endpoint or _providers:
        return
    try:
        provider = _make_provider(settings, process)
    except ImportError:
        log.warning("traces_impossible", problem="The extra otel is not installed.", advice=MISSING)
        return
    if provider:
        _providers.append(provider)


def stop() -> None:
    """Ends tracing without waiting; what was not sent is lost."""
    _providers.clear()


def flush(timeout_seconds: float) -> None:
    """Sends what is pending; gives up after the timeout, whatever the collector does."""
    for provider in _providers:
        thread = threading.Thread(target=provider.force_flush, name="otel-flush", daemon=True)
        thread.start()
        thread.join(timeout_seconds)


def begin(
    name: str,
    role: SpanRole = SpanRole.INTERNAL,
    attributes: Attributes = MappingProxyType({}),
    *,
    began_at: int | None = None,
) -> OpenSpan:
    """Begins a span below the current one, without making it the current one: for generators.

    ``began_at`` is in nanoseconds since 1970, where that was before now.
    """
    if not _providers:
        return NO_SPAN
    from opentelemetry.trace import SpanKind

    tracer = _providers[0].get_tracer(SERVICE)
    known = {key: value for key, value in attributes.items() if value is not None}
    return OpenSpan(tracer.start_span(name, kind=SpanKind[role], attributes=known, start_time=began_at))


@contextmanager
def span(
    name: str,
    role: SpanRole = SpanRole.INTERNAL,
    attributes: Attributes = MappingProxyType({}),
    *,
    began_at: int | None = None,
) -> Iterator[OpenSpan]:
    """Opens a span that is the current one inside the ``with``; an error that leaves it marks it as failed."""
    opened = begin(name, role, attributes, began_at=began_at)
    if opened is NO_SPAN:
        yield opened
        return
    from opentelemetry import context, trace

    assert opened._span
    token = context.attach(trace.set_span_in_context(opened._span))
    try:
        yield opened
    except GeneratorExit:  # who takes its events has enough of them
        raise
    except BaseException as error:
        opened.fail(error)
        raise
    finally:
        context.detach(token)
        opened.end()


def describe_place() -> str:
    """Returns the current span as a ``traceparent``, to be carried with a job; empty without one."""
    if not _providers:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT, "")


@contextmanager
def continue_at(place: object) -> Iterator[None]:
    """Lets the spans inside the ``with`` stand below the one that a ``traceparent`` names, if it names one."""
    if not _providers or not isinstance(place, str):
        yield
        return
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    remote: Context = TraceContextTextMapPropagator().extract({TRACEPARENT: place})
    token = context.attach(remote)
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def note_arrival() -> Iterator[None]:
    """Remembers inside the ``with`` when something arrived, should it turn out to be worth a span."""
    if not _providers:
        yield
        return
    token = _arrived_at.set(time.time_ns())
    try:
        yield
    finally:
        _arrived_at.reset(token)


def find_arrival() -> int | None:
    """Returns when it arrived, in nanoseconds since 1970; None where nobody noted it."""
    return _arrived_at.get()


def _make_provider(settings: AgentSettings, process: str) -> "TracerProvider | None":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would say the same for every batch
    resource = Resource.create()
    own: dict[str, str] = {"service.version": settings.release, "docent.process": process}
    if str(resource.attributes.get("service.name", UNNAMED)).startswith(UNNAMED):
        own["service.name"] = SERVICE
    provider = TracerProvider(resource=resource.merge(Resource(own)), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", WatchedExporter(OTLPSpanExporter()))))
    return provider


class WatchedExporter:
    """An exporter that tells of a collector that is away once, and once that it is back."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter
        self._is_away = False
        self.shutdown, self.force_flush = exporter.shutdown, exporter.force_flush

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        """Sends spans, from the thread that collects them."""
        result = self._exporter.export(spans)
        is_away = result.name != "SUCCESS"
        if is_away and not self._is_away:
            log.warning("traces_not_sent", advice=LOOK)
        elif self._is_away and not is_away:
            log.info("traces_are_sent_again")
        self._is_away = is_away
        return result
