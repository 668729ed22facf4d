"""Knows what lies on the disk of a mirror: a LanceDB folder, and beside it what is known of each table.

Promises that a reader sees only whole versions, without a lock: files come first, then the manifest, then
``TABLE.json``, each by one rename. Whoever copies or removes files has the lock ``copying``. All processes of a
machine share the folder; whoever deletes it costs a copy, and nothing else.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from ingest.index.mirror import manifest
from ingest.index.storage import whole_file

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class CopiedVersion:
    """A version that is here. ``write_id`` names the write that Postgres knows it by, and may not be known yet.

    ``files`` are the MD5 of each file by path. ``earlier`` are versions copied before, with the Unix time from
    which on no search needs them.
    """

    version: int
    etag: str
    write_id: str | None
    n_bytes: int
    copied_at: float  # Unix time
    files: dict[str, str] = field(default_factory=dict)
    earlier: dict[int, float] = field(default_factory=dict)


class MirrorFolder:
    """The folder of one index's mirror."""

    def __init__(self, home: Path, address: str) -> None:
        self.path = home / "mirror" / hashlib.sha256(address.encode()).hexdigest()[:16]

    def table_path(self, table: str) -> Path:
        """Returns the folder of a table's files."""
        return self.path / f"{table}.lance"

    def load(self, table: str) -> CopiedVersion | None:
        """Reads which version of a table is here; None where none is."""
        try:
            stored = json.loads((self.path / f"{table}.json").read_bytes())
            earlier = {int(version): until for version, until in stored.pop("earlier").items()}
            return CopiedVersion(**stored, earlier=earlier)
        except (OSError, ValueError, TypeError, KeyError):  # missing, or of another release
            return None

    def stamp(self, table: str) -> int:
        """Returns a number that changes when another version is here; 0 where none is."""
        try:
            return (self.path / f"{table}.json").stat().st_mtime_ns
        except OSError:
            return 0

    def store(self, table: str, copied: CopiedVersion | None) -> None:
        """Says which version is here, from now on; None: none is."""
        file = self.path / f"{table}.json"
        if copied is None:
            file.unlink(missing_ok=True)
        else:
            whole_file.write(file, [json.dumps(asdict(copied)).encode()])

    def tables(self) -> list[str]:
        """Lists the tables of which something is here."""
        return sorted({file.stem for ending in ("json", "lance") for file in self.path.glob(f"*.{ending}")})

    def n_bytes(self) -> int:
        """Returns how many bytes the folder's files have, also while others remove some."""
        found = ((folder, name) for folder, _, names in os.walk(self.path) for name in names)
        return sum(_size(Path(folder, name)) or 0 for folder, name in found)

    def has(self, table: str, copied: CopiedVersion) -> bool:
        """Returns whether all files of a version are here, without reading them."""
        folder = self.table_path(table)
        names = [*copied.files, manifest.path_of(copied.version)]
        return sum(_size(folder / name) or 0 for name in copied.files) == copied.n_bytes and all(
            (folder / name).exists() for name in names
        )

    def remove_damaged(self, table: str, copied: CopiedVersion) -> int:
        """Removes files that are not as they were copied; returns how many are missing now."""
        n_missing, folder = 0, self.table_path(table)
        for name, digest in copied.files.items():
            with suppress(OSError):
                if md5_of(folder / name) == digest:
                    continue
                (folder / name).unlink()
            n_missing += 1
        return n_missing

    def remove_all_but(self, table: str, versions: Iterable[int]) -> None:
        """Removes the files that none of these versions of a table consists of."""
        folder, needed = self.table_path(table), set[Path]()
        for version in versions:
            path = folder / manifest.path_of(version)
            with suppress(OSError, manifest.UnknownManifest):
                needed |= {folder / file.path for file in manifest.read(path.read_bytes()).files}
                needed.add(path)
        for file in [file for file in folder.rglob("*") if file.is_file()]:
            if file not in needed:
                file.unlink(missing_ok=True)
        for inner in sorted((folder / "_indices").glob("*")):
            with suppress(OSError):  # it is not empty
                inner.rmdir()

    def remove(self, table: str) -> None:
        """Removes a table with all that is known of it."""
        self.store(table, None)
        shutil.rmtree(self.table_path(table), ignore_errors=True)

    @contextmanager
    def copying(self, *, wait_seconds: float = 0) -> Iterator[bool]:
        """Takes the lock under which files are copied and removed; yields whether it is ours in time."""
        deadline = time.monotonic() + wait_seconds
        with self._open("copying.lock") as file:
            while not (is_ours := _try_lock(file.fileno())) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            yield is_ours

    @contextmanager
    def keeping(self) -> Iterator[bool]:
        """Takes the lock of the process that keeps this folder fresh; yields whether it is ours."""
        try:
            file = self._open("keeping.lock")
        except OSError:  # searches say what is wrong with the disk
            yield False
            return
        with file:
            yield _try_lock(file.fileno())

    def _open(self, name: str) -> IO[bytes]:
        self.path.mkdir(parents=True, exist_ok=True)
        return (self.path / name).open("ab")


def md5_of(file: Path) -> str:
    """Returns the MD5 of a file's content, as buckets name it."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, _md5).hexdigest()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
