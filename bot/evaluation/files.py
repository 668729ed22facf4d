"""Matches the files that a question set names with documents of the index, whichever folder was indexed.

A set names ``pages/leave.md``. An index of the folder ``pages`` contains ``leave.md``; an index of a parent
folder, ``handbook/pages/leave.md``. For each source one such difference of prefixes is accepted, the one that
explains most files of the set; so a missing ``pages/offices/index.md`` is not mistaken for the top folder's
``index.md``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import text

from agent.store.database import Database
from ingest.access import reader_sets
from ingest.access.principals import make_member
from ingest.documents import formats

_DOCUMENTS = text("""
SELECT id, source, uri FROM documents WHERE n_chunks > 0 AND access_id = ANY(:readable) ORDER BY source, uri
""")


@dataclass(frozen=True)
class IndexedDocument:
    """A document with text in the index. ``id`` is in hexadecimal, as in passages."""

    id: str
    source: str
    uri: str


@dataclass(frozen=True)
class _PrefixRule:
    """In ``source``, a file whose path begins with ``in_set`` is the document whose URI begins with
    ``in_index``."""

    source: str
    in_set: str
    in_index: str


def list_documents(database: Database) -> list[IndexedDocument]:
    """Lists the documents that everyone may read, by source and URI."""
    with database.transaction() as transaction:
        readable = reader_sets.readable_access_ids(transaction, make_member(()))
        rows = transaction.execute(_DOCUMENTS, {"readable": readable})
        return [IndexedDocument(row.id.hex, row.source, row.uri) for row in rows]


def match(paths: Iterable[str], documents: Sequence[IndexedDocument]) -> dict[str, str]:
    """Returns the set's path of each document, by document id. A file that is in two sources has two documents.

    A file whose whole name matches no document is matched without its extension: a website's addresses have none.
    For example::

        match(["pages/leave.md"], [IndexedDocument("a1", "wiki", "leave.md")]) == {"a1": "pages/leave.md"}
    """
    rules: dict[str, _PrefixRule] = {}
    unique_paths = sorted(set(paths))
    exact = _match(unique_paths, documents, rules, _split)
    rest = [path for path in unique_paths if path not in exact.values()]
    return _match(rest, documents, rules, _split_without_extension) | exact


def _match(
    paths: Sequence[str],
    documents: Sequence[IndexedDocument],
    rules: dict[str, _PrefixRule],
    split: Callable[[str], list[str]],
) -> dict[str, str]:
    """Matches by the rules, which are by source; adds a rule for each source that has none and matches."""
    by_last_part: dict[str, list[tuple[IndexedDocument, list[str]]]] = defaultdict(list)
    for document in documents:
        parts = split(document.uri)
        by_last_part[parts[-1]].append((document, parts))
    matches: dict[_PrefixRule, dict[str, str]] = defaultdict(dict)
    for path in paths:
        parts = split(path)
        for document, document_parts in by_last_part[parts[-1]]:
            if rule := _find_rule(document.source, parts, document_parts):
                matches[rule].setdefault(document.id, path)
    accepted: dict[str, str] = {}
    for rule in sorted(matches, key=lambda rule: _rank(rule, len(matches[rule]))):
        if rules.setdefault(rule.source, rule) == rule:
            accepted |= matches[rule]
    return accepted


def _rank(rule: _PrefixRule, n_matches: int) -> tuple[int, str, int, str]:
    """Sorts the rule that explains most files first; of equal ones that with the shortest prefixes."""
    return -n_matches, rule.source, len(rule.in_set + rule.in_index), rule.in_index


def _find_rule(source: str, in_set: list[str], in_index: list[str]) -> _PrefixRule | None:
    """Returns the rule by which these are one file; None unless one of them ends with all of the other.

    A website's pages may be anywhere, so there any common end is enough.
    """
    pairs = zip(reversed(in_set), reversed(in_index), strict=False)
    n_common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    is_website = in_index[0].endswith(":")
    if n_common < min(len(in_set), len(in_index)) and not is_website:
        return None
    return _PrefixRule(source, "/".join(in_set[:-n_common]), "/".join(in_index[:-n_common]))


def _split(path: str) -> list[str]:
    return path.removeprefix("./").split("/")


def _split_without_extension(path: str) -> list[str]:
    """Splits the path without fragment, extension and a final ``index``, as a website's address would be."""
    parts = path.removeprefix("./").partition("#")[0].rstrip("/").split("/")
    last = parts[-1].rpartition(".")[0] if formats.find_format(parts[-1]) else parts[-1]
    return parts[:-1] if formats.is_index(parts[-1]) and len(parts) > 1 else [*parts[:-1], last]
