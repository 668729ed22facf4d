"""Finds the texts that cells of an OpenDocument sheet (ODS) show, merged cells, and formulas without a value.

A cell stores both its value and what a person sees, such as ``$420.00``; calamine gives the value only.
"""

from collections.abc import Iterator, Mapping, Set
from xml.etree.ElementTree import Element

from ingest.documents.readers.office import archive
from ingest.documents.readers.office.looks import Place, SheetLooks
from ingest.documents.readers.office.opendocument import CommonStyles
from ingest.documents.readers.text.tables import MAX_ROWS

_WHAT = "spreadsheet"
_CONTENT, _STYLES, _MIMETYPE = "content.xml", "styles.xml", "mimetype"
_SHOWN_TYPES = {"currency", "percentage", "date", "time", "float"}
_HIDDEN = "collapse"  # and not "filter", which is a way to look at a sheet
_MAX_REPEATED = 1_000  # rows or columns of one cell; more are empty
_MAX_PLACES = 500_000  # of one sheet, those of repeated cells among them; each takes 200 bytes


def read_looks(content: bytes) -> dict[str, SheetLooks]:
    """Returns the looks by the name of the sheet; none for a file of another kind."""
    parts = archive.unpack(content, what=_WHAT, is_wanted={_CONTENT, _STYLES, _MIMETYPE}.__contains__)
    if _CONTENT not in parts or b"opendocument" not in parts.get(_MIMETYPE, b""):
        return {}
    root = archive.parse_xml(parts[_CONTENT], what=_WHAT)
    roots = {_CONTENT: root}
    if _STYLES in parts:
        roots[_STYLES] = archive.parse_xml(parts[_STYLES], what=_WHAT)
    unseen = _find_unseen_styles(roots)
    tables = root.iterfind("{*}body/{*}spreadsheet/{*}table")
    return {_attribute(table, "name"): _read_table(table, unseen) for table in tables}


def _find_unseen_styles(roots: Mapping[str, Element]) -> set[str]:
    """Returns the styles of white text on no ground; not those that depend on a cell's value."""
    styles = CommonStyles(roots)
    depending = {
        _attribute(style, "name")
        for root in roots.values()
        for style in root.iter()
        if any(_name(part) == "map" for part in style)
    }
    return {name for name, is_white in styles.whites.items() if is_white} - styles.grounds - depending


def _read_table(table: Element, unseen: Set[str]) -> SheetLooks:
    looks = SheetLooks()
    _read_columns(table, looks)
    number = 0
    for row in _rows(table):
        n_rows = _repeat(row, "number-rows-repeated")
        if number > MAX_ROWS:
            break
        if _attribute(row, "visibility") == _HIDDEN:
            looks.hidden_rows.update(range(number, number + min(n_rows, _MAX_REPEATED)))
        column = 0
        for cell in row:
            n_columns = _repeat(cell, "number-columns-repeated")
            if _name(cell) == "table-cell":
                _read_cell(cell, (number, column), (n_rows, n_columns), looks)
                own = _attribute(cell, "style-name")
                if own in unseen and len(cell) and not _has_spans(cell):
                    looks.unseen.update(dict.fromkeys(_places((number, column), (n_rows, n_columns), looks), ""))
            column += n_columns
        number += n_rows
    return looks


def _has_spans(cell: Element) -> bool:
    """Returns whether parts of a cell's text have a style of their own."""
    return any(_name(part) == "span" for part in cell.iter())


def _read_columns(table: Element, looks: SheetLooks) -> None:
    at = 0
    for column in table.iter():
        if _name(column) != "table-column":
            continue
        n_columns = _repeat(column, "number-columns-repeated")
        if _attribute(column, "visibility") == _HIDDEN:
            looks.hidden_columns.update(range(at, at + min(n_columns, _MAX_REPEATED)))
        at += n_columns


def _read_cell(cell: Element, place: Place, repeated: tuple[int, int], looks: SheetLooks) -> None:
    kind, formula = _attribute(cell, "value-type"), _attribute(cell, "formula")
    spanned = _repeat(cell, "number-rows-spanned"), _repeat(cell, "number-columns-spanned")
    if spanned > (1, 1):
        looks.merged.append((place, (place[0] + spanned[0] - 1, place[1] + spanned[1] - 1)))
    if not kind and not formula:
        return
    text = " ".join(" ".join("".join(line.itertext()) for line in cell if _name(line) == "p").split())
    if text and kind in _SHOWN_TYPES and (kind in {"date", "time"} or _says_more(text)):
        looks.texts.update(dict.fromkeys(_places(place, repeated, looks), text))
    if formula and not kind and not text:
        looks.without_value += _places(place, repeated, looks)


def _places(first: Place, repeated: tuple[int, int], looks: SheetLooks) -> list[Place]:
    """Returns where a cell stands; only its first place when there are too many."""
    n_rows, n_columns = (min(n, _MAX_REPEATED) for n in repeated)
    if len(looks.texts) + len(looks.without_value) + len(looks.unseen) + n_rows * n_columns > _MAX_PLACES:
        return [first]
    return [(first[0] + down, first[1] + right) for down in range(n_rows) for right in range(n_columns)]


def _says_more(text: str) -> bool:
    """Returns whether a text is not just digits with their marks, which are better read as the number."""
    return any(letter not in "+-.,'’ \u00a0\u202f()" and not letter.isdecimal() for letter in text)


def _rows(parent: Element) -> Iterator[Element]:
    for child in parent:
        if _name(child) == "table-row":
            yield child
        elif _name(child) in {"table-row-group", "table-header-rows", "table-rows"}:
            yield from _rows(child)


def _repeat(element: Element, name: str) -> int:
    text = _attribute(element, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 1


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
