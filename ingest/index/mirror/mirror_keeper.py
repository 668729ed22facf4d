"""Keeps a machine's copy of the index fresh beside its searches, and tells Postgres what the machine has.

One process of a machine does it; when that ends, another goes on. It looks in Postgres every two seconds, and in
the bucket when a version was written, while one is written, and otherwise four times a minute: so an outage is
noticed by somebody who does not wait for an answer, and a search seldom has to copy anything.
"""

import socket
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from ingest.index.active_index import ActiveIndex, IndexState
from ingest.index.mirror import machines
from ingest.index.mirror.index_mirror import IndexMirror
from ingest.index.mirror.machines import MachineCopy

LOOK_SECONDS = 2.0
ASK_SECONDS = 15.0  # between questions to the bucket when nothing was written
TURN_SECONDS = 10.0  # between tries to become the process that does it


class MirrorKeeper:
    """Follows one index on this machine."""

    def __init__(
        self,
        active_index: ActiveIndex,
        mirror: IndexMirror,
        *,
        host: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._active_index = active_index
        self._mirror = mirror
        self._host = host or socket.gethostname()
        self._clock = clock
        self._followed: IndexState | None = None
        self._ask_at = 0.0

    def keep(self, stopping: threading.Event) -> None:
        """Follows the index until the event is set."""
        while not stopping.is_set():
            with self._mirror.folder.keeping() as is_ours:
                while is_ours and not stopping.wait(LOOK_SECONDS):
                    self.look()
            stopping.wait(TURN_SECONDS)

    def look(self) -> None:
        """Copies what was written since the last look, if anything was, and stores what is here now."""
        try:
            with self._active_index.database.transaction() as transaction:
                state = self._active_index.state(transaction)
            is_quiet = state == self._followed and (not state.written.is_writing or self._mirror.problem)
            if is_quiet and self._clock() < self._ask_at:
                return
            copied = self._mirror.follow(state.table, state.written)
            problem, is_away = self._mirror.problem, self._mirror.is_away
            self._followed, self._ask_at = state, self._clock() + ASK_SECONDS
            version, n_bytes = (copied.version, self._mirror.folder.n_bytes()) if copied else (None, 0)
            copied_at = machines.from_unix(copied.copied_at) if copied else None
            here = MachineCopy(self._host, version, n_bytes, copied_at, problem, is_away, now())
            machines.store(self._active_index.database, self._active_index.address, here)
        except SQLAlchemyError as error:  # searches meet it as well, and say so
            observability.log.warning("mirror_not_followed", error_type=type(error).__name__)
