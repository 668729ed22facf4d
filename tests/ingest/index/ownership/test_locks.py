"""The lock that lies at an index: one holder at a time, whoever it is, and only of the deployment that owns it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import UserError
from ingest.index.ownership import owner_record
from ingest.index.ownership.bucket_lock import BucketLock
from ingest.index.ownership.folder_lock import FolderLock
from ingest.index.ownership.index_writer import IndexLock, make_lock
from ingest.index.ownership.owner_record import IndexOfAnother, OwnerRecord, WriterReplaced
from ingest.index.storage.object_store import BucketProblem, ObjectStore
from tests.bucket import S3Bucket
from tests.ingest.index.conftest import ADDRESS

LEASE_SECONDS = 1.0
LONG_LEASE_SECONDS = 60.0  # in which a busy machine gives a sign of life
MakeLock = Callable[..., IndexLock]


@pytest.fixture(params=["bucket", "folder"])
def make(request: pytest.FixtureRequest, bucket: S3Bucket, tmp_path: Path) -> MakeLock:
    if request.param == "bucket":
        return lambda lease_seconds=LEASE_SECONDS: BucketLock(ADDRESS, lease_seconds=lease_seconds)
    return lambda lease_seconds=0.0: FolderLock(str(tmp_path / "index"))


def test_one_holds_the_lock_and_the_other_waits(make: MakeLock) -> None:
    first, second = make(), make()
    order: list[str] = []
    first.acquire("ours")

    def wait() -> None:
        second.acquire("ours")
        order.append("second")
        second.release()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(LEASE_SECONDS * 1.5)  # longer than the lease: the holder gives signs of life
    first.require()
    order.append("first")
    first.release()
    waiting.join()
    assert order == ["first", "second"]


def test_many_at_once_hold_it_one_after_the_other(make: MakeLock) -> None:
    inside, most = [0], [0]
    guard = threading.Lock()

    def write() -> None:
        lock = make(LONG_LEASE_SECONDS)
        lock.acquire("ours")
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        lock.require()
        with guard:
            inside[0] -= 1
        lock.release()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_another_deployment_is_refused_and_told_what_to_do(make: MakeLock) -> None:
    make().claim("ours")
    for use in (make().claim, make().acquire):
        with pytest.raises(IndexOfAnother, match="docent take-over-index"):
            use("theirs")
    make().claim("ours")
    make().take_over("theirs")
    with pytest.raises(IndexOfAnother):
        make().acquire("ours")
    lock = make()
    lock.acquire("theirs")
    lock.release()


def test_the_lock_of_a_killed_holder_is_taken_after_its_lease(bucket: S3Bucket) -> None:
    ObjectStore(ADDRESS).create(owner_record.PATH, OwnerRecord("ours", "killed-host-1", 7, 3).to_json())
    lock = BucketLock(ADDRESS, lease_seconds=LEASE_SECONDS)
    began = time.monotonic()
    lock.acquire("ours")
    assert time.monotonic() - began > LEASE_SECONDS
    record = lock.read()
    assert record is not None
    assert record.fence == 8
    assert record.holder
    lock.release()


def test_a_holder_that_was_paused_for_too_long_writes_no_more(bucket: S3Bucket) -> None:
    at = [100.0]
    paused = BucketLock(ADDRESS, lease_seconds=600, clock=lambda: at[0])
    paused.acquire("ours")
    paused.require()
    other = ObjectStore(ADDRESS)
    stored = other.read(owner_record.PATH)
    assert stored is not None
    taken = owner_record.from_json(stored[0], ADDRESS).give_to("another")
    assert other.replace(owner_record.PATH, taken.to_json(), etag=stored[1])
    at[0] += 500  # nobody's clock but its own, which says how long it was away
    with pytest.raises(WriterReplaced, match="run the sync again"):
        paused.require()
    paused.release()
    record = paused.read()
    assert record is not None
    assert record.holder == "another"


def test_a_holder_that_noticed_by_itself_that_it_was_replaced_writes_no_more(bucket: S3Bucket) -> None:
    lock = BucketLock(ADDRESS, lease_seconds=LEASE_SECONDS)
    lock.acquire("ours")
    BucketLock(ADDRESS).take_over("theirs")
    beats = next(thread for thread in threading.enumerate() if thread.name == "index lock")
    beats.join()  # its next sign of life finds another's record
    for _ in range(2):
        with pytest.raises(WriterReplaced, match="run the sync again"):
            lock.require()
    lock.release()
    with pytest.raises(RuntimeError, match="was not acquired"):
        lock.require()


def test_a_holder_that_was_away_and_not_replaced_goes_on(bucket: S3Bucket) -> None:
    at = [100.0]
    lock = BucketLock(ADDRESS, lease_seconds=600, clock=lambda: at[0])
    lock.acquire("ours")
    at[0] += 500
    lock.require()
    bucket.proxy.go_away()
    at[0] += 500
    with pytest.raises(BucketProblem):  # it cannot know, so it does not write
        lock.require()
    bucket.proxy.come_back()
    lock.require()
    lock.release()


def test_a_sign_of_life_whose_answer_was_lost_is_no_other_holder(bucket: S3Bucket) -> None:
    at = [100.0]
    lock = BucketLock(ADDRESS, lease_seconds=600, clock=lambda: at[0])
    lock.acquire("ours")
    store = ObjectStore(ADDRESS)
    stored = store.read(owner_record.PATH)
    assert stored is not None
    mine = owner_record.from_json(stored[0], ADDRESS)
    assert store.replace(
        owner_record.PATH, OwnerRecord(mine.deployment, mine.holder, mine.fence, 99).to_json(), etag=stored[1]
    )
    at[0] += 500
    lock.require()
    lock.release()
    record = lock.read()
    assert record is not None
    assert not record.holder


def test_a_record_that_is_none_is_told(make: MakeLock, bucket: S3Bucket, tmp_path: Path) -> None:
    lock = make()
    if isinstance(lock, FolderLock):
        (tmp_path / "index" / ".docent").mkdir(parents=True)
        (tmp_path / "index" / owner_record.PATH).write_text("{}")
    else:
        ObjectStore(ADDRESS).create(owner_record.PATH, b"nonsense")
    with pytest.raises(UserError, match="take-over-index"):
        lock.acquire("ours")
    lock.take_over("ours")
    lock.acquire("ours")
    lock.release()


def test_an_address_that_cannot_be_written_is_told(tmp_path: Path, bucket: S3Bucket) -> None:
    (tmp_path / "file").write_text("")
    for path in ("file", "file/below"):
        with pytest.raises(UserError, match="is no folder"):
            FolderLock(str(tmp_path / path)).acquire("ours")
    with pytest.raises(UserError, match="There is no bucket"):
        BucketLock("s3://missing/index").acquire("ours")


def test_an_index_at_a_service_has_no_lock_of_its_own() -> None:
    lock = make_lock("db://handbook")
    lock.claim("ours")
    lock.acquire("ours")
    lock.require()
    lock.take_over("ours")
    lock.release()
    assert lock.read() is None
