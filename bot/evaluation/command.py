"""The command ``docent eval``, which :mod:`bot.cli.main` registers. Owns its options and its exit code."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.output import AsJson

if TYPE_CHECKING:
    from bot.evaluation.evaluator import EvalRun
    from bot.evaluation.thresholds import Threshold


def evaluate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE-OR-FOLDER...",
            help="Questions as JSON lines. A docs.jsonl beside them is indexed for the run and searched instead. "
            "Of several sets each is asked of its own documents, and a table sums them up.",
        ),
    ],
    *,
    answers: Annotated[
        bool, typer.Option("--answers", help="Ask the questions too. With a model this costs money.")
    ] = False,
    json_: AsJson = False,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Use only this kind of question. May be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first so many questions.")] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="Ask so many questions at once. Default: 4, or 1 without a model."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="Compare with this run's file. Default: the last run of the same questions."),
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Exit with 1 if a figure is less than this.")
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Exit with 1 if a figure is more than this.")
    ] = None,
    own: Annotated[
        bool,
        typer.Option("--own", help="Index the folder 'pages' beside the questions for the run and search that."),
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="List everything that went wrong.")] = False,
) -> None:
    """Measure search and answers on questions. Compares the figures with those of the last run.

    For example: docent eval questions.jsonl --answers --at-least hits_at_5=45

    A line of the file: {"question": "How many days can I carry over?", "relevant_groups": [["people/leave.md"]],
    "facts": [["5 days", "five days"]]}. Every group needs one of its files, every fact one of its wordings.
    """
    from rich.console import Console

    import agent.settings
    from agent import observability
    from agent.errors import UserError
    from bot.evaluation import evaluator, thresholds
    from bot.processes import environment

    required = thresholds.parse(at_least or (), at_most or (), has_answers=answers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers that the run started are stopped
    observability.set_up(agent.settings.load(), process="cli")
    options = [
        evaluator.EvalOptions(
            path,
            answers=answers,
            kinds=tuple(kind or ()),
            limit=limit,
            n_at_once=concurrency,
            compare=compare,
            own_documents=own or len(paths) > 1,
        )
        for path in paths
    ]
    if compare and len(paths) > 1:
        raise UserError("--compare is for one set. Leave it out: each set is compared with its own last run.")
    for one in options:
        evaluator.read_set(one)  # what cannot be used is said before anything is measured
    errors = Console(stderr=True, soft_wrap=True)
    with environment.open_database() as database:
        done = [evaluator.evaluate(database, one, console=errors) for one in options]
    _show(done, as_json=json_, all_misses=all_)
    misses = _list_misses(done, required)
    for miss in misses:
        errors.print(miss, markup=False)
    if misses:
        sys.exit(1)


def _list_misses(done: Sequence["EvalRun"], required: Sequence["Threshold"]) -> list[str]:
    """Returns a sentence for each threshold that a run misses, with the set's name where there are several."""
    return [
        f"{run.report.set}: {miss}" if len(done) > 1 else miss
        for run in done
        for threshold in required
        if (miss := threshold.describe_miss(run.report.figures))
    ]


def _show(done: Sequence["EvalRun"], *, as_json: bool, all_misses: bool) -> None:
    from rich.console import Console

    from bot import output
    from bot.evaluation import runs, table

    if as_json:
        reports = [runs.to_json(run.report, run.difference) for run in done]
        output.print_json(reports if len(reports) > 1 else reports[0])
        return
    console = Console(soft_wrap=True)
    for run in done:
        table.show(console, run, all_misses=all_misses)
    if len(done) > 1:
        table.show_all(console, done)
