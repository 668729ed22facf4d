"""Prints a run for a person: figures by kind of question, what changed since an earlier run, and what went
wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.text import cut, shorten
from agent.types import TurnStatus
from bot.evaluation import figures
from bot.evaluation.evaluator import EvalRun
from bot.evaluation.figures import ANSWERS, EFFORT, RETRIEVAL, Case, Figure, FigureName
from bot.evaluation.measures import TOP
from bot.evaluation.report import EvalReport, Figures
from bot.evaluation.runs import Difference, Regressions

MAX_MISSES = 10  # of one kind
NOISE = 0.3  # a time that changes by a smaller share is not reported
ANSWER_CHARS = 240


def show(console: Console, run: EvalRun, *, all_misses: bool = False) -> None:
    """Prints everything, totals first; ``all_misses`` lists more than ten mistakes of a kind."""
    report = run.report
    console.print(_make_table(report, RETRIEVAL, title="Search"))
    if FigureName.N_FACTS_COMPLETE in report.figures:
        console.print(_make_table(report, ANSWERS, title="Answers"))
    console.print(_describe_effort(report))
    if run.difference:
        _print_difference(console, run.difference, report.figures)
    _print_misses(console, run.cases, limit=None if all_misses else MAX_MISSES)
    console.print(f"\n[dim]Stored in {escape(str(run.path))}[/]")


def show_all(console: Console, runs: Sequence[EvalRun]) -> None:
    """Prints the figures of several sets below each other, and those of all their questions by kind."""
    has_answers = all(FigureName.N_FACTS_COMPLETE in run.report.figures for run in runs)
    columns = (*RETRIEVAL, *(ANSWERS if has_answers else ()))
    table = Table(box=None, title="\nAll sets", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for label in ("questions", *(figure.label for figure in columns)):
        table.add_column(label, justify="right")
    for run in runs:
        _add_row(table, run.report.set, run.report.figures, columns)
    cases = [case for run in runs for case in run.cases]
    table.add_section()
    for kind, values in figures.summarize_by_kind(cases).items():
        _add_row(table, kind or "-", values, columns)
    _add_row(table, "all", figures.summarize(cases), columns, style="bold")
    console.print(table)


def _add_row(table: Table, label: str, values: Figures, columns: Sequence[Figure], *, style: str = "") -> None:
    cells = (_format_cell(figure, values) for figure in columns)
    table.add_row(escape(label), f"{values[FigureName.N_QUESTIONS]:,}", *cells, style=style)


def _make_table(report: EvalReport, columns: Sequence[Figure], *, title: str) -> Table:
    """Makes a table with a row for each kind of question, and one for all."""
    table = Table(box=None, title=f"\n{escape(report.set)}: {title}", title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for label in ("questions", *(figure.label for figure in columns)):
        table.add_column(label, justify="right")
    for kind, values in report.by_kind.items():
        _add_row(table, kind or "-", values, columns)
    _add_row(table, "all", report.figures, columns, style="bold" if report.by_kind else "")
    return table


def _format_cell(figure: Figure, values: Figures) -> str:
    """Formats a figure; empty if no question counts towards it."""
    if figure.out_of:
        return f"{values[figure.name]}/{values[figure.out_of]}" if values[figure.out_of] else ""
    return _format(figure, values[figure.name]) if values[FigureName.N_WITH_FILES] else ""


def _format(figure: Figure, value: float) -> str:
    return f"{value:,.{figure.n_digits}f}"


def _describe_effort(report: EvalReport) -> str:
    values = report.figures
    parts = [
        f"{figure.label} {_format(figure, values[figure.name])}{figure.unit}"
        for figure in EFFORT
        if figure.name in values and (figure.unit or values[figure.name])
    ]
    if indexing := report.documents:
        parts.append(
            f"{indexing['n']:,} documents indexed in {indexing['seconds']} s ({indexing['per_second']}/s)"
        )
    parts.append(f"embedding {report.settings['embedding_model']}")
    if model := report.settings.get("model"):
        parts.append(str(model))
    return f"\n[dim]{escape('; '.join(parts))}.[/]"


def _print_difference(console: Console, difference: Difference, values: Figures) -> None:
    console.print(f"\n[bold]Compared with the run of {escape(difference.at)}[/]")
    if not difference.is_of_the_same:
        console.print(
            "[yellow]The two runs have different questions; each figure is of all questions of its run.[/]"
        )
    for name, (then, now) in difference.settings.items():
        console.print(f"  [dim]{name}: {escape(str(then))} → {escape(str(now))}[/]")
    changed = [figure for figure in figures.ALL if _is_notable(figure, difference)]
    if all(figure.is_time for figure in changed):
        console.print("  No figure has changed, except times.")
    for figure in changed:
        console.print(f"  {_describe_change(figure, difference, values[figure.name])}")
    _print_regressions(console, "found", difference.found)
    _print_regressions(console, "answered", difference.answered)


def _describe_change(figure: Figure, difference: Difference, value: float) -> str:
    change, before = difference.changes[figure.name], difference.before[figure.name]
    colour = "green" if (change > 0) != figure.is_better_less else "red"
    arrow = f"[{colour}]{'▲' if change > 0 else '▼'} {_format(figure, abs(change))}[/]"
    values = f"{_format(figure, before)} → {_format(figure, value)}{figure.unit}"
    return f"{figure.label}  {arrow}  [dim]{values}[/]"


def _is_notable(figure: Figure, difference: Difference) -> bool:
    """Returns whether a figure changed; a time differs a little with every run, so it must change by more."""
    change = abs(difference.changes.get(figure.name, 0.0))
    return change > (difference.before[figure.name] * NOISE if figure.is_time else 0.0) if change else False


def _print_regressions(console: Console, verdict: str, regressions: Regressions) -> None:
    for colour, when, ids in (("green", "now", regressions.won), ("red", "no longer", regressions.lost)):
        if ids:
            console.print(f"  [{colour}]{when} {verdict}[/]: {escape(', '.join(ids))}")


@dataclass(frozen=True)
class _MissKind:
    title: str
    applies: Callable[[Case], bool]
    describe: Callable[[Case], Iterator[str]]


def _print_misses(console: Console, cases: Sequence[Case], *, limit: int | None) -> None:
    for kind in _MISS_KINDS:
        missed = [case for case in cases if kind.applies(case)]
        if missed:
            console.print(f"\n[bold]{kind.title}[/] ({len(missed)})")
        shown, n_more = (missed, 0) if limit is None else cut(missed, limit)
        for case in shown:
            console.print(f"  [bold]{escape(case.question.id)}[/] {escape(_join_questions(case))}")
            for line in kind.describe(case):
                console.print(f"    [dim]{escape(line)}[/]")
        if n_more:
            console.print(f"  [dim]… and {n_more} more: --all lists them[/]")


def _is_not_found(case: Case) -> bool:
    return case.found.is_hit is False


def _lacks_facts(case: Case) -> bool:
    return bool(case.answered and case.answered.is_complete is False and not case.answered.is_refusal)


def _is_wrongly_refused(case: Case) -> bool:
    return bool(case.answered and case.answered.is_refusal and not case.question.is_unanswerable)


def _is_wrongly_answered(case: Case) -> bool:
    return bool(case.answered and not case.answered.is_refusal and case.question.is_unanswerable)


def _is_not_judged(case: Case) -> bool:
    return bool(case.answered and not case.answered.is_refusal and case.is_answered_right is None)


def _has_failed(case: Case) -> bool:
    return bool(case.answered and case.answered.status != TurnStatus.COMPLETED)


def _join_questions(case: Case) -> str:
    return " ⏎ ".join([*(earlier for earlier, _ in case.question.earlier), case.question.text])


def _describe_ranking(case: Case) -> Iterator[str]:
    yield _describe_needs(case)
    yield from (f"{rank}. {name}" for rank, name in enumerate(case.found.files[:TOP], 1))


def _describe_missing_facts(case: Case) -> Iterator[str]:
    assert case.answered
    not_retrieved = case.answered.not_shown
    facts = (f"'{fact}'{' (not retrieved)' if fact in not_retrieved else ''}" for fact in case.answered.missing)
    yield f"lacks {', '.join(facts)}"
    yield from _describe_answer(case)


def _describe_answer(case: Case) -> Iterator[str]:
    assert case.answered
    if case.found.is_hit is not None:
        yield f"{_describe_needs(case)}: {'found' if case.found.is_hit else 'not found'}"
    yield f"answer: {shorten(' '.join(case.answered.text.split()), ANSWER_CHARS)}"
    yield f"docent sessions show {case.answered.turn_id}"


def _describe_needs(case: Case) -> str:
    groups = (f"{' or '.join(group)} ({_describe_rank(case, group)})" for group in case.question.groups)
    return f"needs {', and '.join(groups)}"


def _describe_rank(case: Case, group: Sequence[str]) -> str:
    """Returns the rank of the best file of the group, among the files of the passages that were searched for."""
    files = case.found.files
    rank = next((rank for rank, name in enumerate(files, 1) if name in group), None)
    return f"rank {rank}" if rank else f"not among the {len(files)} files found"


_MISS_KINDS = (
    _MissKind("Not found", _is_not_found, _describe_ranking),
    _MissKind("Facts missing", _lacks_facts, _describe_missing_facts),
    _MissKind("Wrongly refused", _is_wrongly_refused, _describe_answer),
    _MissKind("Answered, although the documents have no answer", _is_wrongly_answered, _describe_answer),
    _MissKind("Answered, but the question has no facts to check", _is_not_judged, _describe_answer),
    _MissKind("Failed", _has_failed, _describe_answer),
)
