"""Real parts for every test: PostgreSQL built by Alembic, Valkey, on loopback; the model alone is scripted.

``DATABASE_URL`` and ``REDIS_URL`` are used where set; else both servers come from wheels, in a folder of the run.
"""

import gc
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
import structlog
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck
from sqlalchemy import delete, exists, insert, select
from sqlalchemy.engine import make_url

import ingest.settings
from agent.store.database import Base, Database
from bot.processes.embedded import embedded_servers
from bot.simulator import InstalledApp, Timing, Workspace, WorkspaceServer
from ingest.library import Library
from ingest.tables import DeploymentRow, DocumentRow, IndexStateRow, ReaderSetRow, SyncRow
from tests import own_servers
from tests.databases import create_empty
from tests.library import sync_folder
from tests.own_servers import OwnServer
from tests.system import HANDBOOK, ROOT, ForkServer, System, free_port

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ["DOCENT_EMBEDDING_MODEL"] = "static"  # a hundred times faster; tests of the sentence model name it
os.environ["DOCENT_OCR"] = (
    "off"  # what a test finds does not depend on an extra; those of recognition open it themselves
)
# A busy machine takes its time for an example. What stands between a change and its landing gives the same answer
# every time; `make soak` looks for what is not known yet.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis.settings.register_profile("repeatable", derandomize=True, **_PATIENT)
hypothesis.settings.register_profile("searching", print_blob=True, **_PATIENT)
hypothesis.settings.load_profile("repeatable")
gc.disable()  # until all tests are collected: it would walk them again and again
OUTSIDE = embedded_servers.Servers(os.environ.pop("DATABASE_URL", ""), os.environ.pop("REDIS_URL", ""))
N_PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")  # of those that share the tests


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "soak":
        hypothesis.settings.load_profile("searching")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stories first, which take longest: else one process is at the last of them while the others idle."""
    items.sort(key=lambda item: item.path.parent != ROOT / "tests")
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def untouched_logs() -> Iterator[None]:
    """A command that a test ran in this process has set where events go, and from which level on."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded_servers.Servers]:
    if OUTSIDE.database_url and OUTSIDE.redis_url:
        yield OUTSIDE
        return
    with embedded_servers.start(tmp_path_factory.mktemp("servers"), is_durable=False) as running:
        yield embedded_servers.Servers(
            OUTSIDE.database_url or running.database_url, OUTSIDE.redis_url or running.redis_url
        )


@pytest.fixture(scope="session")
def database_url(servers: embedded_servers.Servers) -> Iterator[str]:
    """A database of this run's own, built by Alembic."""
    with create_empty(servers.database_url) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def opened_database(database_url: str) -> Iterator[Database]:
    """One engine for all tests, because each compiles every statement again."""
    database = Database(database_url, statement_timeout_seconds=30)
    yield database
    database.close()


@pytest.fixture
def database(opened_database: Database) -> Database:
    """The migrated database with every table empty."""
    empty(opened_database)
    return opened_database


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """A server that a test may kill, without a schema; for modules whose ``database`` is on it."""
    with own_servers.start_postgres(tmp_path_factory.mktemp("own") / "postgres") as server:
        yield server


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """The same, for modules whose ``redis_url`` is its."""
    with own_servers.start_redis(tmp_path_factory.mktemp("own") / "redis") as server:
        yield server


@pytest.fixture
def redis_url(servers: embedded_servers.Servers) -> str:
    """A Redis with nothing in it."""
    url = make_url(servers.redis_url).set(database=N_PROCESS).render_as_string(hide_password=False)
    with redis.from_url(url) as connection:
        connection.flushdb()
    return url


@pytest.fixture(scope="session")
def eval_dir() -> Path:
    folder = os.environ.get("DOCENT_EVAL_DIR")
    if not folder:
        pytest.skip("DOCENT_EVAL_DIR is not set: no evaluation data")
    return Path(folder)


