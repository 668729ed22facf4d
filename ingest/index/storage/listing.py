"""Lists when the files below an index's address were written, in a folder or in a bucket."""

import os
from datetime import UTC, datetime
from pathlib import Path

from ingest.index.storage import object_store
from ingest.index.storage.object_store import ObjectStore


def list_times(address: str, folder: str, *, ending: str) -> list[datetime]:
    """Returns the times of the files of one folder whose names end so, ordered by name; none where a service keeps
    them."""
    if object_store.is_bucket(address):
        return ObjectStore(address).list_times(f"{folder}/", ending=ending)
    if "://" in address or not (Path(address) / folder).is_dir():
        return []
    with os.scandir(Path(address) / folder) as files:
        found = sorted((file.name, file.stat().st_mtime) for file in files if file.name.endswith(ending))
    return [datetime.fromtimestamp(modified, UTC) for _, modified in found]
