"""The documents of a folder: Markdown, text, HTML, PDF and Word files.

Promises to stay inside the folder: a symbolic link that leaves it is skipped, and so is everything hidden.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from agent.errors import UserError
from ingest.source import FetchProblem, Format, Listed, RawDocument

FORMATS: dict[str, Format] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
MAX_BYTES = 5_000_000  # a larger text file is a log or a dump, and one answer's worth of it is noise
MAX_PACKED_BYTES = 50_000_000  # PDF and Word files hold pictures too
_PAGES = {".md", ".markdown", ".txt"}  # a site shows them as pages; other files it serves under their whole name
_TEMPORARY = "~$"  # what Word keeps beside a document that is open


def matches(location: str) -> bool:
    """Anything that is no address of the web is taken for a path."""
    return "://" not in location


def open_source(location: str, *, name: str | None, link: str | None) -> "Folder":
    """The folder at a path; raises :class:`UserError` when there is none or it cannot be read."""
    path = Path(location).expanduser()
    try:
        root = path.resolve(strict=True)
        if not root.is_dir():
            raise UserError(f"{path} is not a folder. Give the folder that holds the documents.")
        os.scandir(root).close()
    except FileNotFoundError:
        raise UserError(f"There is no folder {path}. Check the path.") from None
    except OSError as error:
        raise UserError(f"Cannot read the folder {path} ({error.strerror}). Check its permissions.") from None
    if link is not None and "{path}" not in link:
        raise UserError(f"The link pattern '{link}' lacks {{path}}. Example: https://handbook.example/{{path}}")
    return Folder(root, name=name or root.name or str(root), link=link)


class Folder:
    """A source; a document's uri is its path relative to the folder, with forward slashes."""

    def __init__(self, root: Path, *, name: str, link: str | None) -> None:
        self.root = root
        self.name = name
        self._link = link

    def list(self) -> Iterator[Listed]:
        """Every document, ordered by path; fingerprints are content hashes, or the reason there is none.

        A folder inside that cannot be read is listed itself, its uri ending in a slash.
        """
        for path in sorted(self._walk(self.root)):
            uri = path.relative_to(self.root).as_posix() + "/" * path.is_dir()
            yield Listed(uri=uri, url=self._url(path), fingerprint=_fingerprint(path))

    def fetch(self, uri: str) -> RawDocument:
        """Reads one file; raises :class:`FetchProblem` when it is unreadable, gone or too large."""
        path = self.root / uri
        try:
            if path.stat().st_size > _max_bytes(path):
                limit = f"{_max_bytes(path) // 1_000_000} MB"
                raise FetchProblem(f"larger than {limit}", "split it into smaller documents")
            content, changed = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            raise FetchProblem(f"cannot be read ({error.strerror})", "check its permissions") from None
        return RawDocument(
            content=content,
            format=FORMATS[path.suffix.lower()],
            title=_title(path, self.root),
            updated_at=datetime.fromtimestamp(changed, UTC),
        )

    def _walk(self, folder: Path) -> Iterator[Path]:
        try:
            entries = [*os.scandir(folder)]
        except OSError:
            yield folder  # listed, so that its fetch tells why, and its documents are not taken for removed
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith((".", _TEMPORARY)) or (entry.is_symlink() and not self._holds(path)):
                continue
            if entry.is_dir(follow_symlinks=False):  # a link to a folder inside would repeat it
                yield from self._walk(path)
            elif path.suffix.lower() in FORMATS and entry.is_file():
                yield path

    def _holds(self, link: Path) -> bool:
        try:
            return link.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # a loop of links
            return False

    def _url(self, path: Path) -> str:
        if self._link is None:
            return path.as_uri()
        name = path.relative_to(self.root)
        relative = (name.with_suffix("") if path.suffix.lower() in _PAGES else name).as_posix()
        if path.stem == "index" and FORMATS[path.suffix.lower()] in {"markdown", "text", "html"}:
            relative = relative[: -len(Path(relative).name)]  # a folder's index stands under the folder's address
        return self._link.replace("{path}", quote(relative))


def _max_bytes(path: Path) -> int:
    return MAX_PACKED_BYTES if FORMATS.get(path.suffix.lower()) in {"pdf", "docx"} else MAX_BYTES


def _fingerprint(path: Path) -> str:
    try:
        if path.stat().st_size > _max_bytes(path):
            return f"size:{path.stat().st_size}"
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"error:{error.errno}"


def _title(path: Path, root: Path) -> str:
    is_index = path.stem.lower() in {"index", "readme"} and path.parent != root
    words = (path.parent.name if is_index else path.stem).replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]
