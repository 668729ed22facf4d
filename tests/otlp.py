"""A collector of traces on loopback: OTLP over HTTP, as OpenTelemetry's exporter sends it."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receiver import Receiver


@dataclass(frozen=True)
class Span:
    """A span as it arrived."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    is_error: bool
    seconds: float
    process: str


class Collector(Receiver):
    """Keeps every span, and everything that was sent as it was."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw = b""
        super().__init__()
        self.endpoint = f"http://{self.host}"

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def keep(self, body: bytes) -> None:
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_process = _read(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Span(
                            span.name,
                            span.kind,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            _read(span.attributes),
                            span.status.code == 2,
                            (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                            of_process["docent.process"],
                        )
                    )


def _read(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
