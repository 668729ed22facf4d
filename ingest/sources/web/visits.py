"""Stores what is known of a site between two listings, and documents from their listing until they are fetched.

Losing these files costs one full read of the site; a broken one is replaced. One process lists at a time; several
may fetch documents.
"""

import json
import shutil
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NotRequired, Self, TypedDict

from agent.errors import UserError
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument

VERSION = 3  # raise it when pages are interpreted differently: what was stored is then dropped
MAX_PENDING_BYTES = 1_000_000_000  # of documents that wait to be fetched; others are requested again


@dataclass(frozen=True)
class Visit:
    """What a page said when last read; ``fingerprint`` is empty where it is no document, ``canonical`` names the
    page to read instead, ``body`` is of the main text's ``n_words`` but for what address and moment change."""

    etag: str = ""
    last_modified: str = ""
    fingerprint: str = ""
    body: str = ""
    n_words: int = 0
    canonical: str = ""
    links: tuple[str, ...] = ()
    unread_since: float = 0.0  # Unix time; of a page that has failed every time

    @property
    def is_document(self) -> bool:
        """Returns whether the page is a document under this very address."""
        return bool(self.fingerprint) and not self.canonical

    @property
    def conditions(self) -> Mapping[str, str]:
        """Returns the headers that request it only if it has changed; none where the site cannot tell."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


class PendingHead(TypedDict):
    """What is stored of a pending document beside its content."""

    format: Format
    title: str
    updated_at: NotRequired[str]


class Visits:
    """The latest visits by address. ``is_whole`` tells that some listing has come to its end.

    Raises :class:`UserError` when the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _open_or_replace(folder / "visits.sqlite")
        except (OSError, sqlite3.DatabaseError) as error:
            raise UserError(f"Cannot write to {folder} ({error}). Check its permissions, and the disk.") from None
        self.is_whole = bool(self._file.execute("SELECT EXISTS (SELECT 1 FROM ended)").fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, url: str) -> Visit | None:
        """Returns the latest visit of an address."""
        row = self._file.execute("SELECT visit FROM visits WHERE url = ?", (url,)).fetchone()
        if row is None:
            return None
        fields = json.loads(row[0])
        return Visit(**{**fields, "links": tuple(fields["links"])})

    def store(self, url: str, visit: Visit) -> None:
        """Replaces the visit of an address."""
        self._file.execute("INSERT OR REPLACE INTO visits VALUES (?, ?)", (url, json.dumps(asdict(visit))))

    def end(self, urls: Collection[str]) -> None:
        """Records that a listing has come to its end; forgets every page but those it requested."""
        rows = self._file.execute("SELECT url FROM visits").fetchall()
        gone = [row for row in rows if row[0] not in urls]
        self._file.executemany("DELETE FROM visits WHERE url = ?", gone)
        self._file.execute("INSERT OR IGNORE INTO ended VALUES (1)")


class PendingDocuments:
    """Documents that were read while listing, so that no page is requested twice; each is taken once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "documents"
        self._n_bytes = 0

    def clear(self) -> None:
        """Removes what an earlier listing left behind."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._n_bytes = 0

    def put(self, uri: str, raw: RawDocument) -> None:
        """Stores a document, unless there are too many bytes already or the disk is full."""
        self._n_bytes += len(raw.content)
        if self._n_bytes > MAX_PENDING_BYTES:
            return
        head = PendingHead(format=raw.format, title=raw.title)
        if raw.updated_at:
            head["updated_at"] = raw.updated_at.isoformat()
        path = self._path(uri)
        unfinished = path.with_suffix(".new")
        with suppress(OSError):  # a full disk: the page is requested again
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(json.dumps(head).encode() + b"\n" + raw.content)
            unfinished.rename(path)

    def take(self, uri: str) -> RawDocument | None:
        """Returns a document and removes it; None where it is not stored."""
        path = self._path(uri)
        try:
            first_line, _, content = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        with suppress(OSError):
            path.unlink()
        head: PendingHead = json.loads(first_line)
        updated_at = datetime.fromisoformat(head["updated_at"]) if "updated_at" in head else None
        return RawDocument(content, head["format"], head["title"], updated_at)

    def _path(self, uri: str) -> Path:
        return self._folder / sha256(uri.encode()).hexdigest()


def _open_or_replace(path: Path) -> sqlite3.Connection:
    try:
        return _open(path)
    except sqlite3.DatabaseError:
        path.unlink()
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")  # a power failure may cost all of it, which is acceptable
        if file.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            file.executescript("DROP TABLE IF EXISTS visits; DROP TABLE IF EXISTS ended")
            file.execute(f"PRAGMA user_version = {VERSION}")
        file.execute("CREATE TABLE IF NOT EXISTS visits (url TEXT PRIMARY KEY, visit TEXT NOT NULL)")
        file.execute("CREATE TABLE IF NOT EXISTS ended (listing INTEGER PRIMARY KEY)")
    except sqlite3.DatabaseError:
        file.close()
        raise
    return file
