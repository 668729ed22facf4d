"""Searches for questions, and their measures."""

from dataclasses import replace
from pathlib import Path

import pytest

import ingest.settings
from agent.store.database import Database
from bot.evaluation import files, retrieval
from bot.evaluation.questions import EvalQuestion
from ingest.library import Library

LEAVE = EvalQuestion(
    id="leave",
    text="How many days can I carry over?",
    grades={"p/leave.md": 1.0},
    groups=(("p/leave.md",),),
)
UNANSWERABLE = EvalQuestion(id="yeti", text="Who feeds the yeti?", is_unanswerable=True)


def test_a_question_is_measured_by_the_files_it_names(handbook: Path, database: Database) -> None:
    documents = files.list_documents(database)
    names = files.match(["p/leave.md"], documents)
    library = Library(database, ingest.settings.load())
    found: list[None] = []
    result, unjudged = retrieval.find([LEAVE, UNANSWERABLE], library, names, progress=lambda: found.append(None))
    assert result.files[0] == "p/leave.md"
    assert (result.is_hit, result.ndcg, result.recall, result.reciprocal_rank) == (True, 1.0, 1.0, 1.0)
    assert (unjudged.is_hit, unjudged.ndcg) == (None, None)
    assert unjudged.files
    assert len(found) == 2


def test_every_document_counts_once_by_its_best_passage(handbook: Path, database: Database) -> None:
    (result,) = retrieval.find([LEAVE], Library(database, ingest.settings.load()), {})
    ids = {document.id for document in files.list_documents(database)}
    assert len(result.files) == len(set(result.files))
    assert set(result.files) <= ids


@pytest.mark.parametrize(
    ("facts", "not_in_view"),
    [
        ((), None),
        ((("5 days", "five days"),), ()),
        ((("5 days",), ("900 days",)), ("900 days",)),
    ],
)
def test_facts_are_looked_for_in_what_a_model_is_shown_first(
    handbook: Path, database: Database, facts: tuple[tuple[str, ...], ...], not_in_view: tuple[str, ...] | None
) -> None:
    """The second question has two parts, each of which is searched for as the tool does."""
    library = Library(database, ingest.settings.load())
    for asked in (LEAVE.text, f"{LEAVE.text} And who signs the travel request?"):
        (result,) = retrieval.find([replace(LEAVE, text=asked, facts=facts)], library, {})
        assert result.not_in_view == not_in_view
