"""Which documents of the index a file named in a question is, wherever above or below it the index was made.

A set names ``pages/leave.md``; the index, made of the folder ``pages`` or of one above, knows ``leave.md`` or
``handbook/pages/leave.md``. Per source one such difference is believed, the one that fits most of the set's files:
so ``pages/offices/index.md``, when it is not there, is not taken for the ``index.md`` of the whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import text

from agent.store.database import Database
from agent.types import Audience
from ingest import access
from ingest.documents import formats

_DOCUMENTS = text("""
SELECT id, source, uri FROM documents WHERE n_chunks > 0 AND access_id = ANY(:readable) ORDER BY source, uri
""")


@dataclass(frozen=True)
class IndexedDocument:
    """A document with text, as the index knows it. ``id`` is in hexadecimal, as passages name it."""

    id: str
    source: str
    uri: str


@dataclass(frozen=True)
class _Difference:
    """In ``source`` a file whose path begins with ``given`` is the document whose uri begins with ``known``."""

    source: str
    given: str
    known: str


def list_documents(database: Database) -> list[IndexedDocument]:
    """Every document that a question of everybody's can find, by source and uri."""
    with database.transaction() as transaction:
        readable = access.readable_access_ids(transaction, Audience())
        rows = transaction.execute(_DOCUMENTS, {"readable": readable})
        return [IndexedDocument(row.id.hex, row.source, row.uri) for row in rows]


def match(paths: Iterable[str], documents: Sequence[IndexedDocument]) -> dict[str, str]:
    """By document id its file's path in the set; a file that was read in twice has two documents.

    Where no document has a file's whole name, one without its ending counts: a page's address on a site.
    """
    believed: dict[str, _Difference] = {}
    wanted = sorted(set(paths))
    found = _matched(wanted, documents, believed, _whole)
    rest = [path for path in wanted if path not in found.values()]
    return _matched(rest, documents, believed, _bare) | found


def _matched(
    paths: Sequence[str],
    documents: Sequence[IndexedDocument],
    believed: dict[str, _Difference],
    parts_of: Callable[[str], list[str]],
) -> dict[str, str]:
    by_last: dict[str, list[tuple[IndexedDocument, list[str]]]] = defaultdict(list)
    for document in documents:
        parts = parts_of(document.uri)
        by_last[parts[-1]].append((document, parts))
    explained: dict[_Difference, dict[str, str]] = defaultdict(dict)
    for path in paths:
        parts = parts_of(path)
        for document, known in by_last[parts[-1]]:
            if difference := _difference(document.source, parts, known):
                explained[difference].setdefault(document.id, path)
    found: dict[str, str] = {}
    for difference in sorted(
        explained, key=lambda d: (-len(explained[d]), d.source, len(d.given + d.known), d.known)
    ):
        if believed.setdefault(difference.source, difference) == difference:
            found |= explained[difference]
    return found


def _difference(source: str, given: list[str], known: list[str]) -> _Difference | None:
    """None unless one of them ends with the whole other one; a site may have its pages anywhere."""
    pairs = zip(reversed(given), reversed(known), strict=False)
    n = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    is_site = known[0].endswith(":")
    if n < min(len(given), len(known)) and not is_site:
        return None
    return _Difference(source, "/".join(given[:-n]), "/".join(known[:-n]))


def _whole(path: str) -> list[str]:
    return path.removeprefix("./").split("/")


def _bare(path: str) -> list[str]:
    parts = path.removeprefix("./").partition("#")[0].rstrip("/").split("/")
    last = parts[-1].rpartition(".")[0] if formats.find_format(parts[-1]) else parts[-1]
    return parts[:-1] if formats.is_index(parts[-1]) and len(parts) > 1 else [*parts[:-1], last]
