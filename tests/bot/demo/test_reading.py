"""The demo's documents: one folder replaces another in any order, and what did not change is not read again."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from agent.errors import UserError
from agent.store.database import Database
from bot.demo import console, reading
from bot.demo.processes import Processes
from bot.demo.reading import DemoDocuments
from ingest.sync import reports
from tests.command import Docent
from tests.system import HANDBOOK, ForkServer

LINK = "http://127.0.0.1:3100/docs/{path}"


class Commands(Processes):
    """Runs commands by the zygote, and remembers them."""

    def __init__(self, docent: Docent, home: Path) -> None:
        super().__init__(home, {}, print)
        self._docent = docent
        self.ran: list[str] = []

    def run(self, *arguments: str) -> CompletedProcess[str]:
        self.ran.append(arguments[0])
        done = self._docent(*arguments, DOCENT_HOME=str(self.home))
        return CompletedProcess(arguments, done.code, done.out, done.err)


@pytest.fixture
def commands(zygote: ForkServer, database: Database, database_url: str, tmp_path: Path) -> Commands:
    return Commands(Docent(zygote, tmp_path, {"DATABASE_URL": database_url}), tmp_path / "demo")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return _write(tmp_path / "sample" / "docs", HANDBOOK)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with the same name as the other's."""
    return _write(tmp_path / "own" / "docs", {f"page{i}.md": f"# Page {i}\n\nParking {i}." for i in range(12)})


def _write(folder: Path, pages: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, content in pages.items():
        (folder / name).write_text(content)
    return folder


def _places(database: Database) -> list[str | None]:
    with database.transaction() as transaction:
        return [reports.load_location(transaction, name) for name in reports.list_sources(transaction)]


@pytest.mark.parametrize("is_sample_first", [True, False])
def test_another_folder_replaces_the_first_in_any_order_and_back(
    commands: Commands, database: Database, sample: Path, own: Path, is_sample_first: bool
) -> None:
    folders = [sample, own] if is_sample_first else [own, sample]
    for folder in (*folders, folders[0]):
        DemoDocuments(folder, LINK, database, commands).read()
        assert _places(database) == [str(folder)]


def test_a_folder_that_did_not_change_is_not_read_again_and_one_that_did_is(
    commands: Commands, database: Database, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = DemoDocuments(own, LINK, database, commands)
    (own / "broken.pdf").write_bytes(b"no pdf at all")
    documents.read()
    documents.read()
    assert commands.ran == ["ingest"]
    said = capsys.readouterr().out
    assert said.count(f"12 documents of {console.shorten_path(own)} read, 1 of 13 not read") == 2
    assert "broken.pdf: is not a PDF, despite its name" in said

    for page in range(11):  # more than a sync by itself would believe
        (own / f"page{page}.md").unlink()
    documents.read()
    assert commands.ran == ["ingest", "ingest"]
    assert "1 document of" in capsys.readouterr().out
    DemoDocuments(own, LINK.replace("3100", "3200"), database, commands).read()  # its links lead elsewhere
    assert len(commands.ran) == 3


def test_a_folder_in_which_nothing_can_be_read_leaves_the_first_in_its_place(
    commands: Commands, database: Database, sample: Path, tmp_path: Path
) -> None:
    DemoDocuments(sample, LINK, database, commands).read()
    unreadable = _write(tmp_path / "unreadable", {"broken.pdf": "no pdf"})
    with pytest.raises(UserError, match=r"Nothing in .*unreadable could be read\. Give another folder: make demo"):
        DemoDocuments(unreadable, LINK, database, commands).read()
    assert str(sample) in _places(database)
    assert "5 days" in commands.run("search", "annual leave").stdout


def test_a_folder_without_documents_is_refused_before_anything_starts(tmp_path: Path) -> None:
    _write(tmp_path / "pictures", {"a.png": "x"})
    (tmp_path / "file.md").write_text("# File")
    for name, said in (
        ("gone", "does not exist"),
        ("file.md", "is not a folder"),
        ("pictures", "There are no documents in"),
    ):
        with pytest.raises(UserError, match=said) as refused:
            reading.require_documents(tmp_path / name)
        assert "make demo DOCS=path/to/folder" in str(refused.value)
