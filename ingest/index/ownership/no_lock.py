"""Stands in for the lock of an index that has none: one at ``db://``, where a service keeps it."""

from ingest.index.ownership.owner_record import OwnerRecord


class NoLock:
    """Locks nothing. Within one deployment Postgres' lock is enough; between two, nothing here is."""

    def read(self) -> OwnerRecord | None:
        """Returns None: such an index says nothing of itself."""
        return None

    def claim(self, deployment: str) -> None:
        """Does nothing."""

    def take_over(self, deployment: str) -> None:
        """Does nothing."""

    def acquire(self, deployment: str) -> None:
        """Does nothing."""

    def require(self) -> None:
        """Does nothing."""

    def release(self) -> None:
        """Does nothing."""
