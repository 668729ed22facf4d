"""Lists and reads the documents of a Git repository: the files of one branch, or of a folder of it.

Promises that what is unchanged is not read, whatever else was committed. Leaves out hidden files, symbolic links
and submodules. Its mirror of the repository can be deleted at any time; the next sync clones it again.

In ``docent.toml``::

    [sources.wiki]
    location = "https://github.com/acme/wiki.git"
    folder = "docs"
    token_env = "WIKI_TOKEN"
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator

from agent.errors import UserError
from ingest.documents import formats, links
from ingest.documents.anchors import AnchorStyle
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.durations import Duration
from ingest.sources import connector
from ingest.sources.connector import ListedDocument
from ingest.sources.gitrepo.mirror import Dates, File, Mirror

_SCHEMES = {"https", "http", "ssh", "git", "file"}
_SCP = re.compile(r"(?!-)(?:[\w.-]+@)?(?P<host>[\w.-]{2,}):(?!//)(?P<path>[^:]+)")  # one letter is a drive
_BRANCH = re.compile(r"(?!-)[^\s~^:?*\[\\\x00-\x1f\x7f]*")
_TEMPORARY = "~$"
_HOSTS = {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"}  # a browser's address there will do
_VIEWS = {"gitlab": "-/blob/", "bitbucket": "src/", "codeberg": "src/branch/", "github": "blob/"}
_POINTER = b"version https://git-lfs.github.com/spec/"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class GitOptions(connector.SourceOptions):
    """The options of a source of type ``git``.

    ``location`` is the repository's address, for https or ssh, or a path; without ``branch`` the branch is the one
    that the repository's HEAD names.
    """

    branch: str = ""
    folder: str = Field(default="", description="Only what is below this folder; paths are then relative to it")
    token_env: str = Field(default="", description="The environment variable that holds a token, for https")
    timeout: Duration = Field(default=timedelta(minutes=30), description="For cloning and fetching")
    anchors: AnchorStyle | None = Field(default=None, description="How the site that shows it names its sections")

    @property
    def needs_login(self) -> bool:
        """Returns whether a token or a key of ssh is sent; there is no ssh without one."""
        is_scp = "@" in self.location and "://" not in self.location and bool(_SCP.fullmatch(self.location))
        return bool(self.token_env) or is_scp or self.location.startswith("ssh://")

    @field_validator("location")
    @classmethod
    def _check_location(cls, location: str) -> str:
        parts = urlsplit(location)
        if parts.password or (parts.username and parts.scheme in {"http", "https"}):
            # Not a ValueError: that would be shown together with the location.
            raise UserError(
                f"The address of the repository on {parts.hostname} holds a name or password. Leave out the "
                "part before the @, and name an environment variable that holds a token by token_env."
            )
        if "::" in location or ("://" in location and parts.scheme not in _SCHEMES):
            raise ValueError("a repository has an address such as https://…, ssh://…, git@host:path, or a path")
        return location

    @field_validator("branch")
    @classmethod
    def _check_branch(cls, branch: str) -> str:
        if not _BRANCH.fullmatch(branch):
            raise ValueError("that is not a valid name of a branch")
        return branch

    @field_validator("folder")
    @classmethod
    def _check_folder(cls, folder: str) -> str:
        if ".." in folder.split("/"):
            raise ValueError("give a folder of the repository, such as docs/handbook")
        return "/".join(part for part in folder.split("/") if part not in {"", "."})


OPTIONS = GitOptions


def matches(location: str) -> bool:
    """Returns whether a location is a repository's: ``….git``, ``user@host:path``, ``ssh://…``, ``git://…``, or a
    repository's page on one of the large public hosts."""
    parts = urlsplit(location)
    is_page = parts.hostname in _HOSTS and len(parts.path.strip("/").split("/")) == 2
    is_address = location.startswith(("ssh://", "git://")) or ("@" in location and bool(_SCP.fullmatch(location)))
    return is_page or is_address or location.rstrip("/").endswith(".git")


def open_source(options: GitOptions, *, cache_folder: Path) -> "GitSource":
    """Opens a repository without connecting; raises :class:`UserError` when its address or token is missing."""
    if not options.location:
        raise UserError("A git source needs a location: the address of its repository, such as https://….")
    mirror = Mirror(
        cache_folder,
        _address(options.location),
        branch=options.branch,
        token=_token(options),
        timeout_seconds=options.timeout.total_seconds(),
    )
    return GitSource(mirror, options)


@dataclass(frozen=True)
class _Version:
    """The documents of one commit, by uri."""

    branch: str
    files: Mapping[str, File]
    dates: Dates


