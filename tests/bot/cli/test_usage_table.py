"""The table of usage: numbers, bars, budgets, and what happens in a narrow terminal."""

from io import StringIO

import pytest
from rich.console import Console

from bot.cli import usage_table
from bot.record.usage import BudgetStatus, UsageRow

LINES = [UsageRow("2026-05-09", 4, 9, 0, 12_000, 6_000, 900, 0.2), UsageRow("2026-05-10", 1, 1, 1, 50, 0, 5, 0.05)]


def table(by: str, given: list[UsageRow], standings: list[BudgetStatus] | None = None, *, width: int = 120) -> str:
    out = StringIO()
    usage_table.show(Console(file=out, width=width), by, given, standings or [])
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_the_table() -> None:
    budgets = [
        BudgetStatus("person", "T1:U1", "day", 2.0, 0.0, 2.0),
        BudgetStatus("workspace", "T1", "day", 3.0, 0.5, 7.0),
        BudgetStatus("workspace", "T1", "month", 30.0, 0.5, None),
    ]
    shown = table("day", LINES, budgets)
    assert (
        shown
        == """\
 day         questions  calls  tokens in  cached  out  failed     cost
 2026-05-09          4      9     12,000     50%  900       0  $0.2000  ████████████████████████
 2026-05-10          1      1         50      0%    5       1  $0.0500  ██████
 total               5     10     12,050     50%  905       1  $0.2500

Budgets
 budget                 of       spent     held    limit  used
 person, today          T1:U1  $2.0000    $0.00  $2.0000  100%  ████████████████████████
 workspace, today       T1     $3.0000  $0.5000  $7.0000   50%  ████████████
 workspace, this month  T1      $30.00  $0.5000     none"""
    )


def test_where_nothing_cost_anything_bars_show_questions() -> None:
    free = [UsageRow("local/extractive", 8, 8, 0, 10, 0, 10, 0.0), UsageRow("ollama/x", 2, 3, 0, 10, 0, 10, 0.0)]
    shown = table("model", free)
    assert "█" * 24 in shown
    assert "█" * 6 + "\n" in shown
    assert shown.splitlines()[-1].split()[:2] == ["total", "11"]  # calls; questions would count twice


def test_the_ten_fullest_budgets_are_shown() -> None:
    full = [BudgetStatus("person", f"T1:U{n}", "day", 1.0, 0.0, 2.0) for n in range(13)]
    shown = table("day", LINES, full)
    assert shown.count("T1:U") == 10
    assert "… and 3 more: --json lists all" in shown


def test_nothing_asked_is_said() -> None:
    assert table("day", []) == "No question was asked in this time."


@pytest.mark.parametrize(("share", "width"), [(0, 0), (1, 24), (2, 24), (0.5, 12), (0.0001, 1), (0.51, 13)])
def test_a_bar_is_seen_unless_it_is_nothing(share: float, width: int) -> None:
    out = StringIO()
    Console(file=out, width=24).print(usage_table.make_bar(share, "cyan"))
    assert len(out.getvalue().strip()) == width


def test_in_a_narrow_terminal_names_and_bars_give_way_and_numbers_do_not() -> None:
    dear = [UsageRow("openai/a-model-of-a-long-name", 12_345, 67_890, 0, 123_456_789, 0, 1_234_567, 1_234.5)]
    budgets = [BudgetStatus("workspace", "T0123456789:U0123456789", "month", 99.5, 0.5, 250.0)]
    shown = table("model", dear, budgets, width=80)
    for number in ("12,345", "67,890", "123,456,789", "1,234,567", "$1,234.50", "$99.50", "$250.00", "40%"):
        assert number in shown
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_for_programs() -> None:
    report = usage_table.to_json("day", LINES, [BudgetStatus("workspace", "T1", "day", 3.0, 0.5, 7.0)])
    assert (report["budgets"][0]["limit_usd"], report["budgets"][0]["used_share"]) == (7.0, 0.5)
    assert report["lines"][0]["cached_share"] == 0.5
    assert report["total"]["n_questions"] == 5
