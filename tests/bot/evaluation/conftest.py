"""``docent eval`` over the tests' database, with a handbook in the index, or a scripted model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

import agent.settings
import ingest.settings
from agent.store.database import Database
from bot.evaluation.command import evaluate
from ingest.library import Library
from tests.bot.evaluation.question_files import Evaluate
from tests.library import sync_folder
from tests.scripted_model import Say, ScriptedModel
from tests.system import HANDBOOK


@pytest.fixture
def home(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty ``DOCENT_HOME`` over the tests' database, and settings as the environment has them."""
    for name, value in (("DATABASE_URL", database_url), ("DOCENT_HOME", str(tmp_path / "home"))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "120")
    _forget_settings()
    yield tmp_path / "home"
    _forget_settings()


def _forget_settings() -> None:
    agent.settings.load.cache_clear()
    ingest.settings.load.cache_clear()


@pytest.fixture
def run(home: Path) -> Evaluate:
    """``docent eval``; what it refuses is raised, as :func:`bot.cli.main.main` gets it."""
    app = typer.Typer()
    app.command()(evaluate)

    def run_(*arguments: object, **env: str) -> Result:
        _forget_settings()
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run_


@pytest.fixture
def handbook(database: Database, home: Path, tmp_path: Path) -> Path:
    """The small handbook, read in; the folder for questions."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, content in HANDBOOK.items():
        (pages / name).write_text(content)
    sync_folder(Library(database, ingest.settings.load()), str(pages))
    return tmp_path


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say("At most 5 days [1].")) as scripted:
        yield scripted
