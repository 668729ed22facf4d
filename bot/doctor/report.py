"""Prints findings, one line each as they are made, with the advice below; colours only in a terminal."""

from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from bot import output
from bot.doctor.finding import Finding, FindingState

STYLES = {
    FindingState.OK: "green",
    FindingState.WARNING: "yellow",
    FindingState.PROBLEM: "bold red",
    FindingState.SKIPPED: "dim",
}
STATE_WIDTH = max(map(len, STYLES))
NAME_WIDTH = 10


def print_findings(findings: Iterable[Finding], *, as_json: bool) -> bool:
    """Prints the findings and a summary; returns whether none is a problem."""
    printed: list[Finding] = []
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        printed.append(finding)
        if not as_json:
            _print(console, finding)
    counts = {state: sum(1 for finding in printed if finding.state == state) for state in STYLES}
    if as_json:
        output.print_json({"counts": counts, "findings": [asdict(finding) for finding in printed]})
    else:
        states = (FindingState.PROBLEM, FindingState.WARNING)
        summary = [f"{n} {state}{'s' if n > 1 else ''}" for state in states if (n := counts[state])]
        console.print(f"\n{', '.join(summary) or 'Everything is fine'}.")
    return not counts[FindingState.PROBLEM]


def _print(console: Console, finding: Finding) -> None:
    below = "\n" + " " * (STATE_WIDTH + NAME_WIDTH + 2)
    line = Text()
    line.append(f"{finding.state:<{STATE_WIDTH}} ", style=STYLES[finding.state])
    line.append(f"{finding.name:<{NAME_WIDTH}} ", style="bold")
    lines = [*finding.text.splitlines(), *finding.advice.splitlines()]
    line.append(below.join(lines))
    console.print(line)
