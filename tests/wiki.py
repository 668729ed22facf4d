"""A declared source of many small documents, and whether all of them, and their chunks, are there once."""

from typing import Any

import ingest.settings
from ingest.index import scan
from ingest.library import Library
from tests.system import System


def write_wiki(world: System, n_documents: int = 60, *, every: str = "1h", lease_seconds: int = 3) -> None:
    """Writes and declares it; who reads a document has ``lease_seconds`` without a sign of life."""
    folder = world.folder / "wiki"
    folder.mkdir()
    for n in range(n_documents):
        write_document(world, n)
    declaration = f'[sources.wiki]\nlocation = "wiki"\nlink = "https://wiki.example/{{path}}"\nevery = "{every}"\n'
    (world.folder / "docent.toml").write_text(declaration)
    world.env["DOCENT_CONFIG"] = str(world.folder / "docent.toml")
    world.env["DOCENT_SYNC_LEASE_SECONDS"] = str(lease_seconds)


def write_document(world: System, n: int, version: int = 0) -> None:
    text = f"# Rule {n}\n\nThe rule of the wiki has the number {n:03d}, in version {version}.\n"
    (world.folder / "wiki" / f"{n:03d}.md").write_text(text)


def ended_syncs(world: System) -> list[Any]:
    return world.query("SELECT * FROM syncs WHERE source = 'wiki' AND ended_at IS NOT NULL ORDER BY started_at")


def assert_read_once(world: System, n_documents: int = 60, *, version: int = 0) -> None:
    """In the index, in the table, and in what the sync counted."""
    (rows,) = world.query(
        "SELECT count(*) AS n, sum(n_chunks) AS n_chunks, count(problem) AS n_problems FROM documents "
        "WHERE source = 'wiki'"
    )
    assert tuple(rows) == (n_documents, n_documents, 0)
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    index = library.active_index.current().index
    assert index.n_chunks("wiki") == n_documents
    found = [chunk.text for chunk in scan.read_chunks(index, [*scan.document_versions(index, "wiki")])]
    assert sorted(found) == [
        f"The rule of the wiki has the number {n:03d}, in version {version}." for n in range(n_documents)
    ]
    assert (
        world.query("SELECT 1 FROM sync_items WHERE sync_id NOT IN (SELECT id FROM syncs WHERE ended_at IS NULL)")
        == []
    )
