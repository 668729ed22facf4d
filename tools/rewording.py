"""What to search for instead, where a search found little: the documents' own words and sections.

Works for weak results only, from what that search found: nothing more is asked, a good search costs nothing.
What it names are data of documents, like passages; what addresses a model is left out.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from agent.prompting import embedded_instructions
from agent.types import JsonValue, Passage
from ingest.documents.chunking import HEADING_SEPARATOR
from ingest.embedding.embedder import embed
from ingest.search.languages import has_cjk
from ingest.search.text import STOP_WORDS, content_words, stem, words

N_SECTIONS, N_WORDS = 5, 2  # named: sections altogether, words for each word of the query
NEAR_FROM = 0.2  # cosine of two words: "vacation" and "leave" have .22, "quit" and "notice" .15
SHORTEST = 4  # letters of a word to try
SECTION_CHARS = 80


def suggest_rewording(query: str, shown: Sequence[Passage], found: Sequence[Passage]) -> dict[str, JsonValue]:
    """Returns ``words`` of the passages ``shown`` that are near those words of the query which none of them has.

    Beside them ``sections`` of their documents that were ``found``, too, but not shown. Empty without either.
    """
    near_words, sections = find_near_words(query, shown), list_sections(shown, found)
    instead: dict[str, JsonValue] = {}
    if near_words:
        instead["words"] = {word: list(others) for word, others in near_words.items()}
    if sections:
        instead["sections"] = list(sections)
    return instead


def find_near_words(query: str, passages: Sequence[Passage]) -> dict[str, list[str]]:
    """Returns for each word of the query that no passage has the nearest words that they have."""
    texts = "\n".join(f"{passage.title}\n{passage.heading_path}\n{passage.text}" for passage in passages)
    known = sorted({word for word in words(texts) if _says_something(word)})
    stems = {stem(word) for word in known}
    absent = [word for word in content_words(query) if _says_something(word) and stem(word) not in stems]
    if not absent or not known:
        return {}
    cosines = embed(absent) @ embed(known).T
    near = {word: _take_nearest(known, row) for word, row in zip(absent, cosines, strict=True)}
    return {word: others for word, others in near.items() if others}


def list_sections(shown: Sequence[Passage], found: Sequence[Passage]) -> list[str]:
    """Returns headings of the documents that were shown, the best first: of others the reader was told nothing."""
    documents = {passage.document_id for passage in shown}
    known = {passage.heading_path for passage in shown}
    more = [p.heading_path for p in found if p.document_id in documents and p.heading_path not in known]
    return _clean(path.rpartition(HEADING_SEPARATOR)[2] for path in more)[:N_SECTIONS]


def _says_something(word: str) -> bool:
    return len(word) >= SHORTEST and word.isalpha() and word not in STOP_WORDS and not has_cjk(word)


def _take_nearest(known: Sequence[str], cosines: np.ndarray) -> list[str]:
    order = np.argsort(-cosines, kind="stable")[:N_WORDS]
    return [known[i] for i in order if cosines[i] >= NEAR_FROM]


def _clean(headings: Iterable[str]) -> list[str]:
    """Returns each heading once, shortened, without those that address a model."""
    own = dict.fromkeys(heading.strip()[:SECTION_CHARS] for heading in headings if heading.strip())
    return [heading for heading in own if embedded_instructions.take_out(heading) == heading]
