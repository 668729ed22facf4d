"""Spreadsheets (XLSX, XLSB, XLS, ODS) to blocks: the only module that imports python_calamine.

calamine reads all four formats, returns dates as dates and a formula's last value, and is 5 to 10 times as fast as
openpyxl, which reads XLSX only. It does not return how cells look: :mod:`ingest.documents.readers.office.looks`
does for XLSX, and the displayed texts of ODS are read by :mod:`ingest.documents.readers.office.ods`; XLSB and XLS
lose their number formats. Hidden sheets, rows and columns are left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from io import BytesIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from ingest.documents.blocks import Block, BlockKind, Document, Gap
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.html import cells
from ingest.documents.readers.office import archive, looks, number_formats, ods
from ingest.documents.readers.office.looks import Place, SheetLooks
from ingest.documents.readers.text.tables import Rows

MAX_BYTES = 200_000_000  # unpacked; 100,000 rows of 20 columns have about that
MAX_CELLS = 20_000_000  # from the first to the last; calamine allocates all between, even if empty
_WHAT = "spreadsheet"
_MAX_RANGES, _MAX_SHEETS = 8, 3  # named where formulas have no value
_MAX_COVERED = 500_000  # places below merged cells
_DEFAULT_NAMES = {"sheet1", "tabelle1", "feuil1", "hoja1", "foglio1", "blad1", "arkusz1", "лист1"}
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})(\d{1,7})["']""")
_SHOWS_NOTHING = ";;;"
Cell = float | str | bool | date | time | timedelta


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a workbook, each sheet under its name; raises :class:`FetchProblem`."""
    by_sheet: Mapping[str, SheetLooks] = {}
    if content.startswith(b"PK"):
        _check_extent(content)
        by_sheet = ods.read_looks(content) or looks.read_looks(content, max_bytes=MAX_BYTES)
    rows = Rows()
    try:
        with CalamineWorkbook.from_filelike(BytesIO(content)) as book:
            names = [sheet.name for sheet in book.sheets_metadata if _is_visible(sheet)]
            sheets = [
                block for name in names for block in _sheet(book, name, rows, by_sheet.get(name, SheetLooks()))
            ]
    except PasswordError as error:
        raise FetchProblem("is protected with a password", "save it without one") from error
    except CalamineError as error:
        raise archive.damage_problem(_WHAT) from error
    if len(names) == 1 and sheets and sheets[0].text.lower() in _DEFAULT_NAMES:
        sheets = sheets[1:]
    return Document(
        "", tuple(sheets), gap=_gap(rows.gap, {name: by_sheet[name] for name in names if name in by_sheet})
    )


def _gap(of_rows: Gap | None, by_sheet: Mapping[str, SheetLooks]) -> Gap | None:
    """Returns what is missing of a workbook, in one sentence."""
    parts: list[str] = []
    for name, sheet in by_sheet.items():
        if sheet.without_value:
            cells_ = looks.name_cells(sheet.without_value, max_ranges=_MAX_RANGES)
            parts.append(f"{cells_} of {name.replace(';', ',')}" if len(by_sheet) > 1 else cells_)
    if not parts:
        return of_rows
    more = [f"{len(parts) - _MAX_SHEETS} more sheets"] if len(parts) > _MAX_SHEETS else []
    cause = f"has formulas without a stored value ({', '.join([*parts[:_MAX_SHEETS], *more])})"
    advice = "open it in Excel or LibreOffice and save it again"
    if of_rows:
        return Gap(f"{cause}, and {of_rows.cause}", f"{advice}, or {of_rows.advice}")
    return Gap(cause, f"{advice}; all else is searchable")


def _check_extent(content: bytes) -> None:
    """Raises :class:`FetchProblem` for a sheet so large that calamine would abort the process."""
    rows: defaultdict[str, int] = defaultdict(int)  # the last one with a cell, by part
    columns: defaultdict[str, set[bytes]] = defaultdict(set)
    for name, piece in archive.stream_xml(content, what=_WHAT, max_bytes=MAX_BYTES):
        places = _PLACE.findall(piece)
        columns[name].update(column for column, _ in places)
        rows[name] = max([rows[name], *(int(row) for _, row in places)])
    for name, n_rows in rows.items():
        n_columns = max((looks.column_number(letters.decode()) + 1 for letters in columns[name]), default=0)
        if n_rows * n_columns > MAX_CELLS:
            cause = f"has a sheet that spans {n_rows:,} rows and {n_columns:,} columns"
            raise FetchProblem(cause, "delete the cells that lie far from all others")


def _is_visible(sheet: SheetMetadata) -> bool:
    return sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet


def _sheet(book: CalamineWorkbook, name: str, rows: Rows, sheet_looks: SheetLooks) -> Iterator[Block]:
    sheet = book.get_sheet_by_name(name)
    tables = [*rows.blocks(_rows(sheet, sheet_looks), merged=_find_merged(sheet, sheet_looks))]
    if tables:
        yield Block(BlockKind.HEADING, name, level=2)
        yield from tables


def _rows(sheet: CalamineSheet, sheet_looks: SheetLooks) -> Iterator[list[str]]:
    """Yields the rows as they look, and a merged cell's text in each row and column it covers.

    A cell merged over columns and alone in its row is a title, and stands there once.
    """
    _, left = sheet.start or (0, 0)
    covered = _find_covered(sheet, sheet_looks)
    firsts = set(covered.values())
    values: dict[Place, str] = {}
    titles: set[Place] = set()
    for number, row in enumerate(sheet.iter_rows()):  # from the first row on, but from the first filled column
        texts = [_format_cell(cell, sheet_looks, (number, column + left)) for column, cell in enumerate(row)]
        is_alone = sum(map(bool, texts)) == 1
        for column, text in enumerate(texts):
            place = (number, column + left)
            first = covered.get(place)
            if place in firsts:
                values[place] = text
                titles |= {place} if is_alone and column == 0 else set()
            elif first and not text and (first not in titles or place[1] == first[1]):
                texts[column] = values.get(first, "")
        yield texts


def _find_covered(sheet: CalamineSheet, sheet_looks: SheetLooks) -> dict[Place, Place]:
    """Returns the first cell of each place that a merged cell covers."""
    covered: dict[Place, Place] = {}
    for first, last in sheet.merged_cell_ranges or sheet_looks.merged:
        for row in range(first[0], min(last[0], first[0] + cells.MAX_ROWS) + 1):
            for column in range(first[1], min(last[1], first[1] + cells.MAX_COLUMNS) + 1):
                if (row, column) != (first[0], first[1]):
                    covered[row, column] = (first[0], first[1])
        if len(covered) > _MAX_COVERED:
            break
    return covered


def _find_merged(sheet: CalamineSheet, sheet_looks: SheetLooks) -> dict[int, set[int]]:
    """Returns by row the columns, counted from the first filled one, that cells merged across columns cover."""
    _, left = sheet.start or (0, 0)
    merged: defaultdict[int, set[int]] = defaultdict(set)
    for (row, column), covered_by in _find_covered(sheet, sheet_looks).items():
        if column != covered_by[1]:
            merged[row] |= {column - left, covered_by[1] - left}
    return merged


def _format_cell(cell: Cell, sheet_looks: SheetLooks, place: Place) -> str:
    if sheet_looks.hides(place) or sheet_looks.formats.get(place, "").strip() == _SHOWS_NOTHING:
        return ""
    if text := sheet_looks.texts.get(place):
        return text
    code = sheet_looks.formats.get(place)
    shown = None
    if code and isinstance(cell, int | float) and not isinstance(cell, bool):
        shown = number_formats.show_number(cell, code)
    elif code and isinstance(cell, date | time | timedelta):
        shown = number_formats.show_date(cell, code)
    return _format_value(cell) if shown is None else shown


def _format_value(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.12g}"
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes") if cell.time() != time() else cell.date().isoformat()
    return str(cell)
