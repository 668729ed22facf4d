"""The clock's looks at docent.toml, with a real queue, and the jobs it puts there, done in this process."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import redis
from rq import Queue
from sqlalchemy import text

import bot.settings
import ingest.settings
from agent.clock import now
from agent.store import locks
from agent.store.database import Database
from agent.types import Audience
from bot.jobs import queue, sync_jobs
from bot.jobs.queue import SyncJob
from bot.processes.schedules.sync_schedule import SyncSchedule, is_due
from ingest.index import lock_names
from ingest.library import Library
from ingest.sync import reports
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail


@pytest.fixture
def jobs(redis_url: str) -> Iterator[Queue]:
    settings = bot.settings.BotSettings.model_validate({"REDIS_URL": redis_url})
    with queue.connect(settings) as connection:
        yield queue.open_sync_queue(settings, connection)


@pytest.fixture
def schedule(database: Database, jobs: Queue, tmp_path: Path) -> SyncSchedule:
    """Of two sources with a document each."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rule.md").write_text(f"# Rule\n\nThe rule of {name}.")
    (tmp_path / "docent.toml").write_text('[sources.a]\nlocation = "a"\n[sources.b]\nlocation = "b"\n')
    return SyncSchedule(database, jobs, tmp_path / "docent.toml", n_jobs=2, check_seconds=0)


@pytest.fixture
def at_work(database: Database, jobs: Queue, tmp_path: Path) -> Callable[..., list[str]]:
    """Does what is in the queue, as one worker would; returns the names of the jobs."""

    def run(**settings: object) -> list[str]:
        library = Library(database, ingest.settings.IngestSettings(home=tmp_path, **settings))  # type: ignore[arg-type]
        context = sync_jobs.SyncContext(database, library, jobs, n_jobs=2, stopping=threading.Event())
        sync_jobs.bind(context)
        done = []
        while job := jobs.get_jobs(0, 1):
            jobs.remove(job[0])
            done.append((job[0].func_name or "").rpartition(".")[2])
            job[0].func(*job[0].args)
        return done

    return run


def waiting(jobs: Queue) -> list[str]:
    return [(job.func_name or "").rpartition(".")[2] for job in jobs.get_jobs()]


def statuses(database: Database) -> dict[str, tuple[str, str | None]]:
    with database.transaction() as transaction:
        return {one.source: (one.status, one.problem) for one in reports.load_latest(transaction)}


def age(database: Database, seconds: float, *columns: str) -> None:
    changes = ", ".join(f"{column} = {column} - interval '1 second' * :s" for column in columns)
    with database.transaction() as transaction:
        transaction.execute(text(f"UPDATE syncs SET {changes}"), {"s": seconds})


@pytest.mark.parametrize(
    ("every", "ago", "expected"),
    [(None, None, False), (3600, None, True), (3600, 3599, False), (3600, 3601, True), (None, 9999, False)],
)
def test_a_source_is_due_when_its_last_sync_began_long_enough_ago(
    every: int | None, ago: int | None, expected: bool
) -> None:
    moment = now()
    last = None if ago is None else moment - timedelta(seconds=ago)
    assert is_due(None if every is None else timedelta(seconds=every), last, moment) == expected


def test_each_due_source_is_asked_for_once_and_read(
    schedule: SyncSchedule, jobs: Queue, database: Database, at_work: Callable[..., list[str]]
) -> None:
    assert (schedule.tick(), waiting(jobs)) == (2, ["begin", "begin"])
    assert (schedule.tick(), waiting(jobs)) == (0, ["begin", "begin"])
    assert sorted(at_work()) == ["begin"] * 2 + ["work"] * 4
    assert statuses(database) == {"a": ("completed", None), "b": ("completed", None)}
    assert schedule.tick() == 0
    age(database, 3_601, "started_at")
    assert schedule.tick() == 2


def test_what_stands_still_is_woken_but_not_what_only_waits(
    schedule: SyncSchedule, jobs: Queue, database: Database, at_work: Callable[..., list[str]]
) -> None:
    schedule.tick()
    age(database, 100, "touched_at")
    assert (schedule.tick(), jobs.count) == (0, 2)  # no worker has had time: no second job for it
    jobs.empty()  # type: ignore[no-untyped-call]  # as a Redis that forgot
    age(database, 100, "touched_at")
    assert (schedule.tick(), waiting(jobs)) == (2, ["begin", "begin"])

    first: UUID = UUID(jobs.get_jobs()[0].args[0])
    library = Library(database, ingest.settings.IngestSettings(home=schedule.config.parent))
    ongoing = library.open_sync(first)
    assert ongoing
    assert ongoing.begin()
    jobs.empty()  # type: ignore[no-untyped-call]
    age(database, 100, "touched_at")
    assert schedule.tick() == 2
    assert sorted(waiting(jobs)) == ["begin", "work", "work"]  # as many at once as it began with
    at_work()
    assert {status for status, _ in statuses(database).values()} == {"completed"}


def test_without_redis_what_was_asked_for_stands_and_is_woken_later(
    schedule: SyncSchedule, jobs: Queue, database: Database
) -> None:
    away = SyncSchedule(database, Queue("x", connection=redis.Redis(port=1)), schedule.config, check_seconds=0)
    assert away.tick() == 0
    age(database, 100, "touched_at")
    assert schedule.tick() == 2  # one that was asked for in vain, and one that was not yet


