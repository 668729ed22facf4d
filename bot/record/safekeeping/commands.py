"""The commands of the day after: ``docent backup``, ``restore``, ``check`` and ``index``. Owns their options."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.output import AsJson

if TYPE_CHECKING:
    from bot.record.safekeeping.backup.making import PlaceSettings

index_app = typer.Typer(
    help="Tag the index before a sync that may go wrong, and go back to a tag.", no_args_is_help=True
)
TagName = Annotated[str, typer.Argument(metavar="NAME", help="The tag's name, such as before-the-move.")]


def backup(
    file: Annotated[Path, typer.Argument(help="Write the backup to this file, which must not be there yet.")],
    *,
    index: Annotated[
        bool,
        typer.Option("--index", help="Include the index. Default: a sync after a restoration makes it again."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json_: AsJson = False,
) -> None:
    """Back up everything that is recorded, while Docent runs. Says what is not inside.

    For example: docent backup /backups/docent-$(date +%F).zip
    """
    from bot import output
    from bot.processes import environment
    from bot.record.safekeeping import backup_report
    from bot.record.safekeeping.backup import making

    set_up("Backing up …", is_quiet=json_)
    with environment.open_database(takes_any_schema=True) as database:
        manifest = making.make(file, database, load_settings(), with_index=index, replaces=force)
    if json_:
        output.print_json({"file": str(file), **manifest.model_dump(mode="json")})
        return
    _print(backup_report.describe_made(file, manifest))


def restore(
    file: Annotated[Path, typer.Argument(help="A file that 'docent backup' wrote.")],
    *,
    ask_again: Annotated[
        bool,
        typer.Option(
            "--ask-again",
            help="Answer the questions that were open then. Default: say in their threads that they were.",
        ),
    ] = False,
    json_: AsJson = False,
) -> None:
    """Restore a backup into an empty database. Migrates it to this release, and says what is to be done then.

    For example: docent restore /backups/docent-2026-11-28.zip
    """
    from bot import output
    from bot.processes import environment
    from bot.record.safekeeping import backup_report
    from bot.record.safekeeping.backup import archive, restoring

    set_up(f"Restoring {file} …", is_quiet=json_)
    with archive.open_backup(file) as reader, environment.open_database(takes_any_schema=True) as database:
        done = restoring.restore(reader, database, load_settings(), asks_again=ask_again)
    if json_:
        output.print_json(backup_report.to_json(reader.manifest, done))
        return
    _print(backup_report.describe_restored(reader.manifest, done))


def check(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is wrong, or have the next sync read it again.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Check that record, documents, index, queues and budgets agree. Exits with 1 if something is wrong.

    For example: docent check --repair
    """
    from bot.processes import environment
    from bot.record.safekeeping import check_report
    from bot.record.safekeeping.check import everything

    set_up("Checking …", is_quiet=json_)
    with environment.open_database(needs_redis=True) as database:
        parts = everything.check(database, load_settings(), repairs=repair)
    if not check_report.print_parts(parts, repairs=repair, as_json=json_):
        sys.exit(1)


@index_app.command("tag")
def index_tag(name: TagName) -> None:
    """Tag the index as it is now. While there is a tag, versions since then stay on the disk.

    For example: docent index tag before-the-move
    """
    from bot.processes import environment
    from bot.record.safekeeping import tag_report
    from ingest.index.active_index import ActiveIndex
    from ingest.sync.agreement import tags

    set_up()
    with environment.open_database() as database:
        tag = tags.create_tag(ActiveIndex(database, load_settings().ingest), name)
    _print([tag_report.describe_tagged(tag)])


@index_app.command("list")
def index_list(*, json_: AsJson = False) -> None:
    """List the tags of the index."""
    from dataclasses import asdict

    from bot import output
    from bot.processes import environment
    from bot.record.safekeeping import tag_report
    from ingest.index.active_index import ActiveIndex
    from ingest.sync.agreement import tags

    set_up()
    with environment.open_database() as database:
        found = tags.list_tags(ActiveIndex(database, load_settings().ingest))
    if json_:
        output.print_json([asdict(tag) for tag in found])
        return
    tag_report.print_tags(found)


@index_app.command("restore")
def index_restore(name: TagName) -> None:
    """Go back to a tag. What was deleted since stays deleted, and nobody gets a right back.

    For example: docent index restore before-the-move
    """
    from bot.processes import environment
    from bot.record.safekeeping import tag_report
    from ingest.index.active_index import ActiveIndex
    from ingest.sync.agreement import tags

    set_up(f"Going back to '{name}' …")
    with environment.open_database() as database:
        done = tags.restore_tag(ActiveIndex(database, load_settings().ingest), name)
    _print(tag_report.describe_restored(name, done))


@index_app.command("untag")
def index_untag(name: TagName) -> None:
    """Delete a tag. The next sync frees the disk of what only it has kept."""
    from bot.processes import environment
    from ingest.index.active_index import ActiveIndex
    from ingest.sync.agreement import tags

    set_up()
    with environment.open_database() as database:
        tags.delete_tag(ActiveIndex(database, load_settings().ingest), name)
    _print([f"The tag '{name}' is deleted."])


def set_up(what: str = "", *, is_quiet: bool = False) -> None:
    """Sets up logs and memory limits for work on the index; says on standard error what is done."""
    import agent.settings
    from agent import observability
    from bot.processes import malloc_tuning

    if what and not is_quiet:
        sys.stderr.write(f"{what}\n")
        sys.stderr.flush()
    malloc_tuning.limit_arenas()
    observability.set_up(agent.settings.load(), process="cli")


def load_settings() -> "PlaceSettings":
    """Loads the settings, once the servers are known."""
    import bot.settings
    import ingest.settings
    from bot.record.safekeeping.backup.making import PlaceSettings

    return PlaceSettings(bot.settings.load(), ingest.settings.load())


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
