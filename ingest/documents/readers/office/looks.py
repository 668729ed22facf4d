"""Finds how the cells of a workbook (XLSX) look, and which formulas have no stored value: calamine tells neither.

Reads the first rows only, as many as a document may have.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element
from xml.parsers import expat

from ingest.documents.readers.office import archive, number_formats
from ingest.documents.readers.text.tables import MAX_ROWS

_WHAT = "spreadsheet"
_FOLDER = "xl"
_NAMES = ("xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels")
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MAX_SHEET_ROWS = MAX_ROWS + 1_000  # some may be empty
_MAX_COLUMNS = 16_384
_TRUE = {"1", "true"}
Place = tuple[int, int]  # row and column from 0


@dataclass
class SheetLooks:
    """How the cells of one sheet look: their number formats or texts, and the formulas without a stored value.

    ``merged`` has the first and last place of each merged cell, where calamine does not know them. Rows that a
    filter leaves out count as seen: it is a way to look at a sheet.
    """

    formats: dict[Place, str] = field(default_factory=dict)
    texts: dict[Place, str] = field(default_factory=dict)
    without_value: list[Place] = field(default_factory=list)
    merged: list[tuple[Place, Place]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)

    def hides(self, place: Place) -> bool:
        """Returns whether a cell is in a row or a column that is hidden."""
        return place[0] in self.hidden_rows or place[1] in self.hidden_columns


def read_looks(content: bytes, *, max_bytes: int) -> dict[str, SheetLooks]:
    """Returns the looks by the name of the sheet; none for a workbook laid out otherwise than by Excel."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=_NAMES.__contains__)
    if _NAMES[0] not in parts or _NAMES[2] not in parts:
        return {}
    workbook, related = (archive.parse_xml(parts[name], what=_WHAT) for name in (_NAMES[0], _NAMES[2]))
    has_styles = _NAMES[1] in parts
    codes = _read_codes(archive.parse_xml(parts[_NAMES[1]], what=_WHAT)) if has_styles else {}
    names = _sheet_names(workbook, related)
    readers: dict[str, _LooksReader] = {}
    for part, piece in archive.stream_xml(content, what=_WHAT, max_bytes=max_bytes):
        if part in names:
            readers.setdefault(part, _LooksReader(codes)).feed(piece)
    return {names[part]: reader.looks for part, reader in readers.items()}


def name_cells(places: list[Place], *, max_ranges: int) -> str:
    """Returns cells as a sheet names them, those below each other as one range.

    >>> name_cells([(1, 1), (2, 1), (3, 1), (1, 3)], max_ranges=5)
    'B2:B4, D2'
    """
    ranges: list[tuple[Place, Place]] = []
    for row, column in sorted(places, key=lambda place: (place[1], place[0])):
        first, last = ranges[-1] if ranges else ((-9, -9), (-9, -9))
        if last == (row - 1, column):
            ranges[-1] = (first, (row, column))
        else:
            ranges.append(((row, column), (row, column)))
    names = [_name(first) if first == last else f"{_name(first)}:{_name(last)}" for first, last in ranges]
    rest = [f"{len(names) - max_ranges} more"] if len(names) > max_ranges else []
    return ", ".join([*names[:max_ranges], *rest])


def column_number(letters: str) -> int:
    """Returns 0 for ``A``, 26 for ``AA``."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _name(place: Place) -> str:
    row, column = place
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


class _LooksReader:
    """Reads the XML of one sheet, in pieces."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        self.looks = SheetLooks()
        self._codes = codes
        self._row, self._column = -1, -1
        self._has_formula = self._has_value = self._is_in_value = self._is_text = False
        self._is_over = self._is_filtered = False
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, piece: bytes) -> None:
        """Reads on; a sheet that is no XML is calamine's to report."""
        if self._is_over:
            return
        try:
            self._parser.Parse(piece, False)
        except expat.ExpatError:
            self._is_over = True

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if self._is_over:
            return
        if tag == "sheetPr":
            self._is_filtered = attributes.get("filterMode") in _TRUE
        elif tag == "col" and attributes.get("hidden") in _TRUE:
            self._hide_columns(attributes.get("min", ""), attributes.get("max", ""))
        elif tag == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdecimal() and len(number) < 8 else self._row + 1
            self._column = -1
            self._is_over = self._row > _MAX_SHEET_ROWS
            if attributes.get("hidden") in _TRUE and not self._is_filtered:
                self.looks.hidden_rows.add(self._row)
        elif tag == "c":
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._column = column_number(place[1]) if place else self._column + 1
            self._is_text = attributes.get("t") in {"s", "str", "inlineStr"}
            self._has_formula = self._has_value = False
            if code := self._codes.get(attributes.get("s", "")):
                self.looks.formats[self._row, self._column] = code
        elif tag == "f":
            self._has_formula = True
        elif tag == "v":
            self._is_in_value = True
            self._has_value |= self._is_text  # an empty text is a value, too

    def _hide_columns(self, first: str, last: str) -> None:
        if first.isdecimal() and last.isdecimal() and len(last) < 6:
            self.looks.hidden_columns.update(range(int(first) - 1, min(int(last), _MAX_COLUMNS)))

    def _text(self, text: str) -> None:
        self._has_value |= self._is_in_value and not text.isspace()

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "v":
            self._is_in_value = False
        elif tag.rpartition(":")[2] == "c" and self._has_formula and not self._has_value and not self._is_over:
            self.looks.without_value.append((self._row, self._column))

    def _refuse(self, *_: object) -> None:
        raise archive.entities_problem(_WHAT)


def _read_codes(stylesheet: Element) -> dict[str, str]:
    """Returns the number formats that show more than digits by the index of the style, as in a cell."""
    own = {
        format_.get("numFmtId", ""): format_.get("formatCode", "")
        for format_ in stylesheet.iterfind("{*}numFmts/{*}numFmt")
    }
    known = {str(id_): code for id_, code in number_formats.BUILT_IN.items()} | own
    styles = enumerate(stylesheet.iterfind("{*}cellXfs/{*}xf"))
    codes = {str(index): known.get(style.get("numFmtId", ""), "") for index, style in styles}
    return {index: code for index, code in codes.items() if code and code != "General"}


def _sheet_names(workbook: Element, related: Element) -> dict[str, str]:
    """Returns the sheets' names by their part."""
    targets = {relation.get("Id", ""): relation.get("Target", "") for relation in related}
    sheets: dict[str, str] = {}
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        id_ = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        part = posixpath.normpath(posixpath.join("/", _FOLDER, targets.get(id_, "")))[1:]
        sheets[part] = sheet.get("name", "")
    return sheets
