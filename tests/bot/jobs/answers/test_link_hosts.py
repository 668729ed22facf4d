"""Which hosts links may lead to: what the operator, the sources and the documents name."""

from dataclasses import dataclass
from pathlib import Path

from agent.store.database import Database
from bot.jobs.answers.link_hosts import KEPT_SECONDS, AllowedHosts
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources import connector
from tests.library import kept_converter, sync_folder


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


def test_a_workspace_has_the_hosts_of_what_is_read_there(database: Database, tmp_path: Path) -> None:
    """Those of another one would tell what it reads."""
    config = tmp_path / "docent.toml"
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index"), config=config))
    read_in = {"ours": ["T1"], "theirs": ["T2"], "both": ["T1", "T2"], "anywhere": ["*"], "nowhere": []}
    for name, workspaces in read_in.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\nYou get 25 days.\n")
        described = {
            "type": "folder",
            "location": str(tmp_path / name),
            "link": f"https://{name}.example/{{path}}",
        }
        options = connector.validate_options({**described, "name": name, "workspaces": workspaces}, where=name)
        source = connector.open_source(options, home=library.settings.home)
        library.sync(source, declaration=options.declaration, converter=kept_converter)
    config.write_text(
        "".join(
            f'[sources.{name}]\nlocation = "{name}"\nlink = "https://declared-{name}.example/{{path}}"\n'
            f"workspaces = {['all' if one == '*' else one for one in workspaces]}\n"
            for name, workspaces in read_in.items()
        )
    )
    allowed = AllowedHosts(library, ["portal.example"], ManualClock())
    for place, names in (("T1", {"ours", "both", "anywhere"}), ("T2", {"theirs", "both", "anywhere"})):
        hosts = allowed.load(place)
        of_documents = {name for name in read_in if hosts.allow(f"https://{name}.example/x")}
        declared = {name for name in read_in if hosts.allow(f"https://declared-{name}.example/x")}
        assert (of_documents, declared, hosts.allow("https://portal.example")) == (names, names, True)
    assert allowed.load().allow("https://nowhere.example")
