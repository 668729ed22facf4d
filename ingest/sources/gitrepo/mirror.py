"""A repository's mirror on this machine, kept by the git command line: it knows ssh, credentials and proxies.

Promises: no work tree, so no hooks, links or paths out of it; one process at a time changes it; one that is
damaged or half made is made anew by itself; no token stands on disk. Submodules are not followed.
"""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import UserError
from ingest.sources.gitrepo import command
from ingest.sources.gitrepo.command import Credentials, GitError, in_words

ASK_SECONDS = 60  # for the branch's commit; what is cloned or fetched may take the mirror's own timeout
READ_SECONDS = 600  # the history of a very large repository
PORTIONS = (500, 5_000, -1)  # commits of history read at a time; what changed lately is found in the first
_REF = "refs/heads/docent"
_LAST_SECOND = 253_402_300_799  # of the year 9999; whoever commits may write any date


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
    """One branch of one repository; without ``branch``, the one its HEAD names. Thread-safe.

    Every method raises :class:`UserError` when git is not there, or the repository cannot be read.
    """

    def __init__(
        self, place: Path, location: str, *, branch: str = "", token: str = "", timeout_seconds: float
    ) -> None:
        self.place = place
        self._folder = place / "mirror.git"
        self._location = location
        self._branch = branch
        self._timeout_seconds = timeout_seconds
        self._credentials = Credentials.of(location, token)

    def update(self) -> Head:
        """Fetches what is new; returns where the branch is."""
        head = self._remote_head()
        with self._alone() as lock:
            if (have := self._commit()) != head.commit:
                self._fetch(head, lock, is_new=not have)
            return Head(head.branch, self._commit())

    def files(self, commit: str, folder: str = "") -> list[File]:
        """The regular files below a folder, their paths from the root; neither links nor submodules."""
        below = ["--", f"{folder}/"] if folder else []
        listed = self._read("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *below)
        return [file for line in listed.split(b"\0") if line and (file := _file(line))]

    def content(self, blob: str) -> bytes:
        """The content of a file."""
        return self._read("cat-file", "blob", blob)

    def changes(self, commit: str, folder: str, *, skip: int, most: int) -> tuple[dict[str, datetime], int]:
        """When files below a folder were last changed, by path, in ``most`` commits (-1: all) after the newest
        ``skip``; and how many commits these were."""
        below = ["--", folder] if folder else []
        # -c: a merge that differs from both sides changed something, too.
        portion = [f"--skip={skip}", f"--max-count={most}"]
        shown = ["-c", "--raw", "-z", "--no-renames", "--format=%ct"]
        return _changes(self._read("log", *portion, *shown, commit, *below))

    def _remote_head(self) -> Head:
        timeout_seconds = min(ASK_SECONDS, self._timeout_seconds)
        wanted = f"refs/heads/{self._branch}" if self._branch else "HEAD"
        try:
            answer = self._git(
                "ls-remote", "--symref", "--", self._location, wanted, timeout_seconds=timeout_seconds
            )
        except GitError as failed:
            raise in_words(failed, self._location) from None
        lines = [line.split("\t") for line in answer.decode(errors="replace").splitlines()]
        facts = [words[0] for words in lines if words[-1] == wanted]
        named = [fact.removeprefix("ref: refs/heads/") for fact in facts if fact.startswith("ref: ")]
        commits = [fact for fact in facts if not fact.startswith("ref: ")]
        if not commits and self._branch:
            raise UserError(f"{self._location} has no branch '{self._branch}'. Check the option branch.")
        if not commits:
            raise UserError(f"{self._location} holds no commit. Push the documents first, or name a branch.")
        return Head(self._branch or (named or ["HEAD"])[0], commits[0])

    def _commit(self) -> str:
        try:
            return self._local("rev-parse", "--verify", "--quiet", f"{_REF}^{{commit}}").decode().strip()
        except GitError:
            return ""

    def _fetch(self, head: Head, lock: int, *, is_new: bool) -> None:
        if is_new:
            self._renew(head, lock)
            return
        try:
            self._pull(head, lock)
        except GitError as failed:
            if failed.cause:
                raise in_words(failed, self._location) from None
            self._renew(head, lock)

    def _renew(self, head: Head, lock: int) -> None:
        """Instead of what is damaged, or what a process that was killed had begun."""
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._pull(head, lock)
        except GitError as failed:
            raise in_words(failed, self._location) from None

    def _pull(self, head: Head, lock: int) -> None:
        # Git keeps the lock with us, so that what a killed process began is ended before another begins.
        format_ = "sha256" if len(head.commit) == 64 else "sha1"
        init = ["init", "--quiet", "--bare", "--template=", f"--object-format={format_}", str(self._folder)]
        self._git(*init, timeout_seconds=READ_SECONDS, lock=lock)
        source = "HEAD" if head.branch == "HEAD" else f"refs/heads/{head.branch}"
        fetch = ["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
        arguments = [f"--git-dir={self._folder}", *fetch, "--", self._location, f"+{source}:{_REF}"]
        self._git(*arguments, timeout_seconds=self._timeout_seconds, lock=lock)

    def _read(self, *arguments: str) -> bytes:
        """Reads from the mirror, from a new one if this one is damaged."""
        try:
            return self._local(*arguments)
        except GitError:
            head = self._remote_head()
        with self._alone() as lock:
            try:
                return self._local(*arguments)  # another process has mended it
            except GitError:
                self._renew(head, lock)
            try:
                return self._local(*arguments)
            except GitError as failed:
                raise UserError(
                    f"The copy of {self._location} cannot be read (git: {failed.said}). Sync again; if "
                    f"that does not help, check the disk below {self.place}."
                ) from None

    def _local(self, *arguments: str) -> bytes:
        return self._git(f"--git-dir={self._folder}", *arguments, timeout_seconds=READ_SECONDS)

    def _git(self, *arguments: str, timeout_seconds: float, lock: int | None = None) -> bytes:
        keep = () if lock is None else (lock,)
        try:
            return command.run(
                *arguments, timeout_seconds=timeout_seconds, credentials=self._credentials, keep=keep
            )
        except TimeoutError:
            raise UserError(
                f"git did not end within {timeout_seconds:.0f} s for {self._location}. Check that it can be "
                "reached; a large repository takes a longer timeout."
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """Holds a lock between processes, which the system drops with the last of them that has it."""
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.place / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise UserError(f"Cannot write to {self.place} ({error.strerror}). Check its permissions.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


class Dates:
    """When each file of a commit was last changed. Thread-safe.

    History is read only as far back as was asked; once it was read to its end and that took more than a moment,
    the dates are kept in the mirror's place for the next object.
    """

    def __init__(self, mirror: Mirror, commit: str, folder: str) -> None:
        self._mirror = mirror
        self._key = [commit, folder]
        self._file = mirror.place / "dates.json"
        self._lock = threading.Lock()
        self._found: dict[str, datetime] = {}
        self._n_read = 0
        self._has_recalled = False
        self._portions = list(PORTIONS)

    def of(self, path: str) -> datetime | None:
        """UTC; None if no commit that is here tells, as in a shallow clone, or history is too long to be read."""
        with self._lock:
            if not self._has_recalled:
                self._recall()
            while path not in self._found and self._portions:
                self._read(self._portions.pop(0))
            return self._found.get(path)

    def _read(self, most: int) -> None:
        commit, folder = self._key
        try:
            older, n_read = self._mirror.changes(commit, folder, skip=self._n_read, most=most)
        except UserError:
            self._portions.clear()
            return
        self._found = older | self._found
        is_first, self._n_read = not self._n_read, self._n_read + n_read
        if n_read < most or most < 0:
            self._portions.clear()
            if not is_first:
                self._keep()

    def _recall(self) -> None:
        self._has_recalled = True
        try:
            kept = json.loads(self._file.read_bytes())
            if kept["key"] == self._key:
                self._found = {path: datetime.fromtimestamp(at, UTC) for path, at in kept["seconds"].items()}
                self._portions.clear()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # none, or none of ours: it can be done without

    def _keep(self) -> None:
        kept = {"key": self._key, "seconds": {path: int(at.timestamp()) for path, at in self._found.items()}}
        begun = self._file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with suppress(OSError):
            begun.write_text(json.dumps(kept))
            begun.replace(self._file)


def _file(line: bytes) -> File | None:
    """Of ``mode type blob size<TAB>path``."""
    facts, _, path = line.partition(b"\t")
    mode, _, blob, size = facts.decode().split()
    if not mode.startswith("100"):  # 120000 is a symbolic link, 160000 a submodule
        return None
    return File(_name(path), blob, int(size))


def _name(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")  # a name in another encoding still is one in the table


def _changes(log: bytes) -> tuple[dict[str, datetime], int]:
    """Of commits' times, newest first, each followed by ``:modes blobs status`` and a path per change."""
    found: dict[str, datetime] = {}
    changed_at = datetime.fromtimestamp(0, UTC)
    n_commits = 0
    parts = iter(log.split(b"\0"))
    for part in parts:
        if part.lstrip(b"\n").startswith(b":"):
            found.setdefault(_name(next(parts)), changed_at)
        elif part.strip():
            changed_at = datetime.fromtimestamp(min(int(part), _LAST_SECOND), UTC)
            n_commits += 1
    return found, n_commits
