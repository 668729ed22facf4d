"""The library, opened once per process and shared by its threads: search, read, list, sync, status.

Promises that nothing leaves it that some member of the audience may not read.
"""

import uuid
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, or_, select

from agent.database import Database
from agent.errors import UserError
from agent.tools import Audience, Passage
from ingest import access, listing, ranking, source, spelling, sync
from ingest.batches import Stores
from ingest.conversion import Converter
from ingest.embedding import Embedder
from ingest.index import Candidate, Index, Scope
from ingest.listing import Listing, Order
from ingest.live import Live
from ingest.plan import Progress, unheard
from ingest.rows import DocumentRow
from ingest.settings import Settings
from ingest.syncs import SyncReport
from ingest.words import content_words, is_in, stem

N_CANDIDATES = 80  # by words, and again by meaning; 40 lose one question in fifty, 200 gain none

RARE_UP_TO = 2  # chunks; a word of the question this rare and not among the best passages is not answered by them


@dataclass(frozen=True)
class Found:
    """``passages`` are the best first; ``not_found`` are words of the query that stand in none of them and in
    at most two chunks altogether; ``keywords`` are words of the query, by the title of a document that does not
    show them but is filed under them."""

    passages: tuple[Passage, ...]
    not_found: tuple[str, ...]
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """What the operator and a turn's record want to know. ``problem`` tells why nothing can be searched."""

    embedding_model: str
    version: str
    n_chunks: int
    problem: str | None


class Library:
    """Documents that can be searched and read, each by those who may."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._live = Live(database, settings)

    def search(self, query: str, *, audience: Audience, k: int | None = None) -> list[Passage]:
        """The best ``k`` passages for a question; see :meth:`look_up`."""
        return list(self.look_up(query, audience=audience, k=k).passages)

    def look_up(self, query: str, *, audience: Audience, k: int | None = None) -> Found:
        """The best ``k`` passages for a question, and the words of it that hardly any document holds.

        A score is near 1 for a passage that very likely speaks of what was asked, near 0 for one that does
        not. Raises :class:`UserError` when there is no usable index.
        """
        at = self._at(audience)
        candidates = at.candidates(query)
        texts = _texts(candidates)
        slips = spelling.slips(query, texts.values())
        if slips:
            candidates = at.candidates(f"{query} {' '.join(slips.values())}")
            texts = _texts(candidates)
        passages = ranking.ranked(candidates, k=k or self._settings.top_k)
        words = [word for word in content_words(query) if word not in slips]
        keywords = _keywords(words, candidates, {passage.title for passage in passages})
        filed = {word for found in keywords.values() for word in found}
        shown = {passage.chunk_id for passage in passages}
        not_found = self._not_found([w for w in words if w not in filed], texts, shown, at)
        return Found(tuple(passages), not_found, keywords)

    def read(
        self, reference: str, *, audience: Audience, heading: str = "", position: int | None = None, n: int = 12
    ) -> list[Passage]:
        """Up to ``n`` consecutive chunks of one document, named by its id, a chunk's id, its url or its title.

        Begins at the document's start, at the heading, or a little before the position. Empty when there is
        no such document, or none that the whole audience may read: the two are not told apart.
        """
        at = self._at(audience)
        readable = at.scope.access_ids
        document_id = self._document_id(reference.strip(), readable)
        chunks = at.index.chunks(document_id, access_ids=readable) if document_id else []
        start = _start(chunks, heading, position)
        return [ranking.passage(chunk, score=1.0) for chunk in chunks[start : start + n]]

    def listing(
        self, *, audience: Audience, source: str = "", title: str = "", order: Order = "recent", limit: int = 20
    ) -> Listing:
        """The documents that the whole audience may read; see :func:`ingest.listing.of`."""
        with self._database.transaction() as transaction:
            access_ids = access.readable(transaction, audience)
            return listing.of(transaction, access_ids, source=source, title=title, order=order, limit=limit)

    def sync(
        self,
        documents: source.Source,
        *,
        readers: Iterable[str] = access.DEFAULT_READERS,
        options: Mapping[str, Any] | None = None,
        is_forced: bool = False,
        progress: Progress = unheard,
        waiting: Callable[[], None] = lambda: None,
        converter: Callable[[], Converter] = Converter,
    ) -> SyncReport:
        """See :func:`ingest.sync.run`."""
        return sync.run(
            documents,
            self._live.settled(),
            chunk_tokens=self._settings.chunk_tokens,
            readers=readers,
            options=options,
            is_forced=is_forced,
            progress=progress,
            waiting=waiting,
            converter=converter,
        )

    def sync_folder(
        self,
        path: str,
        *,
        source_name: str | None = None,
        link: str | None = None,
        readers: Iterable[str] = access.DEFAULT_READERS,
        **how: Any,
    ) -> SyncReport:
        """Reads a folder in; ``link`` such as ``https://handbook.example/{path}`` makes the links people click."""
        given = {"type": "folder", "location": path, "name": source_name or "", "link": link}
        opened = source.opened(source.described(given, where=path), home=self._settings.home)
        return self.sync(opened, readers=readers, **how)

    def forget(self, source_name: str) -> int:
        """Removes every document of a source; returns how many there were."""
        return sync.forget(source_name, database=self._database, index=self._stores().index)

    def status(self) -> Status:
        """Reads the index's state; never raises for an index that is missing or unusable."""
        stores = self._stores()
        try:
            version, n_chunks, problem = stores.index.version(), stores.index.n_chunks(), None
        except UserError as error:
            version, n_chunks, problem = "", 0, str(error)
        return Status(stores.embedder.model, version, n_chunks, problem)

    def _stores(self) -> Stores:
        with self._database.transaction() as transaction:
            return self._live.stores(self._live.state(transaction))

    def _at(self, audience: Audience) -> "_Place":
        with self._database.transaction() as transaction:
            stores = self._live.stores(self._live.state(transaction))
            return _Place(stores.index, stores.embedder, Scope(tuple(access.readable(transaction, audience))))

    def _not_found(
        self, words: list[str], texts: Mapping[str, str], shown: Container[str], at: "_Place"
    ) -> tuple[str, ...]:
        """The index is asked only for words that even the candidates hardly hold: 2 ms of CPU a word."""
        holders = {word: [id_ for id_, text in texts.items() if stem(word) in text] for word in words}
        for word, ids in holders.items():  # other spellings of it take longer to look for
            if not any(id_ in shown for id_ in ids):
                ids[:] = [id_ for id_, text in texts.items() if is_in(word, text)]
        absent = [w for w, ids in holders.items() if len(ids) <= RARE_UP_TO and not any(i in shown for i in ids)]
        counts = at.index.counts(absent, scope=at.scope, up_to=RARE_UP_TO + 1)
        # Full text does not count its stop words, such as "against": then the candidates hold it all the same.
        return tuple(w for w, n in zip(absent, counts, strict=True) if len(holders[w]) <= n <= RARE_UP_TO)

    def _document_id(self, reference: str, readable: Sequence[str]) -> str | None:
        by_chunk_id = reference.rpartition("-")[0] if len(reference) == len("0" * 32 + "-00000") else reference
        row = DocumentRow
        url = reference.partition("#page=")[0]
        names = [row.url == url, row.uri == reference, func.lower(row.title) == reference.lower()]
        with suppress(ValueError):
            names.append(row.id == uuid.UUID(by_chunk_id))
        found = select(row.id).where(or_(*names), row.access_id.in_(readable)).order_by(row.source, row.uri)
        with self._database.transaction() as transaction:
            id_ = transaction.scalars(found.limit(1)).first()
        return id_.hex if id_ else None


