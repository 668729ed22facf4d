"""Locks an index in a bucket by one object, which is written on condition that it has not changed.

No clock is compared with another machine's. A holder gives a sign of life every few seconds; who waits takes the
lock once the object has not changed for :data:`LEASE_SECONDS` of its own. A holder that could not give its sign
for three quarters of that writes no more until it has seen that the lock is still its own.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from agent import observability
from agent.errors import UserError
from ingest.index.ownership import owner_record
from ingest.index.ownership.owner_record import PATH, OwnerRecord, WriterReplaced
from ingest.index.storage.object_store import BucketProblem, ObjectStore

LEASE_SECONDS = 20.0
BEATS_PER_LEASE = 5
SURE_SHARE = 0.75  # of a lease after its last sign of life; then a holder asks before it writes
POLL_SECONDS = 0.5


class BucketLock:
    """The lock of one index in a bucket; one holder at a time in this process."""

    def __init__(
        self, address: str, *, lease_seconds: float = LEASE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._store = ObjectStore(address)
        self._changing = threading.RLock()
        self._record: OwnerRecord | None = None  # while it is ours; none, too, once another took it from us
        self._etag = ""
        self._alive_at = 0.0
        self._is_over = threading.Event()
        self._is_over.set()  # until it is acquired

    def read(self) -> OwnerRecord | None:
        """Reads what the index says of itself; None where it was never written by this release."""
        stored = self._store.read(PATH)
        return owner_record.from_json(stored[0], self.address) if stored else None

    def claim(self, deployment: str) -> None:
        """Makes this deployment the owner of an index without one; raises
        :class:`ingest.index.ownership.owner_record.IndexOfAnother`."""
        record = self.read()
        while record is None:
            self._store.create(PATH, OwnerRecord(deployment).to_json())
            record = self.read()
        record.require(deployment, self.address)

    def take_over(self, deployment: str) -> None:
        """Makes this deployment the owner, whoever was; a writer of another finds that it is none any more."""
        while True:
            stored = self._store.read(PATH)
            if stored is None:
                etag = self._store.create(PATH, OwnerRecord(deployment).to_json())
            else:
                fence = _fence_of(stored[0], self.address) + 1
                etag = self._store.replace(PATH, OwnerRecord(deployment, fence=fence).to_json(), etag=stored[1])
            if etag:
                return

    def acquire(self, deployment: str) -> None:
        """Waits for the lock; raises :class:`ingest.index.ownership.owner_record.IndexOfAnother`."""
        seen_etag, seen_at = "", self._clock()
        while True:
            stored = self._store.read(PATH)
            if stored is None:
                self.claim(deployment)
                continue
            record, etag = owner_record.from_json(stored[0], self.address), stored[1]
            record.require(deployment, self.address)
            if etag != seen_etag:
                seen_etag, seen_at = etag, self._clock()
            is_dead = self._clock() - seen_at > self._lease_seconds
            if (not record.holder or is_dead) and self._take(record, etag):
                if record.holder:
                    observability.log.warning("index_lock_taken_over", holder=record.holder)
                return
            if record.holder:
                time.sleep(POLL_SECONDS)

    def require(self) -> None:
        """Raises :class:`ingest.index.ownership.owner_record.WriterReplaced` unless the lock is still ours."""
        with self._changing:
            if self._is_over.is_set():
                raise RuntimeError("The lock of the index was not acquired.")
            if self._clock() - self._alive_at > self._lease_seconds * SURE_SHARE:
                self._beat()
            if self._record is None:
                raise WriterReplaced(
                    f"Another process writes the index at {self.address} now: this one gave no sign of life "
                    f"for {self._lease_seconds:.0f} seconds. Nothing was lost: run the sync again."
                )

    def release(self) -> None:
        """Gives the lock back; where the bucket is away, it runs out."""
        self._is_over.set()
        with self._changing:
            if self._record is not None:
                try:
                    self._write(replace(self._record, holder="", beat=0))
                except BucketProblem as error:
                    observability.log.warning("index_lock_not_released", error_type=type(error).__name__)
                self._record = None

    def _take(self, record: OwnerRecord, etag: str) -> bool:
        asked_at = self._clock()
        taken = record.give_to(owner_record.new_holder())
        new_etag = self._store.replace(PATH, taken.to_json(), etag=etag)
        if not new_etag:
            return False
        with self._changing:
            self._record, self._etag, self._alive_at = taken, new_etag, asked_at
            self._is_over = threading.Event()
        beat = threading.Thread(target=self._beat_until, args=(self._is_over,), name="index lock", daemon=True)
        beat.start()
        return True

    def _beat_until(self, is_over: threading.Event) -> None:
        while not is_over.wait(self._lease_seconds / BEATS_PER_LEASE):
            with self._changing:
                if is_over.is_set() or self._record is None:
                    return
                try:
                    self._beat()
                except BucketProblem as error:  # the work itself meets it as well, and reports it
                    observability.log.warning("pulse_failed", error_type=type(error).__name__)

    def _beat(self) -> None:
        """Gives a sign of life; forgets the lock where another holds it."""
        if self._record is None:
            return
        asked_at = self._clock()
        record = OwnerRecord(
            self._record.deployment, self._record.holder, self._record.fence, self._record.beat + 1
        )
        if self._write(record):
            self._record, self._alive_at = record, asked_at
        else:
            self._record = None

    def _write(self, record: OwnerRecord) -> bool:
        """Writes the object while we are its holder. An etag that is not ours may be that of a write of ours whose
        answer was lost."""
        assert self._record is not None
        new_etag = self._store.replace(PATH, record.to_json(), etag=self._etag)
        if not new_etag:
            stored = self._store.read(PATH)
            if stored is None or owner_record.from_json(stored[0], self.address).holder != self._record.holder:
                return False
            new_etag = self._store.replace(PATH, record.to_json(), etag=stored[1])
        self._etag = new_etag or self._etag
        return bool(new_etag)


def _fence_of(content: bytes, address: str) -> int:
    try:
        return owner_record.from_json(content, address).fence
    except UserError:
        return 0
