"""``docent sync``, ``docent ingest`` and ``docent reindex``: a bar while it goes on, and then what came of it."""

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.errors import DocentError, UserError
from agent.store.database import Database
from bot import output
from ingest import source_config as declarations
from ingest.index.reindex import ModelChange
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sources.connector import SourceOptions
from ingest.sync import reports
from ingest.sync.diff import SuspiciousListing
from ingest.sync.reports import SyncReport

MAX_PROBLEMS = 20  # shown after a sync; 'docent documents --problems' lists all


def sync_declared(
    database: Database, settings: IngestSettings, names: Sequence[str], *, is_forced: bool, as_json: bool
) -> None:
    """Syncs sources of ``docent.toml``, one after the other; one that fails does not stop the next, but the
    command ends with 1."""
    given = declarations.sources(settings.config)
    if not given:
        raise UserError(f"{settings.config} declares no source. Write one there, such as: {declarations.EXAMPLE}")
    for name in names:
        if name not in given:
            raise UserError(f"{settings.config} declares no source '{name}'. It has: {', '.join(given)}.")
    library = Library(database, settings)
    ended: list[dict[str, Any]] = []
    for name in dict.fromkeys(names or given):
        try:
            options_ = connector.validate_options(
                given[name], where=declarations.error_prefix(settings.config, name)
            )
            report = _synced(library, settings, options_, is_forced=is_forced, is_quiet=as_json)
        except DocentError as error:
            status = "stopped" if isinstance(error, SuspiciousListing) else "failed"
            ended.append({"source": name, "status": status, "problem": str(error)})
            print(f"docent: {name}: {error}", file=sys.stderr)
        else:
            ended.append(asdict(report))
            if not as_json:
                _print(report)
    if as_json:
        output.print_json(ended)
    else:
        _tell_of_change(library)
        if not names:
            _tell_of_others(library, given)
    if any(report["status"] != "completed" for report in ended):
        sys.exit(1)


def sync_location(
    database: Database, settings: IngestSettings, given: Mapping[str, Any], *, is_forced: bool, as_json: bool
) -> None:
    """Syncs the one source that a command line describes."""
    options_ = connector.validate_options(
        declarations.resolve_location(given, Path.cwd()), where=str(given["location"])
    )
    library = Library(database, settings)
    if not options_.name and not is_forced:
        _require_same_place(database, connector.open_source(options_, home=settings.home).name, options_)
    report = _synced(library, settings, options_, is_forced=is_forced, is_quiet=as_json)
    if as_json:
        output.print_json(asdict(report))
    else:
        _print(report)
        _tell_of_change(library)


def reindex(database: Database, settings: IngestSettings, *, asks: bool, is_anew: bool = False) -> None:
    """Says what it will cost, asks, and makes the index anew beside the one that is searched."""
    library = Library(database, settings)
    if problem := library.status().problem:
        raise UserError(problem)
    change = library.estimate_model_change(is_forced=is_anew)
    if change is None:
        library.clean_up_index()
        print(
            f"The index is already made with '{settings.embedding_model}'. Set DOCENT_EMBEDDING_MODEL to another, "
            "or add --again to make it anew with this one."
        )
        return
    print(_cost(change))
    if asks:
        if not sys.stdin.isatty():
            raise UserError("Nothing was changed: there is nobody to ask. Add --yes.")
        typer.confirm("Make the index anew?", abort=True)
    with _bar("Embedding chunks", is_quiet=False) as heard:
        spent = library.reindex(is_forced=is_anew, progress=heard)
    cost = f" for ${spent.cost_usd:.4f}" if spent.cost_usd else ""
    print(f"{spent.n_chunks:,} chunks embedded{cost}; from now on '{settings.embedding_model}' is searched.")


def parse_options(given: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as it would stand in the file; a value that is no TOML is a text."""
    found: dict[str, Any] = {}
    for one_ in given:
        name, is_given, value = one_.partition("=")
        if not is_given or not name.strip():
            raise UserError(f"'{one_}' is no option. Write NAME=VALUE, such as max_pages=500.")
        try:
            found[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = value.strip()
    return found


def _require_same_place(database: Database, name: str, options_: SourceOptions) -> None:
    """Two folders of one name are two sources: without this the second would take the place of the first."""
    with database.transaction() as transaction:
        before = reports.load_location(transaction, name)
    if before and _place(before) != _place(options_.location):
        raise UserError(
            f"'{name}' holds the documents of {before}. Name those of {options_.location} otherwise with --name, "
            "or add --force if they are the same documents, moved."
        )


def _place(location: str) -> str:
    is_address = "://" in location or "@" in location
    return location.rstrip("/") if is_address else str(Path(location).resolve())


def _synced(
    library: Library, settings: IngestSettings, options_: SourceOptions, *, is_forced: bool, is_quiet: bool
) -> SyncReport:
    opened = connector.open_source(options_, home=settings.home)
    is_told = False

    def waiting() -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            print(f"Another sync of '{opened.name}' is running; waiting for its end.", file=sys.stderr)

    with _bar(opened.name, is_quiet=is_quiet) as heard:
        return library.sync(
            opened,
            readers=options_.readers,
            options=options_.model_dump(mode="json", exclude_defaults=True) | {"type": options_.type},
            is_forced=is_forced,
            progress=heard,
            waiting=waiting,
        )


@contextmanager
def _bar(what: str, *, is_quiet: bool) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=is_quiet) as progress:
        task = progress.add_task(escape(what), total=None)

        def heard(n_done: int, n_total: int | None) -> None:
            listing = "" if n_total is not None else ": listing"
            progress.update(task, description=f"{escape(what)}{listing}", completed=n_done, total=n_total)

        yield heard


def _print(report: SyncReport) -> None:
    console = Console(soft_wrap=True, highlight=False)
    renamed = f"{report.n_moved} renamed, " if report.n_moved else ""
    cost = f" for ${report.cost_usd:.4f}" if report.cost_usd else ""
    console.print(
        f"{escape(report.source)}: {report.n_added} added, {report.n_changed} changed, "
        f"{report.n_unchanged} unchanged, {renamed}{report.n_removed} removed; "
        f"{report.n_chunks} chunks written{cost} in {report.seconds:.1f} s."
    )
    output.print_problems(console, report.problems[:MAX_PROBLEMS])
    if len(report.problems) > MAX_PROBLEMS:
        console.print(f"  … and {len(report.problems) - MAX_PROBLEMS} more: docent documents --problems")


def _tell_of_change(library: Library) -> None:
    if change := library.estimate_model_change():
        print(f"{_cost(change)} Run 'docent reindex' for that; until then '{change.model_now}' is searched.")


def _tell_of_others(library: Library, given: Mapping[str, Any]) -> None:
    for name, n_documents in library.count_documents().items():
        if name not in given:
            print(
                f"'{name}' is not declared, and keeps its {n_documents} documents. Remove: docent forget '{name}'"
            )


def _cost(change: ModelChange) -> str:
    wanted = f"'{change.model_next}'" + (" as well" if change.model_next == change.model_now else "")
    if change.cost_usd is None:
        price = "at a price that is not known (DOCENT_MODEL_PRICES can tell)"
    else:
        price = f"about ${change.cost_usd:.2f}" if change.cost_usd else "for nothing"
    return (
        f"The index was made with the embedding model '{change.model_now}', and DOCENT_EMBEDDING_MODEL is "
        f"{wanted}: {change.n_chunks:,} chunks to embed, about {change.n_tokens:,} tokens, {price}."
    )
