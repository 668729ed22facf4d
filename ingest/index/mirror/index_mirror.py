"""Serves searches from a copy of the index on this machine; the index itself is in a bucket.

Promises: no search reads a version older than the newest one, which Postgres names or, while somebody writes, the
bucket (one request); only while the bucket is away the copy goes on alone. A search waits for a small copy, and
reads the bucket itself during a large one. What goes wrong here costs time and never an answer: with a full disk,
damaged files, or a table in an unknown format, the bucket is read.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent import observability
from agent.errors import UserError
from agent.text import format_bytes
from ingest.index import lancedb_runtime
from ingest.index.mirror import manifest, version_copy
from ingest.index.mirror.manifest import UnknownManifest
from ingest.index.mirror.mirror_folder import CopiedVersion, MirrorFolder
from ingest.index.mirror.version_copy import MirrorFull, PlannedCopy, VersionGone
from ingest.index.mirror.written_version import WrittenVersion
from ingest.index.storage.object_store import BucketProblem, ObjectStore

SMALL_BYTES = 8_000_000  # a search waits while so much is copied, some tenths of a second
WAIT_SECONDS = 2  # for another process of this machine to end its copy
AWAY_SECONDS = 10  # during which a bucket that gave no answer is not asked again
PAUSE_SECONDS = 60  # after a copy that the disk did not take, or that cannot be made


class IndexOlder(UserError):
    """The bucket has an older index than the one that was last written."""


@dataclass(frozen=True)
class OpenedVersion:
    """A version on this machine, opened; ``table`` stays at it. ``stamp`` is the folder's from before."""

    copied: CopiedVersion
    stamp: int
    table: Any
    embedding_model: str
    dimension: int


