"""The table of ``docent usage``: numbers, and a bar for each line. Bars show dollars; where nothing cost any,
questions."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.record.usage import BudgetStatus, UsageRow

BAR_CHARS = 24  # fewer where the terminal is narrow: bars and names give way, numbers do not
LEAST_SHARE = 1 / 32  # what is not nothing is seen, even of a bar of four characters
MOST_STANDINGS = 10
NEARLY = 0.8  # of a budget: worth a look
PERIODS = {"day": "today", "month": "this month"}


def to_json(by: str, lines: Sequence[UsageRow], standings: Sequence[BudgetStatus]) -> dict[str, Any]:
    """For programs."""
    return {
        "by": by,
        "lines": [asdict(line) | {"cached_share": round(line.cached_share, 4)} for line in lines],
        "total": _counted(_total(lines)),
        "budgets": [asdict(one) | {"used_share": one.used_share} for one in standings],
    }


def show(console: Console, by: str, lines: Sequence[UsageRow], standings: Sequence[BudgetStatus]) -> None:
    """For people."""
    if not lines:
        console.print("Nothing was asked in this time.")
    else:
        console.print(_table(by, lines))
    if standings:
        console.print(_budgets(standings))
        if len(standings) > MOST_STANDINGS:
            console.print(f"[dim]… and {len(standings) - MOST_STANDINGS} more: --json[/]")


def _table(by: str, lines: Sequence[UsageRow]) -> Table:
    table = Table(box=None, show_footer=len(lines) > 1)
    total = _total(lines)
    has_cost = total.cost_usd > 0
    most = max(_weight(line, has_cost) for line in lines)
    # Summed up by model, a question counts for each model that was asked: there is no total.
    questions = "" if by == "model" else f"{total.n_questions:,}"
    table.add_column(by, footer="total", overflow="fold")
    for name, footer in (
        ("questions", questions),
        ("calls", f"{total.n_calls:,}"),
        ("tokens in", f"{total.prompt_tokens:,}"),
        ("cached", f"{total.cached_share:.0%}"),
        ("out", f"{total.completion_tokens:,}"),
        ("failed", f"{total.n_failed:,}"),
        ("cost", _dollars(total.cost_usd)),
    ):
        table.add_column(name, footer=footer, justify="right", no_wrap=True)
    table.add_column("", max_width=BAR_CHARS)
    for line in lines:
        table.add_row(
            escape(line.name),
            f"{line.n_questions:,}",
            f"{line.n_calls:,}",
            f"{line.prompt_tokens:,}",
            f"{line.cached_share:.0%}",
            f"{line.completion_tokens:,}",
            f"[red]{line.n_failed:,}[/]" if line.n_failed else "0",
            _dollars(line.cost_usd),
            make_bar(_weight(line, has_cost) / most if most else 0, "cyan"),
        )
    return table


def _budgets(standings: Sequence[BudgetStatus]) -> Table:
    table = Table(box=None, title="\nBudgets", title_justify="left", title_style="bold")
    table.add_column("budget", no_wrap=True)
    table.add_column("of", overflow="fold")
    for name in ("spent", "held", "limit", "used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", max_width=BAR_CHARS)
    for standing in standings[:MOST_STANDINGS]:
        share = standing.used_share
        tone = "cyan" if share is None or share < NEARLY else "yellow" if share < 1 else "red"
        table.add_row(
            f"{standing.scope}, {PERIODS[standing.period]}",
            escape(standing.subject.removeprefix(":") or "-"),
            _dollars(standing.spent_usd),
            _dollars(standing.held_usd),
            "none" if standing.limit_usd is None else _dollars(standing.limit_usd),
            "" if share is None else f"[{tone}]{share:.0%}[/]",
            make_bar(share or 0.0, tone),
        )
    return table


def make_bar(share: float, colour: str) -> Bar:
    """A bar of ``share`` of the width there is, to an eighth of a character."""
    return Bar(1.0, 0.0, min(max(share, LEAST_SHARE), 1.0) if share > 0 else 0.0, color=colour)


def _weight(line: UsageRow, has_cost: bool) -> float:
    return line.cost_usd if has_cost else line.n_questions


def _total(lines: Sequence[UsageRow]) -> UsageRow:
    return UsageRow("total", *(sum(getattr(line, name) for line in lines) for name in _NUMBERS))


_NUMBERS = [name for name in UsageRow.__dataclass_fields__ if name != "name"]


def _counted(total: UsageRow) -> dict[str, Any]:
    return asdict(total) | {"cached_share": round(total.cached_share, 4)}


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 10 or not usd else f"${usd:.4f}"
