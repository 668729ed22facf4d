"""Bolt's app, which counts how long what Slack sends waits for its acknowledgement."""

import time

from slack_bolt import App, BoltRequest, BoltResponse

from agent.observability import tracing
from agent.observability.metrics import Metric, MetricKind

ACKNOWLEDGED = Metric(
    MetricKind.HISTOGRAM,
    "docent_acknowledged_seconds",
    "Seconds until what Slack sent was stored and acknowledged (Slack waits for three), by kind: event, command, "
    "interaction",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10),
)


class TimedApp(App):
    """An app that times what it dispatches, whether it comes by HTTP or through Socket Mode."""

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        """Dispatches what Slack sent."""
        began_at = time.monotonic()
        try:
            with tracing.note_arrival():
                return super().dispatch(req)
        finally:
            ACKNOWLEDGED.observe(time.monotonic() - began_at, kind=_find_kind(req))


def _find_kind(request: BoltRequest) -> str:
    body = request.body if isinstance(request.body, dict) else {}
    if "command" in body:
        return "command"
    return "event" if "event" in body else "interaction"
