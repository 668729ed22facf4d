"""Which hosts links may lead to: what the operator, the sources and the documents name."""

from dataclasses import dataclass
from pathlib import Path

from agent.store.database import Database
from bot.jobs.answers.link_hosts import KEPT_SECONDS, AllowedHosts
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder


@dataclass
class ManualClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_operators_the_sources_and_the_documents_hosts_are_allowed(database: Database, tmp_path: Path) -> None:
    config = tmp_path / "docent.toml"
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index"), config=config))
    clock = ManualClock()
    allowed = AllowedHosts(library, ["portal.example"], clock)
    urls = [f"https://{name}.example/x" for name in ("portal", "handbook", "declared", "other")]
    assert [allowed.load().allow(url) for url in urls] == [True, False, False, False]
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "leave.md").write_text("# Leave\n\nYou get 25 days.\n")
    sync_folder(library, tmp_path / "handbook", link="https://Handbook.example:8443/{path}")
    config.write_text('[sources.d]\nlocation = "d"\nlink = "https://declared.example/{path}"\n')
    assert [allowed.load().allow(url) for url in urls] == [True, False, False, False]  # asked a moment ago
    clock.now += KEPT_SECONDS
    assert [allowed.load().allow(url) for url in urls] == [True, True, True, False]
    config.write_text("[sources")  # a slip ends no answer
    clock.now += KEPT_SECONDS
    assert [allowed.load().allow(url) for url in urls] == [True, True, False, False]
