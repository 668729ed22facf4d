"""Keeps what a search finds to the verified answers that may be used now, and knows them afterwards.

Asks Postgres only where one is like the question. Promises that no other gets past it, whatever the
index says of their readers.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from agent.store.database import Database
from agent.types import Audience
from ingest.index.candidates import Candidate
from ingest.search import ranking
from ingest.search.text import stem, words
from ingest.verified import answers
from ingest.verified.answers import SOURCE, VerifiedAnswer

# Words that make no other question of one. All others do: who, when, how, not, must, over, before, more.
_SAYING_NOTHING = """
a about able actually allowed also am an and any are as at be been being by can could currently did do does docent
exactly for from hello here hey hi i if i'd i'm i've in is it it's its just kindly know let like may me might my
now of ok okay one or our please pls plz possible really so tell thank thanks that that's the there this to too us
want was we were will with would you your
"""
SAYING_NOTHING = frozenset(_SAYING_NOTHING.split())
SIMILAR_FROM = 0.5  # the score of a passage that is more likely about the question than not
SAME = {"which": "what", "what's": "what", "who's": "who", "whom": "who"}


@dataclass
class VerifiedScreen:
    """The screen of one search; ``usable`` are the answers that were let through, by their documents' ids.

    Where only some ``sources`` are searched, an answer that cites a document of another one is not let through.
    """

    database: Database
    audience: Audience
    sources: Collection[str] = ()
    usable: dict[str, VerifiedAnswer] = field(default_factory=dict)
    _looked_up: set[str] = field(default_factory=set)

    def filter(self, queries: Sequence[str], found: Sequence[list[Candidate]]) -> list[list[Candidate]]:
        """Returns the candidates of each query, of verified answers those that are about it and may be used."""
        similar = [_find_similar(query, candidates) for query, candidates in zip(queries, found, strict=True)]
        self._look_up({id_ for ids in similar for id_ in ids})
        return [
            [one for one in candidates if one.source != SOURCE or one.document_id in ids & self.usable.keys()]
            for candidates, ids in zip(found, similar, strict=True)
        ]

    def admit(self, chunks: Sequence[Candidate]) -> list[Candidate]:
        """Returns the chunks of one document; none of a verified answer that may not be used."""
        self._look_up({chunk.document_id for chunk in chunks if chunk.source == SOURCE})
        return [chunk for chunk in chunks if chunk.source != SOURCE or chunk.document_id in self.usable]

    def _look_up(self, ids: set[str]) -> None:
        """Asks Postgres for those that it was not asked for yet."""
        new = ids - self._looked_up
        if not new:
            return
        with self.database.transaction() as transaction:
            known = answers.load(transaction, [UUID(id_) for id_ in new])
        self._looked_up |= new
        self.usable |= {
            id_.hex: answer
            for id_, answer in known.items()
            if answer.is_for(self.audience) and answer.is_within(self.sources)
        }


def _find_similar(query: str, candidates: Sequence[Candidate]) -> set[str]:
    """Returns the documents of verified answers that are about the question: others are for other questions."""
    verified = [one for one in candidates if one.source == SOURCE]
    return {one.candidate.document_id for one in ranking.rank(query, verified) if one.score >= SIMILAR_FROM}


def find_same(question: str, known: Iterable[VerifiedAnswer]) -> VerifiedAnswer | None:
    """Returns the latest answer to this very question, however it is put: the same words but for endings, order
    and words that say nothing. A word more or less, such as a place, makes another question."""
    asked = _key(question)
    same = [answer for answer in known if asked and _key(answer.question) == asked]
    return max(same, key=lambda answer: (answer.verified_at, answer.id), default=None)


def _key(question: str) -> frozenset[str]:
    """Returns the stems that tell a question from others.

    >>> _key("How many days of leave can I carry over?") == _key("how many leave days may we carry over, please")
    True
    >>> _key("Who approves my leave?") == _key("When is leave approved?")
    False
    """
    return frozenset(stem(SAME.get(word, word)) for word in words(question) if word not in SAYING_NOTHING)
