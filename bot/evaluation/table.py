"""What ``docent eval`` prints for people: the figures by kind, what has changed, and what went wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.evaluation import figures
from bot.evaluation.evaluator import EvalRun
from bot.evaluation.figures import ANSWERS, EFFORT, RETRIEVAL, Case, Figure, Figures
from bot.evaluation.measures import TOP
from bot.evaluation.runs import Difference, Regressions

MOST_MISSES = 10  # of a kind of mistake
NOISE = 0.3  # share by which a time must change to be worth telling
ANSWER_CHARS = 240


def show(console: Console, evaluated: EvalRun, *, all_misses: bool = False) -> None:
    """Everything, the totals first."""
    run = evaluated.run
    console.print(_figures(run, RETRIEVAL, title="Found"))
    if "n_facts_complete" in run:
        console.print(_figures(run, ANSWERS, title="Answered"))
    console.print(_effort(run))
    if evaluated.difference:
        _show_difference(console, evaluated.difference, run)
    _show_misses(console, evaluated.cases, most=None if all_misses else MOST_MISSES)
    console.print(f"\n[dim]Kept as {escape(str(evaluated.path))}[/]")


def _figures(run: Mapping[str, Any], shown: Sequence[Figure], *, title: str) -> Table:
    """A line for each kind of question, and one for all."""
    table = Table(box=None, title=f"\n{escape(run['set'])}: {title}", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for label in ("questions", *(figure.label for figure in shown)):
        table.add_column(label, justify="right")
    by_kind: Mapping[str, Figures] = run["by_kind"]
    for kind, told in by_kind.items():
        table.add_row(escape(kind or "-"), f"{told['n_questions']:,}", *(_cell(figure, told) for figure in shown))
    cells = (_cell(figure, run) for figure in shown)
    table.add_row("all", f"{run['n_questions']:,}", *cells, style="bold" if by_kind else "")
    return table


def _cell(figure: Figure, told: Figures) -> str:
    """Nothing where there is nothing to count it out of."""
    if figure.of:
        return f"{told[figure.name]}/{told[figure.of]}" if told[figure.of] else ""
    return _written(figure, told[figure.name]) if told["n_with_files"] else ""


def _written(figure: Figure, value: float) -> str:
    return f"{value:,.{figure.n_digits}f}"


def _effort(run: Mapping[str, Any]) -> str:
    told = [
        f"{figure.label} {_written(figure, run[figure.name])}{figure.unit}"
        for figure in EFFORT
        if figure.name in run and (figure.unit or run[figure.name])
    ]
    if documents := run["documents"]:
        told.append(f"{documents['n']:,} documents read in {documents['seconds']} s ({documents['per_second']}/s)")
    settings = run["settings"]
    models = [f"embedding {settings['embedding_model']}", *filter(None, [settings.get("model")])]
    return f"\n[dim]{escape('; '.join([*told, *models]))}.[/]"


def _show_difference(console: Console, difference: Difference, run: Figures) -> None:
    console.print(f"\n[bold]Since {escape(difference.at)}[/]")
    if not difference.is_of_the_same:
        console.print(
            "[yellow]The questions are not the same: only those that both runs have can be told apart.[/]"
        )
    for name, (then, now) in difference.settings.items():
        console.print(f"  [dim]{name}: {escape(str(then))} → {escape(str(now))}[/]")
    changed = [figure for figure in figures.ALL if _is_worth_telling(figure, difference)]
    if all(figure.is_time for figure in changed):
        console.print("  No figure has changed, times apart.")
    for figure in changed:
        change, before = difference.changes[figure.name], difference.before[figure.name]
        tone = "green" if (change > 0) != figure.is_better_less else "red"
        arrow = f"[{tone}]{'▲' if change > 0 else '▼'} {_written(figure, abs(change))}[/]"
        was = f"{_written(figure, before)} → {_written(figure, run[figure.name])}{figure.unit}"
        console.print(f"  {figure.label}  {arrow}  [dim]{was}[/]")
    _show_turnabout(console, "found", difference.found)
    _show_turnabout(console, "answered", difference.answered)


def _is_worth_telling(figure: Figure, difference: Difference) -> bool:
    """Times differ a little from run to run, whatever was changed."""
    change = abs(difference.changes.get(figure.name, 0.0))
    return change > (difference.before[figure.name] * NOISE if figure.is_time else 0.0) if change else False


def _show_turnabout(console: Console, what: str, turnabout: Regressions) -> None:
    for tone, name, ids in (("green", "now", turnabout.won), ("red", "no longer", turnabout.lost)):
        if ids:
            console.print(f"  [{tone}]{name} {what}[/]: {escape(', '.join(ids))}")


def _show_misses(console: Console, cases: Sequence[Case], *, most: int | None) -> None:
    kinds: tuple[tuple[str, Callable[[Case], bool], Callable[[Case], list[str]]], ...] = (
        ("Not found", lambda case: case.found.is_hit is False, _what_was_found),
        ("Facts missing", _lacks_facts, _what_is_missing),
        ("Wrongly refused", _is_wrongly_refused, _what_was_said),
        ("Answered although nothing answers it", _is_wrongly_answered, _what_was_said),
        ("Answered, and no fact is given to judge by", _is_not_judged, _what_was_said),
        ("Failed", lambda case: bool(case.answered and case.answered.status != "completed"), _what_was_said),
    )
    for name, is_one, told in kinds:
        missed = [case for case in cases if is_one(case)]
        if missed:
            console.print(f"\n[bold]{name}[/] ({len(missed)})")
        for case in missed[:most]:
            console.print(f"  [bold]{escape(case.question.id)}[/] {escape(_asked(case))}")
            for line in told(case):
                console.print(f"    [dim]{escape(line)}[/]")
        if most is not None and len(missed) > most:
            console.print(f"  [dim]… and {len(missed) - most} more: --all[/]")


def _lacks_facts(case: Case) -> bool:
    return bool(case.answered and case.answered.is_complete is False and not case.answered.is_refusal)


def _is_wrongly_refused(case: Case) -> bool:
    return bool(case.answered and case.answered.is_refusal and not case.question.is_unanswerable)


def _is_wrongly_answered(case: Case) -> bool:
    return bool(case.answered and not case.answered.is_refusal and case.question.is_unanswerable)


def _is_not_judged(case: Case) -> bool:
    return bool(case.answered and not case.answered.is_refusal and case.is_answered_right is None)


def _asked(case: Case) -> str:
    return " ⏎ ".join([*(earlier for earlier, _ in case.question.earlier), case.question.text])


def _what_was_found(case: Case) -> list[str]:
    return [_needed(case), *(f"{n}. {name}" for n, name in enumerate(case.found.files[:TOP], 1))]


def _what_is_missing(case: Case) -> list[str]:
    assert case.answered
    not_shown = case.answered.not_shown
    lacking = (f"'{fact}'{' (not looked up)' if fact in not_shown else ''}" for fact in case.answered.missing)
    return [f"lacks {', '.join(lacking)}", *_what_was_said(case)]


def _what_was_said(case: Case) -> list[str]:
    assert case.answered
    said = " ".join(case.answered.text.split())
    shortened = said if len(said) <= ANSWER_CHARS else f"{said[:ANSWER_CHARS]}…"
    hit = (
        [] if case.found.is_hit is None else [f"{_needed(case)} ({'found' if case.found.is_hit else 'not found'})"]
    )
    return [*hit, f"said: {shortened}", f"docent sessions show {case.answered.turn_id}"]


def _needed(case: Case) -> str:
    return "needs " + ", and ".join(
        f"{' or '.join(group)} ({_place(case, group)})" for group in case.question.groups
    )


def _place(case: Case, group: Sequence[str]) -> str:
    """Where the first of these files came; how many did is known from the passages that were asked for."""
    found = case.found.files
    rank = next((n for n, name in enumerate(found, 1) if name in group), None)
    return f"found as number {rank}" if rank else f"not among the {len(found)} found"
