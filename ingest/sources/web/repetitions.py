"""Finds what a site shows at many addresses in the place of pages: a login, an error, a notice.

Two alike pages are kept, and so is one copy of a long text; the versions and translations of a manual, which end
in one name, are pages of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ingest.sources.connector import REPEATED, ListedDocument
from ingest.sources.web.site import strip_variants

MIN_ADDRESSES = 3
MAX_NOTICE_WORDS = 200  # of a text that is nobody's page; of a longer one, the first copy is read
_MOST = 0.5  # of the known documents


class Repetitions:
    """What the pages of one listing show, and where they lead."""

    def __init__(self) -> None:
        self._bodies: dict[str, tuple[str, int]] = {}  # by address: a digest of the text, and its words
        self._moved: defaultdict[str, list[str]] = defaultdict(list)  # by where they lead

    def add(self, url: str, body: str, n_words: int) -> None:
        """Adds a page that is a document."""
        if body:
            self._bodies[url] = body, n_words

    def add_move(self, url: str, target: str) -> None:
        """Adds a page that leads to another."""
        self._moved[strip_variants(target)].append(url)

    def mark(self, documents: Iterable[ListedDocument]) -> Iterator[ListedDocument]:
        """Yields the documents; those that only repeat others have a fingerprint that says so."""
        documents = [*documents]
        names: defaultdict[str, dict[str, None]] = defaultdict(dict)  # by body, in order
        for document in documents:
            if document.uri in self._bodies:
                names[self._bodies[document.uri][0]].setdefault(_last_name(document.uri))
        seen: set[str] = set()
        for document in documents:
            body, n_words = self._bodies.get(document.uri, ("", 0))
            is_repeated = len(names.get(body, ())) >= MIN_ADDRESSES
            is_first_of_long = n_words > MAX_NOTICE_WORDS and body not in seen
            seen.add(body)
            is_kept = not is_repeated or is_first_of_long
            yield document if is_kept else replace(document, fingerprint=f"{REPEATED}{body}")

    def moves(self, *, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yields known documents with a fingerprint, where most of them now lead to one address."""
        for target, urls in self._moved.items():
            moved = [url for url in urls if url in known and strip_variants(url) != target]
            if len(moved) >= MIN_ADDRESSES and len(moved) > _MOST * len(known):
                yield from ((url, f"{REPEATED}{target}") for url in moved)


def _last_name(url: str) -> str:
    return strip_variants(url).rstrip("/").rpartition("/")[2]
