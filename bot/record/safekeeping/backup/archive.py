"""The file of a backup: a ZIP, whose last member is the manifest with the SHA-256 of every other one.

Promises that it is written as a stream, readable by its owner alone, under another name until it is whole; and
that a file which is damaged, cut off, of something else or of a newer Docent is told in a sentence before anything
is read from it.
"""

import errno
import hashlib
import lzma
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from agent.errors import UserError
from bot.outages.machine import FULL
from bot.record.safekeeping.backup.manifest import FORMAT, BackupManifest, BackupPart

MANIFEST = "manifest.json"
PIECE_BYTES = 1 << 20
LARGEST_MANIFEST_BYTES = 16 << 20
COMPRESS_LEVEL = 3  # twice as fast as the usual level, for a file that is a quarter larger
ZIP_BEGINS = b"PK\x03\x04"
# What zipfile raises of a file whose bytes were changed: nobody encrypted or patched it.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, KeyError),
    *(NotImplementedError, RuntimeError, ValueError),
)
FULL_OR_LIMITED = FULL | {errno.EFBIG}


class PartWriter:
    """Writes one part; the caller counts its rows."""

    def __init__(self, member: IO[bytes]) -> None:
        self.n_rows, self.n_bytes = 0, 0
        self._member, self._digest = member, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        """Appends bytes."""
        self._member.write(data)
        self._digest.update(data)
        self.n_bytes += len(data)

    @property
    def sha256(self) -> str:
        """Returns the hash of what was written."""
        return self._digest.hexdigest()


class BackupWriter:
    """Writes the parts, one after the other, and then the manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.parts: list[BackupPart] = []

    @contextmanager
    def part(self, name: str, *, columns: tuple[str, ...] = ()) -> Iterator[PartWriter]:
        """Opens a part for the ``with``."""
        with self._archive.open(name, "w", force_zip64=True) as member:
            writer = PartWriter(member)
            yield writer
        part = BackupPart(
            name=name, n_rows=writer.n_rows, n_bytes=writer.n_bytes, sha256=writer.sha256, columns=columns
        )
        self.parts.append(part)

    def finish(self, manifest: BackupManifest) -> BackupManifest:
        """Writes the manifest with the parts; returns it."""
        whole = manifest.model_copy(update={"parts": tuple(self.parts)})
        self._archive.writestr(MANIFEST, whole.model_dump_json(indent=2))
        return whole


@contextmanager
def create(path: Path, *, replaces: bool = False) -> Iterator[BackupWriter]:
    """Creates the file, which has its name once the ``with`` has ended well; else nothing is left of it.

    Raises :class:`UserError` where there is one already that it must not replace, and where the disk does not take
    it.
    """
    if path.exists() and not replaces:
        raise UserError(f"There is a file {path} already. Name another, or add --force to replace it.")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(partial, "xb", opener=_open_private) as file:
            archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESS_LEVEL)
            try:
                yield BackupWriter(archive)
            finally:
                with suppress(OSError, ValueError):  # of a disk that is full; what counts is raised below
                    archive.close()
            file.flush()
            os.fsync(file.fileno())
        _require_whole(partial)
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(_explain_write(path, error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


class BackupReader:
    """Reads a backup whose manifest was understood; see :func:`open_backup`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: BackupManifest) -> None:
        self.path, self.manifest = path, manifest
        self._archive = archive

    def read(self, part: BackupPart) -> Iterator[bytes]:
        """Yields a part piece by piece; raises :class:`UserError` at its end if it is not what was written."""
        digest, n_bytes = hashlib.sha256(), 0
        try:
            with self._archive.open(part.name) as member:
                while piece := member.read(PIECE_BYTES):
                    digest.update(piece)
                    n_bytes += len(piece)
                    yield piece
        except (*UNREADABLE, OSError) as error:
            raise self._make_damaged(part) from error
        if (digest.hexdigest(), n_bytes) != (part.sha256, part.n_bytes):
            raise self._make_damaged(part)

    def verify(self) -> None:
        """Reads every part; raises :class:`UserError` for the first that is damaged."""
        for part in self.manifest.parts:
            for _ in self.read(part):
                pass

    def _make_damaged(self, part: BackupPart) -> UserError:
        return UserError(
            f"{self.path} is damaged: '{part.name}' in it is not what was backed up. Take another backup; nothing "
            "was changed."
        )


@contextmanager
def open_backup(path: Path) -> Iterator[BackupReader]:
    """Opens a backup for the ``with``; raises :class:`UserError` for any other file, and a newer Docent's."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            beginning = file.read(len(ZIP_BEGINS))
            try:
                archive = stack.enter_context(zipfile.ZipFile(file))
            except UNREADABLE as error:
                raise UserError(_explain_no_archive(path, beginning)) from error
            manifest = _read_manifest(path, archive)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror or error}).") from error
        yield BackupReader(path, archive, manifest)


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> BackupManifest:
    damaged = f"{path} is damaged: what it says of itself cannot be read. Take another backup."
    try:
        if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST_BYTES:
            raise UserError(damaged)
        text = archive.read(MANIFEST)
    except KeyError:
        raise UserError(f"{path} is no backup of Docent: 'docent backup' writes them.") from None
    except UNREADABLE as error:
        raise UserError(damaged) from error
    try:
        manifest = BackupManifest.model_validate_json(text)
    except ValidationError as error:
        raise UserError(damaged) from error
    if manifest.format > FORMAT:
        raise UserError(
            f"{path} was made by {manifest.release}, which is newer than this release and writes another format. "
            "Restore it with that release or a newer one."
        )
    return manifest


def _explain_no_archive(path: Path, beginning: bytes) -> str:
    if beginning == ZIP_BEGINS:
        return f"{path} is damaged or only the beginning of a backup: its end is missing. Take another."
    return f"{path} is no backup of Docent: 'docent backup' writes them."


def _require_whole(partial: Path) -> None:
    """Raises OSError where the end of the archive was not written: the disk took no more."""
    if not zipfile.is_zipfile(partial):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _explain_write(path: Path, error: OSError) -> str:
    nothing = "Nothing of the backup is left there."
    if error.errno in FULL_OR_LIMITED:
        return (
            f"The backup does not fit on the disk with {path.parent} ({error.strerror}). {nothing} Free "
            "some space on it, or name a file on another disk."
        )
    return f"The backup cannot be written to {path} ({error.strerror or error}). {nothing} Name another file."


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Has the new name survive a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
