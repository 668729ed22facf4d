"""Every metric, from the modules that declare them."""

import importlib

from agent.observability import metrics
from agent.observability.metrics import MetricKind

MODULES = (
    "agent.observability.measures",
    "bot.processes.monitoring.budget_readings",
    "bot.processes.monitoring.deployment",
    "bot.processes.monitoring.timed_app",
    "bot.slack.client",
    "ingest.index.index_size",
)
PREFIX = "docent_"
TOLD_BY = {
    MetricKind.COUNTER: "each process, of itself: `sum`",
    MetricKind.HISTOGRAM: "each process, of itself: `sum`",
    MetricKind.GAUGE: "workers: `max`",
    MetricKind.READING: "web processes, of everything: `max`",
}


def table() -> str:
    """Returns a table of names, kinds, labels and meanings."""
    rows = ["| metric | kind | labels | meaning | told by |", "|---|---|---|---|---|"]
    for metric in list_metrics():
        kind = "gauge" if metric.kind is MetricKind.READING else str(metric.kind)
        name = metric.exposed_names[0] if metric.kind is MetricKind.COUNTER else metric.name
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{name}` | {kind} | {labels} | {metric.text} | {TOLD_BY[metric.kind]} |")
    return "\n".join(rows)


def list_metrics() -> list[metrics.Metric]:
    """Lists every metric of Docent, by name; tests declare some of their own."""
    for module in MODULES:
        importlib.import_module(module)
    return [metric for metric in metrics.list_declared() if metric.name.startswith(PREFIX)]
