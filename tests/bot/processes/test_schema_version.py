"""A release beside a database that is older or newer than itself."""

from collections.abc import Iterator

import pytest
import redis
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from agent.errors import UserError
from agent.store.database import Database
from bot.processes import environment, schema_version
from bot.processes.monitoring import readiness
from bot.processes.schema_version import SchemaState
from tests.system import ROOT, System, get

NEWER = "9999"
HEAD = schema_version.head()


@pytest.fixture
def at_revision(database: Database) -> Iterator[Database]:
    """The database, brought back to this release's revision afterwards."""
    yield database
    _set(database, HEAD)


def _set(database: Database, revision: str | None) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM alembic_version"))
        if revision:
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})


@pytest.mark.parametrize(
    ("found", "stands"),
    [
        (None, SchemaState.EMPTY),
        (HEAD, SchemaState.CURRENT),
        ("0000", SchemaState.OLDER),
        (NEWER, SchemaState.NEWER),
        ("a1b2c3d4e5f6", SchemaState.NEWER),
    ],
)
def test_how_a_revision_stands_to_this_release(found: str | None, stands: SchemaState) -> None:
    assert schema_version.compare(found) == stands


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert schema_version.known_revisions() == {script.revision for script in scripts.walk_revisions()}


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        (None, "The database is empty: run 'docent migrate'"),
        (
            "0000",
            f"The database is at revision 0000, this release needs {HEAD}: run 'docent migrate'",
        ),
        (
            NEWER,
            f"The database is at revision {NEWER}, this release knows up to {HEAD}: deploy the newer release",
        ),
    ],
)
def test_a_process_does_not_start_beside_another_schema(
    at_revision: Database, revision: str | None, said: str
) -> None:
    _set(at_revision, revision)
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        schema_version.require(at_revision)


def test_migrating_a_newer_database_is_refused_in_words(at_revision: Database) -> None:
    _set(at_revision, NEWER)
    with pytest.raises(UserError, match="deploy the newer release"):
        environment.migrate(at_revision.url)


def test_a_running_process_goes_on_when_the_schema_becomes_newer(world: System, at_revision: Database) -> None:
    world.start("web")
    url = f"http://127.0.0.1:{world.env['PORT']}/readyz"
    assert get(url)[1]["status"] == "ready"
    _set(at_revision, NEWER)
    world.wait_for(lambda: get(url)[1]["status"] == "degraded")  # an answer is kept for a moment
    for _ in range(3):
        status, state = get(url)
        assert (status, state["status"]) == (200, "degraded")
        assert state["migrations"] == f"at {NEWER}, newer than this release ({HEAD})"
        assert state["index"] == "ok"
    assert world.logs().count("schema_newer") == 1


def test_a_newer_schema_without_a_table_that_this_release_reads(at_revision: Database, redis_url: str) -> None:
    _set(at_revision, NEWER)
    with at_revision.transaction() as transaction:
        transaction.execute(text("ALTER TABLE documents RENAME TO papers"))
    try:
        with redis.from_url(redis_url) as connection:
            state = readiness.check(at_revision, connection)
    finally:
        with at_revision.transaction() as transaction:
            transaction.execute(text("ALTER TABLE papers RENAME TO documents"))
    assert (state["status"], state["postgres"], state["index"]) == ("degraded", "ok", "unknown")


def test_a_database_that_may_not_be_read_is_not_called_empty(at_revision: Database) -> None:
    with at_revision.transaction() as transaction:
        transaction.execute(text("ALTER TABLE alembic_version RENAME COLUMN version_num TO other"))
    try:
        with pytest.raises(UserError, match="ProgrammingError"):
            schema_version.require(at_revision)
    finally:
        with at_revision.transaction() as transaction:
            transaction.execute(text("ALTER TABLE alembic_version RENAME COLUMN other TO version_num"))
