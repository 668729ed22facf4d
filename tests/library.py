"""Short cuts for tests of the library."""

import atexit
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from agent.types import EVERYONE
from ingest.access import reader_sets
from ingest.access.declaration import Declaration
from ingest.documents.blocks import Document
from ingest.documents.converter import Converter
from ingest.documents.raw import RawDocument
from ingest.library import Library
from ingest.sources import connector
from ingest.sync.reports import SyncReport

DEFAULT = (EVERYONE,)


class KeptConverter(Converter):
    """Outlives the sync that it is made for, and may be shared by threads."""

    _lock = threading.Lock()

    def read(self, raw: RawDocument) -> Document:
        with self._lock:
            return super().read(raw)

    def __exit__(self, *_: object) -> None:
        pass


@cache
def kept_converter() -> KeptConverter:
    converter = KeptConverter()
    atexit.register(Converter.__exit__, converter)
    return converter


def sync_folder(
    library: Library,
    path: Path | str,
    *,
    source_name: str = "",
    link: str | None = None,
    readers: Iterable[str] = DEFAULT,
    anchors: str = "ids",
    **how: Any,
) -> SyncReport:
    """Syncs a folder; ``link`` such as ``https://handbook.example/{path}`` makes the links people click.

    Documents are read by the process that read those of the sync before.
    """
    values = {"type": "folder", "location": str(path), "name": source_name, "link": link, "anchors": anchors}
    options = connector.validate_options(values, where=str(path))
    source = connector.open_source(options, home=library.settings.home)
    declaration = Declaration.of(reader_sets.one_of(readers))
    return library.sync(source, declaration=declaration, **{"converter": kept_converter} | how)
