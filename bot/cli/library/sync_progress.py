"""Runs ``docent sync``, ``docent ingest`` and ``docent reindex``: a progress bar meanwhile, a report at the end.

Progress goes to standard error, the report to standard output. The syncs themselves are :mod:`ingest.sync`.
"""

import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from agent.errors import DocentError, UserError
from agent.store.database import Database
from agent.types import EVERYONE
from bot import output
from bot.cli.library import sync_report
from ingest import source_config
from ingest.access import known_documents, principals, reader_sets
from ingest.access.declaration import ALL, Declaration
from ingest.index.reindex import ModelChange
from ingest.library import Library
from ingest.progress import Progress
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sources.connector import SourceOptions
from ingest.sync import reports
from ingest.sync.diff import SuspiciousListing
from ingest.sync.reports import SyncReport
from ingest.sync.store import SyncStatus


def sync_declared(
    database: Database, settings: IngestSettings, names: Sequence[str], *, is_forced: bool, as_json: bool
) -> None:
    """Syncs sources of ``docent.toml`` one after another; all of them if no names are given.

    A source that fails does not stop the next one, but the command exits with 1.
    """
    chosen = source_config.choose(settings, names)
    declared = source_config.sources(settings.config)
    library = Library(database, settings)
    checked = {
        name: _check(library, settings, name, table) for name, table in chosen.items()
    }  # all mistakes, at once
    usable = {name: table for name, table in declared.items() if not isinstance(checked.get(name), dict)}
    for problem in source_config.find_overlaps(usable):
        print(f"docent: {settings.config}: {problem}", file=sys.stderr)
    results = [
        options
        if isinstance(options, dict)
        else _sync_one(library, settings, name, options, is_forced=is_forced, as_json=as_json)
        for name, options in checked.items()
    ]
    if as_json:
        output.print_json(results)
    else:
        _print_model_change(library)
        if not names:
            _print_undeclared(library, declared)
    if any(result["status"] != SyncStatus.COMPLETED for result in results):
        sys.exit(1)


def sync_location(
    database: Database, settings: IngestSettings, options: Mapping[str, object], *, is_forced: bool, as_json: bool
) -> None:
    """Syncs the one source that a command line describes, or that docent.toml declares under the same name.

    Without readers those stay that its documents have.
    """
    source_options = check_location(options)
    library = Library(database, settings)
    name = source_options.name or connector.open_source(source_options, home=settings.home).name
    if not source_options.name and not is_forced:
        _require_same_location(database, name, source_options)
    _print_same_place(database, name, source_options)
    declared = source_config.sources(settings.config).get(name)
    declaration = None
    if declared is not None:
        source_options = _take_declared(settings, name, declared, options, source_options)
    elif source_options.readers is None:
        source_options, declaration = _keep_readers(database, name, source_options)
        if declaration is None:
            _require_same_readers(settings, source_options)
    if declaration is None:
        connector.require_readers(source_options, where=source_options.location)
    report = _sync(
        library, settings, source_options, declaration=declaration, is_forced=is_forced, is_quiet=as_json
    )
    if as_json:
        output.print_json(asdict(report))
    else:
        sync_report.print_report(report)
        _print_model_change(library)


def check_location(options: Mapping[str, object]) -> SourceOptions:
    """Checks the options of a command line; raises :class:`UserError`."""
    located = source_config.resolve_location(options, Path.cwd())
    return connector.validate_options(located, where=str(options["location"]))


def _take_declared(
    settings: IngestSettings,
    name: str,
    declared: Mapping[str, object],
    options: Mapping[str, object],
    given: SourceOptions,
) -> SourceOptions:
    """Returns what docent.toml says of a source of this name; raises :class:`UserError` where the command says
    something else."""
    where = source_config.error_prefix(settings.config, name)
    is_same = _normalise_location(str(declared.get("location", ""))) == _normalise_location(given.location)
    if not is_same or options.keys() - {"location", "name"}:
        raise UserError(
            f"{settings.config} declares '{name}', and says how it is read and who may read it. Change it there "
            f"and run 'docent sync {name}', or give this source another name with --name."
        )
    print(f"docent: '{name}' is read as {settings.config} declares it.", file=sys.stderr)
    return connector.validate_options(declared, where=where)


