"""Searches: finds candidates by words and by meaning, corrects typos, ranks, folds near duplicates.

Promises to read only within the scope it is given.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from agent import observability
from agent.errors import ModelError
from agent.types import Passage
from ingest.embedding.embedder import Embedder, embed
from ingest.index.candidates import Candidate
from ingest.index.closeness import standardize
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from ingest.search import ranking, terms, typos
from ingest.search.ranking import RankedCandidate
from ingest.search.reranker import Reranker
from ingest.search.text import contains_word, content_words, first_words, stem, words
from ingest.search.typos import CandidateTexts
from ingest.settings import STATIC_EMBEDDING_MODEL

N_CANDIDATES = 80  # by words, and again by meaning; 40 lose one question in fifty, 200 gain none
RARE_UP_TO = 2  # chunks; the passages do not answer a word of the question that is this rare and not in them


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    ``passages`` are ordered, best first. ``not_found`` are words of the query that none of them contains, and at
    most two chunks altogether. ``keywords`` are words of the query that are only among the keywords of a document,
    by its title. ``ranked`` are the passages with the reasons for their order. ``corrections`` map misspelt words
    to what was searched instead. ``cost_usd`` is the price of embedding and reranking.
    """

    passages: tuple[Passage, ...]
    not_found: tuple[str, ...] = ()
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranked: tuple[RankedCandidate, ...] = ()
    corrections: Mapping[str, str] = field(default_factory=dict)
    cost_usd: Decimal = Decimal(0)


def keep_all(queries: Sequence[str], found: Sequence[list[Candidate]]) -> list[list[Candidate]]:
    """Returns what was found: the screen of a search that has none."""
    return list(found)


@dataclass(frozen=True)
class SearchContext:
    """Everything a search needs: active index, embedder, access filter, optional reranker.

    ``screen`` leaves out candidates that may not be used although the index has them; those of the source
    ``first`` come first where they fit the question.
    """

    index: Index
    embedder: Embedder
    scope: ChunkFilter
    reranker: Reranker | None = None
    screen: Callable[[Sequence[str], Sequence[list[Candidate]]], list[list[Candidate]]] = keep_all
    first: str = ""

    def candidates(self, *queries: str) -> tuple[list[list[Candidate]], Decimal]:
        """Finds the candidates of each query by words and by meaning; returns also what that cost in dollars.

        While the embedding model cannot be reached, candidates are found by words only, and get the cosine of the
        static model.
        """
        try:
            embedded = self.embedder.embed_question(*queries)
        except ModelError as error:
            observability.log.warning("embedding_model_away", model=self.embedder.model, problem=str(error))
            return self.screen(queries, [self._candidates_by_words(query) for query in queries]), Decimal(0)
        found = self.index.candidates_of_each(
            queries,
            list(embedded.vectors),
            scope=self.scope,
            limit=N_CANDIDATES,
            neutral=self.embedder.embed_neutral,
            terms=[terms.of_question(query) for query in queries],
        )
        return self.screen(queries, found), embedded.cost_usd

    def _candidates_by_words(self, query: str) -> list[Candidate]:
        by_words = self.index.candidates_by_words(
            query, terms=terms.of_question(query), scope=self.scope, limit=N_CANDIDATES
        )
        if not by_words:
            return []
        vector, static = embed([query])[0], Embedder(STATIC_EMBEDDING_MODEL)
        cosines = embed([c.search_text for c in by_words]) @ vector
        closeness = standardize(cosines, static.embed_neutral() @ vector)
        return [
            replace(c, cosine=float(cosine), closeness=float(close))
            for c, cosine, close in zip(by_words, cosines, closeness, strict=True)
        ]


def search(query: str, context: SearchContext, *, k: int) -> SearchResult:
    """Finds the best ``k`` passages for a question, and the words of it that hardly any document contains.

    A score is near 1 for a passage that is very likely about the question, near 0 for one that is not. Raises
    :class:`agent.errors.UserError` when there is no usable index.
    """
    return search_parts([query], context, k=k)[0]


def search_parts(queries: Sequence[str], context: SearchContext, *, k: int) -> list[SearchResult]:
    """Searches for a question and for each part of it; asks the index and the embedding model for all at once."""
    candidates, cost_usd = context.candidates(*queries)
    results = [_search(query, found, context, k=k) for query, found in zip(queries, candidates, strict=True)]
    return [replace(results[0], cost_usd=results[0].cost_usd + cost_usd), *results[1:]]


