"""The commands about documents: sync, ingest, documents, search, reindex, forget.

Owns their options and checks them. :mod:`ingest` does the work; the modules beside this one print.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

import agent.settings
from agent.clock import now
from agent.errors import ModelError, UserError
from agent.store.database import Database
from agent.types import EVERYONE, Audience
from bot import time_ranges
from bot.cli import connection
from bot.output import AsJson

MAX_TOKENS = 100_000  # of what 'docent search' prints: enough for every passage that -n allows

Force = Annotated[bool, typer.Option("--force", help="Sync even if most of a source's documents are gone.")]


def sync(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Sync the sources of these names. Default: all of them.")
    ] = None,
    *,
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Sync the sources that docent.toml declares. Only documents that changed are read."""
    from bot.cli import sync_progress
    from ingest import settings

    with _open_database() as database:
        sync_progress.sync_declared(database, settings.load(), sources or [], is_forced=force, as_json=json_)


def ingest(
    location: Annotated[
        str, typer.Argument(help="A folder, a website's address (https://…) or a Git repository.")
    ],
    *,
    name: Annotated[str | None, typer.Option(help="Name the source. Default: after its location.")] = None,
    link: Annotated[
        str | None, typer.Option(help="Turn a file's path into a link: https://handbook.example/{path}")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Read only files that match, as in a .gitignore: docs/**")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Skip files that match: drafts/**")] = None,
    reader: Annotated[
        list[str] | None, typer.Option(help="Let only these read it: everyone, team:T…, channel:C…, user:U…")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set any other option that a source in docent.toml may have."),
    ] = None,
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Read in the documents of one place. A second time, only documents that changed are read.

    To have a source synced regularly, declare it in docent.toml.
    """
    from bot.cli import sync_progress
    from ingest import settings

    options = {
        "location": location,
        **({"name": name} if name else {}),
        **({"link": link} if link else {}),
        **({"include": include} if include else {}),
        **({"exclude": exclude} if exclude else {}),
        **({"readers": reader} if reader else {}),
        **sync_progress.parse_options(option or []),
    }
    with _open_database() as database:
        sync_progress.sync_location(database, settings.load(), options, is_forced=force, as_json=json_)


def documents(
    source: Annotated[str | None, typer.Argument(help="Show only this source.")] = None,
    *,
    problems: Annotated[
        bool, typer.Option("--problems", help="List what could not be read, why, and what to do.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """List the sources and their problems. Shows how many documents each has and when it was last synced."""
    from bot.cli import sources_table
    from ingest import settings

    with _open_database() as database:
        sources_table.show(database, settings.load(), source=source, lists_problems=problems, as_json=json_)


def search(
    query: Annotated[str, typer.Argument(help="The question, in quotes.")],
    *,
    n: Annotated[int, typer.Option("-n", min=1, max=50, help="Show so many passages.")] = 8,
    source: Annotated[list[str] | None, typer.Option(help="Search only this source. May be repeated.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Search only documents changed since then: 30d, or 2026-01-31.")
    ] = None,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="Search also what this reader may read: channel:C0123. May be repeated."),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show each passage's ranks, and why it is there.")] = False,
    json_: AsJson = False,
) -> None:
    """Show the passages that match a question. Searches as the bot does before it answers."""
    from bot import output
    from bot.cli import search_explain
    from ingest import settings
    from ingest.library import Library
    from tools.passages import make_readable

    with _open_database() as database:
        library = Library(database, settings.load())
        if problem := library.status().problem:
            raise UserError(problem)
        for name in source or ():
            if name not in library.count_documents():
                raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
        audience, start = _make_audience(as_ or ()), _parse_since(since)
        query = require_question(query)
        result = library.search(query, audience=audience, k=n, sources=source or (), since=start)
    if why:
        search_explain.explain(result, as_json=json_)
    else:
        output.print_passages(make_readable(result.passages, max_tokens=MAX_TOKENS), as_json=json_)


def reindex(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Embed again with the same model, because it gives other vectors now.")
    ] = False,
) -> None:
    """Switch to another embedding model. Embeds all documents with DOCENT_EMBEDDING_MODEL, then searches those."""
    from bot.cli import sync_progress
    from ingest import settings

    with _open_database() as database:
        sync_progress.reindex(database, settings.load(), asks=not yes, is_anew=again)


def forget(
    name: Annotated[str, typer.Argument(help="The source's name, as 'docent documents' lists it.")],
) -> None:
    """Remove a source with all its documents."""
    from ingest import settings, source_config
    from ingest.library import Library
    from ingest.sync import store

    with _open_database() as database:
        config = settings.load().config
        with database.transaction() as transaction:
            is_known = name in store.load_last_started(transaction)
        n_documents = Library(database, settings.load()).forget(name)
    if not n_documents and not is_known:
        raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
    print(f"{n_documents} documents of '{name}' removed.")
    if name in source_config.sources(config):
        print(f"{config} still declares it: remove it there too, or the next sync reads it in again.")


def require_question(text: str) -> str:
    """Returns the question without surrounding spaces; raises :class:`UserError` if nothing is left."""
    if not text.strip():
        raise UserError("The question is empty.")
    return text.strip()


def _make_audience(readers: Sequence[str]) -> Audience:
    from ingest.sources.connector import PRINCIPAL

    for reader in readers:
        if not PRINCIPAL.fullmatch(reader):
            raise UserError(f"'{reader}' does not name a reader. Write team:T, channel:C, user:U or group:S.")
    return Audience((frozenset({EVERYONE, *readers}),))


def _parse_since(since: str | None) -> datetime | None:
    zone = ZoneInfo(agent.settings.load().time_zone)
    return time_ranges.parse_moment(since, zone=zone, now=now()) if since else None


@contextmanager
def _open_database() -> Iterator[Database]:
    """Opens the database for work on the index, which needs memory limits and may lack its embedding model."""
    from bot.processes import malloc_tuning

    malloc_tuning.limit_arenas()
    with connection.open_database() as database:
        try:
            yield database
        except ModelError as error:
            raise UserError(str(error)) from error
