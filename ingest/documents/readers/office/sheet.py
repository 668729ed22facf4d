"""Spreadsheets (XLSX, XLSB, XLS, ODS) to blocks: the only module that imports python_calamine.

calamine reads all four formats, returns dates as dates and a formula's last value, and is 5 to 10 times as fast as
openpyxl, which reads XLSX only. It does not return number formats: percent is found by
:mod:`ingest.documents.readers.office.percents` (XLSX only), others are ignored. Hidden sheets are left out.
"""

import functools
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

from ingest.documents.blocks import Block, BlockKind, Document
from ingest.documents.raw import FetchProblem
from ingest.documents.readers.office import archive, percents
from ingest.documents.readers.text.tables import Rows

MAX_BYTES = 200_000_000  # unpacked; 100,000 rows of 20 columns have about that
MAX_CELLS = 20_000_000  # from the first to the last; calamine allocates all between, even if empty
_WHAT = "spreadsheet"
_DEFAULT_NAMES = {"sheet1", "tabelle1", "feuil1", "hoja1", "foglio1", "blad1", "arkusz1", "лист1"}
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})(\d{1,7})["']""")
Cell = float | str | bool | date | time | timedelta


def read(content: bytes, *, max_chars: int) -> Document:
    """Parses a workbook, each sheet under its name; raises :class:`FetchProblem`."""
    percent_cells: Mapping[str, set[percents.Place]] = {}
    if content.startswith(b"PK"):
        _check_extent(content)
        percent_cells = percents.find_cells(content, max_bytes=MAX_BYTES)
    rows = Rows()
    try:
        with CalamineWorkbook.from_filelike(BytesIO(content)) as book:
            names = [sheet.name for sheet in book.sheets_metadata if _is_visible(sheet)]
            sheets = [
                block for name in names for block in _sheet(book, name, rows, percent_cells.get(name, set()))
            ]
    except PasswordError as error:
        raise FetchProblem("is protected with a password", "save it without one") from error
    except CalamineError as error:
        raise archive.damage_problem(_WHAT) from error
    if len(names) == 1 and sheets and sheets[0].text.lower() in _DEFAULT_NAMES:
        sheets = sheets[1:]
    return Document("", tuple(sheets), gap=rows.gap)


def _check_extent(content: bytes) -> None:
    """Raises :class:`FetchProblem` for a sheet so large that calamine would abort the process."""
    rows: defaultdict[str, int] = defaultdict(int)  # the last one with a cell, by part
    columns: defaultdict[str, set[bytes]] = defaultdict(set)
    for name, piece in archive.stream_xml(content, what=_WHAT, max_bytes=MAX_BYTES):
        places = _PLACE.findall(piece)
        columns[name].update(column for column, _ in places)
        rows[name] = max([rows[name], *(int(row) for _, row in places)])
    for name, n_rows in rows.items():
        n_columns = max(map(_column_number, columns[name]), default=0)
        if n_rows * n_columns > MAX_CELLS:
            cause = f"has a sheet that spans {n_rows:,} rows and {n_columns:,} columns"
            raise FetchProblem(cause, "delete the cells that lie far from all others")


def _column_number(column: bytes) -> int:
    """Returns 1 for ``A``, 27 for ``AA``."""
    return functools.reduce(lambda number, letter: number * 26 + letter - 64, column, 0)


def _is_visible(sheet: SheetMetadata) -> bool:
    return sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet


def _sheet(book: CalamineWorkbook, name: str, rows: Rows, percent: set[percents.Place]) -> Iterator[Block]:
    sheet = book.get_sheet_by_name(name)
    of_percent = {(row - 1, _column_number(column.encode()) - 1) for row, column in percent}
    tables = [*rows.blocks([_format_cell(cell) for cell in row] for row in _rows(sheet, of_percent))]
    if tables:
        yield Block(BlockKind.HEADING, name, level=2)
        yield from tables


def _rows(sheet: CalamineSheet, of_percent: set[tuple[int, int]]) -> Iterator[list[Cell]]:
    """Yields the rows with percent as text, and a merged cell's value in the first column of each row it
    covers."""
    down = {
        (row, first[1]): first
        for first, last in sheet.merged_cell_ranges or ()
        for row in range(first[0] + 1, min(last[0], first[0] + 1_000) + 1)
    }
    _, left = sheet.start or (0, 0)
    values: dict[tuple[int, int], Cell] = {}
    firsts = set(down.values())
    for number, row in enumerate(sheet.iter_rows()):  # from the first row on, but from the first filled column
        filled: list[Cell] = [*row]
        for column in range(len(filled)):
            place, cell = (number, column + left), filled[column]
            if place in of_percent and isinstance(cell, float) and not isinstance(cell, bool):
                filled[column] = f"{cell * 100:.10g}%"
            if place in firsts:
                values[place] = filled[column]
            elif place in down:
                filled[column] = values.get(down[place], "")
        yield filled


def _format_cell(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.12g}"
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes") if cell.time() != time() else cell.date().isoformat()
    return str(cell)
