"""Tells metrics how large the index is, from a worker process, which has it open."""

import threading

from agent import observability
from agent.observability import metrics
from ingest.index import index_size
from ingest.library import Library

EVERY_SECONDS = 300


def start(library: Library | None, stopping: threading.Event) -> None:
    """Starts a thread that measures now and then, if this process counts anything."""
    if library is None or not metrics.are_on():
        return

    def watch() -> None:
        while not stopping.is_set():
            try:
                index_size.tell(library.active_index)
            except Exception as error:  # noqa: BLE001  a measurement ends here
                observability.log.info("index_not_measured", error_type=type(error).__name__)
            stopping.wait(EVERY_SECONDS)

    threading.Thread(target=watch, name="index-size", daemon=True).start()
