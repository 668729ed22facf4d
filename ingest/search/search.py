"""One search: candidates by words and by meaning, slips of the keyboard put right, ranked, repeats folded.

Promises to look only within the scope it is given.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from agent import observability
from agent.errors import ModelError
from agent.types import Passage
from ingest.embedding import Embedder, embed
from ingest.index.candidates import Candidate
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from ingest.search import ranking, typos
from ingest.search.ranking import Ranked
from ingest.search.reranker import Reranker
from ingest.search.text import content_words, is_in, stem, words
from ingest.search.typos import Texts

N_CANDIDATES = 80  # by words, and again by meaning; 40 lose one question in fifty, 200 gain none
RARE_UP_TO = 2  # chunks; a word of the question this rare and not among the best passages is not answered by them


@dataclass(frozen=True)
class SearchResult:
    """``passages`` are the best first; ``not_found`` are words of the query that stand in none of them and in
    at most two chunks altogether; ``keywords`` are words of the query, by the title of a document that does not
    show them but is filed under them. ``ranked`` are the passages with their reasons, ``slips`` the words
    taken for misspelt, with what was looked for instead; ``cost_usd`` is what embedding and reranking cost."""

    passages: tuple[Passage, ...]
    not_found: tuple[str, ...] = ()
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranked: tuple[Ranked, ...] = ()
    slips: Mapping[str, str] = field(default_factory=dict)
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class SearchContext:
    """Where a search looks: the index that is live, its embedder, what may be seen, and who reads once more."""

    index: Index
    embedder: Embedder
    scope: ChunkFilter
    reranker: Reranker | None = None

    def candidates(self, query: str) -> tuple[list[Candidate], Decimal]:
        """By words, and by meaning, and what that cost in dollars. While the embedding model is away, a search
        goes by words, and by the static model's cosine."""
        try:
            embedded = self.embedder.question(query)
        except ModelError as error:
            observability.log.warning("embedding_model_away", model=self.embedder.model, problem=str(error))
            found = self.index.worded(query, scope=self.scope, limit=N_CANDIDATES)
            cosines = embed([c.search_text for c in found]) @ embed([query])[0] if found else ()
            return [replace(c, cosine=float(cosine)) for c, cosine in zip(found, cosines, strict=True)], Decimal(0)
        (vector,) = embedded.vectors
        return self.index.candidates(query, vector, scope=self.scope, limit=N_CANDIDATES), embedded.cost_usd


def look_up(query: str, at: SearchContext, *, k: int) -> SearchResult:
    """The best ``k`` passages for a question, and the words of it that hardly any document holds.

    A score is near 1 for a passage that very likely speaks of what was asked, near 0 for one that does not.
    Raises :class:`agent.errors.UserError` when there is no usable index.
    """
    candidates, cost_usd = at.candidates(query)
    texts = _texts(candidates)
    slips = typos.slips(query, texts)
    if slips:
        candidates, again_usd = at.candidates(f"{query} {' '.join(slips.values())}")
        texts = _texts(candidates)
        cost_usd += again_usd
    best = ranking.ranked(_meant(query, slips), candidates)
    if at.reranker:
        best, rerank_usd = at.reranker.ordered(query, best)
        cost_usd += rerank_usd
    best = ranking.folded(best, k=k)
    passages = tuple(passage(one.candidate, score=one.score) for one in best)
    asked = [word for word in content_words(query) if word not in slips]
    keywords = _keywords(asked, candidates, {one.title for one in passages})
    filed = {word for found in keywords.values() for word in found}
    shown = {one.chunk_id for one in passages}
    not_found = _not_found([w for w in asked if w not in filed], texts, shown, at)
    return SearchResult(passages, not_found, keywords, tuple(best), slips, cost_usd)


def passage(chunk: Candidate, *, score: float) -> Passage:
    """A candidate as the tools know it."""
    return Passage(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        title=chunk.title,
        url=chunk.url,
        heading_path=chunk.heading_path,
        text=chunk.text,
        score=score,
    )


def _meant(query: str, slips: Mapping[str, str]) -> str:
    """The words of the query, with what was probably meant in the place of slips."""
    return " ".join(slips.get(word, word) for word in words(query)) if slips else query


def _not_found(words: list[str], texts: Texts, shown: Container[str], at: SearchContext) -> tuple[str, ...]:
    """The index is asked only for words that even the candidates hardly hold: 2 ms of CPU a word."""
    holders = {word: texts.holders(word) for word in words}
    for word, ids in holders.items():  # other spellings of it take longer to look for
        if not any(id_ in shown for id_ in ids):
            holders[word] = texts.holders_of_any(word)
    absent = [w for w, ids in holders.items() if len(ids) <= RARE_UP_TO and not any(i in shown for i in ids)]
    counts = at.index.counts(absent, scope=at.scope, up_to=RARE_UP_TO + 1)
    # Full text does not count its stop words, such as "against": then the candidates hold it all the same.
    return tuple(w for w, n in zip(absent, counts, strict=True) if len(holders[w]) <= n <= RARE_UP_TO)


def _texts(candidates: Sequence[Candidate]) -> Texts:
    return Texts({c.chunk_id: c.seen for c in candidates})


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
