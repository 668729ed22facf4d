"""Reads one version of a table of chunks, whatever is written meanwhile."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agent.errors import UserError
from ingest.index import lancedb_runtime
from ingest.index.storage import outages
from ingest.index.table import NoIndex

T = TypeVar("T")


class TaggedTable:
    """A table at a version, by its number or its tag; opened with the first query."""

    def __init__(self, address: str, table: str, version: int | str) -> None:
        self._address, self._name, self._version = address, table, version
        self._table: Any = None

    def read(self, query: Callable[[Any], Awaitable[T]]) -> T:
        """Runs a query on the version; raises :class:`UserError` where its files cannot be read."""

        async def run() -> T:
            if self._table is None:
                table = await open_newest(self._address, self._name)
                await table.checkout(self._version)
                self._table = table
            return await query(self._table)

        try:
            return lancedb_runtime.run(run())
        except (RuntimeError, OSError, ValueError) as error:
            why = outages.explain(self._address, error)
            raise UserError(
                why or f"Version {self._version} of the index at {self._address} cannot be read any more."
            ) from error


async def open_newest(address: str, table: str) -> Any:
    """Opens a table at its newest version; raises :class:`NoIndex` where there is none."""
    opened = await lancedb_runtime.open_table(address, table)
    if opened is None:
        raise NoIndex("No documents have been read in yet. Run 'docent ingest PATH' first.")
    return opened
