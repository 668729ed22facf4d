"""Reads from the manifest of a version of a LanceDB table which files the version consists of.

Lance's format (https://lance.org/format/table): a manifest ends with the position of a protobuf message of type
``lance.table.Manifest``, which names data files, deletion files and the place of a section about indexes. All
paths are relative to the table. Every file is written once and never changed; only a manifest makes it part of the
table. What this module does not know to be safe it refuses (:class:`UnknownManifest`), and such a table is read in
the bucket.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

VERSIONS = "_versions"
LAST_VERSION = 2**64 - 1  # manifests are named by what is left up to it, so that the newest comes first
KNOWN_FLAGS = 1 | 2 | 4 | 8  # deletion files, stable row ids, the second format, table config; 16: files elsewhere
_PATH = re.compile(r"(data|_deletions|_indices)(/[\w.-]+)+", re.ASCII)
_TRAILER = struct.Struct("<QHH4s")
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # protobuf's wire types
_Value = int | bytes


class UnknownManifest(Exception):
    """A manifest that this module cannot read for certain."""


@dataclass(frozen=True)
class NamedFile:
    """A file of a version; ``n_bytes`` is 0 where the manifest does not tell."""

    path: str
    n_bytes: int


@dataclass(frozen=True)
class VersionManifest:
    """The files of a version, without the manifest itself; ordered by path."""

    version: int
    files: tuple[NamedFile, ...]


def path_of(version: int) -> str:
    """Returns the path of a version's manifest within its table."""
    return f"{VERSIONS}/{LAST_VERSION - version:020d}.manifest"


def version_of(path: str) -> int:
    """Returns the version whose manifest is called that; raises :class:`UnknownManifest` for another name."""
    name, _, ending = path.rpartition("/")[2].partition(".")
    if ending != "manifest" or len(name) != 20 or not name.isdigit():
        raise UnknownManifest(f"a manifest is called '{path}'")
    return LAST_VERSION - int(name)


def read(content: bytes) -> VersionManifest:
    """Reads a manifest; raises :class:`UnknownManifest`."""
    try:
        position, _, _, magic = _TRAILER.unpack(content[-_TRAILER.size :])
        if magic != b"LANC":
            raise UnknownManifest("the file is no manifest")
        return _read_message(content, position)
    except (IndexError, KeyError, ValueError, TypeError, struct.error) as error:
        raise UnknownManifest(f"the manifest cannot be read ({error})") from error


def _read_message(content: bytes, position: int) -> VersionManifest:
    version = 0
    files: list[NamedFile] = []
    for field, value in _fields(_message_at(content, position)):
        if field == 2:
            files += _files_of_fragment(_bytes(value))
        elif field == 3:
            version = _int(value)
        elif field == 6:
            for _, index in _fields(_message_at(content, _int(value))):
                files += _files_of_index(_bytes(index))
        elif field == 18 or (field == 9 and _int(value) & ~KNOWN_FLAGS):
            raise UnknownManifest("the table uses a feature of LanceDB that is not known here")
    if not version:
        raise UnknownManifest("the manifest names no version")
    if any(not _PATH.fullmatch(file.path) or ".." in file.path for file in files):
        raise UnknownManifest("a file has a name that no table of LanceDB gives")
    return VersionManifest(version, tuple(sorted(set(files), key=lambda file: file.path)))


def _files_of_fragment(fragment: bytes) -> Iterator[NamedFile]:
    """Yields the data files of a fragment, and the file of its deleted rows."""
    number, deletion = 0, b""
    for field, value in _fields(fragment):
        if field == 1:
            number = _int(value)
        elif field == 2:
            parts = dict(_fields(_bytes(value)))
            if 7 in parts:
                raise UnknownManifest("a file lies outside of the table")
            yield NamedFile(f"data/{_bytes(parts[1]).decode()}", _int(parts.get(6, 0)))
        elif field == 3:
            deletion = _bytes(value)
        elif field in (6, 8, 10):
            raise UnknownManifest("the table keeps ids of rows in files of their own")
    if deletion:
        parts = dict(_fields(deletion))
        if 7 in parts:
            raise UnknownManifest("a file lies outside of the table")
        ending = "bin" if parts.get(1, 0) else "arrow"
        yield NamedFile(f"_deletions/{number}-{_int(parts.get(2, 0))}-{_int(parts[3])}.{ending}", 0)


def _files_of_index(index: bytes) -> Iterator[NamedFile]:
    uuid = ""
    files: list[tuple[str, int]] = []
    for field, value in _fields(index):
        if field == 1:
            uuid = str(UUID(bytes=_bytes(dict(_fields(_bytes(value)))[1])))
        elif field == 9:
            raise UnknownManifest("an index lies outside of the table")
        elif field == 10:
            parts = dict(_fields(_bytes(value)))
            files.append((_bytes(parts[1]).decode(), _int(parts.get(2, 0))))
    if not files:
        raise UnknownManifest("the files of an index are not named, as by LanceDB before 0.30")
    for name, n_bytes in files:
        yield NamedFile(f"_indices/{uuid}/{name}", n_bytes)


def _message_at(content: bytes, position: int) -> bytes:
    (length,) = struct.unpack_from("<I", content, position)
    return content[position + 4 : position + 4 + length]


def _fields(message: bytes) -> Iterator[tuple[int, _Value]]:
    """Yields the numbers and values of a protobuf message's fields, as they are written."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield field, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_FIXED_64, _FIXED_32):
            length = 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + length > len(message):
            raise ValueError("it ends too early")
        yield field, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _bytes(value: _Value) -> bytes:
    if isinstance(value, int):
        raise TypeError("a number instead of bytes")
    return value


def _int(value: _Value) -> int:
    if not isinstance(value, int):
        raise TypeError("bytes instead of a number")
    return value
