"""The commands about documents: ingest, documents, sync, forget, reindex.

Owns their options and checks them. :mod:`ingest` does the work; the modules beside this one print.
"""

from typing import Annotated

import typer

from agent.errors import UserError
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
    """Sync the sources that docent.toml declares. Only documents that changed are read.

    For example: docent sync handbook wiki
    """
    from ingest import settings, source_config

    chosen = source_config.choose(settings.load(), sources or ())
    connection.announce(f"Syncing {', '.join(chosen)} …", is_quiet=json_)
    from bot.cli.library import sync_progress

    with connection.open_index() as database:
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

    For example: docent ingest docs/handbook --link 'https://handbook.example/{path}' --exclude drafts/
    """
    from bot.cli.library import sync_progress
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
    sync_progress.check_location(options)
    connection.announce(f"Reading {location} …", is_quiet=json_)
    with connection.open_index() as database:
        sync_progress.sync_location(database, settings.load(), options, is_forced=force, as_json=json_)


def documents(
    source: Annotated[str | None, typer.Argument(help="Show this source, and list its documents.")] = None,
    *,
    problems: Annotated[
        bool, typer.Option("--problems", help="List what could not be read, why, and what to do.")
    ] = False,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="List documents that say nearly the same, the newest first.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """List the sources and their problems. With the name of one, list its documents and when each was read.

    For example: docent documents handbook --problems
    """
    from bot.cli.library import duplicates_table, sources_table
    from ingest import settings

    if problems and duplicates:
        raise UserError("--problems and --duplicates are two lists: ask for one of them.")
    with connection.open_index() as database:
        if duplicates:
            duplicates_table.show(database, settings.load(), source=source, as_json=json_)
            return
        sources_table.show(database, settings.load(), source=source, lists_problems=problems, as_json=json_)


def reindex(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Embed again with the same model, because it gives other vectors now.")
    ] = False,
) -> None:
    """Switch to another embedding model. Embeds all documents with DOCENT_EMBEDDING_MODEL, then searches those."""
    from bot.cli.library import sync_progress
    from ingest import settings

    with connection.open_index() as database:
        sync_progress.reindex(database, settings.load(), asks=not yes, is_anew=again)


def take_over_index(*, yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False) -> None:
    """Make the index this deployment's. Needed after the database was restored from a backup or made anew."""
    from bot.cli.library import index_owner
    from ingest import settings

    with connection.open_index() as database:
        index_owner.take_over(database, settings.load(), asks=not yes)


def forget(
    name: Annotated[str, typer.Argument(help="The source's name, as 'docent documents' lists it.")],
    document: Annotated[
        str | None, typer.Argument(help="Remove only this document, as 'docent documents NAME' lists it.")
    ] = None,
) -> None:
    """Remove a source with all its documents, or one document.

    For example: docent forget handbook people/leave.md
    """
    from bot.cli.library import forgetting
    from ingest import settings

    with connection.open_index() as database:
        if document is None:
            forgetting.forget_source(database, settings.load(), name)
        else:
            forgetting.forget_document(database, settings.load(), name, document)
