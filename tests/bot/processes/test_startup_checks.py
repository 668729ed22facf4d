"""What is missing or wrong is said before anything starts: all of it, a line each, no secret among it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import SettingsError
from bot.processes import startup_checks
from bot.processes.startup_checks import ProcessName

BOT, APP = "xoxb-1-2-abcdefghijklmnop", "xapp-1-A-2-abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DOCENT_", "SLACK_", "SENTRY_")) or name in ("DATABASE_URL", "REDIS_URL", "PORT"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DOCENT_MAX_STEPS": "many"}, "DOCENT_MAX_STEPS is 'many': it must be a whole number."),
        ({"DOCENT_MAX_STEPS": "0"}, "DOCENT_MAX_STEPS is '0': it must be at least 1."),
        ({"DOCENT_MAX_SECONDS": "soon"}, "DOCENT_MAX_SECONDS is 'soon': it must be a number."),
        ({"DOCENT_CONCURRENCY": "0"}, "DOCENT_CONCURRENCY is '0': it must be at least 1."),
        ({"DOCENT_TOP_K": "51"}, "DOCENT_TOP_K is '51': it must be at most 50."),
        ({"PORT": "http"}, "PORT is 'http': it must be a whole number."),
        ({"REDIS_URL": "http://:hunter2@x"}, "REDIS_URL is not usable: it looks like redis://"),
        ({"DATABASE_URL": "mysql://u:hunter2@x/y"}, "DATABASE_URL names the database 'mysql'"),
        ({"DATABASE_URL": "hunter2"}, "DATABASE_URL is not a URL"),
        ({"SLACK_BOT_TOKEN": APP}, "SLACK_BOT_TOKEN holds an app-level token, which belongs in SLACK_APP_TOKEN."),
        ({"SLACK_APP_TOKEN": BOT}, "SLACK_APP_TOKEN holds a bot token, which belongs in SLACK_BOT_TOKEN."),
        ({"SLACK_SIGNING_SECRET": BOT}, "SLACK_SIGNING_SECRET holds a bot token"),
        ({"SLACK_BOT_TOKEN": "xoxp-1-hunter2"}, "SLACK_BOT_TOKEN holds a user's token"),
        ({"SLACK_BOT_TOKEN": "xoxe.xoxb-1-hunter2"}, "turn token rotation off"),
        ({"SLACK_BOT_TOKEN": "https://hooks.slack.com/services/T/B/hunter2"}, "an incoming webhook"),
        ({"SLACK_BOT_TOKEN": "hunter2"}, "SLACK_BOT_TOKEN does not begin with xoxb-."),
        ({"SLACK_BOT_TOKEN": f'"{BOT}"'}, "SLACK_BOT_TOKEN has quotes around its value"),
        ({"SLACK_BOT_TOKEN": f"{BOT} "}, "SLACK_BOT_TOKEN has a space or a line break"),
        ({"SLACK_APP_TOKEN": f"\n{APP}"}, "SLACK_APP_TOKEN has a space or a line break"),
        ({"REDIS_URL": "'redis://x'"}, "REDIS_URL has quotes around its value"),
    ],
)
def test_each_problem_is_one_line_that_says_what_to_do(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (line,) = startup_checks.find_problems()
    assert said in line
    assert "hunter2" not in line
    assert BOT not in line
    assert APP not in line


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "DOCENT_MAX_STEPS", "DATABASE_URL", "REDIS_URL", "SLACK_BOT_TOKEN", "DOCENT_MODEL"):
        monkeypatch.setenv(name, "")
    assert startup_checks.find_problems() == []
    for kind in startup_checks.KINDS:
        assert startup_checks.load_leniently(kind) == kind()


def test_variables_that_no_setting_reads_are_named_with_the_nearest_setting() -> None:
    given = {"DOCENT_MAX_STEP": "3", "DOCENT_MODEL": "x", "DOCENT_WHATEVER": "1", "OPENAI_API_KEY": "k"}
    assert startup_checks.find_unknown(given) == [
        ("DOCENT_MAX_STEP", "DOCENT_MAX_STEPS"),
        ("DOCENT_WHATEVER", None),
    ]


def test_wrong_settings_leave_the_others_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCENT_CONCURRENCY", "none")
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT)
    from bot.settings import BotSettings

    read = startup_checks.load_leniently(BotSettings)
    assert read.slack_bot_token
    assert (read.port, read.concurrency) == (3000, 40)


def test_a_worker_needs_no_way_for_events_and_the_clock_no_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    startup_checks.check(ProcessName.CLOCK)
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT)
    startup_checks.check(ProcessName.WORKER)
    with pytest.raises(SettingsError, match="Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET"):
        startup_checks.check(ProcessName.WEB)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP)
    startup_checks.check(ProcessName.WEB)


@pytest.mark.parametrize("role", ["web", "worker", "clock"])
def test_a_process_says_everything_at_once_and_starts_no_server(role: str, tmp_path: Path) -> None:
    wrong = {
        "DOCENT_MAX_STEPS": "many",
        "DOCENT_TOP_K": "0",
        "PORT": "x",
        "SLACK_SIGNING_SECRET": "xoxb-1-hunter2",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("docent"), role],
        cwd=tmp_path,
        env=os.environ | wrong,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("docent: ") for line in lines)
    expected = {"DOCENT_MAX_STEPS", "DOCENT_TOP_K", "PORT", "SLACK_SIGNING_SECRET"}
    assert {line.split()[1] for line in lines} == expected | ({"SLACK_BOT_TOKEN"} if role != "clock" else set())
    assert not (tmp_path / ".docent").exists()
