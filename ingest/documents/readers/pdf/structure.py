"""The texts that a tagged PDF's structure gives in the place of what a page shows, by marked content.

Reads the elements that a page takes part in. What they say of the order or kind of texts is not used.
"""

import ctypes

import pypdfium2
from pypdfium2 import raw

_MAX_BYTES = 4_096
_MAX_ELEMENTS = 50_000  # of a page; a made one may have any number
_MAX_IDS = 1_000  # of an element

ReplacedContent = dict[int, tuple[int, str]]  # by marked content: the element's number, and its text


def read_texts(page: pypdfium2.PdfPage) -> ReplacedContent:
    """Returns the texts by the number of the marked content that they replace; nothing for a file without tags."""
    texts: ReplacedContent = {}
    if not raw.FPDFCatalog_IsTagged(page.pdf.raw):
        return texts
    tree = raw.FPDF_StructTree_GetForPage(page.raw)
    if not tree:
        return texts
    try:
        n = max(0, raw.FPDF_StructTree_CountChildren(tree))
        tops = (raw.FPDF_StructTree_GetChildAtIndex(tree, i) for i in range(min(n, _MAX_ELEMENTS)))
        open_ = [(top, 0, "") for top in tops]
        for number in range(1, _MAX_ELEMENTS):
            if not open_:
                break
            element, owner, text = open_.pop()
            if own := "" if text or not element else _actual_text(element):
                owner, text = number, own
            if element:
                open_ += [(child, owner, text) for child in _children(element)]
                texts.update((mark, (owner, text)) for mark in _marked_contents(element) if text)
    finally:
        raw.FPDF_StructTree_Close(tree)
    return texts


def _children(element: "raw.FPDF_STRUCTELEMENT") -> "list[raw.FPDF_STRUCTELEMENT]":
    n = min(max(0, raw.FPDF_StructElement_CountChildren(element)), _MAX_ELEMENTS)
    return [child for i in range(n) if (child := raw.FPDF_StructElement_GetChildAtIndex(element, i))]


def _marked_contents(element: "raw.FPDF_STRUCTELEMENT") -> list[int]:
    n = min(max(0, raw.FPDF_StructElement_GetMarkedContentIdCount(element)), _MAX_IDS)
    return [raw.FPDF_StructElement_GetMarkedContentIdAtIndex(element, i) for i in range(n)]


def _actual_text(element: "raw.FPDF_STRUCTELEMENT") -> str:
    n_bytes = raw.FPDF_StructElement_GetActualText(element, None, 0)
    if not 2 < n_bytes <= _MAX_BYTES:
        return ""
    buffer = (ctypes.c_ushort * (n_bytes // 2 + 1))()
    raw.FPDF_StructElement_GetActualText(element, buffer, n_bytes)
    return bytes(buffer).decode("utf-16-le", errors="ignore").strip("\0")
