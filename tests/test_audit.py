"""Whether pinned packages have known vulnerabilities is told where the database of advisories can be reached."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.system import ROOT

LOCK = "good==1.0 \\\n    --hash=sha256:00\nbad-one==2.1 ; python_version < '4' \\\n    --hash=sha256:11\n"


@pytest.fixture
def database() -> Iterator[str]:
    """An advisory against bad-one."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            bad = {"package": {"ecosystem": "PyPI", "name": "bad-one"}, "version": "2.1"}
            results = [{"vulns": [{"id": "GHSA-1"}]} if query == bad else {} for query in queries]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def audit(tmp_path: Path, url: str, *options: str) -> tuple[int, str]:
    (tmp_path / "a.lock").write_text(LOCK)
    command = [sys.executable, str(ROOT / "make" / "audit.py"), str(tmp_path / "a.lock"), *options]
    done = subprocess.run(command, env=os.environ | {"OSV_URL": url}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_an_advisory_is_told_and_an_error_where_that_is_asked_for(
    tmp_path: Path, database: str, options: tuple[str, ...], code: int
) -> None:
    ended, said = audit(tmp_path, database, *options)
    assert ended == code
    assert "bad-one==2.1 has GHSA-1" in said
    assert "1 of 2 packages" in said


@pytest.mark.parametrize("options", [(), ("--strict",)])
def test_without_a_network_nothing_fails(tmp_path: Path, options: tuple[str, ...]) -> None:
    ended, said = audit(tmp_path, "http://127.0.0.1:1", *options)
    assert (ended, "can be reached" in said) == (0, True)
