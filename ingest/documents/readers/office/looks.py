"""Finds how the cells of a workbook (XLSX) look, and which formulas have no stored value: calamine tells neither.

Reads the first rows only, as many as a document may have.
"""

import posixpath
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element
from xml.parsers import expat

from ingest.documents.readers.office import archive, number_formats
from ingest.documents.readers.office.colours import WHITE, Colour, is_near, parse_hex, read_theme
from ingest.documents.readers.text.tables import MAX_ROWS

_WHAT = "spreadsheet"
_FOLDER = "xl"
_NAMES = ("xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels", "xl/theme/theme1.xml")
_TEXTS, _TABLES = "xl/sharedStrings.xml", ("xl/tables/", "xl/pivotTables/")
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_MAX_RANGES = 300  # of cells that may have a ground of their own; with more, no cell counts as unseen
_WHITE_INDEXES = {"1", "9"}
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_MAX_SHEET_ROWS = MAX_ROWS + 1_000  # some may be empty
_MAX_COLUMNS = 16_384
_TRUE = {"1", "true"}
_RICH = "rich"
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
    unseen: dict[Place, str] = field(default_factory=dict)

    def hides(self, place: Place) -> bool:
        """Returns whether a cell is in a row or a column that is hidden, or has text of the colour of its fill."""
        return place in self.unseen or place[0] in self.hidden_rows or place[1] in self.hidden_columns

    def keep(self, ranges: str, rich_texts: Set[str]) -> None:
        """Takes cells back that may be seen: in ranges with looks of their own, or with words in other colours."""
        if not self.unseen:
            return
        found = [*_RANGE.finditer(ranges)]
        spans = [
            ((int(r[2]), int(r[4] or r[2])), (column_number(r[1]), column_number(r[3] or r[1]))) for r in found
        ]
        is_too_many = len(spans) > _MAX_RANGES
        self.unseen = {
            place: text
            for place, text in self.unseen.items()
            if text not in rich_texts
            and not is_too_many
            and not any(a <= place[0] + 1 <= b and c <= place[1] <= d for (a, b), (c, d) in spans)
        }


def read_looks(content: bytes, *, max_bytes: int) -> dict[str, SheetLooks]:
    """Returns the looks by the name of the sheet; none for a workbook laid out otherwise than by Excel."""
    parts = archive.unpack(content, what=_WHAT, is_wanted=_NAMES.__contains__)
    if _NAMES[0] not in parts or _NAMES[2] not in parts:
        return {}
    workbook, related = (archive.parse_xml(parts[name], what=_WHAT) for name in (_NAMES[0], _NAMES[2]))
    has_styles = _NAMES[1] in parts
    styles = archive.parse_xml(parts[_NAMES[1]], what=_WHAT) if has_styles else Element("styleSheet")
    theme = archive.parse_xml(parts[_NAMES[3]], what=_WHAT) if _NAMES[3] in parts else None
    codes, unseen = _read_codes(styles), find_unseen_styles(styles, theme)
    names = _sheet_names(workbook, related)
    readers: dict[str, _LooksReader] = {}
    for part, piece in archive.stream_xml(content, what=_WHAT, max_bytes=max_bytes):
        if part in names or (unseen and (part == _TEXTS or part.startswith(_TABLES))):
            readers.setdefault(part, _LooksReader(codes, unseen)).feed(piece)
    rich = readers[_TEXTS].rich_texts if _TEXTS in readers else {_RICH}
    tables = [reader.ranges for part, reader in readers.items() if part.startswith(_TABLES)]
    for part in names.keys() & readers.keys():
        readers[part].looks.keep(" ".join([readers[part].ranges, *tables]), rich)
    return {names[part]: reader.looks for part, reader in readers.items() if part in names}


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

    def __init__(self, codes: Mapping[str, str], unseen: Set[str]) -> None:
        self.looks = SheetLooks()
        self.ranges = ""  # of cells that may have a ground of their own
        self.rich_texts = {_RICH}  # by their numbers, as in a cell
        self._n_texts = 0
        self._codes, self._unseen = codes, unseen
        self._row, self._column = -1, -1
        self._has_formula = self._has_value = self._is_in_value = self._is_text = False
        self._is_over = self._is_filtered = self._is_shared = False
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
            self._is_shared = attributes.get("t") == "s"
            if attributes.get("s", "") in self._unseen:
                self.looks.unseen[self._row, self._column] = ""
        elif tag == "f":
            self._has_formula = True
        elif tag in {"si", "r", "conditionalFormatting", "picture", "table", "location"}:
            self._note_ground(tag, attributes)
        elif tag == "v":
            self._is_in_value = True
            self._has_value |= self._is_text  # an empty text is a value, too

    def _note_ground(self, tag: str, attributes: dict[str, str]) -> None:
        """Notes what may have a colour or a ground of its own."""
        if tag == "si":
            self._n_texts += 1
        elif tag == "r" and self._n_texts:
            self.rich_texts.add(str(self._n_texts - 1))
        elif tag == "r" and (self._row, self._column) in self.looks.unseen:
            self.looks.unseen[self._row, self._column] = _RICH
        elif tag != "r":  # a picture is behind all cells
            self.ranges += f" {attributes.get('sqref') or attributes.get('ref') or 'A1:XFD1048576'}"

    def _hide_columns(self, first: str, last: str) -> None:
        if first.isdecimal() and last.isdecimal() and len(last) < 6:
            self.looks.hidden_columns.update(range(int(first) - 1, min(int(last), _MAX_COLUMNS)))

    def _text(self, text: str) -> None:
        self._has_value |= self._is_in_value and not text.isspace()
        place = (self._row, self._column)
        if self._is_in_value and self._is_shared and len(self.looks.unseen.get(place, _RICH * 3)) < 9:
            self.looks.unseen[place] += text.strip()

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


