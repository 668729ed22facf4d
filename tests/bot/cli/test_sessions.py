"""The commands about what was asked, with their options."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

import agent.settings
import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.cli.sessions import sessions_app
from tests.recorded import answered

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs ``docent sessions``; what it refuses is raised, as :func:`bot.cli.main.main` gets it."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    _forget_settings()

    def run_(*arguments: str) -> Result:
        result = CliRunner().invoke(sessions_app, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run_
    _forget_settings()


def _forget_settings() -> None:
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()


def test_an_export_goes_to_a_file_and_its_summary_to_standard_error(
    run: Run, database: Database, tmp_path: Path
) -> None:
    answered(database, channel=None).rate(-1, "Wrong")
    path = tmp_path / "cases.jsonl"
    result = run("export", "--since", "1d", "--format", "eval", "--output", str(path))
    assert (result.stdout, result.stderr) == ("", f"1 written to {path}.\n")
    assert json.loads(path.read_text())["question"] == "How many days?"


def test_an_export_of_no_time_at_all_is_refused(run: Run) -> None:
    with pytest.raises(UserError, match="No time is left from 2d to 3d: --since must be before --until"):
        run("export", "--since", "2d", "--until", "3d")


def test_pruning_needs_an_age(run: Run) -> None:
    with pytest.raises(UserError, match="Add --older-than 90d, or set DOCENT_RETENTION_DAYS"):
        run("prune")


def test_pruning_says_first_what_it_would_delete(run: Run, database: Database) -> None:
    answered(database).age(40)
    assert run("prune", "--older-than", "30d", "--dry-run").stdout.startswith("Would delete 1 turn, 1 session")
    assert run("prune", "--older-than", "30d").stdout.startswith("Deleted 1 turn, 1 session")
    assert run("list", "--json").stdout.strip() == "[]"


def test_sessions_are_chosen_by_what_was_asked_and_how_it_ended(run: Run, database: Database) -> None:
    answered(database).rate(-1, "Wrong")
    user, channel = _asker(database)
    for options, n in (
        (("--rating", "down"), 1),
        (("--rating", "up"), 0),
        (("--since", "1d"), 1),
        (("--since", "2999-01-01"), 0),
        (("--user", user), 1),
        (("--user", "U0NOBODY"), 0),
        (("--channel", channel or "C1"), 1 if channel else 0),
        (("--reason", "answered", "--rating", "down"), 1),
        (("--reason", "budget"), 0),
        (("--failed",), 0),
    ):
        assert len(json.loads(run("list", *options, "--json").stdout)) == n, options
    assert run("list", "--failed").stdout.strip() == "No session fits."
    assert run("list", "--reason", "weather").exit_code == 2


def _asker(database: Database) -> tuple[str, str | None]:
    with database.transaction() as transaction:
        user, channel = transaction.execute(text("SELECT user_id, channel FROM turns LIMIT 1")).one()
    return user, channel


def test_a_question_is_shown_as_wide_as_the_terminal(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "How many days " + "and days " * 20 + "may I carry over?"
    answered(database, question=question)
    monkeypatch.setenv("COLUMNS", "300")
    assert question in run("list").stdout
    monkeypatch.setenv("COLUMNS", "100")
    (line,) = [line for line in run("list").stdout.splitlines() if "days" in line]
    assert (len(line), line.rstrip().endswith("…")) == (100, True)
