"""Mirrors a repository on this machine with the git command line, which knows ssh, credentials and proxies.

Promises: there is no work tree, so no hooks, links or paths lead out of it; one process at a time changes it; a
damaged or incomplete mirror is cloned again by itself; no token is written to disk. Submodules are not followed.
"""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import UserError
from ingest.sources.gitrepo import command
from ingest.sources.gitrepo.command import Credentials, GitError, explain

ASK_SECONDS = 60  # for the branch's commit; what is cloned or fetched may take the mirror's own timeout
READ_SECONDS = 600  # the history of a very large repository
PORTIONS = (500, 5_000, -1)  # commits of history read at a time; what changed lately is found in the first
_REF = "refs/heads/docent"
_LAST_SECOND = 253_402_300_799  # of the year 9999; a commit may bear any date


@dataclass(frozen=True)
class Head:
    """A branch, and the commit it was at."""

    branch: str
    commit: str


@dataclass(frozen=True)
class File:
    """A regular file of a commit. ``blob`` names its content: equal content, equal name."""

    path: str
    blob: str
    n_bytes: int


class Mirror:
    """A mirror of one branch of one repository; without ``branch``, of the one its HEAD names. Thread-safe.

    Every method raises :class:`UserError` when git is missing, or the repository cannot be read.
    """

    def __init__(
        self, folder: Path, location: str, *, branch: str = "", token: str = "", timeout_seconds: float
    ) -> None:
        self.folder = folder
        self._git_folder = folder / "mirror.git"
        self._location = location
        self._branch = branch
        self._timeout_seconds = timeout_seconds
        self._credentials = Credentials.of(location, token)

    def update(self) -> Head:
        """Fetches what is new; returns the commit the branch is at."""
        head = self._remote_head()
        with self._alone() as lock:
            if (commit := self._commit()) != head.commit:
                self._fetch(head, lock, is_new=not commit)
            return Head(head.branch, self._commit())

    def files(self, commit: str, folder: str = "") -> list[File]:
        """Lists the regular files below a folder, with paths from the root; leaves out links and submodules."""
        below = ["--", f"{folder}/"] if folder else []
        tree = self._read("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *below)
        return [file for line in tree.split(b"\0") if line and (file := _parse_file(line))]

    def content(self, blob: str) -> bytes:
        """Reads the content of a file."""
        return self._read("cat-file", "blob", blob)

    def changes(self, commit: str, folder: str, *, skip: int, most: int) -> tuple[dict[str, datetime], int]:
        """Returns when files below a folder were last changed, by path, and how many commits were read for it.

        Reads ``most`` commits (-1: all) older than the newest ``skip``. A merge that differs from both sides
        counts as a change.
        """
        below = ["--", folder] if folder else []
        portion = [f"--skip={skip}", f"--max-count={most}"]
        output = ["-c", "--raw", "-z", "--no-renames", "--format=%ct"]  # -c: changes made by merges, too
        return _parse_changes(self._read("log", *portion, *output, commit, *below))

    def _remote_head(self) -> Head:
        timeout_seconds = min(ASK_SECONDS, self._timeout_seconds)
        ref = f"refs/heads/{self._branch}" if self._branch else "HEAD"
        try:
            answer = self._git("ls-remote", "--symref", "--", self._location, ref, timeout_seconds=timeout_seconds)
        except GitError as error:
            raise explain(error, self._location) from None
        lines = [line.split("\t") for line in answer.decode(errors="replace").splitlines()]
        facts = [words[0] for words in lines if words[-1] == ref]
        branches = [fact.removeprefix("ref: refs/heads/") for fact in facts if fact.startswith("ref: ")]
        commits = [fact for fact in facts if not fact.startswith("ref: ")]
        if not commits and self._branch:
            raise UserError(f"{self._location} has no branch '{self._branch}'. Check the option branch.")
        if not commits:
            raise UserError(f"{self._location} has no commit yet. Push the documents first, or name a branch.")
        return Head(self._branch or (branches or ["HEAD"])[0], commits[0])

    def _commit(self) -> str:
        try:
            return self._local("rev-parse", "--verify", "--quiet", f"{_REF}^{{commit}}").decode().strip()
        except GitError:
            return ""

    def _fetch(self, head: Head, lock: int, *, is_new: bool) -> None:
        if is_new:
            self._clone(head, lock)
            return
        try:
            self._pull(head, lock)
        except GitError as error:
            if error.cause:
                raise explain(error, self._location) from None
            self._clone(head, lock)

    def _clone(self, head: Head, lock: int) -> None:
        """Replaces the mirror: it is damaged, or a process was killed while cloning."""
        shutil.rmtree(self._git_folder, ignore_errors=True)
        try:
            self._pull(head, lock)
        except GitError as error:
            raise explain(error, self._location) from None

    def _pull(self, head: Head, lock: int) -> None:
        # Git inherits the lock: should we be killed, no other process begins before git has ended.
        format_ = "sha256" if len(head.commit) == 64 else "sha1"
        init = ["init", "--quiet", "--bare", "--template=", f"--object-format={format_}", str(self._git_folder)]
        self._git(*init, timeout_seconds=READ_SECONDS, lock=lock)
        source = "HEAD" if head.branch == "HEAD" else f"refs/heads/{head.branch}"
        fetch = ["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
        arguments = [f"--git-dir={self._git_folder}", *fetch, "--", self._location, f"+{source}:{_REF}"]
        self._git(*arguments, timeout_seconds=self._timeout_seconds, lock=lock)

    def _read(self, *arguments: str) -> bytes:
        """Reads from the mirror, or from a new one if this one is damaged."""
        try:
            return self._local(*arguments)
        except GitError:
            head = self._remote_head()
        with self._alone() as lock:
            try:
                return self._local(*arguments)  # another process may have repaired it
            except GitError:
                self._clone(head, lock)
            try:
                return self._local(*arguments)
            except GitError as error:
                raise UserError(
                    f"The copy of {self._location} cannot be read (git: {error.last_line}). Sync again; if "
                    f"that does not help, check the disk below {self.folder}."
                ) from None

    def _local(self, *arguments: str) -> bytes:
        return self._git(f"--git-dir={self._git_folder}", *arguments, timeout_seconds=READ_SECONDS)

    def _git(self, *arguments: str, timeout_seconds: float, lock: int | None = None) -> bytes:
        locks = () if lock is None else (lock,)
        try:
            return command.run(
                *arguments, timeout_seconds=timeout_seconds, credentials=self._credentials, pass_fds=locks
            )
        except TimeoutError:
            raise UserError(
                f"git did not finish within {timeout_seconds:.0f} s for {self._location}. Check that it can be "
                "reached; for a large repository set a longer timeout."
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """Takes a lock between processes, which the system releases with the last process that inherited it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise UserError(f"Cannot write to {self.folder} ({error.strerror}). Check its permissions.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


class Dates:
    """The dates at which the files of a commit were last changed. Thread-safe.

    History is read lazily, in portions of so many commits, and only as far back as needed. Once more than one
    portion was read up to the end, the dates are stored beside the mirror for the next object.
    """

    def __init__(self, mirror: Mirror, commit: str, folder: str, *, portions: Sequence[int] = PORTIONS) -> None:
        self._mirror = mirror
        self._key = [commit, folder]
        self._file = mirror.folder / "dates.json"
        self._lock = threading.Lock()
        self._dates: dict[str, datetime] = {}
        self._n_read = 0
        self._has_loaded = False
        self._portions = list(portions)

    def of(self, path: str) -> datetime | None:
        """Returns the date of a file in UTC; None where history is shallow, or takes too long to read."""
        with self._lock:
            if not self._has_loaded:
                self._load()
            while path not in self._dates and self._portions:
                self._read(self._portions.pop(0))
            return self._dates.get(path)

    def _read(self, most: int) -> None:
        commit, folder = self._key
        try:
            older, n_read = self._mirror.changes(commit, folder, skip=self._n_read, most=most)
        except UserError:
            self._portions.clear()
            return
        self._dates = older | self._dates
        is_first, self._n_read = not self._n_read, self._n_read + n_read
        if n_read < most or most < 0:
            self._portions.clear()
            if not is_first:
                self._store()

    def _load(self) -> None:
        self._has_loaded = True
        try:
            stored = json.loads(self._file.read_bytes())
            if stored["key"] == self._key:
                self._dates = {path: datetime.fromtimestamp(at, UTC) for path, at in stored["seconds"].items()}
                self._portions.clear()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # missing or damaged: history is read instead

    def _store(self) -> None:
        seconds = {path: int(at.timestamp()) for path, at in self._dates.items()}
        unfinished = self._file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with suppress(OSError):
            unfinished.write_text(json.dumps({"key": self._key, "seconds": seconds}))
            unfinished.replace(self._file)


def _parse_file(line: bytes) -> File | None:
    """Parses ``mode type blob size<TAB>path``; None for what is not a regular file."""
    facts, _, path = line.partition(b"\t")
    mode, _, blob, size = facts.decode().split()
    if not mode.startswith("100"):  # 120000 is a symbolic link, 160000 a submodule
        return None
    return File(_decode(path), blob, int(size))


def _decode(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")  # another encoding still gives a name that can be stored


def _parse_changes(log: bytes) -> tuple[dict[str, datetime], int]:
    """Parses commits' times, newest first, each followed by ``:modes blobs status`` and a path per change."""
    dates: dict[str, datetime] = {}
    changed_at = datetime.fromtimestamp(0, UTC)
    n_commits = 0
    parts = iter(log.split(b"\0"))
    for part in parts:
        if part.lstrip(b"\n").startswith(b":"):
            dates.setdefault(_decode(next(parts)), changed_at)
        elif part.strip():
            changed_at = datetime.fromtimestamp(min(int(part), _LAST_SECOND), UTC)
            n_commits += 1
    return dates, n_commits
