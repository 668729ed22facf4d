"""Checks the sources that docent.toml declares, and how the last sync of each ended."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from agent.clock import now
from agent.errors import UserError
from agent.text import count
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from ingest import source_config
from ingest.access import known_documents
from ingest.access.declaration import Declaration
from ingest.sources import connector
from ingest.sync import reports
from ingest.sync.reports import LatestSync, UndeclaredSource

OPEN_STATUSES = {"queued", "listing", "reading"}
STALLED_AFTER = timedelta(minutes=10)


def sources(context: CheckContext) -> Iterator[Finding]:
    """Checks that each source can be opened here. Does not list it: that may take long, and a sync does it."""
    config = context.library.config
    try:
        declared = source_config.sources(config, is_required=context.library.is_config_named)
    except UserError as error:
        yield Finding("sources", FindingState.PROBLEM, str(error), "Until this is fixed the clock syncs nothing.")
        return
    if not declared:
        advice = "The clock then syncs nothing; 'docent ingest PATH' reads documents in by hand."
        yield Finding("sources", FindingState.OK, f"{config} declares no sources", advice)
    declarations: dict[str, Declaration] = {}
    for name, table in declared.items():
        where = source_config.error_prefix(config, name)
        try:
            options = connector.validate_options(table, where=where)
            declarations[name] = options.declaration
            connector.require_readers(options, where=where)
            connector.open_source(options, home=context.library.home)
        except UserError as error:
            text = str(error)
            yield Finding("sources", FindingState.PROBLEM, text if text.startswith(where) else f"{name}: {text}")
        else:
            often = f"every {table.get('every', '1h')}" if source_config.sync_interval(table) else "by hand"
            yield Finding("sources", FindingState.OK, f"{name}: {options.type}, {often}")
    for problem in source_config.find_overlaps(declared):
        yield Finding("sources", FindingState.WARNING, problem)
    if context.database:
        yield from _check_last_syncs(context, declared, declarations)


def _check_last_syncs(
    context: CheckContext, declared: Collection[str], declarations: Mapping[str, Declaration]
) -> Iterator[Finding]:
    assert context.database
    try:
        with context.database.transaction() as transaction:
            latest = reports.load_latest(transaction)
            undeclared = reports.load_undeclared(transaction, declared)
            n_waiting = {
                name: known_documents.count_waiting(transaction, name, declaration)
                for name, declaration in declarations.items()
            }
    except SQLAlchemyError as error:
        yield Finding("sources", FindingState.PROBLEM, f"syncs cannot be looked up ({type(error).__name__})")
        return
    yield from _check_undeclared(undeclared, is_some_declared=bool(declared))
    yield from _check_waiting_readers(latest, n_waiting)
    for sync in latest:
        if sync.status in {"failed", "stopped"} and not n_waiting.get(sync.source):
            again = f"'docent sync {sync.source}'" if sync.source in declared else "'docent ingest' for it"
            advice = f"Run {again} once that is fixed."
            yield Finding(
                "sources",
                FindingState.WARNING,
                f"the last sync of '{sync.source}' {sync.status}: {sync.problem}",
                advice,
            )
        elif sync.status in OPEN_STATUSES and sync.origin == "clock" and now() - sync.at > STALLED_AFTER:
            since = f"{sync.at:%Y-%m-%d %H:%M} UTC"
            text = f"the sync of '{sync.source}' has made no progress since {since} ({sync.status})"
            yield Finding(
                "sources",
                FindingState.WARNING,
                text,
                "Start 'docent worker' and 'docent clock', and read their logs.",
            )


def _check_undeclared(undeclared: Sequence[UndeclaredSource], *, is_some_declared: bool) -> Iterator[Finding]:
    """Names sources that answer on though docent.toml does not declare them, where it declares any or once did."""
    for source in undeclared:
        if source.was_scheduled or is_some_declared:
            yield Finding(
                "sources",
                FindingState.WARNING,
                f"'{source.name}' is not declared; its {count(source.n_documents, 'document')} answer on, for "
                "those who could read them last.",
                f"Declare it, or remove it: docent forget '{source.name}'",
            )


def _check_waiting_readers(latest: Sequence[LatestSync], n_waiting: Mapping[str, int]) -> Iterator[Finding]:
    """Says where other readers are declared than are in effect: a problem if the sync that changes it fails."""
    syncs = {sync.source: sync for sync in latest}
    for name, n_documents in n_waiting.items():
        sync = syncs.get(name)
        if not n_documents:
            continue
        what = f"other readers are declared for {count(n_documents, 'document')} of '{name}' than are in effect"
        if sync and sync.status in {"failed", "stopped"}:
            yield Finding(
                "sources",
                FindingState.PROBLEM,
                f"{what}: its last sync {sync.status}: {sync.problem}",
                "What the change takes away is taken away with any try of a sync; what it gives waits. Run "
                f"'docent sync {name}' once that is fixed.",
            )
        else:
            yield Finding("sources", FindingState.WARNING, f"{what}.", f"Run 'docent sync {name}'.")
