"""Searches for questions, and their measures."""

from pathlib import Path

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
