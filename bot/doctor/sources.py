"""What docent.toml declares, and how the last sync of each source ended."""

from collections.abc import Container, Iterator
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from agent.clock import now
from agent.errors import UserError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from ingest import source_config
from ingest.sources import connector
from ingest.sync import reports

OPEN = {"queued", "listing", "reading"}
STANDS_STILL = timedelta(minutes=10)


def sources(who: CheckContext) -> Iterator[Finding]:
    """Whether they can be understood and opened here; listing them may take long, and is left to a sync."""
    config = who.library.config
    try:
        given = source_config.sources(config)
    except UserError as error:
        yield Finding("sources", "problem", str(error), "Until then the clock syncs nothing.")
        return
    if not given:
        advice = "The clock then syncs nothing; 'docent ingest PATH' reads documents in by hand."
        yield Finding("sources", "ok", f"{config} declares none", advice)
    for name, one in given.items():
        where = source_config.where(config, name)
        try:
            options = connector.described(one, where=where)
            connector.opened(options, home=who.library.home)
        except UserError as error:
            said = str(error)
            yield Finding("sources", "problem", said if said.startswith(where) else f"{name}: {said}")
        else:
            often = f"every {one.get('every', '1h')}" if source_config.every(one) else "by hand"
            yield Finding("sources", "ok", f"{name}: {options.type}, {often}")
    if who.database:
        yield from _ended_badly(who, given)


def _ended_badly(who: CheckContext, given: Container[str]) -> Iterator[Finding]:
    assert who.database
    try:
        with who.database.transaction() as transaction:
            latest = reports.latest(transaction)
    except SQLAlchemyError as error:
        yield Finding("sources", "problem", f"syncs cannot be looked up ({type(error).__name__})")
        return
    for one in latest:
        if one.status in {"failed", "stopped"}:
            again = f"'docent sync {one.source}'" if one.source in given else "'docent ingest' for it"
            advice = f"Run {again} when it is mended."
            yield Finding(
                "sources", "warning", f"the last sync of '{one.source}' {one.status}: {one.problem}", advice
            )
        elif one.status in OPEN and one.origin == "clock" and now() - one.at > STANDS_STILL:
            text = f"the sync of '{one.source}' has stood still since {one.at:%Y-%m-%d %H:%M} UTC ({one.status})"
            yield Finding(
                "sources", "warning", text, "Start 'docent worker' and 'docent clock', and see their logs."
            )
