"""The documents below an answer, as a compact list: title, section, link, age, and when they were last synced.

Promises what :mod:`bot.slack.replies.output_filter` promises of titles, and that no date is shown that no source
gave: of a document without one only the sync is said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.translation.speech import say
from agent.types import CitedPassage
from bot.slack.replies.closing import ages
from bot.slack.replies.output_filter import clean_label, escape_url, is_web_url
from bot.slack.replies.text.markdown import escape
from ingest.access.reader_sets import DocumentDates
from ingest.documents.chunking import HEADING_SEPARATOR

SOURCES_LIMIT = 2_000  # characters of a list of documents; those that are left out are counted
TITLE_LIMIT = 120
URL_LIMIT = 800
PDF_PAGE = re.compile(r"#page=(\d+)$")
Dates = Mapping[str, DocumentDates]  # by a document's id


@dataclass
class SourceEntry:
    """A page that is cited, under all the numbers that its passages have."""

    title: str
    url: str
    document_id: str
    numbers: list[int] = field(default_factory=list)

    @property
    def marks(self) -> str:
        """Returns the numbers as they stand in the text: ``[1][3]``."""
        return "".join(f"[{n}]" for n in sorted(self.numbers))


def group_by_page(sources: Sequence[CitedPassage]) -> list[SourceEntry]:
    """Returns an entry for each page, in the order in which pages are first cited."""
    pages: dict[tuple[str, str], SourceEntry] = {}
    for source in sources:
        title, url = make_title(source), source.passage.url
        page = pages.setdefault((title, url), SourceEntry(title, url, source.passage.document_id))
        page.numbers.append(source.n)
    return list(pages.values())


def format_sources(sources: Sequence[CitedPassage], dates: Dates) -> str:
    """Returns the list in Slack's markup, an entry a line. What all were synced at once is said once."""
    entries = group_by_page(sources)
    synced = [describe_sync(entry, dates) for entry in entries]
    shared = synced[0] if len(set(synced)) == 1 else ""
    lines = [
        _join(f"\n{entry.marks} {link(entry)}", mark_age(entry, dates), "" if shared else sync)
        for entry, sync in zip(entries, synced, strict=True)
    ]
    return _join_bounded("  ".join([say("*Sources:*"), shared]).rstrip(), lines)


def format_closest(closest: Sequence[CitedPassage]) -> str:
    """Returns the documents to look at where none is cited, each once, in Slack's markup."""
    first = {source.passage.url.partition("#")[0]: source for source in reversed(closest)}
    entries = [entry for source in reversed(first.values()) for entry in group_by_page([source])]
    items = [("  ·  " if position else "  ") + link(entry) for position, entry in enumerate(entries)]
    return _join_bounded(say("*Closest documents:*"), items)


def describe_age(entry: SourceEntry, dates: Dates) -> str:
    """Returns when the document was last changed; empty where no source says so."""
    date = dates.get(entry.document_id)
    if date is None or date.updated_at is None:
        return ""
    return say("updated {when}", when=ages.describe_days(date.updated_at))


def mark_age(entry: SourceEntry, dates: Dates) -> str:
    """Returns the same in Slack's markup, so that an old document stands out, and who has verified an answer."""
    age, date = describe_age(entry, dates), dates.get(entry.document_id)
    if date and date.verified_by and date.updated_at:
        return f"✅ *{escape(describe_verified(date.verified_by, date.updated_at))}*"
    is_old = date and date.updated_at and ages.is_old(date.updated_at)
    return f"⚠️ *{age}*" if is_old else age


def describe_sync(entry: SourceEntry, dates: Dates) -> str:
    """Returns when the document was last compared with its source; empty where that is not known."""
    date = dates.get(entry.document_id)
    if date is None or date.synced_at is None or date.verified_by:
        return ""
    return say("synced {when}", when=ages.describe_moment(date.synced_at))


def describe_verified(name: str, at: datetime) -> str:
    """Says who has verified an answer, and on which day.

    >>> describe_verified("Ada", datetime(2019, 5, 3))
    'Verified by Ada on 3 May 2019'
    """
    return say("Verified by {name} on {day}", name=clean_label(name).replace("*", "∗"), day=ages.name_day(at))


def make_title(source: CitedPassage) -> str:
    """Returns the document's title, with the page if it is a PDF, or the section that the link opens."""
    passage = source.passage
    if page := PDF_PAGE.search(passage.url):
        return say("{title}, p. {page}", title=clean_label(passage.title), page=page[1])
    section = clean_label(passage.heading_path.rpartition(HEADING_SEPARATOR)[2])
    title = clean_label(passage.title)
    return f"{title} › {section}" if section and "#" in passage.url else title


def link(entry: SourceEntry) -> str:
    """Returns the page's title in Slack's markup, linked where a browser can open it."""
    label = escape(entry.title[:TITLE_LIMIT] or clean_label(entry.url)[:TITLE_LIMIT])
    is_linked = is_web_url(entry.url) and len(entry.url) < URL_LIMIT
    return f"<{escape_url(entry.url)}|{label.replace('|', '¦')}>" if is_linked else label


def _join(*parts: str) -> str:
    return "  ·  ".join(filter(None, parts))


def _join_bounded(text: str, items: Sequence[str]) -> str:
    for position, item in enumerate(items):
        if len(text) + len(item) > SOURCES_LIMIT:
            return "  ".join([text, say("… and {n} more", n=len(items) - position)])
        text += item
    return text