def _require_same_readers(settings: IngestSettings, options: SourceOptions) -> None:
    """Raises :class:`UserError` where docent.toml declares this place for fewer people, under another name."""
    place = _normalise_location(options.location)
    for name, table in source_config.sources(settings.config).items():
        is_same = _normalise_location(str(table.get("location", ""))) == place
        if is_same and table.get("readers") not in (None, [[ALL, [EVERYONE]]]):
            raise UserError(
                f"{settings.config} declares {options.location} as '{name}', and says who may read it. Say with "
                "--reader who may read it under this other name."
            )


def _keep_readers(
    database: Database, name: str, options: SourceOptions
) -> tuple[SourceOptions, Declaration | None]:
    """Returns the options with the readers of the last sync, or those that the documents were listed with."""
    with database.transaction() as transaction:
        stored = reports.load_stored_readers(transaction, name)
        readers = known_documents.load_declared(transaction, name)
    if readers is None:
        return options, None
    declaration = Declaration.of(readers)
    if stored:
        options = connector.validate_options(
            options.model_dump(mode="json", exclude_defaults=True) | stored, where=options.location
        )
        declaration = options.declaration
    elif readers != reader_sets.DEFAULT_READERS:
        who = principals.describe_readers(readers)
        print(f"docent: '{name}' stays for {who}; --reader changes that.", file=sys.stderr)
    return options, declaration


def reindex(database: Database, settings: IngestSettings, *, asks: bool, is_anew: bool = False) -> None:
    """Makes the index again with the configured model. Says first what it costs and, if ``asks``, asks.

    Searches use the old index until the new one is complete.
    """
    library = Library(database, settings)
    if problem := library.status().problem:
        raise UserError(problem)
    change = library.estimate_model_change(is_forced=is_anew)
    if change is None:
        library.clean_up_index()
        print(
            f"The index is already made with '{settings.embedding_model}'. Set DOCENT_EMBEDDING_MODEL to another "
            "model, or add --again to embed again with this one."
        )
        return
    print(_describe_cost(change))
    if asks:
        if not sys.stdin.isatty():
            raise UserError("Nothing was changed: there is nobody to ask. Add --yes.")
        typer.confirm("Embed all documents again?", abort=True)
    with _show_progress("Embedding chunks", is_quiet=False) as progress:
        spent = library.reindex(is_forced=is_anew, progress=progress)
    cost = f" for ${spent.cost_usd:.4f}" if spent.cost_usd else ""
    print(f"{spent.n_chunks:,} chunks embedded{cost}; searches now use '{settings.embedding_model}'.")


