"""Copies one version of a table from the bucket into a mirror's folder: what is new, checked; last its manifest.

Promises that a copy which is killed leaves nothing that is taken for whole, and is continued by the next.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.index.mirror import manifest
from ingest.index.mirror.manifest import NamedFile, VersionManifest
from ingest.index.mirror.mirror_folder import CopiedVersion, MirrorFolder, md5_of
from ingest.index.storage import whole_file
from ingest.index.storage.object_store import ObjectStore

EARLIER_SECONDS = 60  # a version is kept after the next came: for searches that are still reading it
AT_ONCE = 8  # files
MD5_CHARS = 32  # of an etag that is a checksum; that of a file written in parts has a dash and more


class VersionGone(Exception):
    """The bucket no longer has the version, or a file of it: a newer one has replaced it."""


class MirrorFull(Exception):
    """The version needs more room than the mirror may take."""

    def __init__(self, n_bytes: int, max_bytes: int) -> None:
        super().__init__()
        self.n_bytes, self.max_bytes = n_bytes, max_bytes


class DamagedCopy(OSError):
    """A file arrived twice in another form than its checksum and its size say."""


@dataclass(frozen=True)
class PlannedCopy:
    """A version that may be copied: its manifest, and the files that are not here yet."""

    table: str
    manifest: VersionManifest
    content: bytes
    etag: str
    missing: tuple[NamedFile, ...]
    write_id: str | None

    @property
    def n_bytes(self) -> int:
        """Returns how many bytes are to be copied, as far as the manifest tells."""
        return sum(file.n_bytes for file in self.missing)


def plan(folder: MirrorFolder, store: ObjectStore, table: str, version: int, write_id: str | None) -> PlannedCopy:
    """Reads a version's manifest in the bucket, with one request.

    Raises :class:`VersionGone`, :class:`ingest.index.mirror.manifest.UnknownManifest`, and
    :class:`ingest.index.storage.object_store.BucketProblem`.
    """
    answer = store.read(f"{table}.lance/{manifest.path_of(version)}")
    if answer is None:
        raise VersionGone
    content, etag = answer
    parsed = manifest.read(content)
    if parsed.version != version:
        raise manifest.UnknownManifest(f"the manifest of version {version} says {parsed.version}")
    here = folder.load(table)
    known = here.files if here else {}
    missing = tuple(file for file in parsed.files if not _is_here(folder.table_path(table), file, known))
    return PlannedCopy(table, parsed, content, etag, missing, write_id)


def run(planned: PlannedCopy, folder: MirrorFolder, store: ObjectStore, *, max_bytes: int) -> CopiedVersion:
    """Copies what is missing, and says that the version is here; the caller has the folder's lock.

    Raises as :func:`plan`, :class:`MirrorFull`, and OSError where the disk does not take it.
    """
    table, path = planned.table, folder.table_path(planned.table)
    before = folder.load(table)
    _make_room(planned, folder, max_bytes)
    known = {**(before.files if before else {}), **_copy_files(planned.missing, path, f"{table}.lance", store)}
    files = {file.path: known.get(file.path) or md5_of(path / file.path) for file in planned.manifest.files}
    whole_file.write(path / manifest.path_of(planned.manifest.version), [planned.content])
    n_bytes = sum((path / name).stat().st_size for name in files)
    version, earlier = planned.manifest.version, _earlier(before, planned)
    copied = CopiedVersion(version, planned.etag, planned.write_id, n_bytes, time.time(), files, earlier)
    folder.store(table, copied)
    return clean(folder, table, copied)


def clean(folder: MirrorFolder, table: str, copied: CopiedVersion) -> CopiedVersion:
    """Removes what neither this version nor a search of a moment ago needs; the caller has the lock."""
    kept = {version: until for version, until in copied.earlier.items() if until > time.time()}
    folder.remove_all_but(table, [copied.version, *kept])
    copied = replace(copied, earlier=kept)
    folder.store(table, copied)
    return copied


def _earlier(before: CopiedVersion | None, planned: PlannedCopy) -> dict[int, float]:
    """Returns the versions to keep for a while; none after a step back, which another table of this name makes."""
    if before is None or before.version >= planned.manifest.version:
        return {}
    return before.earlier | {before.version: time.time() + EARLIER_SECONDS}


def _make_room(planned: PlannedCopy, folder: MirrorFolder, max_bytes: int) -> None:
    """Removes earlier versions, then everything, where the version would not fit beside them."""
    n_whole = sum(file.n_bytes for file in planned.manifest.files)
    if n_whole > max_bytes:
        raise MirrorFull(n_whole, max_bytes)
    for other in folder.tables():
        if other != planned.table and folder.n_bytes() + planned.n_bytes > max_bytes:
            folder.remove(other)
    here = folder.load(planned.table)
    if here and folder.n_bytes() + planned.n_bytes > max_bytes:
        clean(folder, planned.table, replace(here, earlier={}))
    if folder.n_bytes() + planned.n_bytes > max_bytes:
        raise MirrorFull(folder.n_bytes() + planned.n_bytes, max_bytes)


def _copy_files(files: Sequence[NamedFile], path: Path, prefix: str, store: ObjectStore) -> dict[str, str]:
    """Copies files side by side; returns the MD5 of each by path."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mirror") as pool:
        digests = pool.map(lambda file: _copy_file(file, path, prefix, store), files)
        return dict(zip((file.path for file in files), digests, strict=True))


def _copy_file(file: NamedFile, path: Path, prefix: str, store: ObjectStore) -> str:
    """Copies a file; a second time where it does not fit its checksum.

    Some buckets' etags look like a checksum and are none (encrypted with a key of one's own): what arrives twice
    as the same is taken.
    """
    first, is_sure = _download(file, path, prefix, store)
    if is_sure:
        return first
    second, is_sure = _download(file, path, prefix, store)
    if not is_sure and (second != first or (file.n_bytes and (path / file.path).stat().st_size != file.n_bytes)):
        (path / file.path).unlink(missing_ok=True)
        raise DamagedCopy(f"{file.path} arrived damaged twice")
    return second


def _download(file: NamedFile, path: Path, prefix: str, store: ObjectStore) -> tuple[str, bool]:
    """Writes a file; returns its MD5, and whether its size and its checksum, if it has one, are right."""
    answer = store.download(f"{prefix}/{file.path}", file.n_bytes, path / file.path)
    if answer is None:
        raise VersionGone
    etag = answer.strip('"')
    digest = md5_of(path / file.path)
    is_whole = not file.n_bytes or (path / file.path).stat().st_size == file.n_bytes
    return digest, is_whole and (len(etag) != MD5_CHARS or etag == digest)


def _is_here(path: Path, file: NamedFile, known: dict[str, str]) -> bool:
    """Returns whether a file is here: one that a killed copy left counts if its size is known and right."""
    try:
        n_bytes = (path / file.path).stat().st_size
    except OSError:
        return False
    return n_bytes == file.n_bytes if file.n_bytes else file.path in known
