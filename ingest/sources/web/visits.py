"""What is kept of a site between two listings, and from a listing until its documents are fetched.

Losing it costs one full read of the site; a file that is broken is made anew. One process lists at a time; several
may take documents.
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
from typing import Any, Self

from agent.errors import UserError
from ingest.documents.raw import RawDocument

VERSION = 1  # raise it when a page is judged otherwise than before: what was kept is then forgotten
MAX_SHELF_BYTES = 1_000_000_000  # of documents that wait for their fetch; what is beyond is asked for again


@dataclass(frozen=True)
class Visit:
    """What a page said when last read; ``fingerprint`` is empty where it is no document, ``canonical`` is the page
    to look at instead."""

    etag: str = ""
    last_modified: str = ""
    fingerprint: str = ""
    canonical: str = ""
    links: tuple[str, ...] = ()
    unread_since: float = 0.0  # Unix time; of a page that failed each time

    @property
    def is_document(self) -> bool:
        return bool(self.fingerprint) and not self.canonical

    @property
    def conditions(self) -> Mapping[str, str]:
        """The headers that ask for it only if it has changed; none where the site cannot tell."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


class Visits:
    """Visits by address. ``is_whole`` tells that they are all of some listing, which came to its end.

    Raises :class:`UserError` when nothing can be kept at the place.
    """

    def __init__(self, place: Path) -> None:
        path = place / "visits.sqlite"
        try:
            place.mkdir(parents=True, exist_ok=True)
            self._file = _opened_or_anew(path)
        except (OSError, sqlite3.DatabaseError) as error:
            raise UserError(f"Cannot write to {place} ({error}). Check its permissions, and the disk.") from None
        self.is_whole = bool(self._file.execute("SELECT EXISTS (SELECT 1 FROM ended)").fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of(self, url: str) -> Visit | None:
        row = self._file.execute("SELECT visit FROM visits WHERE url = ?", (url,)).fetchone()
        if row is None:
            return None
        kept = json.loads(row[0])
        return Visit(**{**kept, "links": tuple(kept["links"])})

    def keep(self, url: str, visit: Visit) -> None:
        self._file.execute("INSERT OR REPLACE INTO visits VALUES (?, ?)", (url, json.dumps(asdict(visit))))

    def end(self, urls: Collection[str]) -> None:
        """The listing has come to its end: forgets every page but those it asked for."""
        rows = self._file.execute("SELECT url FROM visits").fetchall()
        gone = [row for row in rows if row[0] not in urls]
        self._file.executemany("DELETE FROM visits WHERE url = ?", gone)
        self._file.execute("INSERT OR IGNORE INTO ended VALUES (1)")


class PendingDocuments:
    """Documents that were read while listing, so that no page is asked for twice; each is taken once."""

    def __init__(self, place: Path) -> None:
        self._folder = place / "documents"
        self._n_bytes = 0

    def clear(self) -> None:
        """Removes what an earlier listing left behind."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._n_bytes = 0

    def put(self, uri: str, raw: RawDocument) -> None:
        self._n_bytes += len(raw.content)
        if self._n_bytes > MAX_SHELF_BYTES:
            return
        said = {"format": raw.format, "title": raw.title}
        said |= {"updated_at": raw.updated_at.isoformat()} if raw.updated_at else {}
        path = self._path(uri)
        unfinished = path.with_suffix(".new")
        with suppress(OSError):  # a full disk: it is asked for again
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(json.dumps(said).encode() + b"\n" + raw.content)
            unfinished.rename(path)

    def take(self, uri: str) -> RawDocument | None:
        path = self._path(uri)
        try:
            head, _, content = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        with suppress(OSError):
            path.unlink()
        said: dict[str, Any] = json.loads(head)
        updated_at = datetime.fromisoformat(said["updated_at"]) if "updated_at" in said else None
        return RawDocument(content, said["format"], said["title"], updated_at)

    def _path(self, uri: str) -> Path:
        return self._folder / sha256(uri.encode()).hexdigest()


def _opened_or_anew(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.DatabaseError:
        path.unlink()
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")  # a power failure may cost it all
        if file.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            file.executescript("DROP TABLE IF EXISTS visits; DROP TABLE IF EXISTS ended")
            file.execute(f"PRAGMA user_version = {VERSION}")
        file.execute("CREATE TABLE IF NOT EXISTS visits (url TEXT PRIMARY KEY, visit TEXT NOT NULL)")
        file.execute("CREATE TABLE IF NOT EXISTS ended (listing INTEGER PRIMARY KEY)")
    except sqlite3.DatabaseError:
        file.close()
        raise
    return file
