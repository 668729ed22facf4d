"""Answers as Slack messages, within Slack's limits."""

from uuid import uuid4

import pytest

from agent.types import CitedPassage, Passage
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer

SOURCE = CitedPassage(1, Passage("c", "d", "Leave", "https://h.example/leave", "", "", 1))


def source_list(sources: list[CitedPassage]) -> str:
    """The text of the first block below an answer."""
    (context, *_rest) = blocks.build_closing(Answer(uuid4(), "x", sources))
    assert context["type"] == "context"
    return context["elements"][0]["text"]


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


def test_only_the_last_part_carries_sources_notice_and_thumbs() -> None:
    answer = Answer(uuid4(), "x", [SOURCE], notice="A <notice>.")
    first = blocks.build_message(answer, "one", is_last=False)
    last = blocks.build_message(answer, "two", is_last=True)
    assert [block["type"] for block in first["blocks"]] == ["markdown"]
    assert [block["type"] for block in last["blocks"]] == ["markdown", "context", "context", "context_actions"]
    assert blocks.to_markdown(last["blocks"]).endswith("A &lt;notice&gt;.")


def test_a_sentence_of_fixed_words_has_no_thumbs() -> None:
    assert blocks.build_closing(Answer(uuid4(), "x", has_feedback=False)) == []


def test_the_closest_documents_are_named_once_each_in_their_order() -> None:
    closest = [
        CitedPassage(n, Passage(str(n), "d", title, f"https://h.example/{title}", "", "", 1))
        for n, title in enumerate(("b", "b", "a"), 1)
    ]
    (context,) = blocks.build_closing(Answer(uuid4(), "x", closest=closest, has_feedback=False))
    assert context == {
        "type": "context",
        "elements": [
            {
                "type": "mrkdwn",
                "text": "*Closest documents:*  <https://h.example/b|b>  ·  <https://h.example/a|a>",
            }
        ],
    }


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("**Bold** and `code`", "Bold and code"),
        ("5 days [[1]](https://h.example/leave).", "5 days [1]."),
        ("[the page](https://h.example)", "the page"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ("x" * 4_000, "x" * 2_999 + "…"),
    ],
)
def test_the_notification_is_plain_text_of_bounded_length(text: str, plain: str) -> None:
    assert blocks.to_plain_text(text) == plain