def parse_options(texts: Sequence[str]) -> dict[str, object]:
    """Parses ``NAME=VALUE`` as docent.toml would; a value that is not TOML is taken as text.

    For example::

        parse_options(["max_pages=500", "type=website"]) == {"max_pages": 500, "type": "website"}
    """
    options: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"'{text}' is not an option. Write NAME=VALUE, such as max_pages=500.")
        try:
            options[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[name.strip()] = value.strip()
    return options


def _check(
    library: Library, settings: IngestSettings, name: str, declared: Mapping[str, object]
) -> SourceOptions | dict[str, object]:
    """Checks a declared source; mistakes are printed and returned as the report of a sync that failed."""
    where = source_config.error_prefix(settings.config, name)
    try:
        options = connector.validate_options(declared, where=where)
        connector.require_readers(options, where=where)
    except UserError as error:
        with suppress(UserError):  # readers that cannot be understood are told with the rest
            declaration = connector.validate_readers(declared, where=where)
            library.narrow_readers(name, declaration, problem=str(error))
        return _fail(name, error)
    return options


def _sync_one(
    library: Library,
    settings: IngestSettings,
    name: str,
    options: SourceOptions,
    *,
    is_forced: bool,
    as_json: bool,
) -> dict[str, object]:
    """Syncs a declared source and returns its report as JSON; a failure is printed and returned."""
    try:
        report = _sync(library, settings, options, is_forced=is_forced, is_quiet=as_json)
    except DocentError as error:
        return _fail(name, error)
    if not as_json:
        sync_report.print_report(report)
    return asdict(report)


def _fail(name: str, error: DocentError) -> dict[str, object]:
    for line in str(error).splitlines():
        print(f"docent: {name}: {line}", file=sys.stderr)
    status = SyncStatus.STOPPED if isinstance(error, SuspiciousListing) else SyncStatus.FAILED
    return {"source": name, "status": status, "problem": str(error)}


def _require_same_location(database: Database, name: str, options: SourceOptions) -> None:
    """Raises :class:`UserError` if this source had another location: its documents would be removed."""
    with database.transaction() as transaction:
        before = reports.load_location(transaction, name)
    if before and _normalise_location(before) != _normalise_location(options.location):
        raise UserError(
            f"The source '{name}' already has the documents of {before}. Give {options.location} another name "
            "with --name, or add --force if these are the same documents, moved."
        )


def _print_same_place(database: Database, name: str, options: SourceOptions) -> None:
    """Says which other sources have the documents of this place, for they are found twice."""
    with database.transaction() as transaction:
        places = {other: reports.load_location(transaction, other) for other in reports.list_sources(transaction)}
    for other, place in places.items():
        if other != name and place and _normalise_location(place) == _normalise_location(options.location):
            print(
                f"docent: '{other}' has the documents of {place} too, so they are found twice. To remove it: "
                f"docent forget '{other}'",
                file=sys.stderr,
            )


def _normalise_location(location: str) -> str:
    is_address = "://" in location or "@" in location
    return location.rstrip("/") if is_address else str(Path(location).resolve())


def _sync(
    library: Library,
    settings: IngestSettings,
    options: SourceOptions,
    *,
    declaration: Declaration | None = None,
    is_forced: bool,
    is_quiet: bool,
) -> SyncReport:
    declaration = declaration or options.declaration
    try:
        source = connector.open_source(options, home=settings.home)
    except UserError as error:
        library.narrow_readers(options.name, declaration, problem=str(error))
        raise
    is_announced = False

    def announce_wait() -> None:
        nonlocal is_announced
        if not is_announced:
            is_announced = True
            print(f"Waiting for another sync of '{source.name}' to end.", file=sys.stderr)

    with _show_progress(source.name, is_quiet=is_quiet) as progress:
        return library.sync(
            source,
            declaration=declaration,
            options=options.model_dump(mode="json", exclude_defaults=True) | {"type": options.type},
            is_forced=is_forced,
            progress=progress,
            waiting=announce_wait,
        )


@contextmanager
def _show_progress(title: str, *, is_quiet: bool) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    is_hidden = is_quiet or not console.is_terminal
    with ProgressBar(*columns, console=console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(escape(title), total=None)

        def update(n_done: int, n_total: int | None) -> None:
            phase = "" if n_total is not None else ": listing"
            bar.update(task, description=f"{escape(title)}{phase}", completed=n_done, total=n_total)

        yield update


def _print_model_change(library: Library) -> None:
    if change := library.estimate_model_change():
        print(f"{_describe_cost(change)} Run 'docent reindex' for that; until then '{change.model_now}' is used.")


def _print_undeclared(library: Library, declared: Collection[str]) -> None:
    for name, n_documents in library.count_documents().items():
        if name not in declared:
            print(
                f"'{name}' is not declared, and its {n_documents} documents stay searchable. To remove them: "
                f"docent forget '{name}'"
            )


def _describe_cost(change: ModelChange) -> str:
    setting = f"'{change.model_next}'" + (" as well" if change.model_next == change.model_now else "")
    if change.cost_usd is None:
        price = "at an unknown price (set it in DOCENT_MODEL_PRICES)"
    else:
        price = f"about ${change.cost_usd:.2f}" if change.cost_usd else "free of charge"
    return (
        f"The index was made with the embedding model '{change.model_now}', and DOCENT_EMBEDDING_MODEL is "
        f"{setting}: {change.n_chunks:,} chunks to embed, about {change.n_tokens:,} tokens, {price}."
    )
