"""Real parts for every test: PostgreSQL built by Alembic, Valkey, on loopback; the model alone is scripted.

``DATABASE_URL`` and ``REDIS_URL`` are used where set; else both servers come from wheels, in a folder of the run.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from agent.database import Base, Database, normalise_url
from bot import embedded

ROOT = Path(__file__).parent.parent

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
OUTSIDE = embedded.Servers(os.environ.pop("DATABASE_URL", ""), os.environ.pop("REDIS_URL", ""))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Servers]:
    if OUTSIDE.database_url and OUTSIDE.redis_url:
        yield OUTSIDE
        return
    with embedded.running(tmp_path_factory.mktemp("servers"), is_durable=False) as running:
        yield embedded.Servers(
            OUTSIDE.database_url or running.database_url, OUTSIDE.redis_url or running.redis_url
        )


@pytest.fixture(scope="session")
def database_url(servers: embedded.Servers) -> Iterator[str]:
    """A database of this run's own, built by Alembic."""
    admin = create_engine(normalise_url(servers.database_url), isolation_level="AUTOCOMMIT")
    name = f"docent_test_{uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)
    migrate(url)
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The migrated database with every table empty."""
    database = Database(database_url, statement_timeout_seconds=30)
    empty(database)
    yield database
    database.close()


@pytest.fixture
def redis_url(servers: embedded.Servers) -> str:
    """A Redis with nothing in it."""
    with redis.from_url(servers.redis_url) as connection:
        connection.flushdb()
    return servers.redis_url


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
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.transaction() as transaction:
        transaction.execute(text(f"TRUNCATE {names} CASCADE"))
