"""The clock finishes what people clicked, and has the index brought in step, one job at a time."""

from uuid import UUID

from rq import Queue

from agent.clock import new_id
from agent.store.database import Database
from bot.jobs import queue
from bot.processes.schedules.people_schedule import PeopleSchedule
from bot.settings import BotSettings
from ingest.access.reader_sets import one_of
from ingest.verified import answers
from ingest.verified.answers import WrittenAnswer
from tests.recorded import answered


def run(schedule: PeopleSchedule) -> None:
    if thread := schedule.tick():
        thread.join()


def test_what_was_left_undone_is_finished_and_the_index_follows(database: Database, redis_url: str) -> None:
    settings = BotSettings(REDIS_URL=redis_url)  # type: ignore[call-arg]
    finished: list[int] = []

    def finish() -> None:
        finished.append(1)
        if len(finished) == 2:
            raise ValueError("a bug ends one round")

    with queue.connect(settings) as connection:
        jobs: Queue = queue.open_sync_queue(settings, connection)
        schedule = PeopleSchedule(database, jobs, finish, check_seconds=0)
        run(schedule)
        run(schedule)
        assert jobs.get_job_ids() == []

        turn = answered(database, "Who feeds the office cat?")
        with database.transaction() as transaction:
            written = WrittenAnswer("Who feeds the office cat?", "Linus.", "U1", {})
            id_ = answers.write(transaction, new_id(), UUID(str(turn.id)), written)
            assert id_
            everyone = one_of({"everyone"})
            answers.activate(
                transaction,
                answers.load(transaction, [id_])[id_],
                readers=everyone,
                members=everyone,
                documents=[],
                url="",
                author_name="Ada",
            )
        for _ in range(2):
            run(schedule)
        (job,) = jobs.get_jobs()
        assert queue.is_known(job)
        assert job.func_name == "bot.sync_jobs.verified"
        assert len(finished) == 4
