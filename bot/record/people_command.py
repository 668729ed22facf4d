"""The commands about one person's data: ``docent people export`` and ``docent people forget``."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent.store.database import Database

User = Annotated[str, typer.Argument(metavar="USER", help="The person's id in Slack: U0123ABCD.")]

Workspace = Annotated[
    str | None,
    typer.Option(help="The person's workspace, T0123, where people of several workspaces have this id."),
]

people_app = typer.Typer(help="Read out or forget what is stored about a person.", no_args_is_help=True)


@people_app.command("export")
def people_export(user: User, *, workspace: Workspace = None) -> None:
    """Print everything that is stored about a person, as JSON: questions, answers, ratings, budgets.

    For example: docent people export U0123ABCD > person.json
    """
    from bot import output
    from bot.record import personal_data

    with open_database() as database:
        output.print_json(personal_data.export_person(database, user, workspace))


@people_app.command("forget")
def people_forget(
    user: User,
    *,
    workspace: Workspace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")] = False,
) -> None:
    """Delete everything that is stored about a person. This cannot be undone."""
    from agent.text import count
    from bot.processes.schedules import retention_schedule
    from bot.record import personal_data

    if not yes:
        place = f" in {workspace}" if workspace else ""
        typer.confirm(f"Delete everything that is stored about {user}{place}?", abort=True)
    with open_database() as database:
        done = personal_data.forget_person(database, user, workspace)
    counts = retention_schedule.describe(done.pruned)
    ratings, mentions = count(done.n_ratings, "rating"), count(done.n_mentions, "mention")
    sys.stdout.write(f"Deleted {counts}, {ratings}; replaced {mentions}.\n")
    if done.n_open:
        open_ones = "1 question is" if done.n_open == 1 else f"{done.n_open} questions are"
        sys.stdout.write(f"{open_ones} being answered. Forget again when that has ended.\n")


@contextmanager
def open_database() -> "Iterator[Database]":
    """Opens the database for a command, with logs and error reports."""
    import agent.settings
    from agent import observability
    from bot.processes import environment

    observability.set_up(agent.settings.load(), process="cli")
    with environment.open_database() as database:
        yield database
