"""The commands of the library: what is read in, what is found in it, what is wrong with it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

import agent.settings
from agent import observability
from agent.clock import now
from agent.errors import ModelError, UserError
from agent.store.database import Database
from agent.types import EVERYONE, Audience
from bot import time_ranges
from bot.output import AsJson

MAX_TOKENS = 100_000  # of what 'docent search' prints: all that was asked for

Force = Annotated[bool, typer.Option("--force", help="Even if most of a source's documents are gone.")]


def sync(
    sources: Annotated[list[str] | None, typer.Argument(help="Names in docent.toml; default: all.")] = None,
    *,
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Bring the index in step with the sources that docent.toml declares; only what changed is read."""
    from bot.cli import sync_progress
    from ingest import settings

    with _opened() as database:
        sync_progress.sync_declared(database, settings.load(), sources or [], is_forced=force, as_json=json_)


def ingest(
    location: Annotated[
        str, typer.Argument(help="A folder, or an address such as https://… or a Git repository.")
    ],
    *,
    name: Annotated[str | None, typer.Option(help="The source's name; default: by its location.")] = None,
    link: Annotated[
        str | None, typer.Option(help="How a file becomes a link: https://handbook.example/{path}")
    ] = None,
    include: Annotated[list[str] | None, typer.Option(help="Only such files, as in a .gitignore: docs/**")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No such files: drafts/**")] = None,
    reader: Annotated[
        list[str] | None, typer.Option(help="Who may read them: everyone, channel:C…, team:…, user:U…")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other option of a source in docent.toml.")
    ] = None,
    force: Force = False,
    json_: AsJson = False,
) -> None:
    """Read the documents of one place in; a second time only what changed. docent.toml has them synced by the
    clock."""
    from bot.cli import sync_progress
    from ingest import settings

    described = {
        "location": location,
        **({"name": name} if name else {}),
        **({"link": link} if link else {}),
        **({"include": include} if include else {}),
        **({"exclude": exclude} if exclude else {}),
        **({"readers": reader} if reader else {}),
        **sync_progress.parse_options(option or []),
    }
    with _opened() as database:
        sync_progress.sync_location(database, settings.load(), described, is_forced=force, as_json=json_)


def documents(
    source: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    *,
    problems: Annotated[
        bool, typer.Option("--problems", help="List what could not be read, why, and what to do.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Show the sources: how many documents each has, when it was last synced, what went wrong."""
    from bot.cli import sources_table
    from ingest import settings

    with _opened() as database:
        sources_table.show(database, settings.load(), source=source, lists_problems=problems, as_json=json_)


def search(
    query: str,
    *,
    n: Annotated[int, typer.Option("-n", min=1, max=50, help="How many passages.")] = 8,
    source: Annotated[list[str] | None, typer.Option(help="Only of this source; may be repeated.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only documents changed since then: 30d, or 2026-01-31.")
    ] = None,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="As somebody who also is this reader, such as channel:C0123; may be repeated."),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show the ranks and the reasons.")] = False,
    json_: AsJson = False,
) -> None:
    """Show the passages a question finds."""
    from bot import output
    from bot.cli import search_explain
    from ingest import settings
    from ingest.library import Library
    from tools.passages import readable

    with _opened() as database:
        library = Library(database, settings.load())
        if problem := library.status().problem:
            raise UserError(problem)
        for name in source or ():
            if name not in library.count_documents():
                raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
        audience, moment = _audience(as_ or ()), _moment(since)
        found = library.search(
            require_question(query), audience=audience, k=n, sources=source or (), since=moment
        )
    if why:
        search_explain.explain(found, as_json=json_)
    else:
        output.print_passages(readable(found.passages, max_tokens=MAX_TOKENS), as_json=json_)


def reindex(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Although the model is the same: it gives other vectors now.")
    ] = False,
) -> None:
    """Go over to the model of DOCENT_EMBEDDING_MODEL: embed all documents with it, then search those."""
    from bot.cli import sync_progress
    from ingest import settings

    with _opened() as database:
        sync_progress.reindex(database, settings.load(), asks=not yes, is_anew=again)


def forget(
    name: Annotated[str, typer.Argument(help="The source's name, as 'docent documents' lists it.")],
) -> None:
    """Remove a source and every document of it."""
    from ingest import settings, source_config
    from ingest.library import Library
    from ingest.sync import store

    with _opened() as database:
        config = settings.load().config
        with database.transaction() as transaction:
            is_known = name in store.load_last_started(transaction)
        n_documents = Library(database, settings.load()).forget(name)
    if not n_documents and not is_known:
        raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
    print(f"{n_documents} documents of '{name}' removed.")
    if name in source_config.sources(config):
        print(f"{config} still declares it: the next sync reads it in again unless it is removed there, too.")


def require_question(text: str) -> str:
    """A question that somebody typed; raises :class:`UserError` if there is none."""
    if not text.strip():
        raise UserError("The question is empty.")
    return text.strip()


def _audience(readers: Sequence[str]) -> Audience:
    from ingest.sources.connector import PRINCIPAL

    for reader in readers:
        if not PRINCIPAL.fullmatch(reader):
            raise UserError(f"'{reader}' is no reader. Write team:T, channel:C, user:U or group:S.")
    return Audience((frozenset({EVERYONE, *readers}),))


def _moment(given_: str | None) -> datetime | None:
    zone = ZoneInfo(agent.settings.load().time_zone)
    return time_ranges.parse_moment(given_, zone=zone, now=now()) if given_ else None


@contextmanager
def _opened() -> Iterator[Database]:
    from bot.processes import environment, malloc_tuning

    malloc_tuning.limit_arenas()
    observability.set_up(agent.settings.load(), process="cli")
    with environment.open_database() as database:
        try:
            yield database
        except ModelError as error:
            raise UserError(str(error)) from error
