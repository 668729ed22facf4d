"""How well passages answer a query, judged without a model: by the scoring of the extractive answerer.

Owns the verdict behind ``is_weak`` in the results of search_docs. Leaves to the kernel what follows from it.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from enum import StrEnum

from agent.prompting.prompt import SCORE_DIGITS
from agent.types import CitedPassage, Passage
from tools.extractive.features import extract
from tools.extractive.grounds import find_answered
from tools.extractive.question import choose_language, split
from tools.extractive.statements import list_statements


class Strength(StrEnum):
    """How much passages say about a query."""

    WEAK = "weak"  # they probably do not answer
    ENOUGH = "enough"


def evidence_strength(query: str, passages: Sequence[Passage], not_found: Container[str] = ()) -> Strength:
    """Returns how well the passages answer the query; no passage at all is WEAK.

    ``not_found`` are words of the query that occur almost nowhere in the documents::

        found = library.search("How many days of leave can I carry over?", audience=context.audience)
        evidence_strength("How many days of leave can I carry over?", found.passages, found.not_found)  # ENOUGH
        evidence_strength("Who won the match?", found.passages)  # WEAK
    """
    statements = [
        statement
        for n, passage in enumerate(passages, start=1)
        for statement in list_statements(
            CitedPassage(n, replace(passage, score=round(passage.score, SCORE_DIGITS)))
        )
    ]
    parts = split(query)
    language = choose_language(parts, (statement.text for statement in statements))
    if not statements or not find_answered(parts, extract(statements, language), not_found):
        return Strength.WEAK
    return Strength.ENOUGH
