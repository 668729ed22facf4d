"""Near duplicates by what the index holds, in memory that does not grow with the length of documents."""

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from ingest.index import duplicates
from ingest.index.duplicates import find_duplicates
from ingest.index.table import Index, IndexedChunk
from tests.ingest.index.test_table import chunk

WORDS = [f"word{n}" for n in range(5_000)]


def prose(seed: int, n_words: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=n_words)


def put_all(index: Index, documents: dict[str, list[str]], *, n_chunk: int = 150) -> None:
    chunks: list[IndexedChunk] = []
    for name, words in documents.items():
        parts = (words[at : at + n_chunk] for at in range(0, len(words), n_chunk))
        chunks += [chunk(name, position, " ".join(part)) for position, part in enumerate(parts)]
    index.replace(documents, chunks, np.eye(1, 256, dtype=np.float32).repeat(len(chunks), 0))


def names(groups: Iterable[duplicates.DuplicateGroup]) -> list[tuple[str, ...]]:
    return sorted(group.document_ids for group in groups)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(str(tmp_path / "i"), embedding_model="static")


def test_copies_are_found_whatever_their_case_chunks_and_small_changes(index: Index) -> None:
    leave, travel, short = prose(1), prose(2), prose(3, 12)
    put_all(
        index,
        {
            "leave": leave,
            "leave in capitals": [word.upper() for word in leave],
            "leave, edited": [*leave[:200], *prose(9, 6), *leave[200:]],
            "leave and much else": [*leave, *prose(8, 400)],
            "travel": travel,
            "sick": prose(4),
            "stub": short,
            "another stub": short,
        },
    )
    put_all(index, {"travel, in other chunks": travel}, n_chunk=40)
    groups = find_duplicates(index)
    assert names(groups) == [
        ("leave", "leave in capitals", "leave, edited"),
        ("travel", "travel, in other chunks"),
    ]
    assert min(group.similarity for group in groups) >= duplicates.SIMILARITY


def test_chinese_is_compared_too_and_an_index_that_is_not_there_has_none(index: Index) -> None:
    assert find_duplicates(index) == []
    text = "年假为二十天请向人力资源部提出申请员工每年可以休假二十天须提前两周向主管提出书面申请"
    put_all(
        index,
        {
            "a": [text],
            "b": [text[:-1] + "表"],
            "c": ["出差须事先得到主管的书面批准费用凭票据报销酒店标准见附表交通费用按实际发生额报销"],
        },
    )
    assert names(find_duplicates(index)) == [("a", "b")]


def test_many_copies_of_one_page_are_not_all_compared_with_each_other(index: Index) -> None:
    page = prose(1, 60)
    put_all(index, {f"copy {n:03}": page for n in range(200)})
    (group,) = find_duplicates(index)
    assert (len(group.document_ids), group.similarity) == (200, 1.0)
    assert len([*duplicates._pairs(range(200))]) == 199
