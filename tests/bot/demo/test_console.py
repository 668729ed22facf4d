"""The demo's progress, as it is printed where no terminal is."""

import threading
from pathlib import Path

import pytest

from bot.demo import console


def test_without_a_terminal_only_finished_steps_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with console.working("starting the database"):
        pass
    console.show_done("database and queue", "embedded")
    console.print_line("Stopped.")
    assert capsys.readouterr().out == "  ✓ database and queue   embedded\nStopped.\n"


def test_without_a_terminal_a_long_step_gives_signs_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    n_asked = threading.Semaphore(0)

    def describe() -> str:
        n_asked.release()
        return ": 3 of 9 documents"

    with console.working("reading docs", describe, every_seconds=0.01):
        for _ in range(3):
            assert n_asked.acquire(timeout=20)
    lines = capsys.readouterr().out.splitlines()
    assert set(lines) == {"  … reading docs: 3 of 9 documents"}
    assert len(lines) >= 2


def test_a_path_below_the_current_folder_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert console.shorten_path(tmp_path / "logs" / "web.log") == "logs/web.log"
    assert console.shorten_path(Path("/elsewhere/web.log")) == "/elsewhere/web.log"
