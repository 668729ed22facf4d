"""Indexes the documents of a question set for one run, in an index and a database that are deleted at its end.

The database is on an embedded server of its own, not in the company's database: its documents appear in no list,
no sync waits for them, and a run that is killed leaves nothing behind there.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.store.database import Database
from bot.processes import environment
from bot.processes.embedded import embedded_servers
from ingest.documents import formats
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.library import Library
from ingest.progress import Progress
from ingest.settings import IngestSettings
from ingest.sources import connector
from ingest.sources.connector import ListedDocument
from ingest.sync.reports import SyncReport


@dataclass(frozen=True)
class IsolatedIndex:
    """The run's library, the database behind it, and the report of the sync that filled it."""

    library: Library
    database: Database
    report: SyncReport


class JsonLines:
    """A source of documents in a file: JSON objects with ``id``, ``text`` and optionally ``title``, one per line.

    An id that is a file's path gives the document that file's format.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.absolute().parent.name
        self._documents = dict(_read(path))

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Lists every document."""
        for id_, document in self._documents.items():
            content = json.dumps(document, sort_keys=True).encode()
            yield ListedDocument(id_, f"set://{self.name}/{id_}", hashlib.sha256(content).hexdigest())

    def fetch(self, uri: str) -> RawDocument:
        """Returns a document as plain text, unless its id has the extension of Markdown or HTML."""
        document = self._documents[uri]
        format_ = formats.find_format(uri)
        text_format = format_ if format_ in (Format.MARKDOWN, Format.HTML) else Format.TEXT
        return RawDocument(str(document["text"]).encode(), text_format, str(document.get("title") or uri))


@contextmanager
def build(documents: Path, settings: IngestSettings, *, progress: Progress) -> Iterator[IsolatedIndex]:
    """Indexes the documents, a file of JSON lines or a folder, with the embedding model of the settings.

    Deletes the index on exit. Raises :class:`UserError` with the number of the line that is not a document.
    """
    source = _open_folder(documents, settings) if documents.is_dir() else JsonLines(documents)
    with (
        tempfile.TemporaryDirectory(prefix="docent-eval-", ignore_cleanup_errors=True) as folder,
        embedded_servers.start(Path(folder) / "servers", is_durable=False) as servers,
    ):
        environment.migrate(servers.database_url)
        database = Database(servers.database_url, statement_timeout_seconds=30)
        try:
            own = {"home": Path(folder), "index_uri": str(Path(folder) / "index")}
            library = Library(database, settings.model_copy(update=own))
            yield IsolatedIndex(library, database, library.sync(source, progress=progress))
        finally:
            database.close()


def _open_folder(folder: Path, settings: IngestSettings) -> connector.Source:
    options = connector.validate_options({"type": "folder", "location": str(folder)}, where=str(folder))
    return connector.open_source(options, home=settings.home)


def _read(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    with path.open(encoding="utf-8") as lines:
        for n, line in enumerate(lines, 1):
            if line.strip():
                yield _parse_document(line, f"{path}, line {n}")


def _parse_document(line: str, where: str) -> tuple[str, Mapping[str, object]]:
    try:
        document = json.loads(line)
        id_ = document.get("id", document.get("_id")) or document["uri"]
        return str(id_), {**document, "text": document["text"]}
    except (ValueError, KeyError, AttributeError):
        raise UserError(f"{where} is not a document. Write a JSON object with 'id' and 'text'.") from None