def migrate(url: str) -> None:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def empty(database: Database) -> None:
    """Deletes every row: most tests leave few in few tables; a TRUNCATE of all takes thirty times as much."""
    tables = {table.name: table for table in reversed(Base.metadata.sorted_tables)}
    with database.transaction() as transaction:
        is_filled = select(*(exists(select(1).select_from(table)).label(name) for name, table in tables.items()))
        for name, has_rows in transaction.execute(is_filled).one()._asdict().items():
            if has_rows:
                transaction.execute(delete(tables[name]))


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """Forks processes that have imported everything already."""
    folder = tmp_path_factory.getbasetemp()
    zygote = ForkServer(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)
    yield zygote
    zygote.close()


@dataclass(frozen=True)
class ReadHandbook:
    """The small handbook as it was read in once: files, index, and rows by table."""

    folder: Path
    rows: dict[type[Base], list[dict[str, Any]]]

    def copy_to(self, folder: Path, database: Database) -> Path:
        """Returns the copied index."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        index = folder / "index"
        with database.transaction() as transaction:
            for table, rows in self.rows.items():
                there = {"address": str(index)} if table is IndexStateRow else {}
                transaction.execute(insert(table), [row | there for row in rows])
        return index


@pytest.fixture(scope="session")
def read_handbook(opened_database: Database, tmp_path_factory: pytest.TempPathFactory) -> ReadHandbook:
    folder = tmp_path_factory.mktemp("read")
    documents = folder / "handbook"
    documents.mkdir()
    for name, content in HANDBOOK.items():
        (documents / name).write_text(content)
    empty(opened_database)
    library = Library(opened_database, ingest.settings.IngestSettings(index_uri=str(folder / "index")))
    sync_folder(library, str(documents), link="https://handbook.example/{path}")
    tables: tuple[type[Base], ...] = (ReaderSetRow, DocumentRow, SyncRow, IndexStateRow, DeploymentRow)
    with opened_database.transaction() as transaction:
        rows = {
            table: [dict(row) for row in transaction.execute(select(table.__table__)).mappings()]
            for table in tables
        }
    return ReadHandbook(folder, rows)


@pytest.fixture
def workspace_names() -> Sequence[str]:
    """Names beside loopback's under which the workspace is reached."""
    return ()


@pytest.fixture
def world(
    zygote: ForkServer,
    database: Database,
    redis_url: str,
    tmp_path: Path,
    read_handbook: ReadHandbook,
    *,
    workspace_names: Sequence[str],
) -> Iterator[System]:
    """Docent with a small handbook and a stand-in workspace; a test starts the processes it needs."""
    port = free_port()
    workspace = Workspace(
        InstalledApp(f"http://127.0.0.1:{port}/slack/events"), timing=Timing((0.2, 0.5, 1.0, 2.0, 4.0, 8.0))
    )
    index = read_handbook.copy_to(tmp_path, database)
    with WorkspaceServer(workspace, names=workspace_names) as server:
        env = {
            "DATABASE_URL": database.url,
            "REDIS_URL": redis_url,
            "DOCENT_HOME": str(tmp_path / "home"),
            "DOCENT_INDEX_URI": str(index),
            "DOCENT_LEASE_SECONDS": "60",  # longer than any pause of a busy machine; see short_leases
            "DOCENT_SWEEP_SECONDS": "0.3",
            "DOCENT_QUESTIONS_PER_MINUTE": "0",  # tests ask faster than people
            "DOCENT_CATCH_UP_HOURS": "0",  # else each test's clock reads Slack's history
            "DOCENT_HOST": "127.0.0.1",
            "PORT": str(port),
            "SLACK_API_URL": server.api_url,
            "SLACK_BOT_TOKEN": workspace.app.bot_token,
            "SLACK_SIGNING_SECRET": workspace.app.signing_secret,
            "OPENAI_API_KEY": "sk-test",
            "DOCENT_MODEL_PRICES": "free",
        }
        world = System(zygote, workspace, database, tmp_path, env)
        yield world
        world.close()


@pytest.fixture
def short_leases(world: System) -> None:
    """What a killed worker held is free again soon. A clock must run: a pause of the machine ends a lease, too."""
    world.env["DOCENT_LEASE_SECONDS"] = "3"
