"""Embedded servers: shared by the processes of a home, stopped by the last, found again."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis
from sqlalchemy import text

from agent.errors import UserError
from agent.store.database import Database
from bot.processes.embedded import embedded_servers
from tests.system import ROOT

USE = """
import sys
from pathlib import Path
from bot.processes.embedded import embedded_servers
with embedded_servers.start(Path(sys.argv[1]), is_durable=False) as servers:
    print(servers.database_url, flush=True)
    sys.stdin.readline()
"""


def start_user(home: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", USE, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline().startswith("postgresql://")
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=120)


def servers_of(home: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cwd"]) if str(p.info["cwd"] or "").startswith(str(home))]


def test_data_is_found_again_and_the_last_process_stops_the_servers(tmp_path: Path) -> None:
    home = tmp_path / "ein Zuhause"
    other = start_user(home)
    with embedded_servers.start(home, is_durable=False) as servers:
        with redis.from_url(servers.redis_url) as connection:
            connection.set("kept", "yes")
            assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        database = Database(servers.database_url)
        with database.transaction() as transaction:
            transaction.execute(text("CREATE TABLE kept (n int)"))
        database.close()
    assert servers_of(home)  # the other process still uses them
    other.kill()  # even a killed one does not hold them for ever
    other.communicate()
    with embedded_servers.start(home, is_durable=False) as servers:
        with redis.from_url(servers.redis_url) as connection:
            assert connection.get("kept") == b"yes"
        database = Database(servers.database_url)
        with database.transaction() as transaction:
            assert transaction.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0
        database.close()
    assert servers_of(home) == []


def test_servers_that_were_killed_are_started_again(tmp_path: Path) -> None:
    """With enough written that PostgreSQL listens before it has replayed it."""
    user = start_user(tmp_path)
    with embedded_servers.start(tmp_path) as servers:
        database = Database(servers.database_url, statement_timeout_seconds=60)
        with database.transaction() as transaction:
            transaction.execute(text("SET LOCAL synchronous_commit = on"))
            transaction.execute(text("CREATE TABLE kept AS SELECT generate_series(1, 1000000) AS n"))
        database.close()
    killed = servers_of(tmp_path)
    for process in killed:
        with suppress(psutil.NoSuchProcess):  # it ended with the one that was killed before
            process.kill()
    until = time.monotonic() + 120
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in killed) and time.monotonic() < until:
        time.sleep(0.01)
    with embedded_servers.start(tmp_path, is_durable=False) as servers:
        database = Database(servers.database_url)
        with database.transaction() as transaction:
            assert transaction.execute(text("SELECT count(*) FROM kept")).scalar_one() == 1_000_000
        database.close()
    end(user)
    assert servers_of(tmp_path) == []


def test_servers_that_nobody_knows_of_are_replaced(tmp_path: Path) -> None:
    """Whoever started them was killed before it wrote down that it did; and an initdb was killed half-way."""
    (tmp_path / "postgres" / "data.partial").mkdir(parents=True)
    (tmp_path / "postgres" / "data.partial" / "PG_VERSION").write_text("18")
    user = start_user(tmp_path)
    for name in ("postgres", "valkey"):
        (tmp_path / name / "server.json").unlink()
    orphans = servers_of(tmp_path)
    with embedded_servers.start(tmp_path, is_durable=False) as servers:
        database = Database(servers.database_url)
        with database.transaction() as transaction:
            assert transaction.execute(text("SELECT 1")).scalar_one() == 1
        database.close()
        assert not [p for p in orphans if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    end(user)
    assert servers_of(tmp_path) == []


def test_a_folder_that_cannot_be_written_gets_a_clear_sentence() -> None:
    with pytest.raises(UserError, match="Set DOCENT_HOME"), embedded_servers.start(Path("/proc/nowhere")):
        pass
