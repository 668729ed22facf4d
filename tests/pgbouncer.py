"""A PgBouncer before the tests' Postgres, with two connections for everybody, each given to one transaction."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.system import free_port

N_CONNECTIONS = 3
UNPRIVILEGED = "nobody"  # PgBouncer refuses to run as root


@contextmanager
def pool(database_url: str, *, mode: str = "transaction", settings: str = "") -> Iterator[str]:
    """Yields the URL of the same database behind PgBouncer; skips where that is not installed."""
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not binary:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    url, port = make_url(database_url), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        login = f"user={url.username} password={url.password or ''}" if url.password else f"user={url.username}"
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n{url.database} = host={url.host or '127.0.0.1'} port={url.port or 5432} {login}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = {N_CONNECTIONS}\nmax_client_conn = 500\n{settings}\n"
        )
        (folder / "pgbouncer.ini").chmod(0o644)
        user = ["-u", UNPRIVILEGED] if os.geteuid() == 0 else []
        process = subprocess.Popen([binary, *user, str(folder / "pgbouncer.ini")], stderr=subprocess.DEVNULL)
        pooled = url.set(host="127.0.0.1", port=port, password=None, drivername="postgresql", query={})
        try:
            yield _wait(pooled.render_as_string(hide_password=False), process)
        finally:
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, "PgBouncer ended"
        try:
            psycopg.connect(url, prepare_threshold=None).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, "PgBouncer does not answer"
            time.sleep(0.05)
        else:
            return url
