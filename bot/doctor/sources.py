"""Checks the sources that docent.toml declares, and how the last sync of each ended."""

from collections.abc import Container, Iterator
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from agent.clock import now
from agent.errors import UserError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from ingest import source_config
from ingest.sources import connector
from ingest.sync import reports

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
    for name, table in declared.items():
        where = source_config.error_prefix(config, name)
        try:
            options = connector.validate_options(table, where=where)
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
        yield from _check_last_syncs(context, declared)


def _check_last_syncs(context: CheckContext, declared: Container[str]) -> Iterator[Finding]:
    assert context.database
    try:
        with context.database.transaction() as transaction:
            latest = reports.load_latest(transaction)
    except SQLAlchemyError as error:
        yield Finding("sources", FindingState.PROBLEM, f"syncs cannot be looked up ({type(error).__name__})")
        return
    for sync in latest:
        if sync.status in {"failed", "stopped"}:
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
