"""The headers and footers of a Word document, each as a document of its own for mammoth, which reads bodies only.

Promises the ones that are shown: those that a section refers to, those of first and even pages where they are
switched on. Page numbers, placeholders and deletions are left out.
"""

import posixpath
import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ingest.documents.readers.office.archive import Parts
from ingest.documents.readers.office.hidden_runs import W, is_on

_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES|SECTION)\b", re.IGNORECASE)
_AROUND_NUMBER = re.compile(
    r"(?:[\W\d]|\b(?:page|seite|pagina|página|pág|strona|sida|side|of|von|de|di|sur|van|av|z|p|s)\b)*",
    re.IGNORECASE,
)
_LEFT_OUT = {f"{W}{name}" for name in ("del", "moveFrom", "pict", "drawing", "object")}
_MAX_PARTS = 30
_MAX_NUMBER_CHARS = 100


def as_documents(parts: Parts) -> Iterator[Parts]:
    """Yields the parts to replace so that a header or footer is the body; in the order of the sections."""
    main = _main_part(parts)
    if main not in parts:
        return
    root = ElementTree.fromstring(parts[main])
    targets = _targets(parts, main)
    settings = next(
        (part for name, part in parts.items() if name.endswith("settings.xml") and b"evenAndOddHeaders" in part),
        b"",
    )
    has_even = bool(settings) and _is_switched_on(ElementTree.fromstring(settings), "evenAndOddHeaders")
    seen: set[str] = set()
    for section in root.iter(f"{W}sectPr"):
        has_first = _is_switched_on(section, "titlePg")
        for reference in section:
            if reference.tag not in {f"{W}headerReference", f"{W}footerReference"}:
                continue
            is_shown = {"first": has_first, "even": has_even}.get(reference.get(f"{W}type", ""), True)
            name = targets.get(reference.get(f"{_R}id", ""), "")
            if is_shown and name in parts and name not in seen and len(seen) < _MAX_PARTS:
                seen.add(name)
                yield {main: _to_document(ElementTree.fromstring(parts[name]))}


def is_page_number(text: str) -> bool:
    """Returns whether a text says no more than the number of its page, such as ``Page 3 of``."""
    return len(text) < _MAX_NUMBER_CHARS and _AROUND_NUMBER.fullmatch(text) is not None


def _main_part(parts: Parts) -> str:
    related = ElementTree.fromstring(parts["_rels/.rels"]) if "_rels/.rels" in parts else ()
    for relation in related:
        if relation.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(posixpath.join("/", relation.get("Target", "")))[1:]
    return "word/document.xml"


def _targets(parts: Parts, main: str) -> dict[str, str]:
    folder, file = posixpath.split(main)
    relations = parts.get(posixpath.join(folder, "_rels", f"{file}.rels"), b"")
    return {
        relation.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))[1:]
        for relation in (ElementTree.fromstring(relations) if relations else ())
    }


def _is_switched_on(parent: Element, name: str) -> bool:
    return any(map(is_on, parent.iterfind(f"{W}{name}")))


def _to_document(margin: Element) -> bytes:
    """Returns a document with the content of a header or footer, without what refers to its own relations."""
    for parent in [*margin.iter()]:
        parent[:] = [child for child in parent if not _is_left_out(child)]
        for child in parent:
            child.attrib.pop(f"{_R}id", None)
    for paragraph in margin.iter(f"{W}p"):
        _drop_page_numbers(paragraph)
    document = Element(f"{W}document")
    ElementTree.SubElement(document, f"{W}body").extend(margin)
    return ElementTree.tostring(document)


def _is_left_out(element: Element) -> bool:
    is_picture = element.tag in _LEFT_OUT and not any(
        str(child.tag).endswith("}txbxContent") for child in element.iter()
    )
    is_placeholder = element.tag == f"{W}sdt" and element.find(f"{W}sdtPr/{W}showingPlcHdr") is not None
    return is_picture or is_placeholder


def _drop_page_numbers(paragraph: Element) -> None:
    """Removes the results of fields that number pages, and a paragraph's text if that was all it said."""
    is_numbered = False
    for field in [*paragraph.iter(f"{W}fldSimple")]:
        if _PAGE_FIELD.match(field.get(f"{W}instr", "")):
            is_numbered = True
            field[:] = []
    depth, is_page_field = 0, False
    for run in paragraph.iter(f"{W}r"):
        for child in [*run]:
            if child.tag == f"{W}fldChar":
                depth += {"begin": 1, "end": -1}.get(child.get(f"{W}fldCharType", ""), 0)
                is_page_field &= depth > 0
            elif child.tag == f"{W}instrText":
                is_page_field |= bool(_PAGE_FIELD.match(child.text or ""))
                is_numbered |= is_page_field
            elif child.tag == f"{W}t" and is_page_field:
                child.text = ""
    texts = [*paragraph.iter(f"{W}t")]
    if is_numbered and is_page_number("".join(text.text or "" for text in texts)):
        for text in texts:
            text.text = ""
