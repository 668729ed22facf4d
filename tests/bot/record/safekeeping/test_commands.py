"""The commands as an operator types them."""

from pathlib import Path

import pytest

from agent.store.database import Database
from tests.bot.record.safekeeping.conftest import MakeDatabase
from tests.command import Docent
from tests.recorded import answered
from tests.system import HANDBOOK, ForkServer


@pytest.fixture
def docent(zygote: ForkServer, database: Database, redis_url: str, tmp_path: Path) -> Docent:
    folder = tmp_path / "manual"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    return Docent(zygote, tmp_path, {"DATABASE_URL": database.url, "REDIS_URL": redis_url})


def test_the_index_is_tagged_and_gone_back_to(docent: Docent, tmp_path: Path) -> None:
    assert docent("index", "tag", "good").err.endswith("Run 'docent ingest PATH' first.\n")
    assert docent("ingest", "manual").code == 0
    assert "The index has no tags" in docent("index", "list").out
    assert "is tagged 'good'" in docent("index", "tag", "good").out
    (tmp_path / "manual" / "leave.md").write_text("# Leave\n\nThere is no annual leave any more.\n")
    assert docent("ingest", "manual").code == 0
    restored = docent("index", "restore", "good")
    assert "Back to 'good': 1 document with the earlier text, 0 that came later taken out." in restored.out
    assert "The next sync of 'manual' reads these documents again" in restored.out
    assert "28 days" in docent("search", "annual leave").out
    (tag,) = docent("index", "list", "--json").json
    assert tag["name"] == "good"
    assert docent("index", "untag", "good").out == "The tag 'good' is deleted.\n"
    missing = docent("index", "restore", "good")
    assert (missing.code, "no tag 'good'" in missing.err) == (2, True)


def test_a_backup_is_made_and_restored_as_programs_read_it(
    docent: Docent, database: Database, make_database: MakeDatabase, tmp_path: Path
) -> None:
    answered(database)
    made = docent("backup", "backup.zip", "--json").json
    assert (made["format"], made["n_open"], made["index"]["is_included"]) == (1, 0, False)
    refused = docent("backup", "backup.zip")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert docent("backup", "backup.zip", "--force").code == 0
    elsewhere = {"DATABASE_URL": make_database().url, "DOCENT_HOME": str(tmp_path / "elsewhere")}
    restored = docent("restore", "backup.zip", "--json", **elsewhere).json
    assert restored["n_rows"] > 0
    assert restored["todo"][-1] == "Start web, worker and clock, and run 'docent doctor' and 'docent check'."
    assert docent("sessions", "list", "--json", **elsewhere).json[0]["last_question"] == "How many days?"
    (tmp_path / "notes.txt").write_text("no backup")
    wrong = docent("restore", "notes.txt", **elsewhere)
    assert (wrong.code, wrong.err.splitlines()[-1]) == (
        2, "docent: notes.txt is no backup of Docent: 'docent backup' writes them."
    )  # fmt: skip
