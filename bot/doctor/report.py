"""Prints findings: a line each as they are made, with what to do below it; colours in a terminal only."""

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from bot import output
from bot.doctor.finding import Finding

STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red", "skipped": "dim"}
STATE_WIDTH = max(map(len, STYLES))
NAME_WIDTH = 10


def show(findings: Iterable[Finding], *, as_json: bool) -> bool:
    """Whether nothing is a problem."""
    found: list[Finding] = []
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        found.append(finding)
        if not as_json:
            _print(console, finding)
    counts = {state: sum(1 for finding in found if finding.state == state) for state in STYLES}
    if as_json:
        output.print_json({"counts": counts, "findings": [asdict(finding) for finding in found]})
    else:
        told = [f"{n} {state}{'s' if n > 1 else ''}" for state in ("problem", "warning") if (n := counts[state])]
        console.print(f"\n{', '.join(told) or 'All is well'}.")
    return not counts["problem"]


def _print(console: Console, finding: Finding) -> None:
    below = "\n" + " " * (STATE_WIDTH + NAME_WIDTH + 2)
    line = Text()
    line.append(f"{finding.state:<{STATE_WIDTH}} ", style=STYLES[finding.state])
    line.append(f"{finding.name:<{NAME_WIDTH}} ", style="bold")
    said = [*finding.text.splitlines(), *finding.advice.splitlines()]
    line.append(below.join(said))
    console.print(line)