class GitSource:
    """A repository; a document's uri is its path relative to the folder that is read. Thread-safe."""

    def __init__(self, mirror: Mirror, options: GitOptions) -> None:
        address = options.location.rstrip("/").removesuffix(".git").rstrip("/")
        self.name = options.name or re.split(r"[/:]", address)[-1] or options.location
        self._mirror = mirror
        self._options = options
        self._anchors = options.anchors or _guess_anchors(options)
        self._lock = threading.Lock()
        self._version: _Version | None = None

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Lists every document of the branch as it is now; fingerprints are git's ids of blobs."""
        with self._lock:
            version = self._version = self._newest()
        for uri, file in version.files.items():
            yield ListedDocument(uri, self._url(version, uri), file.blob, anchors=self._anchors)

    def fetch(self, uri: str) -> RawDocument:
        """Reads one document of the version that was listed; without a listing, of the newest, which is asked for
        once. Raises :class:`FetchProblem`."""
        format_ = formats.find_format(uri)
        if format_ is None:
            raise FetchProblem(*formats.explain_refusal(uri))
        try:
            version = self._current()
            file = version.files.get(uri)
            if file is None:
                raise FetchProblem("is no longer in the repository", "sync again", may_pass=True)
            if file.n_bytes > formats.max_bytes(uri):
                limit = f"{formats.max_bytes(uri) // 1_000_000} MB"
                raise FetchProblem(f"larger than {limit}", "split it into smaller documents")
            content = self._mirror.content(file.blob)
            updated_at = version.dates.of(file.path)
        except UserError as error:
            cause, _, advice = str(error).partition(". ")
            raise FetchProblem(cause, advice.rstrip(".") or "sync again", may_pass=True) from error
        if content.startswith(_POINTER):
            raise FetchProblem(
                "is a pointer to a file in Git LFS",
                "commit the file itself, or sync a folder in which 'git lfs pull' was run",
            )
        return RawDocument(content, format_, formats.title_from_path(uri), updated_at, self._anchors)

    def _current(self) -> _Version:
        with self._lock:
            if self._version is None:
                self._version = self._newest()
            return self._version

    def _newest(self) -> _Version:
        head, folder = self._mirror.update(), self._options.folder
        files = self._mirror.files(head.commit, folder)
        if folder and not files:
            raise UserError(
                f"There is no folder '{folder}' on branch '{head.branch}' of {self._options.location}. Check the "
                "option folder."
            )
        by_uri = {file.path[len(folder) + 1 if folder else 0 :]: file for file in files}
        documents = {uri: file for uri, file in by_uri.items() if self._takes(uri)}
        return _Version(head.branch, documents, Dates(self._mirror, head.commit, folder))

    def _takes(self, uri: str) -> bool:
        is_hidden = any(part.startswith((".", _TEMPORARY)) for part in uri.split("/"))
        return not is_hidden and not formats.is_ignored(uri) and self._options.takes(uri)

    def _url(self, version: _Version, uri: str) -> str:
        path = version.files[uri].path
        if self._options.link:
            return links.expand(self._options.link, uri)
        return f"{_view_url(self._options.location)}{quote(version.branch)}/{quote(path)}"


def _guess_anchors(options: GitOptions) -> AnchorStyle:
    """Returns how the repository's own pages name sections; of another site only an option could say it."""
    if options.link:
        return AnchorStyle.IDS
    return AnchorStyle.GITLAB if "gitlab" in options.location.lower() else AnchorStyle.GITHUB


def _token(options: GitOptions) -> str:
    if not options.token_env:
        return ""
    parts = urlsplit(options.location)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UserError(f"A token is sent over https only, and {options.location} is not an https address.")
    if token := os.environ.get(options.token_env, ""):
        return token
    raise UserError(
        f"The environment variable {options.token_env} is not set. Set it, where Docent runs, to the token for "
        f"{options.location}."
    )


def _address(location: str) -> str:
    """Returns what git is given: a path must not depend on the folder a process runs in."""
    if "://" in location or (_SCP.fullmatch(location) and not Path(location).exists()):
        return location
    return str(Path(location).expanduser().absolute())


def _view_url(location: str) -> str:
    """Returns where the host shows files of a branch; without a website for that, the repository's own address."""
    scp = _SCP.fullmatch(location)
    parts = urlsplit(location)
    host = (scp["host"] if scp and "://" not in location else parts.hostname) or ""
    path = (scp["path"] if scp and "://" not in location else parts.path).strip("/").removesuffix(".git")
    view_path = next((view for name, view in _VIEWS.items() if name in host), "")
    if view_path or parts.scheme in {"http", "https"}:
        port = f":{parts.port}" if parts.scheme in {"http", "https"} and parts.port else ""
        scheme = "http" if parts.scheme == "http" else "https"
        return f"{scheme}://{host}{port}/{path}/{view_path or _VIEWS['github']}"
    if host:
        return f"ssh://{host}/{path}/"
    return f"{Path(urlsplit(location).path).expanduser().absolute().as_uri()}/"
