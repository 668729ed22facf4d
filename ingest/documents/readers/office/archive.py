"""ZIP archives that are documents: Office's, OpenDocument's, EPUB.

Promises to unpack a bounded amount of text, no pictures, nothing to disk, and nothing that declares entities.
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
    """The parts whose name is wanted, in the order of the archive.

    Raises :class:`FetchProblem` for a damaged or too large one; ``what`` it calls the document.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            wanted = [one for one in archive.infolist() if is_wanted(one.filename)]
            _check_size(wanted, MAX_BYTES)
            return {one.filename: _unpacked(archive, one) for one in wanted}
    except _BROKEN as error:
        raise damage_problem(what) from error


def stream_xml(content: bytes, *, what: str, max_bytes: int = MAX_BYTES) -> Iterator[tuple[str, bytes]]:
    """The XML of an archive piece by piece, with its part's name; for a look before a parser unpacks it by itself.

    Raises :class:`FetchProblem` for a damaged or too large one.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            _check_size(archive.infolist(), max_bytes)
            for one in archive.infolist():
                if one.filename.endswith(".xml"):
                    with archive.open(one) as part:
                        while piece := part.read(_PIECE_BYTES):
                            yield one.filename, piece
    except _BROKEN as error:
        raise damage_problem(what) from error


def parse_xml(part: bytes, *, what: str) -> Element:
    """The root of an XML part; raises :class:`FetchProblem` for one that is broken or declares entities."""
    if any(doctype in part for doctype in _ENTITIES):
        raise entities_problem(what)
    try:
        return ElementTree.fromstring(part)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the others of an encoding
        raise damage_problem(what) from error


def check_entities(found: Parts, *, what: str) -> None:
    """Raises :class:`FetchProblem` when a part declares any."""
    if any(doctype in part for part in found.values() for doctype in _ENTITIES):
        raise entities_problem(what)


def damage_problem(what: str) -> FetchProblem:
    return FetchProblem(f"is a damaged {what}", "open it, save it again, or remove it")


def entities_problem(what: str) -> FetchProblem:
    return FetchProblem(f"declares XML entities, as no {what} does", "remove it")


def _check_size(members: Sequence[zipfile.ZipInfo], max_bytes: int) -> None:
    if sum(one.file_size for one in members) > max_bytes or len(members) > MAX_PARTS:
        limit = f"{max_bytes // 1_000_000} MB"
        raise FetchProblem(f"unpacks to more than {limit} of text", "split it into smaller documents")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """No more than the member's size, which may lie: then its checksum is wrong, and it is refused."""
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise NotImplementedError  # as Word would; others unpack without a bound
    with archive.open(member) as packed:
        return packed.read(member.file_size + 1)