@dataclass(frozen=True)
class CorrectedCandidates:
    """The candidates of a query whose typos were corrected. ``query`` has the corrections in it."""

    query: str
    candidates: list[Candidate]
    texts: CandidateTexts
    corrections: Mapping[str, str]
    cost_usd: Decimal = Decimal(0)


def correct(query: str, candidates: list[Candidate], context: SearchContext) -> CorrectedCandidates:
    """Corrects the typos of a query by what was found for it, and finds the candidates of the corrected one."""
    texts = _texts(query, candidates)
    corrections = typos.find_corrections(query, texts)
    if not corrections:
        return CorrectedCandidates(query, candidates, texts, corrections)
    (candidates,), cost_usd = context.candidates(f"{query} {' '.join(corrections.values())}")
    return CorrectedCandidates(
        _correct(query, corrections), candidates, _texts(query, candidates), corrections, cost_usd
    )


def _search(query: str, candidates: list[Candidate], context: SearchContext, *, k: int) -> SearchResult:
    corrected = correct(query, candidates, context)
    candidates, texts, corrections = corrected.candidates, corrected.texts, corrected.corrections
    cost_usd = corrected.cost_usd
    best = ranking.rank(corrected.query, candidates)
    if context.reranker:
        best, rerank_usd = context.reranker.rerank(query, best)
        cost_usd += rerank_usd
    best = ranking.fold_duplicates(ranking.put_first(best, context.first), k=k)
    passages = tuple(to_passage(ranked.candidate, score=ranked.score) for ranked in best)
    spelt = [word for word in first_words(query) if word not in corrections]
    keywords = _keywords(spelt, candidates, {passage.title for passage in passages})
    filed = {word for words_ in keywords.values() for word in words_}
    passage_ids = {passage.chunk_id for passage in passages}
    not_found = _not_found(query, [word for word in spelt if word not in filed], texts, passage_ids, context)
    return SearchResult(passages, not_found, keywords, tuple(best), corrections, cost_usd)


def to_passage(chunk: Candidate, *, score: float) -> Passage:
    """Converts a candidate to what tools receive."""
    return Passage(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        title=chunk.title,
        url=chunk.url,
        heading_path=chunk.heading_path,
        text=chunk.text,
        score=score,
        updated=chunk.updated_at.date().isoformat() if chunk.updated_at else "",
    )


def _correct(query: str, corrections: Mapping[str, str]) -> str:
    """Returns the words of the query with corrections in the place of misspelt ones."""
    return " ".join(corrections.get(word, word) for word in words(query)) if corrections else query


def _not_found(
    query: str, words: list[str], texts: CandidateTexts, passage_ids: Container[str], context: SearchContext
) -> tuple[str, ...]:
    """Returns the words that neither the passages nor more than :data:`RARE_UP_TO` chunks contain.

    Counts in the index only words that hardly any candidate contains: 2 ms of CPU a word.
    """
    ids_with = {word: texts.ids_with(word) for word in words}
    for word, ids in ids_with.items():  # other spellings take longer to find
        if not any(id_ in passage_ids for id_ in ids):
            ids_with[word] = texts.ids_with_any_form(word)
    rare = [w for w, ids in ids_with.items() if len(ids) <= RARE_UP_TO and not any(i in passage_ids for i in ids)]
    counts = context.index.count_chunks_with(
        rare, terms=terms.of_words(rare, query), scope=context.scope, up_to=RARE_UP_TO + 1
    )
    # Full text does not count its stop words, such as "against", though candidates contain them.
    return tuple(w for w, n in zip(rare, counts, strict=True) if len(ids_with[w]) <= n <= RARE_UP_TO)


def _texts(query: str, candidates: Sequence[Candidate]) -> CandidateTexts:
    languages = terms.list_shared_languages(query, candidates)
    return CandidateTexts({c.chunk_id: c.seen for c in candidates}, languages)


def _keywords(
    words: list[str], candidates: Sequence[Candidate], titles: Container[str]
) -> dict[str, tuple[str, ...]]:
    """Finds words among the keywords of documents, which stand before the text of the first chunk."""
    by_title: dict[str, tuple[str, ...]] = {}
    for chunk in candidates:
        above = chunk.search_text.removesuffix(chunk.text).lower()
        visible = f"{chunk.title}\n{chunk.heading_path}\n".lower()
        if chunk.title in titles and len(above) > len(visible):
            keywords = {stem(word) for word in content_words(above.removeprefix(visible))}
            matching = tuple(w for w in words if stem(w) in keywords and not contains_word(w, visible))
            by_title |= {chunk.title: matching} if matching else {}
    return by_title
