"""Long answers are cut without a loss."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.replies.text.splitting import PART_LIMIT, split_text

WORDS = st.sampled_from(["leave", "days.", "```\ncode", "```", "\n\n", "\n", "- item", "**bold**", "x" * 60])


@given(st.lists(WORDS, max_size=200).map(" ".join), st.integers(100, 400))
def test_no_word_is_lost_and_no_part_is_too_long(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(len(part) <= limit for part in parts)
    kept = re.sub(r"[\s`]", "", "".join(parts)).replace("code", "")
    assert kept == re.sub(r"[\s`]", "", text).replace("code", "")


def test_a_text_that_fits_is_left_as_it_is() -> None:
    assert split_text("x" * PART_LIMIT) == ["x" * PART_LIMIT]
    assert split_text("") == [""]


def test_it_is_cut_between_paragraphs_before_lines_and_sentences() -> None:
    text = "\n\n".join(f"Paragraph {n}. It has two sentences.\nAnd a line." for n in range(4))
    parts = split_text(text, 150)
    assert len(parts) > 1
    assert all(part.startswith("Paragraph") and part.endswith("And a line.") for part in parts)


def test_a_code_block_that_is_cut_is_closed_and_opened_again() -> None:
    text = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(100)) + "\n```"
    parts = split_text(text, 400)
    assert len(parts) > 2
    assert all(part.startswith("```python\n") and part.rstrip().endswith("```") for part in parts)
    assert all(f"line_{n} = {n}" in "".join(parts) for n in range(100))


@pytest.mark.parametrize(
    ("opening", "closing"), [("~~~py", "~~~"), ("````md\n```", "```\n````"), ("- item\n\n  ```py", "  ```")]
)
def test_a_fence_of_any_kind_is_closed_and_opened_again(opening: str, closing: str) -> None:
    lines = "\n".join(f"line_{n} = {n}" for n in range(100))
    first, *others = split_text(f"{opening}\n{lines}\n{closing}", 400)
    fence = closing.rpartition("\n")[2]
    assert first.endswith(f"\n{fence}")
    assert all(part.startswith(fence) and part.endswith(fence) for part in others)


HEADERS = st.sampled_from(["| Grade | Days |\n|---|---|", "Grade | Days\n:-- | --:", "| a |\n|:-:|"])


@given(HEADERS, st.integers(3, 60), st.integers(0, 400), st.integers(120, 600))
def test_each_part_of_a_table_begins_with_its_header(header: str, n_rows: int, n_before: int, limit: int) -> None:
    rows = [f"| row_{n} | {n * n} |" for n in range(n_rows)]
    parts = split_text("\n".join(["x" * n_before + "\n", header, *rows, "", "After it."]), limit)
    assert all(len(part) <= limit for part in parts)
    with_rows = [part for part in parts if "| row_" in part]
    assert all(f"{header}\n| row_" in part for part in with_rows)
    kept = [line for part in parts for line in part.split("\n") if line.startswith("| row_")]
    assert kept == rows
    assert parts[-1].endswith("After it.")


def test_the_header_of_a_table_in_code_is_not_repeated() -> None:
    text = "```\n| a | b |\n|---|---|\n" + "\n".join(f"| {n} | x |" for n in range(60)) + "\n```"
    parts = split_text(text, 300)
    assert len(parts) > 1
    assert "\n".join(parts).count("| a | b |") == 1
