"""Lists and reads the documents of a folder.

Promises to stay inside the folder: a symbolic link that leads out of it is skipped, and so is everything hidden,
also behind a link.

In ``docent.toml``::

    [sources.handbook]
    location = "docs/handbook"
    include = ["*.md", "*.pdf"]
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydantic import Field

from agent.errors import UserError
from ingest.documents import formats, links
from ingest.documents.anchors import AnchorStyle
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.sources import connector
from ingest.sources.connector import UNREAD, ListedDocument

_REPOSITORY = re.compile(r"^[\w.-]+@[\w.-]+:|\.git/?$")
_HIDDEN = (".", "~$")  # the latter is what Word puts beside a document that is open


class FolderOptions(connector.SourceOptions):
    """The options of a source of type ``folder``. ``location`` is the folder's path."""

    anchors: AnchorStyle = Field(
        default=AnchorStyle.IDS, description="How the site at ``link`` names its sections"
    )


OPTIONS = FolderOptions


class NoFolder(UserError):
    """There is no such folder on this machine, or it cannot be read here."""


def matches(location: str) -> bool:
    """Returns whether a location may be a path: neither a web address, nor a repository's, nor ``slack``."""
    return "://" not in location and location != "slack" and not _REPOSITORY.search(location)


def open_source(options: FolderOptions, *, cache_folder: Path) -> "FolderSource":
    """Opens the folder at a path; raises :class:`UserError` when there is none or it cannot be read."""
    path = Path(options.location).expanduser()
    try:
        root = path.resolve(strict=True)
        if not root.is_dir():
            raise NoFolder(f"{path} is not a folder. Give the folder that holds the documents.")
        os.scandir(root).close()
    except FileNotFoundError:
        raise NoFolder(f"There is no folder {path}. Check the path.") from None
    except OSError as error:
        raise NoFolder(f"Cannot read the folder {path} ({error.strerror}). Check its permissions.") from None
    return FolderSource(root, options)


class FolderSource:
    """A folder; a document's uri is its path relative to it, with forward slashes."""

    def __init__(self, root: Path, options: FolderOptions) -> None:
        self.root = root
        self.name = options.name or root.name or str(root)
        self._options = options

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Lists every document; fingerprints are content hashes, or tell why there is none."""
        for path in self._walk(self.root):
            uri = path.relative_to(self.root).as_posix()
            if path.is_dir():
                yield ListedDocument(f"{uri}/", path.as_uri(), UNREAD)
            elif self._options.takes(uri):
                yield ListedDocument(uri, self._url(path, uri), _fingerprint(path), anchors=self._options.anchors)

    def fetch(self, uri: str) -> RawDocument:
        """Reads one file; raises :class:`FetchProblem` when it is no document, unreadable, gone or too large."""
        format_ = formats.find_format(uri)
        if format_ is None and not uri.endswith("/"):
            raise FetchProblem(*formats.explain_refusal(uri))
        path = self.root / uri
        if not self._contains(path):  # a link was put in its place since it was listed
            raise FetchProblem("leads out of the folder, or to something hidden", "remove the link, or sync again")
        try:
            if path.stat().st_size > formats.max_bytes(uri):
                limit = f"{formats.max_bytes(uri) // 1_000_000} MB"
                raise FetchProblem(f"larger than {limit}", "split it into smaller documents")
            content, changed_at = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            cause = f"cannot be read ({error.strerror})"
            raise FetchProblem(cause, "check its permissions", may_pass=True) from None
        assert format_
        moment = datetime.fromtimestamp(changed_at, UTC)
        return RawDocument(content, format_, formats.title_from_path(uri), moment, self._options.anchors)

    def _walk(self, folder: Path) -> Iterator[Path]:
        try:
            entries = [*os.scandir(folder)]
        except OSError:
            yield folder  # listed, so that fetching it tells why and its documents do not count as removed
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(_HIDDEN) or (entry.is_symlink() and not self._contains(path)):
                continue
            if entry.is_dir(follow_symlinks=False):  # a link to a folder inside would repeat it
                yield from self._walk(path)
            elif not formats.is_ignored(entry.name) and entry.is_file():
                yield path

    def _contains(self, link: Path) -> bool:
        """Returns whether a path leads to something inside the folder that is not hidden."""
        try:
            parts = link.resolve().relative_to(self.root).parts
        except (OSError, RuntimeError, ValueError):  # a loop of links, or one that leads out
            return False
        return not any(part.startswith(_HIDDEN) for part in parts)

    def _url(self, path: Path, uri: str) -> str:
        return links.expand(self._options.link, uri) if self._options.link else path.as_uri()


def _fingerprint(path: Path) -> str:
    try:
        if path.stat().st_size > formats.max_bytes(path.name):
            return f"size:{path.stat().st_size}"
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"error:{error.errno}"
