"""Metrics for Prometheus: the only importer of prometheus_client, of which nothing is loaded unless they are on.

A metric is a constant beside the code that counts it::

    CALLS = Metric(MetricKind.COUNTER, "docent_model_calls", "Calls of models", ["model", "outcome"])
    CALLS.add(model="openai/gpt-5-mini", outcome="ok")

Promises: what is counted has no question, document text, or person in it, and labels come from the code and the
settings; counting asks nobody and waits for nobody; a metric that cannot be written is told of once, and ends
nothing. A process counts in its memory, or, where others read what it counts, in a folder (see :func:`start`):
what a dead process has counted stays there.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.observability.logs import log

__all__ = ["Metric", "MetricKind", "Reading", "Registry"]

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry as Registry
    from prometheus_client.core import Metric as MetricFamily

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the library reads it when it is imported
FILES = ("counter", "histogram", "gauge_mostrecent")  # of one process, in the folder
ADDED = ("counter", "histogram")  # of dead processes, too
DEAD = "0"  # in the place of a process's id
FILE_BYTES = 1 << 18  # several times what one process counts
SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300)

_declared: "dict[str, Metric]" = {}
_recording: "list[_Recording]" = []  # at most one: this process's, where metrics are on


class MetricKind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"  # only grows while its process runs
    HISTOGRAM = "histogram"  # how often something took how many seconds
    GAUGE = "gauge"  # as it is now; of several processes, as the one says that was last to look
    READING = "reading"  # a gauge that is read when Prometheus asks: see :func:`read_when_asked`


@dataclass(frozen=True)
class _Recording:
    """The library's objects, by the names of their metrics."""

    registry: "Registry"
    made: dict[str, Any]
    lock: threading.Lock
    failed: set[str]


class Metric:
    """A metric by its name, without the ending that Prometheus gives to counters; declared once."""

    def __init__(
        self,
        kind: MetricKind,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = SECONDS,
    ) -> None:
        assert name not in _declared, name
        self.kind, self.name, self.text = kind, name, text
        self.labels, self.buckets = tuple(labels), tuple(buckets)
        _declared[name] = self

    @property
    def exposed_names(self) -> list[str]:
        """Returns the names under which Prometheus stores it."""
        endings = {MetricKind.COUNTER: ["_total"], MetricKind.HISTOGRAM: ["_bucket", "_sum", "_count"]}
        return [f"{self.name}{ending}" for ending in endings.get(self.kind, [""])]

    def add(self, amount: float = 1, **labels: str) -> None:
        """Counts; of counters. What cannot be counted, such as less than nothing, is no error."""
        self._apply(labels, lambda counter: counter.inc(amount))

    def observe(self, seconds: float, **labels: str) -> None:
        """Counts one that took so long; of histograms."""
        self._apply(labels, lambda histogram: histogram.observe(seconds))

    def set(self, value: float, **labels: str) -> None:
        """Sets it; of gauges."""
        self._apply(labels, lambda gauge: gauge.set(value))

    def show(self) -> None:
        """Shows it as zero before it is first counted, where it has no labels."""
        if not self.labels and self.kind in (MetricKind.COUNTER, MetricKind.HISTOGRAM):
            self._apply({}, lambda made: None)

    def _apply(self, labels: dict[str, str], count: Callable[[Any], None]) -> None:
        """Counts with these labels, where metrics are on; tells once of what cannot be counted."""
        if not _recording:
            return
        (recording,) = _recording
        try:
            with recording.lock:
                made = recording.made.get(self.name)
                if made is None:
                    made = recording.made[self.name] = self._make(recording)
            count(made.labels(**labels) if self.labels else made)
        except (OSError, ValueError) as error:
            if self.name not in recording.failed:
                recording.failed.add(self.name)
                log.warning("metric_not_counted", metric=self.name, error_type=type(error).__name__)

    def _make(self, recording: _Recording) -> Any:
        import prometheus_client as library

        arguments = (self.name, self.text, self.labels)
        match self.kind:
            case MetricKind.COUNTER:
                return library.Counter(*arguments, registry=recording.registry)
            case MetricKind.HISTOGRAM:
                return library.Histogram(*arguments, registry=recording.registry, buckets=self.buckets)
        return library.Gauge(*arguments, registry=recording.registry, multiprocess_mode="mostrecent")