def test_an_embedding_model_that_is_away_is_asked_again_and_one_that_refuses_is_not(
    schedule: SyncSchedule,
    database: Database,
    at_work: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with ScriptedEmbeddings() as model:
        name = model.named("words")
        model.fail = lambda n: Fail(429, {"Retry-After": "600"})
        schedule.tick()
        at_work(embedding_model=name)
        assert {status for status, _ in statuses(database).values()} == {"reading"}
        for _ in range(sync_jobs.MAX_FAILURES):
            age(database, 100, "touched_at")
            schedule.tick()
            at_work(embedding_model=name)
        status, problem = statuses(database)["a"]
        assert status == "failed"
        assert str(problem).startswith("It failed ")
        assert "'openai/words' gave no answer: the provider's rate limit is reached" in str(problem)

        model.fail = lambda n: Fail(401)
        age(database, 3_601, "started_at")
        schedule.tick()
        at_work(embedding_model=name)
        status, problem = statuses(database)["a"]
        assert (status, "Set the provider's key" in str(problem)) == ("failed", True)

        model.fail = lambda n: None
        age(database, 3_601, "started_at")
        schedule.tick()
        at_work(embedding_model=name)
        assert statuses(database) == {"a": ("completed", None), "b": ("completed", None)}


def test_a_job_that_comes_late_or_twice_does_no_harm(
    schedule: SyncSchedule, jobs: Queue, database: Database, at_work: Callable[..., list[str]]
) -> None:
    schedule.tick()
    ids = [job.args[0] for job in jobs.get_jobs()]
    at_work()
    before = statuses(database)
    for id_ in ids:
        for job in (SyncJob.BEGIN, SyncJob.WORK, SyncJob.WORK):
            queue.enqueue_sync(jobs, job, UUID(id_))
    queue.enqueue_sync(jobs, SyncJob.WORK, UUID(int=0))
    at_work()
    assert statuses(database) == before
    with database.transaction() as transaction:
        assert transaction.scalar(text("SELECT count(*) FROM syncs")) == 2


def test_a_source_that_is_declared_no_more_is_logged_once(
    schedule: SyncSchedule, at_work: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    def logged() -> int:
        return capsys.readouterr().out.count("source_undeclared")

    schedule.tick()
    at_work()
    assert logged() == 0
    declared = schedule.config.read_text()
    schedule.config.write_text('[sources.b]\nlocation = "b"\n')
    assert [schedule.tick() for _ in range(3)] == [0, 0, 0]
    assert logged() == 1
    schedule.config.write_text("[sources")  # says nothing of what is declared
    schedule.tick()
    schedule.config.write_text('[sources.b]\nlocation = "b"\nevery = "2h"\n')
    schedule.tick()
    assert logged() == 0
    schedule.config.write_text(declared)
    schedule.tick()
    schedule.config.write_text('[sources.b]\nlocation = "b"\n')
    schedule.tick()
    assert logged() == 1


def test_other_readers_in_the_file_are_looked_at_within_a_minute(
    schedule: SyncSchedule, at_work: Callable[..., list[str]], database: Database
) -> None:
    schedule.tick()
    at_work()
    declared = schedule.config.read_text()
    schedule.config.write_text(declared.replace('"a"\n', '"a"\nreaders = ["channel:C1"]\n', 1))
    assert schedule.tick() == 0
    age(database, 61, "started_at")
    assert (schedule.tick(), at_work()) == (1, ["begin", "work", "work"])
    age(database, 61, "started_at")
    assert schedule.tick() == 0  # these are its readers now
    schedule.config.write_text(f"{declared}\n[sources.a.readers]\n'*' = 'channel:C1'\n'x/' = 'user:U1'\n")
    assert (schedule.tick(), at_work()[:1]) == (1, ["begin"])
    age(database, 61, "started_at")
    assert schedule.tick() == 0


def test_other_readers_do_not_wait_for_a_sync_that_still_reads_for_the_former_ones(
    schedule: SyncSchedule, jobs: Queue, at_work: Callable[..., list[str]], database: Database
) -> None:
    schedule.tick()
    at_work()
    age(database, 3_601, "started_at")
    schedule.config.write_text(schedule.config.read_text().partition("[sources.b]")[0])
    assert (schedule.tick(), waiting(jobs)) == (1, ["begin"])
    (ongoing,) = jobs.get_jobs()
    age(database, 61, "started_at")
    assert schedule.tick() == 0  # it goes on
    schedule.config.write_text(f"{schedule.config.read_text()}readers = ['channel:C1']\n")
    library = Library(database, ingest.settings.IngestSettings(home=schedule.config.parent))
    with locks.acquire(database, lock_names.INDEX):  # a worker writes
        assert schedule.tick() == 0
    assert schedule.tick() == 1
    assert library.open_sync(UUID(ongoing.args[0])) is None
    assert at_work() == ["begin", "begin", "work", "work"]
    titles = [one.source for one in library.list_documents(audience=Audience()).documents]
    assert titles == ["b"]
    assert statuses(database)["a"] == ("completed", None)
