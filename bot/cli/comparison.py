"""Prints a recorded turn and its replay side by side."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.output import print_json
from bot.record.replay import Comparison, TurnSummary

ROWS = ("model", "prompt", "answer", "sources", "ended", "tools", "steps", "tokens", "cost", "time")


def print_comparison(both: Comparison, *, as_json: bool) -> None:
    """Prints both turns, as a table or as JSON."""
    if as_json:
        print_json(both)
        return
    table = Table(show_lines=True, expand=True)
    table.add_column("", no_wrap=True, style="bold")
    for side, turn in (("recorded", both["recorded"]), ("replayed", both["replayed"])):
        table.add_column(f"{side}  [dim]{turn['turn_id'][:18]}[/]", ratio=1, overflow="fold")
    recorded, replayed = _cells(both["recorded"]), _cells(both["replayed"])
    for name in ROWS:
        differs = recorded[name] != replayed[name] and name not in ("cost", "time")
        mark = "yellow" if differs else ""
        table.add_row(name, escape(recorded[name]), escape(replayed[name]), style=mark)
    console = Console()
    console.print(table)
    console.print(_describe_tools(both))


def _describe_tools(both: Comparison) -> str:
    if both["tools"] == "live":
        return "[dim]The tools ran again, on today's documents.[/]"
    text = "[dim]The tools returned their recorded results; their time is not part of the replay.[/]"
    if n := both["n_calls_not_recorded"]:
        text += f"\n[yellow]{n} calls were not made in the recorded turn; they got an error.[/]"
    return text


def _cells(turn: TurnSummary) -> dict[str, str]:
    cached = f" ({turn['cached_tokens']} cached)" if turn["cached_tokens"] else ""
    return {
        "model": turn["model"] or "",
        "prompt": turn["prompt"],
        "answer": turn["answer"],
        "sources": "\n".join(f"[{s['n']}] {s['title']} — {s['url']}" for s in turn["sources"]),
        "ended": f"{turn['status']}: {turn['reason']}",
        "tools": ", ".join(turn["tool_calls"]),
        "steps": str(turn["n_steps"]),
        "tokens": f"{turn['prompt_tokens']}{cached} + {turn['completion_tokens']}",
        "cost": f"${turn['cost_usd']:.4f}",
        "time": f"model {turn['model_ms'] / 1000:.1f} s, tools {turn['tool_ms'] / 1000:.1f} s",
    }
