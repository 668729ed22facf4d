"""How well passages answer a query, judged without a model."""

import pytest

from agent.types import Passage
from tools.evidence import Strength, evidence_strength

LEAVE = "Every employee has 30 days of annual leave. At most 5 days can be carried over into the next year."


def passage(text: str = LEAVE, score: float = 0.8) -> Passage:
    return Passage("d-0", "d", "Annual leave", "https://handbook.example/leave", "Carrying over", text, score)


@pytest.mark.parametrize(
    ("query", "strength"),
    [
        ("How many days of annual leave can be carried over?", Strength.ENOUGH),
        ("annual leave carried over", Strength.ENOUGH),
        ("Who repairs the coffee machine in Reykjavik?", Strength.WEAK),
    ],
)
def test_passages_that_answer_are_told_from_those_that_do_not(query: str, strength: Strength) -> None:
    assert evidence_strength(query, [passage()]) is strength


@pytest.mark.parametrize("passages", [[], [passage("")]])
def test_nothing_is_weak(passages: list[Passage]) -> None:
    assert evidence_strength("How many days of annual leave?", passages) is Strength.WEAK


def test_words_that_no_document_has_speak_against_an_answer() -> None:
    query = "How many days of sabbatical leave can be carried over?"
    assert evidence_strength(query, [passage(score=0.3)]) is Strength.ENOUGH
    assert evidence_strength(query, [passage(score=0.3)], ("sabbatical",)) is Strength.WEAK