@dataclass(frozen=True)
class _Place:
    """Where one search looks: the index that is live, its embedder, and what the audience may read."""

    index: Index
    embedder: Embedder
    scope: Scope

    def candidates(self, query: str) -> list[Candidate]:
        vector = self.embedder.question(query)
        return self.index.candidates(query, vector, scope=self.scope, limit=N_CANDIDATES)


def _texts(candidates: Sequence[Candidate]) -> dict[str, str]:
    """By chunk id what a reader sees of each, in lower case."""
    return {c.chunk_id: f"{c.title}\n{c.heading_path}\n{c.text}".lower() for c in candidates}


def _keywords(
    words: list[str], candidates: Sequence[Candidate], titles: Container[str]
) -> dict[str, tuple[str, ...]]:
    """Keywords are written with a document's first chunk, before its text."""
    found: dict[str, tuple[str, ...]] = {}
    for chunk in candidates:
        above = chunk.search_text.removesuffix(chunk.text).lower()
        visible = f"{chunk.title}\n{chunk.heading_path}\n".lower()
        if chunk.title in titles and len(above) > len(visible):
            filed = {stem(word) for word in content_words(above.removeprefix(visible))}
            held = tuple(word for word in words if stem(word) in filed and not is_in(word, visible))
            found |= {chunk.title: held} if held else {}
    return found


def _start(chunks: list[Candidate], heading: str, position: int | None) -> int:
    if position is not None:
        return max(0, min(position - 1, len(chunks) - 1))
    wanted = heading.strip().lower()
    return next((i for i, c in enumerate(chunks) if wanted and wanted in c.heading_path.lower()), 0)