class IndexMirror:
    """The mirror of one index, shared by the threads of a process, and by its folder with other processes."""

    def __init__(
        self,
        address: str,
        home: Path,
        *,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.folder = MirrorFolder(home, address)
        self.problem: str | None = None  # what keeps the mirror from being the newest version
        self._max_bytes = max_bytes
        self._clock = clock
        self._store = ObjectStore(address)
        self._opened: dict[str, OpenedVersion] = {}
        self._connection: Any = None
        self._one_at_a_time = threading.Lock()
        self._background: threading.Thread | None = None
        self._is_busy = False  # another process copies, for longer than a search waits
        self._optimized = 0  # the version that was copied last because it is quicker to search
        self._away_until = self._paused_until = 0.0

    @property
    def is_away(self) -> bool:
        """Returns whether the bucket gave no answer when it was last asked."""
        return bool(self._away_until)

    def lacks(self, table: str) -> bool:
        """Returns whether nothing of a table is here, and the bucket gave no answer when it was last asked."""
        return self.is_away and self.folder.load(table) is None

    def open(self, table: str, written: WrittenVersion) -> OpenedVersion | None:
        """Opens the newest version of a table; None where the bucket has to be read instead.

        Raises :class:`ingest.index.storage.object_store.BucketProblem` where the bucket is away and nothing is
        here, and :class:`IndexOlder`.
        """
        opened = self._opened.get(table)
        is_named = opened is not None and written.is_known and opened.copied.write_id == written.write_id
        if opened and is_named and opened.stamp == self.folder.stamp(table):  # else another copied a better one
            self._copy_optimized(table, written, opened)
            return opened
        if self._clock() < self._away_until and (opened := self._open_any(table)):
            return opened
        try:
            newest = self._find_newest(table, written)
            return self._catch_up(table, written, newest)
        except UnknownManifest as error:
            self._pause(error)
            return None
        except BucketProblem as error:
            self._note_away(error)
            if opened := self._open_any(table):
                return opened
            raise

    def follow(self, table: str, written: WrittenVersion) -> CopiedVersion | None:
        """Copies the newest version of a table, however large, and removes other tables; returns what is here.

        For a thread beside the searches: it asks the bucket, and keeps what is wrong as ``problem``.
        """
        try:
            newest = self._list_newest(table, written)
            if newest and not self._is_here(self.folder.load(table), written, newest):
                with self.folder.copying(wait_seconds=WAIT_SECONDS) as is_ours:
                    if is_ours:
                        self._copy(self._plan(table, written, newest))
            self._remove_others(table)
        except BucketProblem as error:
            self._note_away(error)
        except IndexOlder as error:
            self.problem = str(error)
        except (VersionGone, UnknownManifest, MirrorFull, OSError) as error:
            self._pause(error)
        return self.folder.load(table)

    def recheck(self, table: str) -> None:
        """Removes what is damaged, after the copy could not be read; the next search copies it again."""
        with self._one_at_a_time:
            self._opened.pop(table, None)
            self._connection = None
            with self.folder.copying(wait_seconds=WAIT_SECONDS) as is_ours:
                here = self.folder.load(table)
                if is_ours and here and (n_missing := self.folder.remove_damaged(table, here)):
                    observability.log.warning("mirror_damaged", n_files=n_missing)
                    self.folder.store(table, None)

    def _find_newest(self, table: str, written: WrittenVersion) -> tuple[int, str] | None:
        """Returns the newest version and its etag, which is empty where Postgres knows the version; None where the
        bucket has no such table."""
        return (written.version or 0, "") if written.is_known else self._list_newest(table, written)

    def _list_newest(self, table: str, written: WrittenVersion) -> tuple[int, str] | None:
        found = self._store.find_first(f"{table}.lance/{manifest.VERSIONS}/")
        self._note_answer()
        if found is None or not found.path.endswith(".manifest"):
            return None
        version = manifest.version_of(found.path)
        if version < (written.version or 0):
            raise IndexOlder(
                f"The bucket has version {version} of the index at {self.address}, but version {written.version} "
                "was written last: the bucket was restored from an older copy. Run 'docent sync' (or 'docent "
                "ingest' for each source), which brings it up to date."
            )
        return version, found.etag

    def _is_here(self, here: CopiedVersion | None, written: WrittenVersion, newest: tuple[int, str]) -> bool:
        version, etag = newest
        if here is None:
            return False
        if etag:
            return (here.version, here.etag) == (version, etag)
        return here.write_id == written.write_id

    def _catch_up(
        self, table: str, written: WrittenVersion, newest: tuple[int, str] | None
    ) -> OpenedVersion | None:
        if newest is None:
            return None
        opened = self._opened.get(table)
        if opened and newest[1] and self._is_here(opened.copied, written, newest):
            return opened
        with self._one_at_a_time:
            stamp, here = self.folder.stamp(table), self.folder.load(table)
            if here and self._is_here(here, written, newest) and self.folder.has(table, here):
                return self._open(table, here, stamp)
            if self._clock() < self._away_until:  # another thread has just asked in vain
                raise BucketProblem(self.problem or "")
            if self._clock() < self._paused_until:
                return None
            try:
                return self._copy_and_open(table, written, newest)
            except (VersionGone, UnknownManifest, MirrorFull, OSError) as error:
                self._pause(error)
                return None

    def _copy_and_open(self, table: str, written: WrittenVersion, newest: tuple[int, str]) -> OpenedVersion | None:
        if written.is_known and written.optimized_version and self.folder.load(table) is None:
            newest = (written.optimized_version, "")  # all is to be copied anyway
        planned = self._plan(table, written, newest)
        self._note_answer()
        if planned.n_bytes > SMALL_BYTES:
            self._copy_in_background(planned)
            return None
        with self.folder.copying(wait_seconds=0 if self._is_busy else WAIT_SECONDS) as is_ours:
            self._is_busy = not is_ours
            if not is_ours:
                return None
            copied = self._copy(planned)
            return self._open(table, copied, self.folder.stamp(table))

    def _plan(self, table: str, written: WrittenVersion, newest: tuple[int, str]) -> PlannedCopy:
        contains_write = not written.is_writing and newest[0] >= (written.version or 0)
        write_id = written.write_id if contains_write else None
        try:
            return version_copy.plan(self.folder, self._store, table, newest[0], write_id)
        except VersionGone:  # a newer one has replaced it since
            again = self._list_newest(table, written)
            if again is None or again[0] == newest[0]:
                raise
            return version_copy.plan(self.folder, self._store, table, again[0], write_id)

    def _copy(self, planned: PlannedCopy) -> CopiedVersion:
        """Copies a version unless it is here under no name, or under another; the caller has the folder's lock."""
        here = self.folder.load(planned.table)
        is_same = here and (here.version, here.etag) == (planned.manifest.version, planned.etag)
        if here and is_same and not planned.missing:
            copied = replace(here, write_id=planned.write_id or here.write_id)
            self.folder.store(planned.table, copied)
        else:
            copied = version_copy.run(planned, self.folder, self._store, max_bytes=self._max_bytes)
            observability.log.info("mirror_copied", version=copied.version, n_bytes=planned.n_bytes)
        self.problem, self._paused_until = None, 0.0
        return copied

    def _copy_optimized(self, table: str, written: WrittenVersion, opened: OpenedVersion) -> None:
        """Copies what is quicker to search than what is here, once for each such version, beside the searches."""
        optimized = written.optimized_version or 0
        if optimized > max(opened.copied.version, self._optimized):
            self._optimized = optimized
            self._start_background(lambda: self.follow(table, written))

    def _start_background(self, work: Callable[[], object]) -> None:
        if self._background is None or not self._background.is_alive():
            self._background = threading.Thread(target=work, name="mirror", daemon=True)
            self._background.start()

    def _copy_in_background(self, planned: PlannedCopy) -> None:
        def copy() -> None:
            try:
                with self.folder.copying() as is_ours:
                    if is_ours:  # else another process copies
                        self._copy(planned)
            except BucketProblem as error:
                self._note_away(error)
            except (VersionGone, UnknownManifest, MirrorFull, OSError) as error:
                self._pause(error)

        self._start_background(copy)

    def _open_any(self, table: str) -> OpenedVersion | None:
        """Opens whatever version is here: for while the bucket is away."""
        with self._one_at_a_time:
            opened, stamp, here = self._opened.get(table), self.folder.stamp(table), self.folder.load(table)
            if here is None or not self.folder.has(table, here):
                return opened
            return self._open(table, here, stamp) or opened

    def _open(self, table: str, copied: CopiedVersion, stamp: int) -> OpenedVersion | None:
        opened = self._opened.get(table)
        if opened is None or (opened.copied.version, opened.copied.etag) != (copied.version, copied.etag):
            try:
                if self._connection is None:
                    self._connection = lancedb_runtime.run(lancedb_runtime.connect(str(self.folder.path)))
                at = lancedb_runtime.run(lancedb_runtime.open_version(self._connection, table, copied.version))
                schema = lancedb_runtime.run(at.schema())
            except (RuntimeError, OSError, ValueError) as error:
                observability.log.warning("mirror_unreadable", error_type=type(error).__name__)
                self.folder.store(table, None)
                return None
            model, dimension = lancedb_runtime.embedding_model_of(schema), lancedb_runtime.dimension_of(schema)
            opened = OpenedVersion(copied, stamp, at, model, dimension)
        self._opened[table] = opened = replace(opened, copied=copied, stamp=stamp)
        return opened

    def _remove_others(self, table: str) -> None:
        others = [other for other in self.folder.tables() if other != table]
        if others and self.folder.load(table):
            with self.folder.copying() as is_ours:
                for other in others if is_ours else []:
                    self.folder.remove(other)

    def _note_answer(self) -> None:
        if self._clock() >= self._paused_until:
            self.problem = None
        self._away_until = 0.0

    def _note_away(self, error: BucketProblem) -> None:
        if not self._away_until:
            observability.log.warning("bucket_away", address=self.address)
        self.problem, self._away_until = str(error), self._clock() + AWAY_SECONDS

    def _pause(self, error: Exception) -> None:
        """Makes no copy for a while, and says why; searches read the bucket meanwhile."""
        self.problem = self._describe(error)
        self._paused_until = self._clock() + PAUSE_SECONDS
        observability.log.warning("mirror_paused", error_type=type(error).__name__)

    def _describe(self, error: Exception) -> str:
        slow = "Searches read the bucket instead, which takes longer."
        if isinstance(error, MirrorFull):
            return (
                f"The index takes {format_bytes(error.n_bytes)}, but DOCENT_MIRROR_GB allows its copy on this "
                f"machine {format_bytes(error.max_bytes)}. {slow} Raise DOCENT_MIRROR_GB."
            )
        if isinstance(error, UnknownManifest):
            return f"The index at {self.address} cannot be copied to this machine: {error}. {slow}"
        if isinstance(error, VersionGone):
            return f"A version of the index at {self.address} went away while it was copied. {slow}"
        why = getattr(error, "strerror", "") or error
        return (
            f"The index cannot be copied to {self.folder.path} ({why}). {slow} "
            "Free some space there, or set DOCENT_HOME to a folder that can be written."
        )
