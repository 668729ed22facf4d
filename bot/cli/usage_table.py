"""Prints ``docent usage``: numbers with a bar for each row, and the budgets.

Bars show dollars, or questions if nothing cost anything. Does not read the database: :mod:`bot.record.usage` does.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TypedDict

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.text import cut
from bot.record.usage import BudgetStatus, UsageRow

BAR_CHARS = 24  # fewer in a narrow terminal: bars and names shrink, numbers do not
MIN_SHARE = 1 / 32  # a share above zero is drawn at least so wide, visible even in a bar of four characters
MAX_BUDGETS = 10
WARNING_SHARE = 0.8  # of a budget
PERIODS = {"day": "today", "month": "this month"}
BAR_COLOUR = "cyan"


class UsageReport(TypedDict):
    """The JSON of ``docent usage --json``."""

    by: str
    lines: list[dict[str, object]]
    total: dict[str, object]
    budgets: list[dict[str, object]]


def to_json(by: str, rows: Sequence[UsageRow], budgets: Sequence[BudgetStatus]) -> UsageReport:
    """Returns the rows, their total and the budgets."""
    return UsageReport(
        by=by,
        lines=[_row_to_json(row) for row in rows],
        total=_row_to_json(_total(rows)),
        budgets=[asdict(budget) | {"used_share": budget.used_share} for budget in budgets],
    )


def show(console: Console, by: str, rows: Sequence[UsageRow], budgets: Sequence[BudgetStatus]) -> None:
    """Prints the table of usage, and the most used budgets below it."""
    if not rows:
        console.print("No question was asked in this time.")
    else:
        console.print(_make_usage_table(by, rows))
        if n_estimated := _total(rows).n_estimated:
            calls = "1 call" if n_estimated == 1 else f"{n_estimated:,} calls"
            console.print(f"[dim]~ {calls} estimated: tokens were not counted, or the answer broke off[/]")
    if budgets:
        shown, n_more = cut(budgets, MAX_BUDGETS)
        console.print(_make_budget_table(shown))
        if n_more:
            console.print(f"[dim]… and {n_more} more: --json lists all[/]")


def make_bar(share: float, colour: str) -> Bar:
    """Makes a bar that fills ``share`` of the available width, to an eighth of a character."""
    return Bar(1.0, 0.0, min(max(share, MIN_SHARE), 1.0) if share > 0 else 0.0, color=colour)


def _make_usage_table(by: str, rows: Sequence[UsageRow]) -> Table:
    table = Table(box=None, show_footer=len(rows) > 1)
    total = _total(rows)
    has_cost = total.cost_usd > 0
    longest = max(_weight(row, has_cost) for row in rows)
    # By model, a question counts once for each model that was asked, so a total would count it twice.
    n_questions = "" if by == "model" else f"{total.n_questions:,}"
    table.add_column(by, footer="total", overflow="fold")
    for name, footer in (
        ("questions", n_questions),
        ("calls", f"{total.n_calls:,}"),
        ("tokens in", f"{total.prompt_tokens:,}"),
        ("cached", f"{total.cached_share:.0%}"),
        ("out", f"{total.completion_tokens:,}"),
        ("failed", f"{total.n_failed:,}"),
        ("cost", _format_dollars(total.cost_usd)),
    ):
        table.add_column(name, footer=footer, justify="right", no_wrap=True)
    table.add_column("", max_width=BAR_CHARS)
    for row in rows:
        table.add_row(
            escape(row.name),
            f"{row.n_questions:,}",
            f"{row.n_calls:,}",
            f"{row.prompt_tokens:,}",
            f"{row.cached_share:.0%}",
            f"{row.completion_tokens:,}",
            f"[red]{row.n_failed:,}[/]" if row.n_failed else "0",
            ("~" if row.n_estimated else "") + _format_dollars(row.cost_usd),
            make_bar(_weight(row, has_cost) / longest if longest else 0, BAR_COLOUR),
        )
    return table


def _make_budget_table(budgets: Sequence[BudgetStatus]) -> Table:
    table = Table(box=None, title="\nBudgets", title_justify="left", title_style="bold")
    table.add_column("budget", no_wrap=True)
    table.add_column("of", overflow="fold")
    for name in ("spent", "held", "limit", "used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", max_width=BAR_CHARS)
    for budget in budgets:
        share = budget.used_share
        colour = BAR_COLOUR if share is None or share < WARNING_SHARE else "yellow" if share < 1 else "red"
        table.add_row(
            f"{budget.scope}, {PERIODS[budget.period]}",
            escape(budget.subject.removeprefix(":") or "-"),
            _format_dollars(budget.spent_usd),
            _format_dollars(budget.held_usd),
            "none" if budget.limit_usd is None else _format_dollars(budget.limit_usd),
            "" if share is None else f"[{colour}]{share:.0%}[/]",
            make_bar(share or 0.0, colour),
        )
    return table


def _weight(row: UsageRow, has_cost: bool) -> float:
    return row.cost_usd if has_cost else row.n_questions


def _total(rows: Sequence[UsageRow]) -> UsageRow:
    return UsageRow("total", *(sum(getattr(row, name) for row in rows) for name in _NUMBERS))


_NUMBERS = [name for name in UsageRow.__dataclass_fields__ if name != "name"]


def _row_to_json(row: UsageRow) -> dict[str, object]:
    return asdict(row) | {"cached_share": round(row.cached_share, 4)}


def _format_dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 10 or not usd else f"${usd:.4f}"
