"""A process that cannot reach the bucket neither ends a sync of all nor keeps others from writing."""

import threading
from pathlib import Path
from uuid import UUID

import pytest
from rq import Queue
from sqlalchemy import text

from agent.store import locks
from agent.store.database import Database
from bot.jobs import queue, sync_jobs
from bot.jobs.queue import SyncJob
from bot.jobs.sync_jobs import SyncContext
from bot.settings import BotSettings
from ingest.index import lock_names
from ingest.index.storage.object_store import BucketProblem
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sync import store, sync
from ingest.sync.distributed import DistributedSync
from tests.bucket import S3Bucket
from tests.ingest.index.conftest import ADDRESS


@pytest.fixture
def library(database: Database, bucket: S3Bucket, tmp_path: Path) -> Library:
    settings = IngestSettings(index_uri=ADDRESS, home=tmp_path / "home", embedding_model="static")
    return Library(database, settings)


def request(library: Library, folder: Path) -> UUID:
    """A sync of the clock, of one document."""
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEvery employee has 30 days of annual leave.\n")
    with library.database.transaction() as transaction:
        sync_id = store.request_sync(transaction, "wiki", {"location": str(folder)})
    assert sync_id
    return sync_id


def open_sync(library: Library, sync_id: UUID) -> DistributedSync:
    opened = library.open_sync(sync_id)
    assert opened
    return opened


def describe(library: Library) -> tuple[str, int, bool]:
    """The status of the sync, how often in a row it failed, and whether it goes on."""
    with library.database.transaction() as transaction:
        query = text("SELECT status, n_failures, ended_at IS NULL FROM syncs")
        status, n_failures, is_open = transaction.execute(query).one()
    return status, n_failures, is_open


def take(jobs: Queue) -> list[str]:
    """Takes the jobs that wait for a worker; returns what they do."""
    waiting = jobs.get_jobs()
    for job in waiting:
        job.delete()
    return [str(job.func_name).rpartition(".")[2] for job in waiting]


def test_who_cannot_reach_the_bucket_does_not_wait_for_the_lock_that_others_need(
    library: Library, bucket: S3Bucket, tmp_path: Path
) -> None:
    opened = open_sync(library, request(library, tmp_path / "wiki"))
    assert opened.begin()
    bucket.proxy.go_away()
    with (
        locks.acquire(library.database, lock_names.INDEX),
        pytest.raises(BucketProblem, match="cannot be reached"),
    ):
        opened.work(limit=10, is_over=lambda: False)
    with pytest.raises(BucketProblem, match="cannot be reached"):
        opened.finish()
    with library.database.transaction() as transaction:
        claims = transaction.execute(text("SELECT n_claims, claimed_until FROM sync_items")).all()
    assert [tuple(row) for row in claims] == [(0, None)]  # anybody may read it
    bucket.proxy.come_back()
    assert not opened.work(limit=10, is_over=lambda: False)
    assert sync.finish(opened.id, "wiki", library.active_index).n_added == 1


def test_a_slice_that_cannot_reach_the_bucket_leaves_the_sync_open_for_some_tries(
    library: Library, bucket: S3Bucket, redis_url: str, tmp_path: Path
) -> None:
    settings = BotSettings(REDIS_URL=redis_url)  # type: ignore[call-arg]
    with queue.connect(settings) as connection:
        jobs = queue.open_sync_queue(settings, connection)
        context = SyncContext(library.database, library, jobs, n_jobs=1, stopping=threading.Event())
        sync_id = request(library, tmp_path / "wiki")
        bucket.proxy.go_away()
        sync_jobs._run_slice(context, sync_id, SyncJob.BEGIN)
        assert describe(library) == ("queued", 1, True)
        assert take(jobs) == ["begin"]  # by a machine that can
        bucket.proxy.come_back()
        sync_jobs._run_slice(context, sync_id, SyncJob.BEGIN)
        assert take(jobs) == ["work"]
        bucket.proxy.go_away()
        for n in range(2, sync_jobs.MAX_FAILURES):
            sync_jobs._run_slice(context, sync_id, SyncJob.WORK)
            assert describe(library) == ("reading", n, True)
        sync_jobs._run_slice(context, sync_id, SyncJob.WORK)
        assert describe(library) == ("failed", sync_jobs.MAX_FAILURES, False)
        assert take(jobs) == []  # where all fail the clock asks again, later


def test_a_slice_that_cannot_reach_postgres_leaves_its_job_to_others(
    library: Library, redis_url: str, tmp_path: Path
) -> None:
    settings = BotSettings(REDIS_URL=redis_url)  # type: ignore[call-arg]
    away = Library(Database("postgresql://nobody@127.0.0.1:1/none"), library.settings)
    with queue.connect(settings) as connection:
        jobs = queue.open_sync_queue(settings, connection)
        context = SyncContext(away.database, away, jobs, n_jobs=1, stopping=threading.Event())
        for job in (SyncJob.BEGIN, SyncJob.WORK):
            sync_jobs._run_slice(context, request(library, tmp_path / job), job)
            assert take(jobs) == [job]
            assert describe(library) == ("queued", 0, True)
            with library.database.transaction() as transaction:
                transaction.execute(text("DELETE FROM syncs"))
