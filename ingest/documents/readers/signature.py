"""What a document really is, whatever its name says: by how its bytes begin.

Raises :class:`FetchProblem` for what no format of ours begins like, and tells older Office files, those with a
password, and those that are empty.
"""

import re

from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers.office import archive

NAMES: dict[Format, str] = {
    "pdf": "PDF",
    "docx": "Word document",
    "pptx": "PowerPoint presentation",
    "sheet": "spreadsheet",
    "opendocument": "OpenDocument file",
    "epub": "e-book",
    "outlook": "Outlook message",
    "rtf": "Rich Text document",
}  # of those that have a signature
_PDF, _ZIP, _OLE, _RTF = b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf"
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html\b)", re.IGNORECASE)
_PDF_WITHIN = 1024  # bytes; other things may stand before its signature
_OFFICE = re.compile(
    rb"(?:(wordprocessingml|ms-word)|(presentationml|ms-powerpoint)|(spreadsheetml|ms-excel))"
    rb"""\.[\w.]{1,80}?\.?main(?:\+xml)?["']"""
)
_MIMETYPES: dict[bytes, Format] = {
    b"application/epub": "epub",
    b"application/vnd.oasis.opendocument.spreadsheet": "sheet",
    b"application/vnd.oasis.opendocument.text": "opendocument",
    b"application/vnd.oasis.opendocument.presentation": "opendocument",
}


def detect_format(raw: RawDocument) -> Format:
    """The format to read it as."""
    content = raw.content
    if raw.format in NAMES and not content.strip():
        raise FetchProblem("is empty", "write something in it, or remove it")
    if content.startswith(_PDF) or (raw.format in NAMES and _PDF in content[:_PDF_WITHIN]):
        return "pdf"
    if content.startswith(_ZIP):
        return _of_archive(content, raw.format)
    if content.startswith(_OLE):
        return _of_compound(content)
    if content.startswith(_RTF):
        return "rtf"
    if raw.format not in {"webpage", "mail"} and _PAGE.match(content):
        return "html"  # Excel's and Word's "save as web page" may keep their ending too
    if raw.format in NAMES:
        article = "an" if NAMES[raw.format][0] in "OAeE" else "a"
        cause = f"is not {article} {NAMES[raw.format]}, whatever its name says"
        raise FetchProblem(cause, "save it in that format, or remove it")
    return raw.format


def _of_archive(content: bytes, promised: Format) -> Format:
    mimetype, types = _marks(content)
    for mark, format_ in _MIMETYPES.items():
        if mimetype.startswith(mark):
            return format_
    if office := _OFFICE.search(types):
        return "docx" if office[1] else "pptx" if office[2] else "sheet"
    if promised in NAMES:  # whose reader says what is wrong with it
        return promised
    raise FetchProblem("is an archive, whatever its name says", "unpack it, or leave it out with exclude")


def _marks(content: bytes) -> tuple[bytes, bytes]:
    """What tells archives apart; nothing of one that is damaged, which its reader tells."""
    names = ("mimetype", "[Content_Types].xml")
    try:
        found = archive.unpack(content, what="archive", is_wanted=names.__contains__)
    except FetchProblem:
        return b"", b""
    return found.get(names[0], b""), found.get(names[1], b"")


def _of_compound(content: bytes) -> Format:
    """Of what Office wrote before 2007, and writes what is encrypted into, by the names of its parts."""
    if _named("EncryptedPackage", content):
        raise FetchProblem("is protected with a password", "save it without one")
    if _named("__properties_version1.0", content):
        return "outlook"
    if _named("WordDocument", content):
        raise FetchProblem("is an older Word document", "save it as .docx")
    if _named("PowerPoint Document", content):
        raise FetchProblem("is an older PowerPoint presentation", "save it as .pptx")
    if _named("Workbook", content) or _named("Book", content):
        return "sheet"
    raise FetchProblem("is of an older type of Office", "save it as .docx, .pptx or .xlsx, without a password")


def _named(name: str, content: bytes) -> bool:
    return name.encode("utf-16-le") in content