def find_unseen_styles(stylesheet: Element, theme: Element | None) -> set[str]:
    """Returns the styles whose text has the colour of their fill, by the index that a cell gives."""
    light = read_theme(theme).get("lt1")
    fonts = [_read_colour(font.find("{*}color"), light) for font in stylesheet.iterfind("{*}fonts/{*}font")]
    fills = [_read_fill(fill, light) for fill in stylesheet.iterfind("{*}fills/{*}fill")]
    codes = _read_codes(stylesheet)
    found: set[str] = set()
    for index, style in enumerate(stylesheet.iterfind("{*}cellXfs/{*}xf")):
        font, fill = style.get("fontId", ""), style.get("fillId", "0")
        is_known = font.isdecimal() and int(font) < len(fonts) and fill.isdecimal() and int(fill) < len(fills)
        ground = fills[int(fill)] if is_known else (WHITE if not fills else None)
        colour = fonts[int(font)] if font.isdecimal() and int(font) < len(fonts) else None
        has_own_colour = "[" in codes.get(str(index), "")  # [Red]
        found |= {str(index)} if is_near(colour, ground) and not has_own_colour else set()
    return found


def _read_colour(colour: Element | None, light: Colour | None) -> Colour | None:
    if colour is None or colour.get("tint", "0") not in {"0", "0.0"}:
        return None
    if colour.get("theme") == "0":
        return light
    return WHITE if colour.get("indexed") in _WHITE_INDEXES else parse_hex(colour.get("rgb", "")[-6:])


def _read_fill(fill: Element, light: Colour | None) -> Colour | None:
    """Returns the colour of a fill, white for none, None for one that is not known."""
    pattern = fill.find("{*}patternFill")
    if pattern is None or pattern.get("patternType", "none") == "none":
        return WHITE if fill.find("{*}gradientFill") is None else None
    is_solid = pattern.get("patternType") == "solid"
    return _read_colour(pattern.find("{*}fgColor"), light) if is_solid else None


def _sheet_names(workbook: Element, related: Element) -> dict[str, str]:
    """Returns the sheets' names by their part."""
    targets = {relation.get("Id", ""): relation.get("Target", "") for relation in related}
    sheets: dict[str, str] = {}
    for sheet in workbook.iterfind("{*}sheets/{*}sheet"):
        id_ = next((value for name, value in sheet.items() if name.endswith("}id")), "")
        part = posixpath.normpath(posixpath.join("/", _FOLDER, targets.get(id_, "")))[1:]
        sheets[part] = sheet.get("name", "")
    return sheets
