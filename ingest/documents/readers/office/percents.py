"""Finds the cells of a workbook (XLSX) that are shown as percent: calamine gives 0.19 for 19%."""

import posixpath
import re
from collections import defaultdict
from xml.etree.ElementTree import Element

from ingest.documents.readers.office import archive

_WHAT = "spreadsheet"
_BUILT_IN = {"9", "10"}  # ids of predefined formats: 0% and 0.00%
_OVERLAP = 100  # bytes of one piece repeated before the next, so that no cell is cut
_FOLDER = "xl"
_NAMES = ("xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})" s="(\d{1,7})"')
Place = tuple[int, str]  # row from 1, and column as letters


def find_cells(content: bytes, *, max_bytes: int) -> dict[str, set[Place]]:
    """Returns the cells by the name of their sheet; none for a workbook laid out otherwise than by Excel."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=_NAMES.__contains__)
    if len(parts) < len(_NAMES):
        return {}
    workbook, stylesheet, related = (archive.parse_xml(parts[name], what=_WHAT) for name in _NAMES)
    styles = _percent_styles(stylesheet)
    if not styles:
        return {}
    names = _sheet_names(workbook, related)
    percents: defaultdict[str, set[Place]] = defaultdict(set)
    last, tail = "", b""
    for part, piece in archive.stream_xml(content, what=_WHAT, max_bytes=max_bytes):
        before = tail if part == last else b""
        if part in names:
            cells = _CELL.findall(before + piece)
            percents[names[part]].update(
                (int(row), column.decode()) for column, row, style in cells if style in styles
            )
        last, tail = part, piece[-_OVERLAP:]
    return percents


def _percent_styles(stylesheet: Element) -> set[bytes]:
    """Returns the indexes, as in a cell, of the styles that show percent."""
    own = {
        format_.get("numFmtId")
        for format_ in stylesheet.iterfind("{*}numFmts/{*}numFmt")
        if "%" in format_.get("formatCode", "")
    }
    percent_formats = own | _BUILT_IN
    return {
        b"%d" % number
        for number, style in enumerate(stylesheet.iterfind("{*}cellXfs/{*}xf"))
        if style.get("numFmtId") in percent_formats
    }


def _sheet_names(workbook: Element, related: Element) -> dict[str, str]:
    """Returns the sheets' names by their part."""
    targets = {relation.get("Id", ""): relation.get("Target", "") for relation in related}
    sheets: dict[str, str] = {}
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        id_ = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        part = posixpath.normpath(posixpath.join("/", _FOLDER, targets.get(id_, "")))[1:]
        sheets[part] = sheet.get("name", "")
    return sheets
