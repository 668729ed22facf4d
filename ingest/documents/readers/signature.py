"""Detects a document's format from its first bytes, whatever its name says.

Recognises, and names to the operator, older Office files, files with a password and empty files.
"""

import re

from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.documents.readers.office import archive

NAMES: dict[Format, str] = {
    Format.PDF: "PDF",
    Format.DOCX: "Word document",
    Format.PPTX: "PowerPoint presentation",
    Format.SHEET: "spreadsheet",
    Format.OPENDOCUMENT: "OpenDocument file",
    Format.EPUB: "e-book",
    Format.OUTLOOK: "Outlook message",
    Format.RTF: "Rich Text document",
    Format.PICTURE: "picture",
}  # formats that have a signature
_PDF, _ZIP, _OLE, _RTF = b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf"
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG and JPEG
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html\b)", re.IGNORECASE)
_WHOLE_PAGE = re.compile(  # goes on with another tag, unlike a text that begins with a word about HTML
    rb"(?:\xef\xbb\xbf)?\s*<[^<>]{1,2000}>\s*(?:<[a-z!?]|(?s:.*)</html\s*>\s*\Z)", re.IGNORECASE
)
_PAGE_END = re.compile(rb"</html\s*>(?!\s*(?:<!--|\Z))", re.IGNORECASE)
_PDF_OBJECT = re.compile(rb"[\r\n][ \t]*\d{1,10} \d{1,5} obj\b")
_PDF_END = re.compile(rb"startxref\s{1,9}\d{1,12}\s{1,9}%%EOF")
_PDF_END_WITHIN = 2048  # bytes
_BRACES = re.compile(rb"\\.|[{}]", re.DOTALL)
_TEXT = {  # formats without a signature, whose text may begin with another's
    *(Format.MARKDOWN, Format.TEXT, Format.HTML, Format.WEBPAGE, Format.CSV, Format.JSON, Format.NOTEBOOK),
    Format.MAIL,
}
_PDF_WITHIN = 1024  # bytes; other things may stand before its signature
_OFFICE = re.compile(
    rb"(?:(wordprocessingml|ms-word)|(presentationml|ms-powerpoint)|(spreadsheetml|ms-excel))"
    rb"""\.[\w.]{1,80}?\.?main(?:\+xml)?["']"""
)
_MIMETYPES: dict[bytes, Format] = {
    b"application/epub": Format.EPUB,
    b"application/vnd.oasis.opendocument.spreadsheet": Format.SHEET,
    b"application/vnd.oasis.opendocument.text": Format.OPENDOCUMENT,
    b"application/vnd.oasis.opendocument.presentation": Format.OPENDOCUMENT,
}


def detect_format(raw: RawDocument) -> Format:
    """Returns the format to read a document in; raises :class:`FetchProblem` for an unreadable one."""
    content = raw.content
    if raw.format in NAMES and not content.strip():
        raise FetchProblem("is empty", "write something in it, or remove it")
    if raw.format in _TEXT and _is_only_text(content):
        return raw.format
    if content.startswith(_PDF) or (raw.format in NAMES and _PDF in content[:_PDF_WITHIN]):
        return Format.PDF
    if content.startswith(_ZIP):
        return _detect_archive(content, raw.format)
    if content.startswith(_OLE):
        return _detect_compound(content)
    if content.startswith(_RTF):
        return Format.RTF
    if raw.format == Format.PICTURE and content.startswith(_PICTURES):
        return Format.PICTURE
    if raw.format not in {Format.WEBPAGE, Format.MAIL} and _PAGE.match(content):
        return Format.HTML  # Excel's and Word's "save as web page" may keep their ending too
    if raw.format in NAMES:
        article = "an" if NAMES[raw.format][0] in "OAeE" else "a"
        cause = f"is not {article} {NAMES[raw.format]}, despite its name"
        raise FetchProblem(cause, "save it in that format, or remove it")
    return raw.format


def _is_only_text(content: bytes) -> bool:
    """Returns whether a text begins with the signature of a format that it is not in, such as one about PDF."""
    if content.startswith(_PDF):
        return not (_PDF_OBJECT.search(content) and _PDF_END.search(content[-_PDF_END_WITHIN:]))
    if content.startswith(_RTF):
        return not _is_one_group(content)
    if _PAGE.match(content):
        return not _WHOLE_PAGE.match(content) or _PAGE_END.search(content) is not None
    return False


def _is_one_group(content: bytes) -> bool:
    """Returns whether the brace that opens a Rich Text document is closed at its very end."""
    depth = 0
    for brace in _BRACES.finditer(content):
        depth += {b"{": 1, b"}": -1}.get(brace[0], 0)
        if depth == 0:
            return not content[brace.end() :].strip(b"\0 \t\r\n")
    return False


def _detect_archive(content: bytes, promised: Format) -> Format:
    mimetype, types = _read_marks(content)
    for mark, format_ in _MIMETYPES.items():
        if mimetype.startswith(mark):
            return format_
    if office := _OFFICE.search(types):
        return Format.DOCX if office[1] else Format.PPTX if office[2] else Format.SHEET
    if promised in NAMES:  # its reader says what is wrong with it
        return promised
    raise FetchProblem("is an archive, despite its name", "unpack it, or leave it out with exclude")


def _read_marks(content: bytes) -> tuple[bytes, bytes]:
    """Returns the parts that distinguish archives; empty for a damaged one, which its reader reports."""
    names = ("mimetype", "[Content_Types].xml")
    try:
        parts = archive.unpack(content, what="archive", is_wanted=names.__contains__)
    except FetchProblem:
        return b"", b""
    return parts.get(names[0], b""), parts.get(names[1], b"")


def _detect_compound(content: bytes) -> Format:
    """Returns the format of an OLE file (Office before 2007, and encrypted files) by the names of its parts."""
    if _has_part("EncryptedPackage", content):
        raise FetchProblem("is protected with a password", "save it without one")
    if _has_part("__properties_version1.0", content):
        return Format.OUTLOOK
    if _has_part("WordDocument", content):
        raise FetchProblem("is an older Word document", "save it as .docx")
    if _has_part("PowerPoint Document", content):
        raise FetchProblem("is an older PowerPoint presentation", "save it as .pptx")
    if _has_part("Workbook", content) or _has_part("Book", content):
        return Format.SHEET
    raise FetchProblem("is an older Office file", "save it as .docx, .pptx or .xlsx, without a password")


def _has_part(name: str, content: bytes) -> bool:
    return name.encode("utf-16-le") in content
