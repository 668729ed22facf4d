"""E-books (EPUB) to blocks: the chapters in the order of the book's spine, without its navigation."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ingest.documents.blocks import Block, Document
from ingest.documents.readers.html import html
from ingest.documents.readers.office import archive

_WHAT = "e-book"
_ENDINGS = (".xml", ".opf", ".xhtml", ".html", ".htm")
_DC = "{http://purl.org/dc/elements/1.1/}"


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a book; raises :class:`ingest.documents.raw.FetchProblem`."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=lambda name: name.lower().endswith(_ENDINGS))
    name = _package_name(parts)
    if name not in parts:
        raise archive.damage_problem(_WHAT)
    package = archive.parse_xml(parts[name], what=_WHAT)
    title = package.findtext(f".//{_DC}title") or ""
    chapters = [parts[chapter] for chapter in _chapter_names(package, posixpath.dirname(name)) if chapter in parts]
    return Document(title.strip(), tuple(block for chapter in chapters for block in _blocks(chapter)))


def _package_name(parts: archive.Parts) -> str:
    """Returns the name of the part that lists the book's contents, empty for a book without one."""
    container = parts.get("META-INF/container.xml")
    rootfile = archive.parse_xml(container, what=_WHAT).find(".//{*}rootfile") if container else None
    return rootfile.get("full-path", "") if rootfile is not None else ""


def _chapter_names(package: Element, folder: str) -> Iterator[str]:
    items = {item.get("id", ""): item for item in package.iterfind("{*}manifest/{*}item")}
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref", ""))
        if item is not None and "nav" not in item.get("properties", "").split():
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))


def _blocks(chapter: bytes) -> list[Block]:
    return html.blocks(html.decode_page(chapter))
