"""Which rows of the index a question to it is about: its filters, as LanceDB reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_IDS = 500  # named in one statement


@dataclass(frozen=True)
class ChunkFilter:
    """Which rows a search looks at: those of ``access_ids`` (none at all if empty), of ``sources`` if any are
    named, of documents last changed from ``since`` on where given (one without a date is not)."""

    access_ids: tuple[str, ...]
    sources: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def where(self) -> str:
        """The filter, before any ranking."""
        parts = [one_of("access_id", self.access_ids)]
        if self.sources:
            parts.append(one_of("source", self.sources))
        if self.since:
            parts.append(f"updated_at >= {_moment(self.since)}")
        return " AND ".join(parts)


def one_of(column: str, values: Sequence[str]) -> str:
    """Rows with one of these values."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def some(ids: Iterable[str]) -> Iterator[list[str]]:
    """Each id once, so many at a time as a statement may name."""
    every = sorted(set(ids))
    return (every[i : i + MAX_IDS] for i in range(0, len(every), MAX_IDS))


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC).isoformat(' ', 'microseconds')}'"
