"""Reads the demo's documents in: those of one folder. Another folder is another source, and replaces it.

A folder that is as it was when it was last read is not read again.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.store.database import Database
from agent.text import count, cut
from bot.demo.console import print_line, shorten_path, show_done, working
from bot.demo.documents import ANCHORS
from bot.demo.processes import Processes
from ingest import settings
from ingest.sources import folder as folders
from ingest.sources.folder import FolderOptions, FolderSource
from ingest.sync import reports, staging
from ingest.sync.reports import DocumentProblem, SourceCounts

MAX_PROBLEMS = 5
OTHER_FOLDER = "Give another folder: make demo DOCS=path/to/folder"


@dataclass(frozen=True)
class DemoDocuments:
    """The documents of one folder; ``link`` is where they are shown, with {path} in it."""

    folder: Path
    link: str
    database: Database
    processes: Processes

    def read(self) -> None:
        """Reads what has changed, and forgets the documents of other folders.

        Raises :class:`UserError` if nothing can be read; what was there before is then kept.
        """
        name = self._choose_name()
        if not self._is_current(name):
            self._ingest(name)
        counts = self._load_counts(name)
        if not counts.n_readable:
            raise UserError(f"Nothing in {shorten_path(self.folder)} could be read. {OTHER_FOLDER}")
        self._forget_others(name)
        self._show(counts)

    def _choose_name(self) -> str:
        """Returns the name that the folder's source has, or one that no other folder's has."""
        with self.database.transaction() as transaction:
            names = reports.list_sources(transaction)
            places = {name: reports.load_location(transaction, name) for name in names}
        known = [name for name, place in places.items() if place == str(self.folder)]
        free = (f"{self.folder.name}{f'-{n}' if n > 1 else ''}" for n in range(1, len(names) + 2))
        return known[0] if known else next(name for name in free if name not in names)

    def _is_current(self, name: str) -> bool:
        library = settings.IngestSettings(home=self.processes.home, index_uri=None)
        if not Path(library.index_address).exists():
            return False
        source = open_folder(self.folder, name=name, link=self.link)
        return staging.is_current(source, self.database, chunk_tokens=library.chunk_tokens)

    def _ingest(self, name: str) -> None:
        options = ["--link", self.link, "--option", f"anchors={ANCHORS}"]
        arguments = [str(self.folder), "--name", name, *options, "--force", "--json"]
        with working(f"reading {shorten_path(self.folder)}", lambda: self._describe_progress(name)):
            result = self.processes.run("ingest", *arguments)
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or ["no reason was given"])[-1].removeprefix("docent: ")
            raise UserError(f"{shorten_path(self.folder)} could not be read in. {reason}")
        json.loads(result.stdout)  # a report, and nothing else, was printed

    def _describe_progress(self, name: str) -> str:
        with self.database.transaction() as transaction:
            latest = {sync.source: sync for sync in reports.load_latest(transaction)}
        sync = latest.get(name)
        return f": {sync.n_done} of {sync.n_to_read} documents" if sync and sync.n_to_read else ""

    def _load_counts(self, name: str) -> SourceCounts:
        with self.database.transaction() as transaction:
            return reports.load_counts(transaction, name)

    def _forget_others(self, name: str) -> None:
        with self.database.transaction() as transaction:
            others = [other for other in reports.list_sources(transaction) if other != name]
        for other in others:
            with working(f"forgetting the documents of '{other}'"):
                result = self.processes.run("forget", other)
            if result.returncode:
                raise UserError(f"The documents of '{other}' could not be removed. {result.stderr.strip()}")

    def _show(self, counts: SourceCounts) -> None:
        unread = f", {counts.n_unread} of {counts.n_documents} not read" if counts.n_unread else ""
        partial = f", {counts.n_partial} of these in part" if counts.n_partial else ""
        how = f"{count(counts.n_readable, 'document')} of {shorten_path(self.folder)} read{partial}{unread}"
        show_done("documents", how)
        shown, n_more = cut(counts.problems, MAX_PROBLEMS)
        for problem in shown:
            print_line(f"      {_describe(problem)}")
        if n_more:
            print_line(f"      … and {n_more} more")


def require_documents(folder: Path) -> Path:
    """Returns the folder's real path; raises :class:`UserError` if it is none, or holds no document."""
    folder = folder.expanduser()
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {problem}. Give a folder with documents: make demo DOCS=path/to/folder")
    folder = folder.resolve()
    if next(iter(open_folder(folder).list({})), None) is None:
        kinds = "Markdown, text, HTML, PDF, Word, PowerPoint, Excel, CSV and others are read"
        raise UserError(f"There are no documents in {folder} ({kinds}). {OTHER_FOLDER}")
    return folder


def open_folder(folder: Path, *, name: str = "", link: str | None = None) -> FolderSource:
    """Opens the folder as a source."""
    options = FolderOptions(type="folder", location=str(folder), name=name, link=link, anchors=ANCHORS)
    return folders.open_source(options, cache_folder=folder)


def _describe(problem: DocumentProblem) -> str:
    return f"{problem.uri}: {problem.cause}; {problem.advice}."
