"""The whole examination: one check that fails does not stop the others, with nothing and with everything wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bot.doctor import examination
from bot.doctor.finding import Finding, FindingState


def test_a_check_that_hangs_or_has_a_bug_leaves_the_others_alone() -> None:
    def hangs() -> Iterator[Finding]:
        yield Finding("x", FindingState.OK, "so far")
        time.sleep(60)

    def bug() -> Finding:
        raise RuntimeError("hunter2")

    def breaks() -> Iterator[Finding]:
        yield bug()

    first, late = examination._within(0.2, "x", hangs)
    assert (first.state, late.state) == ("ok", "problem")
    (broken,) = examination._within(5, "y", breaks)
    assert broken.state == "problem"
    assert "RuntimeError" in broken.text
    assert "hunter2" not in broken.text


def test_the_doctor_with_nothing_configured(tmp_path: Path) -> None:
    done = _docent(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Slack is not connected." in done.stdout
    assert "make demo" in done.stdout
    assert done.stdout.rstrip().endswith("1 warning.")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_with_everything_wrong(tmp_path: Path, silent: int) -> None:
    wrong = {
        "DOCENT_MAX_STEPS": "many",
        "DOCENT_MAX_STEP": "1",
        "DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{silent}/x",
        "REDIS_URL": f"redis://:hunter2@127.0.0.1:{silent}/0",
        "SLACK_BOT_TOKEN": "xoxb-1-2-hunter2hunter2hunter2",
        "SLACK_API_URL": f"http://127.0.0.1:{silent}/api/",
    }
    done = _docent(tmp_path, "--json", **wrong)
    assert done.returncode == 1
    assert "hunter2hunter2" not in done.stdout + done.stderr
    said = json.loads(done.stdout)
    states = {(finding["name"], finding["state"]) for finding in said["findings"]}
    assert {
        ("settings", "problem"),
        ("settings", "warning"),
        ("database", "problem"),
        ("redis", "problem"),
    } <= states
    assert {("slack", "problem"), ("events", "problem"), ("embeddings", "ok"), ("index", "skipped")} <= states
    assert said["counts"]["problem"] == sum(1 for f in said["findings"] if f["state"] == "problem")
    assert all(finding["text"].count("\n") == 0 for finding in said["findings"])


def _docent(folder: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    ours = ("DOCENT_", "SLACK_", "SENTRY_", "OPENAI_", "DATABASE_", "REDIS_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [Path(sys.executable).with_name("docent"), "doctor", *options],
        cwd=folder,
        env=clean | env,
        capture_output=True,
        text=True,
        check=False,
    )
