"""The demo's child processes: run, reported when they cannot start, and restarted only so often."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import UserError
from bot.demo.processes import MAX_RESTARTS, Processes

READY_SECONDS = 120


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def processes(tmp_path: Path, lines: list[str]) -> Iterator[Processes]:
    """Processes without any setting: a worker ends at once and says what it lacks."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DOCENT_", "SLACK_"))}
    processes = Processes(tmp_path / "logs", clean | {"DOCENT_HOME": str(tmp_path / "home")}, lines.append)
    yield processes
    processes.stop()


def test_a_command_is_run_to_its_end(processes: Processes) -> None:
    completed = processes.run("manifest", "--name", "Ada")
    assert completed.returncode == 0
    assert '"name": "Ada"' in completed.stdout


def test_a_process_that_cannot_start_is_reported_with_the_end_of_its_log(processes: Processes) -> None:
    processes.start("worker")
    with pytest.raises(UserError, match=r"worker did not start\. The last line of its log: .*SLACK_BOT_TOKEN"):
        processes.wait_until_ready("worker", READY_SECONDS)


def test_a_process_that_ends_again_and_again_is_not_restarted_any_more(
    processes: Processes, lines: list[str]
) -> None:
    processes.start("no-such-command")
    with pytest.raises(UserError, match=f"ended {MAX_RESTARTS} times within a minute"):
        _watch_until_it_gives_up(processes)
    assert len(lines) == MAX_RESTARTS
    assert lines[0].startswith("no-such-command ended (exit code 2) and was restarted; log: ")


def _watch_until_it_gives_up(processes: Processes) -> None:
    while True:
        processes.watch()
