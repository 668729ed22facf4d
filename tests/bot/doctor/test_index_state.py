"""The checks of the index itself: whose it is, whether it is kept in order, what machines have of it."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from agent.clock import now
from agent.store.database import Database
from bot.doctor import documents
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from bot.doctor.index_state import index_state
from ingest.index.mirror import machines
from ingest.index.mirror.machines import MachineCopy
from ingest.settings import IngestSettings
from tests.bucket import S3Bucket, serve

ADDRESS = "s3://bucket/index"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    with serve() as bucket:
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        yield bucket


def check(context: CheckContext) -> list[Finding]:
    list(documents.documents(context))
    return list(index_state(context))


def test_an_index_that_is_well_has_nothing_to_tell(read_in: CheckContext) -> None:
    assert check(read_in) == []


def test_nothing_is_checked_before_documents_are_there(context: CheckContext) -> None:
    assert list(index_state(context)) == []


def test_an_index_of_another_deployment(read_in: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE deployment SET id = :id"), {"id": uuid4()})
    (finding,) = check(read_in)
    assert finding.state == "problem"
    assert "docent take-over-index" in finding.text


@pytest.mark.parametrize(("n", "state", "times"), [(1, "warning", "once"), (3, "problem", "3 times in a row")])
def test_optimizing_that_fails_is_counted(
    read_in: CheckContext, database: Database, n: int, state: str, times: str
) -> None:
    with database.transaction() as transaction:
        transaction.execute(
            text("UPDATE index_state SET n_optimize_failures = :n, optimize_problem = 'The disk is full.'"),
            {"n": n},
        )
    (finding,) = check(read_in)
    assert finding.state == state
    assert finding.text.startswith(f"Optimizing the index failed {times}: The disk is full.")


def test_what_each_machine_has_of_an_index_in_a_bucket(
    read_in: CheckContext, database: Database, bucket: S3Bucket
) -> None:
    read_in.library = IngestSettings(index_uri=ADDRESS)
    (none,) = check(read_in)
    assert none.state == "skipped"
    copied_at = now() - timedelta(minutes=7)
    well = MachineCopy("attic", 12, 34_000_000, copied_at, None, False, now())
    away = MachineCopy("cellar", 11, 33_000_000, copied_at, "The bucket cannot be reached.", True, now())
    empty = MachineCopy("shed", None, 0, None, "The disk is full.", False, now())
    for copy in (well, away, empty):
        machines.store(database, ADDRESS, copy)
    findings = check(read_in)
    assert [(finding.state, finding.text) for finding in findings] == [
        ("ok", "attic: version 12, 34 MB, copied 7 minutes ago"),
        ("warning", "cellar: version 11, 33 MB, copied 7 minutes ago. The bucket cannot be reached."),
        ("warning", "shed: no copy yet. The disk is full."),
    ]
    bucket.proxy.go_away()
    problem, *_ = check(read_in)
    assert problem.state == "problem"
    assert "cannot be reached" in problem.text
