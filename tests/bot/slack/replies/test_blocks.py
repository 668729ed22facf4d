"""Answers as Slack messages: split without a loss, within Slack's limits."""

import re
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from agent.types import CitedPassage, Passage
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer
from bot.slack.replies.splitting import split_text

WORDS = st.sampled_from(["leave", "days.", "```\ncode", "```", "\n\n", "\n", "- item", "**bold**", "x" * 60])


def source_list(sources: list[CitedPassage]) -> str:
    """The text of the first block below an answer."""
    (context, *_rest) = blocks.build_closing(Answer(uuid4(), "x", sources))
    assert context["type"] == "context"
    return context["elements"][0]["text"]


@given(st.lists(WORDS, max_size=200).map(" ".join), st.integers(100, 400))
def test_no_word_is_lost_and_no_part_is_too_long(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(len(part) <= limit for part in parts)
    kept = re.sub(r"[\s`]", "", "".join(parts)).replace("code", "")
    assert kept == re.sub(r"[\s`]", "", text).replace("code", "")


def test_a_code_block_that_is_cut_is_closed_and_opened_again() -> None:
    text = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(100)) + "\n```"
    parts = split_text(text, 400)
    assert len(parts) > 2
    assert all(part.startswith("```python\n") and part.rstrip().endswith("```") for part in parts)
    assert all(f"line_{n} = {n}" in "".join(parts) for n in range(100))


def test_sources_are_grouped_by_page_and_escaped() -> None:
    sources = [
        CitedPassage(1, Passage("a", "d", "Q&A <x> | y", "https://h.example/a b", "", "", 1)),
        CitedPassage(2, Passage("b", "e", "Notes", "file:///notes.md", "", "", 1)),
        CitedPassage(3, Passage("c", "d", "Q&A <x> | y", "https://h.example/a b", "", "", 1)),
    ]
    text = source_list(sources)
    assert "[1][3] <https://h.example/a%20b|Q&amp;A &lt;x&gt; ¦ y>" in text
    assert "[2] Notes" in text


def test_two_pages_of_one_pdf_are_told_apart() -> None:
    url = "https://h.example/leaflet.pdf#page="
    sources = [CitedPassage(n, Passage(str(n), "d", "Leaflet", f"{url}{n + 1}", "", "", 1)) for n in (1, 2)]
    assert f"[1] <{url}2|Leaflet, p. 2>  [2] <{url}3|Leaflet, p. 3>" in source_list(sources)


def test_many_sources_stay_within_the_limit_and_the_rest_is_counted() -> None:
    sources = [
        CitedPassage(n, Passage(str(n), str(n), "T" * 250, f"https://h.example/{n}", "", "", 1)) for n in range(60)
    ]
    text = source_list(sources)
    assert len(text) <= 2_000
    assert text.count("https://") + int(text.rsplit("and ", 1)[1].split()[0]) == 60


def test_the_notification_pings_nobody() -> None:
    assert "<!" not in blocks.to_plain_text("`<!channel>` and <*!here*>")
