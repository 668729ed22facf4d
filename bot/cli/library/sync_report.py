"""Prints what a sync did: counts, changed readers, and the documents that could not be read."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from agent.text import count, cut
from bot import output
from ingest.documents import languages
from ingest.sync.reports import LanguageNotice, SyncReport

MAX_NOTICES = 5  # of a language; 'docent documents NAME' shows that of each document
MAX_PROBLEMS = 20  # shown after a sync; 'docent documents --problems' lists all


def print_report(report: SyncReport) -> None:
    """Prints a few lines for a person."""
    console = Console(soft_wrap=True, highlight=False)
    renamed = f"{report.n_moved} renamed, " if report.n_moved else ""
    unread = f"{report.n_unread} not read, " if report.n_unread else ""
    cost = f" for ${report.cost_usd:.4f}" if report.cost_usd else ""
    console.print(
        f"{escape(report.source)}: {report.n_added} added, {report.n_changed} changed, "
        f"{report.n_unchanged} unchanged, {renamed}{unread}{report.n_removed} removed; "
        f"{report.n_chunks} chunks written{cost} in {report.seconds:.1f} s."
    )
    for n_documents, change in ((report.n_narrowed, "narrowed"), (report.n_widened, "widened")):
        if n_documents:
            console.print(f"  readers of {count(n_documents, 'document')} {change}")
    if report.n_unread or report.n_partial:
        partial = f", {report.n_partial} of these in part" if report.n_partial else ""
        n_read = report.n_documents - report.n_unread
        console.print(f"  Of {count(report.n_documents, 'document')}, {n_read} could be read{partial}:")
    shown, n_more = cut(report.problems, MAX_PROBLEMS)
    output.print_problems(console, shown)
    if n_more:
        console.print(f"  … and {n_more} more: 'docent documents --problems' lists all")
    _print_notices(console, report.source, report.notices)


def _print_notices(console: Console, source: str, notices: Sequence[LanguageNotice]) -> None:
    """Says which documents are in a language that search has no rules for; they are searched all the same."""
    for language in dict.fromkeys(notice.language for notice in notices):
        uris = [notice.uri for notice in notices if notice.language == language]
        shown, n_more = cut(uris, MAX_NOTICES)
        more = f", and {n_more} more ('docent documents {source}' shows the language of each)" if n_more else ""
        are = "is" if len(uris) == 1 else "are"
        console.print(
            f"  {count(len(uris), 'document')} {are} in {languages.describe(language)}, for which search has no "
            f"rules, so words are found as they are written: {escape(', '.join(shown))}{escape(more)}"
        )
