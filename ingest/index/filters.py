"""Writes the filters of queries to the index, as LanceDB's SQL."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_IDS = 500  # named in one statement


@dataclass(frozen=True)
class ChunkFilter:
    """Which rows a search reads.

    Those of ``access_ids`` (none at all if empty), of ``sources`` if any are named, and of documents last changed
    at or after ``since`` if given (documents without a date then do not count).
    """

    access_ids: tuple[str, ...]
    sources: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def where(self) -> str:
        """Returns the condition, which is applied before any ranking."""
        parts = [one_of("access_id", self.access_ids)]
        if self.sources:
            parts.append(one_of("source", self.sources))
        if self.since:
            parts.append(f"updated_at >= {_moment(self.since)}")
        return " AND ".join(parts)


def one_of(column: str, values: Sequence[str]) -> str:
    """Returns the condition for rows with one of these values."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def id_batches(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yields each id once, in batches of as many as one statement may name."""
    unique = sorted(set(ids))
    return (unique[i : i + MAX_IDS] for i in range(0, len(unique), MAX_IDS))


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC).isoformat(' ', 'microseconds')}'"
