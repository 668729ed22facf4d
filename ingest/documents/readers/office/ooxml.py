"""Prepares the XML of a Word document for mammoth: one namespace, no hidden text, formulas as text.

Parts are recognised by their content, because a document may name them as it likes.
"""

import re
from io import BytesIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from agent.hidden_characters import strip_invisible
from ingest.documents.readers.office.hidden_runs import StyleSheet, W, is_on, remove_hidden_runs

_THEME = "{http://schemas.openxmlformats.org/drawingml/2006/main}theme"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TRANSITIONAL = {  # by the namespaces of Strict documents
    "http://purl.oclc.org/ooxml/wordprocessingml/main": W[1:-1],
    "http://purl.oclc.org/ooxml/officeDocument/math": _M[1:-1],
    "http://purl.oclc.org/ooxml/officeDocument/relationships": (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
    "http://purl.oclc.org/ooxml/drawingml/main": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/picture": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing": (
        "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
    ),
}


def prepare(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Returns all parts, those with text rewritten; raises :class:`ElementTree.ParseError` for broken XML."""
    roots = {name: _parse(part) for name, part in parts.items() if name.endswith(".rels") or _is_of_kind(part, W)}
    styles = StyleSheet()
    for part in parts.values():
        if _is_of_kind(part, _THEME):
            styles.add_theme(_parse(part))
            break
    for root in roots.values():
        if root.tag == f"{W}styles":
            styles.add(root)
    for root in roots.values():
        if root.tag.startswith(W) and root.tag not in {f"{W}styles", f"{W}numbering"}:
            _replace_formulas(root)
            remove_hidden_runs(root, styles)
    return parts | {name: ElementTree.tostring(root) for name, root in roots.items()}


def _is_of_kind(part: bytes, start: str) -> bool:
    """Returns whether a part's root element begins so."""
    try:
        _, root = next(ElementTree.iterparse(BytesIO(part), events=("start",)))
    except (ElementTree.ParseError, StopIteration):
        return False  # mammoth reports it if it needs this part
    return _to_transitional(root.tag).startswith(start)


def _parse(part: bytes) -> Element:
    """Returns the part's root with the namespaces of Strict replaced by those of Transitional."""
    root = ElementTree.fromstring(part)
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = _to_transitional(element.tag)
        for name, value in [*element.attrib.items()]:
            if "purl.oclc.org" in name or value.startswith("http://purl.oclc.org/ooxml/"):
                del element.attrib[name]
                element.set(_to_transitional(name), _to_transitional(value))
    return root


def _to_transitional(name: str) -> str:
    if "http://purl.oclc.org/ooxml/" in name:
        for strict, transitional in _TRANSITIONAL.items():
            name = re.sub(rf"{re.escape(strict)}(?=[}}/]|$)", transitional, name)
    return name


def _replace_formulas(root: Element) -> None:
    """Replaces each formula by a run of text, because mammoth drops formulas."""
    parents = [element for element in root.iter() if not str(element.tag).startswith(_M)]
    for parent in parents:
        for index, child in enumerate(parent):
            if child.tag in {f"{_M}oMathPara", f"{_M}oMath"}:
                run = Element(f"{W}r")
                ElementTree.SubElement(run, f"{W}t").text = strip_invisible(_formula(child))
                parent[index] = run


def _formula(element: Element) -> str:
    """Returns a formula as one would type it: ``(a)/(b)``, ``x^2``, ``x_i``, ``sqrt(x)``."""
    kind = str(element.tag).removeprefix(_M)
    if kind == "t":
        return element.text or ""
    if kind == "r" and any(map(is_on, element.iterfind(f"{W}rPr/{W}vanish"))):
        return ""
    parts = {str(child.tag).removeprefix(_M): _formula(child) for child in element}
    if kind == "f":
        return f"({parts.get('num', '')})/({parts.get('den', '')})"
    if kind in {"sSup", "sSub", "sSubSup"}:
        lower, upper = parts.get("sub"), parts.get("sup")
        return parts.get("e", "") + (f"_{lower}" if lower else "") + (f"^{upper}" if upper else "")
    if kind == "rad":
        return f"sqrt({parts.get('e', '')})"
    if kind == "d":
        return "(" + ", ".join(_formula(child) for child in element if child.tag == f"{_M}e") + ")"
    return "".join(_formula(child) for child in element)
