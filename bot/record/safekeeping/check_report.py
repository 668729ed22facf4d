"""Prints ``docent check``: a line for each part, and below it what is wrong and what --repair does about it."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot import output
from bot.record.safekeeping.check.finding import CheckedPart, Fault

PERSON = "needs a person"


def print_parts(parts: Sequence[CheckedPart], *, repairs: bool, as_json: bool) -> bool:
    """Prints the parts; returns whether nothing is wrong, or nothing any more."""
    is_well = all(part.is_well for part in parts)
    if as_json:
        output.print_json(
            {"is_well": is_well, "parts": [asdict(part) | {"is_well": part.is_well} for part in parts]}
        )
        return is_well
    console = Console(soft_wrap=True, highlight=False)
    table = Table("part", "looked at", "result", box=None)
    for part in parts:
        table.add_row(part.name, part.looked_at, _describe(part))
    console.print(table)
    for part in parts:
        for fault in part.faults:
            console.print(f"\n{escape(part.name)}: {escape(fault.text)}")
            console.print(f"  {_describe_remedy(fault)}")
        if part.note:
            console.print(f"\n{escape(part.name)}: {escape(part.note)}.")
    if not is_well and not repairs and any(fault.remedy for part in parts for fault in part.faults):
        console.print("\n'docent check --repair' does what stands there.")
    return is_well


def _describe(part: CheckedPart) -> str:
    if not part.faults:
        return "[green]agrees[/]"
    if part.is_well:
        return "[yellow]repaired[/]"
    return "[red]wrong[/]"


def _describe_remedy(fault: Fault) -> str:
    if not fault.remedy:
        return PERSON
    return f"repaired: {fault.remedy}" if fault.is_repaired else f"--repair: {fault.remedy}"
