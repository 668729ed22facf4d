"""Documents that belong to a set, indexed apart: an index and a database of the run's own, gone afterwards.

A server of its own, from the wheel, and not a part of the company's database: nobody's list of documents shows
them, no sync waits for them, and whatever ends the run leaves nothing behind there.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.store.database import Database
from bot.processes import environment
from bot.processes.embedded import embedded_servers
from ingest.documents import formats
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.library import Library
from ingest.settings import IngestSettings
from ingest.sources.connector import ListedDocument
from ingest.sync.reports import SyncReport


@dataclass(frozen=True)
class IsolatedIndex:
    """The library of the run, the database behind it, and how reading in went."""

    library: Library
    database: Database
    report: SyncReport


class JsonLines:
    """A source: a JSON object a line, with ``id``, ``text`` and perhaps ``title``. An id may be a file's path."""

    def __init__(self, path: Path) -> None:
        self.name = path.absolute().parent.name
        self._documents = dict(_read(path))

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Every document."""
        for id_, document in self._documents.items():
            given = json.dumps(document, sort_keys=True).encode()
            yield ListedDocument(id_, f"set://{self.name}/{id_}", hashlib.sha256(given).hexdigest())

    def fetch(self, uri: str) -> RawDocument:
        """One of them; text, unless its id promises another format."""
        document = self._documents[uri]
        format_ = formats.find_format(uri)
        readable = format_ if format_ in (Format.MARKDOWN, Format.HTML) else Format.TEXT
        return RawDocument(str(document["text"]).encode(), readable, str(document.get("title") or uri))


@contextmanager
def build(
    documents: Path, settings: IngestSettings, *, progress: Callable[[int, int | None], None]
) -> Iterator[IsolatedIndex]:
    """Reads the documents in with the embedding model of the settings; ``progress`` hears done and to do.

    Raises :class:`UserError` that names the line which is not understood.
    """
    source = JsonLines(documents)
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


def _read(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as lines:
        for n, line in enumerate(lines, 1):
            if line.strip():
                yield _document(line, f"{path}, line {n}")


def _document(line: str, where: str) -> tuple[str, Mapping[str, Any]]:
    try:
        document = json.loads(line)
        return str(document.get("id", document.get("_id")) or document["uri"]), {
            **document,
            "text": document["text"],
        }
    except (ValueError, KeyError, AttributeError):
        raise UserError(f"{where} is no document. Write a JSON object with 'id' and 'text'.") from None
