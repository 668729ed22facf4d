"""The commands about one person's data, with their options."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

import agent.settings
from agent.store.database import Database
from bot.record.people_command import people_app
from tests.recorded import Recorded, answered

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    agent.settings.load.cache_clear()
    yield lambda *arguments, **given: CliRunner().invoke(people_app, arguments, **given)
    agent.settings.load.cache_clear()


def test_a_person_is_exported_and_then_forgotten_only_where_that_is_confirmed(
    run: Run, database: Database
) -> None:
    answered(database, user="U0ADA00001").rate(1, user="U0ADA00001")
    assert json.loads(run("export", "U0ADA00001").stdout)["questions"][0]["question"] == "How many days?"
    assert run("forget", "U0ADA00001", input="n\n").exit_code == 1
    assert len(json.loads(run("export", "U0ADA00001").stdout)["questions"]) == 1
    done = run("forget", "U0ADA00001", "--yes")
    assert done.stdout.startswith("Deleted 1 turn, 1 session,")
    assert json.loads(run("export", "U0ADA00001").stdout)["questions"] == []


def test_questions_that_are_being_answered_are_said(run: Run, database: Database) -> None:
    Recorded.begin(database, user="U0ADA00001")
    assert "1 question is being answered. Forget again" in run("forget", "U0ADA00001", "--yes").stdout
