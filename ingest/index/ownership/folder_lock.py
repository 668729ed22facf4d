"""Locks an index in a folder by a lock of the system on a file in it, which ends with the process that took it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.errors import UserError
from ingest.index.ownership import owner_record
from ingest.index.ownership.owner_record import PATH, OwnerRecord
from ingest.index.storage import outages, whole_file

LOCK = ".docent/writer.lock"
POLL_SECONDS = 0.1


class FolderLock:
    """The lock of one index in a folder; one holder at a time in this process."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._folder = Path(address)
        self._file: IO[bytes] | None = None

    def read(self) -> OwnerRecord | None:
        """Reads what the index says of itself; None where it was never written by this release."""
        with self._explained():
            try:
                return owner_record.from_json((self._folder / PATH).read_bytes(), self.address)
            except FileNotFoundError:
                return None

    def claim(self, deployment: str) -> None:
        """Makes this deployment the owner of an index without one; raises
        :class:`ingest.index.ownership.owner_record.IndexOfAnother`."""
        record = self.read()
        if record is None:
            self.take_over(deployment)
        else:
            record.require(deployment, self.address)

    def take_over(self, deployment: str) -> None:
        """Makes this deployment the owner, whoever was."""
        with self._explained():
            whole_file.write(self._folder / PATH, [OwnerRecord(deployment).to_json()])

    def acquire(self, deployment: str) -> None:
        """Waits for the lock; raises :class:`ingest.index.ownership.owner_record.IndexOfAnother`."""
        with self._explained():
            (self._folder / LOCK).parent.mkdir(parents=True, exist_ok=True)
            file = (self._folder / LOCK).open("ab")
        try:
            while not _try_lock(file):
                time.sleep(POLL_SECONDS)
            self.claim(deployment)
        except BaseException:
            file.close()
            raise
        self._file = file

    def require(self) -> None:
        """Does nothing: the system takes this lock from nobody who is alive."""

    def release(self) -> None:
        """Gives the lock back."""
        if self._file:
            self._file.close()
            self._file = None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) or not (why := outages.explain(self.address, error)):
                raise
            raise UserError(why) from error


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