@dataclass(frozen=True)
class Reading:
    """What a metric of the kind READING is now: a value for each set of labels, in the order of the metric's."""

    metric: Metric
    values: Sequence[tuple[Sequence[str], float]]


def list_declared() -> list[Metric]:
    """Lists the metrics of all modules that are imported, by name."""
    return sorted(_declared.values(), key=lambda metric: metric.name)


def start(folder: Path | None = None) -> "Registry":
    """Begins to count in this process, after it was forked; returns where its metrics are.

    With a ``folder`` it counts in files there, which :func:`read_folder` adds up in another process. Raises
    OSError where they cannot be written.
    """
    if folder:
        os.environ[FOLDER_VARIABLE] = str(folder)
        for name in FILES:
            _reserve(folder / f"{name}_{os.getpid()}.db")
    import prometheus_client

    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = prometheus_client.CollectorRegistry()
    recording = _Recording(registry, {}, threading.Lock(), set())
    _recording[:] = [recording]
    for metric in list_declared():
        metric.show()
    return registry


def are_on() -> bool:
    """Returns whether this process counts."""
    return bool(_recording)


def stop() -> None:
    """Counts no more in this process."""
    _recording.clear()


def read_folder(folder: Path) -> "Registry":
    """Returns the sum of what all processes have counted in a folder, those that are dead too."""
    import prometheus_client
    from prometheus_client import multiprocess

    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return registry


def fold_dead(folder: Path) -> None:
    """Adds what dead processes have counted in a folder to one file of each kind, and deletes theirs.

    Else a worker that dies again and again would fill the disk. Nobody may read the folder meanwhile.
    """
    import psutil
    from prometheus_client.mmap_dict import MmapedDict

    for path in sorted(folder.glob("*_*.db")):
        kind, _, pid = path.stem.rpartition("_")
        if pid == DEAD or psutil.pid_exists(int(pid)):
            continue
        if kind in ADDED:
            total = MmapedDict(str(folder / f"{kind}_{DEAD}.db"))  # type: ignore[no-untyped-call]
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
                total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
            total.close()  # type: ignore[no-untyped-call]
        path.unlink(missing_ok=True)


def read_when_asked(registry: "Registry", read: Callable[[], Iterable[Reading]]) -> None:
    """Has what ``read`` returns be part of the metrics, each time that they are asked for."""
    registry.register(_Readings(read))


class _Readings:
    """A collector of the library's."""

    def __init__(self, read: Callable[[], Iterable[Reading]]) -> None:
        self._read = read

    def describe(self) -> "list[MetricFamily]":
        """Returns nothing: else it would be read when it is registered."""
        return []

    def collect(self) -> "Iterator[MetricFamily]":
        """Yields the readings as the library has them."""
        from prometheus_client.core import GaugeMetricFamily

        for reading in self._read():
            metric = reading.metric
            family = GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
            for labels, value in reading.values:
                family.add_metric(labels, value)
            yield family


def render(registry: "Registry", accept: str) -> tuple[bytes, str]:
    """Returns the metrics in the form that an ``Accept`` header asks for, and that form's name."""
    from prometheus_client import exposition

    encode, content_type = exposition.choose_encoder(accept)
    return encode(registry), content_type


def _reserve(path: Path) -> None:
    """Takes the room for a file that is mapped into memory: without room left, a write there ends the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, FILE_BYTES)
        else:
            os.write(descriptor, bytes(FILE_BYTES))
    finally:
        os.close(descriptor)
