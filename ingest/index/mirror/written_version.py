"""Defines what Postgres knows of the newest version of the index, which writers record and every search reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WrittenVersion:
    """The version after the last write, by a name that no other write has.

    While ``is_writing``, or after a writer was killed, the bucket may have a newer one: only it can tell. None:
    nothing was recorded yet. ``optimized_version`` has the same contents in fewer files, if there is one.
    """

    version: int | None = None
    write_id: str | None = None
    is_writing: bool = False
    optimized_version: int | None = None

    @property
    def is_known(self) -> bool:
        """Returns whether no other version can be the newest."""
        return self.version is not None and self.write_id is not None and not self.is_writing
