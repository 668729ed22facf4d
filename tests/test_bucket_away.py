"""An index in a bucket, in the whole of Docent: workers answer from this machine's copy, also while it is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.simulator import ADA, HELP
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.bucket import S3Bucket, serve
from tests.library import sync_folder
from tests.system import QUESTION, System, get

ADDRESS = "s3://bucket/index"


@pytest.fixture
def bucket(world: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    """A bucket with the handbook's index, which the worker is set up to use."""
    with serve() as bucket:
        for name, value in bucket.environment().items():
            monkeypatch.setenv(name, value)
        library = Library(world.database, IngestSettings(index_uri=ADDRESS, home=tmp_path / "writer"))
        sync_folder(library, tmp_path / "handbook", link="https://handbook.example/{path}")
        world.env |= {"DOCENT_INDEX_URI": ADDRESS, **bucket.environment()}
        yield bucket


def ask(world: System, n_before: int) -> str:
    ts = world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for_turns(n_before + 1)
    (reply,) = world.wait_for(lambda: world.replies(HELP, ts))[-1:]
    return reply.plain


def test_questions_are_answered_while_the_bucket_is_away_and_readyz_says_so(
    world: System, bucket: S3Bucket
) -> None:
    world.start("web", "worker", "clock")
    assert "5 days of annual leave" in ask(world, 0)
    world.wait_for(lambda: world.query("SELECT FROM index_mirrors WHERE version IS NOT NULL AND problem IS NULL"))
    bucket.proxy.go_away()
    assert "5 days of annual leave" in ask(world, 1)
    ready = f"http://127.0.0.1:{world.env['PORT']}/readyz"
    world.wait_for(lambda: "its bucket is away" in get(ready)[1]["index"] or None)
    assert get(ready)[1]["status"] == "degraded"
    bucket.proxy.come_back()
    world.wait_for(lambda: get(ready)[1]["index"] == "ok" or None)
