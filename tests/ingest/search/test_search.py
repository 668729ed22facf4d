"""What search finds on real questions, the same every time; slips of the keyboard; words no document has."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.store.database import Database
from agent.types import Audience
from ingest.embedding.embedder import EmbeddedTexts, Embedder, Matrix, embed
from ingest.index import scan
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index
from ingest.library import Library
from ingest.search import search, typos
from ingest.search.search import SearchContext
from ingest.search.text import MAX_WORDS, first_words
from ingest.search.typos import CandidateTexts
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tools.evidence import evidence_strength
from tools.search_docs import select_passages

EVERYONE = Audience()


def test_equal_questions_get_equal_answers(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    first = library.search("Where can I park my bicycle?", audience=EVERYONE).passages
    assert first[0].heading_path == "Bicycles"
    assert [passage.score for passage in first] == sorted((p.score for p in first), reverse=True)
    assert all(
        library.search("Where can I park my bicycle?", audience=EVERYONE).passages == first for _ in range(3)
    )


def test_a_slip_of_the_keyboard_is_understood(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    found = library.search("where do i park my bicylces", audience=EVERYONE)
    assert found.passages[0].heading_path == "Bicycles"
    assert found.not_found == ()


def test_words_no_document_has_are_named(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder))
    assert library.search("When is the office in Reykjavik open?", audience=EVERYONE).not_found == ("reykjavik",)


def test_words_only_others_may_read_count_as_not_found(library: Library, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal" / "case.md").write_text("# Case\n\nThe Reykjavik lawsuit.")
    sync_folder(library, str(tmp_path / "legal"), readers=["team:legal"])
    sync_folder(library, str(folder))
    assert library.search("the reykjavik lawsuit", audience=EVERYONE).not_found == ("reykjavik", "lawsuit")


def test_a_document_is_read_by_id_title_or_address(library: Library, folder: Path) -> None:
    sync_folder(library, str(folder), link="https://handbook.example/{path}")
    passage = library.search("sick leave", audience=EVERYONE).passages[0]
    for reference in (passage.document_id, passage.chunk_id, passage.url, "leave", "LEAVE", "leave.md"):
        assert [p.heading_path for p in library.read(reference, audience=EVERYONE)] == [
            "Annual leave",
            "Sick leave",
        ]
    assert library.read("Leave", audience=EVERYONE, heading="sick")[0].heading_path == "Sick leave"
    assert library.read("Leave", audience=EVERYONE, position=5)[0].heading_path == "Sick leave"
    assert library.read("no such thing", audience=EVERYONE) == []


@pytest.fixture(scope="session")
def handbook(eval_dir: Path, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """246 real pages. Access rows are written anew by each test that needs them: tables are emptied between."""
    database = Database(database_url, statement_timeout_seconds=30)
    index = tmp_path_factory.mktemp("handbook") / "index"
    library = Library(database, IngestSettings(index_uri=str(index)))
    sync_folder(library, str(eval_dir / "handbook_18f" / "pages"), link="https://handbook.example/{path}")
    yield library
    database.close()


def questions(eval_dir: Path) -> list[dict[str, Any]]:
    path = eval_dir / "handbook_18f" / "questions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def first_files(library: Library, question: dict[str, Any], n: int) -> list[str]:
    history = [turn["text"] for turn in question.get("history", []) if turn["speaker"] == "user"]
    found = library.search(" ".join([*history, str(question["question"])]), audience=EVERYONE, k=50).passages
    paths = (p.url.removeprefix("https://handbook.example/") for p in found)
    files = dict.fromkeys(f"pages/{path}{'index' if path.endswith('/') or not path else ''}.md" for path in paths)
    return list(files)[:n]


@pytest.mark.soak
def test_needed_files_are_among_the_first_five(eval_dir: Path, handbook: Library) -> None:
    """The floor lies two under what was measured (47), so that a change that costs more is seen."""
    sync_folder(handbook, str(eval_dir / "handbook_18f" / "pages"), link="https://handbook.example/{path}")
    answerable = [q for q in questions(eval_dir) if not q.get("unanswerable")]
    n_found = 0
    for question in answerable:
        files = first_files(handbook, question, 5)
        n_found += all(any(f in files for f in group) for group in question["relevant_groups"])
    assert n_found >= 45, f"{n_found} of {len(answerable)}"


def test_a_page_of_nonsense_is_looked_at_no_longer_than_a_long_question() -> None:
    nonsense = " ".join(f"zxq{n}vw" for n in range(1_000))
    assert len(first_words(nonsense)) == MAX_WORDS
    looked_at: list[str] = []

    class Watched(CandidateTexts):
        def contain(self, word: str) -> bool:
            looked_at.append(word)
            return super().contain(word)

    typos.find_corrections(nonsense, Watched({"a": "annual leave"}))
    assert len(looked_at) == MAX_WORDS


IDENTIFIERS = {
    "ppr": ("# Purchase requests\n\nPPR-9087 covers the laptops of the sales team.", "PPR-9087"),
    "adr": ("# ADR 16: one queue\n\nDecision 16 keeps one queue for all jobs.", "adr 16"),
    "cpp": ("# C++ guide\n\nC++ code is formatted before review.", "C++"),
    "net": ("# .NET services\n\nServices in .NET run on Linux.", ".NET"),
    "lab": ("# R&D budget\n\nThe R&D department orders equipment itself.", "R&D"),
    "api": ("# Users API\n\nGET /users/{id}: get a user by id.", "get user by id"),
}
ALIKE = (
    "# Purchase requests 2\n\nPPR-9078 covers the chairs of the support team.",
    "# ADR 61: two databases\n\nDecision 61 splits the database.",
    "# C guide\n\nCode in C is checked by a linter, grade C or better.",
    "# Network services\n\nThe network is run by the platform team.",
    "# Research\n\nRequests for research go to the library.",
    "# Orders API\n\nDELETE /orders: delete an order.",
)


def test_a_name_of_signs_and_numbers_is_found_first(library: Library, tmp_path: Path) -> None:
    for name, (text, _) in IDENTIFIERS.items():
        (tmp_path / f"{name}.md").write_text(text)
    for n, text in enumerate(ALIKE):
        (tmp_path / f"alike{n}.md").write_text(text)
    sync_folder(library, str(tmp_path), link="https://x.example/{path}")
    first = {
        name: library.search(query, audience=EVERYONE).passages[0].url for name, (_, query) in IDENTIFIERS.items()
    }
    assert first == {name: f"https://x.example/{name}" for name in IDENTIFIERS}


@pytest.mark.parametrize(
    "question", ["", " ", "?!", "🎉🎉", "[a-z]+(", "' OR 1=1 --", "日本 leave ¿отпуск?", "9" * 5_000]
)
def test_a_question_without_an_answer_is_searched_all_the_same(
    library: Library, folder: Path, question: str
) -> None:
    sync_folder(library, str(folder))
    assert all(0 <= passage.score <= 1 for passage in library.search(question, audience=EVERYONE).passages)


class MovedEmbedder(Embedder):
    """The static model with another habit: every cosine c is 0.5 + 0.5 c."""

    def _embed(self, texts: Sequence[str], *, is_question: bool) -> EmbeddedTexts:
        return EmbeddedTexts(move(super()._embed(texts, is_question=is_question).vectors))


def move(vectors: Matrix) -> Matrix:
    return np.hstack([vectors, np.ones((len(vectors), 1), np.float32)]) * np.float32(0.5**0.5)


@pytest.mark.soak
def test_a_model_whose_cosines_lie_higher_finds_and_refuses_the_same(
    eval_dir: Path, handbook: Library, tmp_path: Path
) -> None:
    sync_folder(handbook, str(eval_dir / "handbook_18f" / "pages"), link="https://handbook.example/{path}")
    index = handbook.active_index.current().index
    versions = scan.document_versions(index)
    chunks = scan.read_chunks(index, list(versions))
    vectors = embed([chunk.search_text for chunk in chunks])
    same, moved = (Index(str(tmp_path / name), embedding_model="static") for name in ("same", "moved"))
    same.replace(list(versions), chunks, vectors)
    moved.replace(list(versions), chunks, move(vectors))
    scope = ChunkFilter(tuple({version.access_id for version in versions.values()}))
    asked = [str(question["question"]) for question in questions(eval_dir)]
    first, refused = [], []
    for context in (
        SearchContext(same, Embedder(), scope),
        SearchContext(moved, MovedEmbedder(), scope),
    ):
        found = [search.search(question, context, k=20) for question in asked]
        first.append([{passage.document_id for passage in one.passages[:5]} for one in found])
        weak = [
            evidence_strength(question, select_passages([one.passages]), one.not_found)
            for question, one in zip(asked, found, strict=True)
        ]
        refused.append(weak)
    n_other_files = sum(one != other for one, other in zip(*first, strict=True))
    n_other_verdicts = sum(one != other for one, other in zip(*refused, strict=True))
    assert (n_other_files <= 1, n_other_verdicts <= 1) == (True, True), (n_other_files, n_other_verdicts)
