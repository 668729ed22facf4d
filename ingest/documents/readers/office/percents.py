"""Which cells of a workbook (XLSX) are shown as percent: calamine gives their numbers only, 0.19 for 19%."""

import posixpath
import re
from collections import defaultdict
from xml.etree.ElementTree import Element

from ingest.documents.readers.office import archive

_WHAT = "spreadsheet"
_BUILT_IN = {"9", "10"}  # ids of formats that need no definition: 0% and 0.00%
_OVERLAP = 100  # bytes of one piece that go before the next, so that no cell is cut
_FOLDER = "xl"
_NAMES = ("xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})" s="(\d{1,7})"')
Place = tuple[int, str]  # row from 1, and column as letters


def find_cells(content: bytes, *, max_bytes: int) -> dict[str, set[Place]]:
    """The places by the name of the sheet; empty for what is laid out otherwise than Excel does."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=_NAMES.__contains__)
    if len(parts) < len(_NAMES):
        return {}
    workbook, styles, related = (archive.parse_xml(parts[name], what=_WHAT) for name in _NAMES)
    looks = _looks(styles)
    if not looks:
        return {}
    names = _sheets(workbook, related)
    found: defaultdict[str, set[Place]] = defaultdict(set)
    last, tail = "", b""
    for part, piece in archive.stream_xml(content, what=_WHAT, max_bytes=max_bytes):
        before = tail if part == last else b""
        if part in names:
            cells = _CELL.findall(before + piece)
            found[names[part]].update(
                (int(row), column.decode()) for column, row, style in cells if style in looks
            )
        last, tail = part, piece[-_OVERLAP:]
    return found


def _looks(styles: Element) -> set[bytes]:
    """The numbers of the cell styles that show percent."""
    own = {
        one.get("numFmtId") for one in styles.iterfind("{*}numFmts/{*}numFmt") if "%" in one.get("formatCode", "")
    }
    percent_formats = own | _BUILT_IN
    return {
        b"%d" % number
        for number, style in enumerate(styles.iterfind("{*}cellXfs/{*}xf"))
        if style.get("numFmtId") in percent_formats
    }


def _sheets(workbook: Element, related: Element) -> dict[str, str]:
    """The sheets' names by their part."""
    targets = {one.get("Id", ""): one.get("Target", "") for one in related}
    found: dict[str, str] = {}
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        id_ = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        part = posixpath.normpath(posixpath.join("/", _FOLDER, targets.get(id_, "")))[1:]
        found[part] = sheet.get("name", "")
    return found
