"""Tables of answers, made to fit into what Slack takes."""

import csv

import pytest

from bot.slack.replies.text.tables import EMPTY, FIRST_ROWS, MAX_ROWS, LongTable, TableFitter

HEAD = "| a | b |\n|---|:-:|\n"
LONG = HEAD + "".join(f"| {n} | =v{n} |\n" for n in range(130)) + "\nDone."
WIDE = "|" + " h |" * 25 + "\n" + "|" + "-|" * 25 + "\n" + "|" + " x |" * 25


def fit(text: str, *, size: int = 10_000) -> tuple[str, list[LongTable]]:
    """Feeds the text in pieces of this size; returns what is shown, and the tables that were cut."""
    fitter = TableFitter()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    shown = "".join([*map(fitter.feed, pieces), fitter.flush()])
    return shown, fitter.long_tables


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("No table, one | bar\n| and a line\n",) * 2,
        (HEAD + "| 1 | 2 |",) * 2,
        (HEAD + "| 1 |  |\n|| 2 |\n", HEAD + f"| 1 | {EMPTY} |\n| {EMPTY} | 2 |\n"),
        (HEAD + "| 1 |\n| 1 | 2 | 3 |", HEAD + f"| 1 | {EMPTY} |\n| 1 | 2 |"),
        (HEAD + "| x\\|y | [l](https://h.example) |",) * 2,
        (HEAD + "| 1 | 2 |\nno row of it", HEAD + "| 1 | 2 |\n\nno row of it"),
        ("- x\n\n  | a | b |\n  |---|---|\n  | 1 |", f"- x\n\n  | a | b |\n  |---|---|\n  | 1 | {EMPTY} |"),
        (f"```\n{HEAD}|  |  |\n```\n{HEAD}|  | 1 |", f"```\n{HEAD}|  |  |\n```\n{HEAD}| {EMPTY} | 1 |"),
        ("| a | b |\n|---|\n|  |",) * 2,  # not a table: the line below the head has fewer cells
    ],
)
def test_no_cell_of_a_table_is_empty_and_everything_else_stays(text: str, shown: str) -> None:
    assert fit(text) == (shown, [])


@pytest.mark.parametrize("n_rows", [MAX_ROWS - 1, MAX_ROWS])
def test_a_table_is_cut_where_slack_shows_no_more_rows(n_rows: int) -> None:
    shown, long_tables = fit(HEAD + "| 1 | 2 |\n" * n_rows)
    is_long = n_rows >= MAX_ROWS
    assert (shown.count("| 1 | 2 |"), len(long_tables)) == ((FIRST_ROWS, 1) if is_long else (n_rows, 0))
    assert (f"_{FIRST_ROWS} of {n_rows} rows are shown._" in shown) == is_long


def test_a_long_table_keeps_every_row_for_the_file_and_runs_nothing_in_a_spreadsheet() -> None:
    shown, (table,) = fit(LONG)
    assert shown.endswith("| 19 | =v19 |\n\n_20 of 130 rows are shown._\n\nDone.")
    rows = list(csv.reader(table.to_csv().splitlines()))
    assert (len(rows), rows[0], rows[130]) == (131, ["a", "b"], ["129", "'=v129"])


def test_a_wide_table_loses_columns_and_one_of_long_cells_rows() -> None:
    shown, (wide,) = fit(WIDE)
    assert ("20 of 25 columns are shown" in shown, len(wide.rows[1])) == (True, 25)
    shown, (long,) = fit(HEAD + f"| 1 | {'x' * 1_000} |\n" * 12)
    assert len(shown) < 5_000
    assert (f"{shown.count('xxx |')} of 12 rows are shown" in shown, len(long.rows)) == (True, 13)


@pytest.mark.parametrize("text", [LONG, WIDE, HEAD + "| 1 |\nafter | that\n\n```\n| x |\n```\n| a |\n|-|\n|  |"])
def test_what_is_shown_does_not_depend_on_the_pieces(text: str) -> None:
    assert {fit(text, size=size)[0] for size in (1, 2, 3, 7, 19, 10_000)} == {fit(text)[0]}


@pytest.mark.parametrize(
    ("cell", "stored"),
    [("-5", "-5"), ("+3,2 %", '"+3,2 %"'), ("-x", "'-x"), ("@a", "'@a"), ("1 < 2 & **b**", "1 < 2 & b")],
)
def test_cells_of_the_file_are_plain_text_and_no_formulas(cell: str, stored: str) -> None:
    _, (table,) = fit(HEAD + f"| x | {cell} |\n" + "| 1 | 2 |\n" * MAX_ROWS)
    assert table.to_csv().splitlines()[1] == f"x,{stored}"
