"""Unpacks ZIP archives that are documents: Office, OpenDocument, EPUB.

Promises to unpack a bounded amount of text, no pictures, nothing to disk, and to parse nothing that declares
entities.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ingest.documents.raw import FetchProblem

MAX_BYTES = 40_000_000  # unpacked, all parts; a book of 1,000 pages has about 15 MB
MAX_PARTS = 20_000
_PIECE_BYTES = 1_000_000
_ENTITIES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError),
    *(NotImplementedError, RuntimeError),  # of an unknown compression, and of a password
)
Parts = dict[str, bytes]


def unpack(content: bytes, *, what: str, is_wanted: Callable[[str], bool]) -> Parts:
    """Returns the parts whose name is wanted, in the order of the archive.

    Raises :class:`FetchProblem` for a damaged or too large archive; ``what`` names the kind of document in it.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            wanted = [member for member in archive.infolist() if is_wanted(member.filename)]
            _check_size(wanted, MAX_BYTES)
            return {member.filename: _unpack_member(archive, member) for member in wanted}
    except _BROKEN as error:
        raise damage_problem(what) from error


def stream_xml(content: bytes, *, what: str, max_bytes: int = MAX_BYTES) -> Iterator[tuple[str, bytes]]:
    """Yields the XML of an archive in pieces with their part's name, for a check before a library unpacks it
    itself.

    Raises :class:`FetchProblem` for a damaged or too large archive.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            _check_size(archive.infolist(), max_bytes)
            for member in archive.infolist():
                if member.filename.endswith(".xml"):
                    with archive.open(member) as part:
                        while piece := part.read(_PIECE_BYTES):
                            yield member.filename, piece
    except _BROKEN as error:
        raise damage_problem(what) from error


def parse_xml(part: bytes, *, what: str) -> Element:
    """Parses an XML part; raises :class:`FetchProblem` if it is broken or declares entities."""
    if any(doctype in part for doctype in _ENTITIES):
        raise entities_problem(what)
    try:
        return ElementTree.fromstring(part)
    except (
        ElementTree.ParseError,
        LookupError,
        ValueError,
    ) as error:  # the last two: an unknown or wrong encoding
        raise damage_problem(what) from error


def check_entities(parts: Parts, *, what: str) -> None:
    """Raises :class:`FetchProblem` when a part declares entities."""
    if any(doctype in part for part in parts.values() for doctype in _ENTITIES):
        raise entities_problem(what)


def damage_problem(what: str) -> FetchProblem:
    """Returns the problem of a damaged document."""
    return FetchProblem(f"is a damaged {what}", "open it, save it again, or remove it")


def entities_problem(what: str) -> FetchProblem:
    """Returns the problem of a document that declares entities, as XML bombs do."""
    return FetchProblem(f"declares XML entities, which no {what} does", "remove it")


def _check_size(members: Sequence[zipfile.ZipInfo], max_bytes: int) -> None:
    if sum(member.file_size for member in members) > max_bytes or len(members) > MAX_PARTS:
        limit = f"{max_bytes // 1_000_000} MB"
        raise FetchProblem(f"unpacks to more than {limit} of text", "split it into smaller documents")


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Returns at most the declared size; if that is wrong, so is the checksum, and the archive counts as
    damaged."""
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise zipfile.BadZipFile("an unknown method")  # Word has no other; those unpack without a bound
    with archive.open(member) as packed:
        return packed.read(member.file_size + 1)
