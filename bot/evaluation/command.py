"""The command ``docent eval``, for :mod:`bot.cli.main` to register."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.output import AsJson


def evaluate(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE-OR-FOLDER",
            help="Questions as JSON lines, asked of what is indexed; beside a docs.jsonl, of the documents in it.",
        ),
    ],
    *,
    answers: Annotated[
        bool, typer.Option("--answers", help="Ask the questions, too; a model costs money.")
    ] = False,
    json_: AsJson = False,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only this kind of question; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first questions.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=16, help="Questions asked at once; default: 4, without a model 1.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier run's file; default: the last run of these questions.")
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Exit with 1 if a figure is less.")
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Exit with 1 if a figure is more.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show everything that went wrong.")] = False,
) -> None:
    """Measure what a set of questions finds, and with --answers what it is answered; compare with the last run."""
    from rich.console import Console

    import agent.settings
    from agent import observability
    from bot import output
    from bot.evaluation import evaluator, runs, table, thresholds
    from bot.processes import environment

    needed = thresholds.parse(at_least or (), at_most or (), has_answers=answers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what the run has started, it ends
    observability.set_up(agent.settings.load(), process="cli")
    wanted = evaluator.EvalOptions(
        path, answers=answers, kinds=tuple(kind or ()), limit=limit, n_at_once=concurrency, compare=compare
    )
    errors = Console(stderr=True, soft_wrap=True)
    with environment.open_database() as database:
        evaluated = evaluator.evaluate(database, wanted, console=errors)
    if json_:
        output.print_json(runs.to_json(evaluated.run, evaluated.difference))
    else:
        table.show(Console(soft_wrap=True), evaluated, all_misses=all_)
    missed = [said for gate in needed if (said := gate.missed(evaluated.run))]
    for said in missed:
        errors.print(said, markup=False)
    if missed:
        sys.exit(1)
