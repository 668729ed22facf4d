"""Syncs from the command line: options as in docent.toml, reports, and how the command ends."""

import json
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.store.database import Database
from bot.cli.library import sync_progress
from ingest.settings import IngestSettings


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    """Settings whose docent.toml declares a folder with one page, and one that does not exist."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "leave.md").write_text("# Leave\n\nCarry over 5 days.")
    config = tmp_path / "docent.toml"
    config.write_text('[sources.gone]\nlocation = "nowhere"\n[sources.pages]\nlocation = "pages"\n')
    return IngestSettings(home=tmp_path, config=config)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("max_pages=500", {"max_pages": 500}),
        ("exclude = ['a/**']", {"exclude": ["a/**"]}),
        ("type=website", {"type": "website"}),
        ("link=https://x.example/?a=b", {"link": "https://x.example/?a=b"}),
        ("every=", {"every": ""}),
    ],
)
def test_an_option_is_read_as_in_docent_toml(text: str, options: dict[str, object]) -> None:
    assert sync_progress.parse_options([text]) == options


@pytest.mark.parametrize("text", ["colour", "=red", " =red"])
def test_an_option_without_a_name_or_a_value_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is not an option\. Write NAME=VALUE"):
        sync_progress.parse_options([text])


def test_a_source_that_fails_does_not_stop_the_next_but_the_command_ends_with_1(
    database: Database, settings: IngestSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        sync_progress.sync_declared(database, settings, [], is_forced=False, as_json=False)
    printed = capsys.readouterr()
    assert end.value.code == 1
    assert printed.err.startswith("docent: gone: There is no folder")
    assert printed.out.startswith("pages: 1 added, 0 changed, 0 unchanged, 0 removed; 1 chunks written in ")


def test_for_programs_each_source_has_a_status(
    database: Database, settings: IngestSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        sync_progress.sync_declared(database, settings, ["gone", "pages"], is_forced=False, as_json=True)
    gone, pages = json.loads(capsys.readouterr().out)
    assert (gone["source"], gone["status"]) == ("gone", "failed")
    assert (pages["source"], pages["status"], pages["n_added"]) == ("pages", "completed", 1)


def test_a_name_that_is_not_declared_is_refused(database: Database, settings: IngestSettings) -> None:
    with pytest.raises(UserError, match=r"declares no source 'wiki'\. It has: gone, pages"):
        sync_progress.sync_declared(database, settings, ["wiki"], is_forced=False, as_json=False)
