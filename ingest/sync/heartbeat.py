"""Sends a sign of life periodically while something long goes on beside it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from agent import observability


@contextmanager
def call_periodically(beat: Callable[[], None], *, every_seconds: float) -> Iterator[None]:
    """Calls ``beat`` from a thread of its own until the block ends, also after failures of Postgres."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(every_seconds):
            try:
                beat()
            except SQLAlchemyError as error:  # the work itself meets it as well, and reports it
                observability.log.warning("pulse_failed", error_type=type(error).__name__)

    thread = threading.Thread(target=run, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
