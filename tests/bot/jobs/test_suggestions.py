"""Which questions are suggested below an answer, by the headings of the documents that it cites."""

import pytest

from agent.translation.languages import Speech
from agent.translation.speech import speak
from agent.types import CitedPassage, Passage
from bot.jobs.suggestions import suggest
from ingest.index.table import IndexedHeading
from tools.extractive import sections
from tools.extractive.sections import NamedSection

LEAVE = [
    IndexedHeading("d1", "Leave", f"Leave > {name}") for name in ("Asking", "Carrying over", "Buying days", "A?")
]
TRAVEL = [
    IndexedHeading("d2", "Travel", path) for path in ("Travel", "Travel > Who pays the train?", "Travel > Abc")
]


def cite(document_id: str, heading_path: str, n: int = 1) -> CitedPassage:
    return CitedPassage(n, Passage(f"c{n}", document_id, "", "", heading_path, "", 1))


@pytest.mark.parametrize(
    ("sources", "labels"),
    [
        ([], []),
        (
            [cite("d1", "Leave > Carrying over")],
            ["Buying days", "Asking"],
        ),  # what follows first; "A?" says too little
        ([cite("d2", "Travel")], ["Who pays the train?"]),
        (
            [cite("d1", "Leave > Asking"), cite("d2", "Travel", 2)],
            ["Carrying over", "Who pays the train?", "Buying days"],
        ),
        ([cite("d3", "Other")], []),
    ],
)
def test_headings_that_are_not_cited_become_questions(sources: list[CitedPassage], labels: list[str]) -> None:
    suggested = suggest(sources, [*LEAVE, *TRAVEL])
    assert [one.label for one in suggested] == labels
    for one in suggested:  # a heading that asks is the question
        assert one.question == one.label or sections.read(one.question)


def test_what_was_just_asked_is_not_suggested_again_and_nothing_in_a_heading_is_live() -> None:
    sources = [cite("d1", "Leave > Asking")]
    first, second = suggest(sources, LEAVE)
    assert suggest(sources, LEAVE, first.question) == [second]
    live = IndexedHeading("d1", "Leave", "Leave > Ask <!here> at https://evil.example/x")
    (question,) = suggest(sources, [LEAVE[0], live])
    for text in (question.label, question.question):
        assert "<!" not in text
        assert "https://" not in text


def test_a_question_is_suggested_in_the_language_of_the_one_before() -> None:
    with speak(Speech("ja", "de")):
        (first, *_) = suggest([cite("d1", "Leave > Carrying over")], LEAVE)
    assert first.question == "Was sagt “Leave” zu “Buying days”?"
    assert sections.read(first.question) == NamedSection("Leave", "Buying days")
