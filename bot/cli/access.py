"""The commands about who may read what: ``docent access explain``."""

from typing import Annotated

import typer

from bot.cli import connection
from bot.output import AsJson

access_app = typer.Typer(help="Say who may read what.", no_args_is_help=True)


@access_app.callback()
def access() -> None:
    """Say who may read what."""


@access_app.command()
def explain(
    document: Annotated[str, typer.Argument(help="A document's title, path in its source, link or id.")],
    *,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="Say also whether this reader may read it: user:U0123 or channel:C0123."),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Say who may read a document, who said so, and since when.

    For example: docent access explain "Salaries" --as user:U0123 --as group:S0HR
    """
    from bot.cli.library import access_report, slack_readers
    from ingest import settings

    with connection.open_database() as database:
        audience = slack_readers.make_audience(database, as_) if as_ else None
        access_report.show(database, settings.load(), document, audience=audience, as_json=json_)
