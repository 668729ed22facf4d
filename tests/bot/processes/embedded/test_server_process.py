"""A server is recognised by more than its process id, and one that does not start says why."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from agent.errors import UserError
from bot.processes.embedded import server_process
from bot.processes.embedded.server_process import ServerState

LISTENING = (
    "import socket, sys, time\n"
    "server = socket.socket()\n"
    "server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "server.bind(('127.0.0.1', int(sys.argv[1])))\n"
    "server.listen()\n"
    "time.sleep(60)\n"
)


def start(folder: Path) -> ServerState:
    port = server_process.find_free_port()
    command = [sys.executable, "-c", LISTENING, str(port)]
    return server_process.spawn(command, folder, port=port, password="secret")


def test_a_running_server_is_found_again_and_not_started_twice(tmp_path: Path) -> None:
    state = server_process.ensure_running(tmp_path / "server", start)
    again = server_process.ensure_running(tmp_path / "server", lambda folder: pytest.fail("started twice"))
    assert again == state
    assert (tmp_path / "server" / "server.json").stat().st_mode & 0o077 == 0
    server_process.stop(tmp_path / "server", signal.SIGTERM)
    assert not server_process.is_running(state)
    assert not (tmp_path / "server" / "server.json").exists()


def test_another_process_with_the_same_id_is_not_the_server() -> None:
    process = psutil.Process()
    state: ServerState = {"pid": process.pid, "port": 1, "created": process.create_time(), "password": ""}
    assert server_process.is_running(state)
    assert not server_process.is_running({**state, "created": state["created"] - 1})


def test_a_server_that_does_not_start_is_named_with_its_last_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no room left')"]
    with pytest.raises(UserError, match=r"did not start; see .*server\.log\. Its last line: no room left"):
        server_process.spawn(command, tmp_path, port=server_process.find_free_port(), password="")


def test_a_server_that_is_not_there_can_be_stopped(tmp_path: Path) -> None:
    server_process.stop(tmp_path, signal.SIGTERM)


def test_a_password_is_for_its_owner_only(tmp_path: Path) -> None:
    server_process.write_password(tmp_path / "password")
    first = (tmp_path / "password").read_text()
    server_process.write_password(tmp_path / "password")
    assert (tmp_path / "password").read_text() != first
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0
