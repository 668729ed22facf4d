"""The `ts` values by which Slack names messages and events.

Promises that they are unique and increase, also when the clock was set back and, with an archive, across runs.
"""

import time

from bot.simulator.stores.archive import Archive, RecordKind


class Timestamps:
    """Makes `ts` values; `last_us` is the last one of an earlier run, in microseconds."""

    def __init__(self, archive: Archive, last_us: int) -> None:
        self._archive = archive
        self.last_us = last_us

    def make(self) -> str:
        """Returns a new `ts`; the caller holds the lock."""
        self.last_us = max(self.last_us + 1, time.time_ns() // 1_000)
        self._archive.keep(RecordKind.LAST_TS, "", self.last_us)
        return f"{self.last_us // 1_000_000}.{self.last_us % 1_000_000:06d}"
