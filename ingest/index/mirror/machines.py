"""Stores in Postgres what each machine has of an index in a bucket, for ``docent doctor`` and ``/readyz``."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from agent.clock import now
from agent.store.database import Database, Transaction
from ingest.tables import IndexMirrorRow

SEEN_WITHIN = timedelta(minutes=2)  # else its worker has stopped, and what it said last is of no interest
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class MachineCopy:
    """What a machine has; ``problem`` keeps it from being the newest version, ``is_away`` if it is the bucket."""

    host: str
    version: int | None
    n_bytes: int
    copied_at: datetime | None
    problem: str | None
    is_away: bool
    seen_at: datetime


def store(database: Database, address: str, copy: MachineCopy) -> None:
    """Stores what a machine has now, and forgets machines that were not seen for a day."""
    row = IndexMirrorRow
    values = {name: getattr(copy, name) for name in MachineCopy.__dataclass_fields__ if name != "host"}
    statement = insert(row).values(address=address, host=copy.host, **values)
    with database.transaction() as transaction:
        transaction.execute(delete(row).where(row.seen_at < now() - FORGOTTEN_AFTER))
        transaction.execute(statement.on_conflict_do_update(index_elements=["address", "host"], set_=values))


def load(transaction: Transaction, address: str | None = None) -> tuple[MachineCopy, ...]:
    """Reads what the machines have that were seen lately, of one index or of all; ordered by their name."""
    row = IndexMirrorRow
    query = select(row).where(row.seen_at > now() - SEEN_WITHIN).order_by(row.host)
    if address is not None:
        query = query.where(row.address == address)
    names = MachineCopy.__dataclass_fields__
    return tuple(MachineCopy(*(getattr(each, name) for name in names)) for each in transaction.scalars(query))


def from_unix(seconds: float) -> datetime:
    """Returns the moment of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC)
