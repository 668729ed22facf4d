"""Short cuts for tests of the library."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingest import access
from ingest.library import Library
from ingest.sources import connector
from ingest.sync.reports import SyncReport


def sync_folder(
    library: Library,
    path: Path | str,
    *,
    source_name: str = "",
    link: str | None = None,
    readers: Iterable[str] = access.DEFAULT_READERS,
    anchors: str = "ids",
    **how: Any,
) -> SyncReport:
    """Syncs a folder; ``link`` such as ``https://handbook.example/{path}`` makes the links people click."""
    values = {"type": "folder", "location": str(path), "name": source_name, "link": link, "anchors": anchors}
    options = connector.validate_options(values, where=str(path))
    return library.sync(connector.open_source(options, home=library.settings.home), readers=readers, **how)
