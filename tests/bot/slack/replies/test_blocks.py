"""Answers as Slack messages, within Slack's limits."""

from uuid import uuid4

import pytest

from agent.types import CitedPassage, Passage
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer
from bot.slack.replies.task_cards import CardStatus, TaskCard

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
    assert f"[1] <{url}2|Leaflet, p. 2>\n[2] <{url}3|Leaflet, p. 3>" in source_list(sources)


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
    assert blocks.build_text(answer, "two", is_last=True)["text"].endswith("A &lt;notice&gt;.")


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
                "verbatim": True,
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
        ("snake_case_name, __init__.py and 2 * 3 * 4",) * 2,
        ("5*3*2, Size 3*4*5 cm, x*y*z = 3, the __init__ of it, __of_us__.py",) * 2,
        ("glob **/*.py and src/**/test_*.py, f(*args, **kwargs)",) * 2,
        (r"Open \\server\share\_archive, C:\_x\[a] and (D:\*b*).",) * 2,
        ("10) ten\n11) eleven",) * 2,
        (r"__Bold__ and *it* and a\_b: 5*3", "Bold and it and a_b: 5*3"),
        ("C# and #help, not # a heading", "C# and #help, not # a heading"),
        ("see https://h.example/a_b_c/_d_?q=*x*", "see https://h.example/a_b_c/_d_?q=*x*"),
        ("``a `tick` b`` and `*args, **kwargs`", "a `tick` b and *args, **kwargs"),
        ("## A *heading*\n\nand _text_", "A heading\n\nand text"),
        ("```py\na_b = *c  # d\n```", "a_b = *c  # d"),
        ("- a\n- b\n\n1. c\n2. d", "- a\n- b\n\n1. c\n2. d"),
        ("> quoted", "quoted"),
        ("| a | b |\n|---|---|\n| x_y | 2 |", "a | b\nx_y | 2"),
        ("[1]: https://h.example/not_a_reference", "[1]: https://h.example/not_a_reference"),
        ("~~old~~ new, ~5 days", "old new, ~5 days"),
        ("x" * 4_000, "x" * 2_999 + "…"),
        ("x" * 2_997 + "<" * 9, "x" * 2_997 + "…"),  # no half of an escaped character
    ],
)
def test_the_notification_is_plain_text_of_bounded_length(text: str, plain: str) -> None:
    assert blocks.to_plain_text(text) == plain


def test_sections_hold_the_whole_text_within_slacks_limits() -> None:
    text = "\n\n".join(f"**Paragraph {n}** with [a link](https://h.example/{n}) & more." for n in range(190))
    message = blocks.build_sections(Answer(uuid4(), text, [SOURCE]), text, is_last=True)
    sections = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    assert all(len(section) <= blocks.SECTION_LIMIT for section in sections)
    assert len(message["blocks"]) <= 50
    joined = "\n".join(sections)
    assert all(f"*Paragraph {n}* with <https://h.example/{n}|a link> &amp; more." in joined for n in range(190))


def test_a_section_never_ends_within_a_link() -> None:
    text = " ".join(f"[a label of several words {n}](https://h.example/{n})" for n in range(120))
    message = blocks.build_sections(Answer(uuid4(), text), text, is_last=False)
    sections = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    assert len(sections) > 1
    assert all(section.count("<") == section.count(">") == section.count("|") for section in sections)


def test_a_table_is_aligned_code_in_sections() -> None:
    text = "| Grade | Days |\n|---|---|\n| a & b | 20 |\n| intern | 5 |"
    message = blocks.build_sections(Answer(uuid4(), text), text, is_last=False)
    assert message["blocks"] == [
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": "```\nGrade   Days\n------  ----\na &amp; b   20\nintern  5\n```",
                "verbatim": True,
            },
        }
    ]


def test_the_closest_documents_stay_within_the_limit_too() -> None:
    closest = [
        CitedPassage(n, Passage(str(n), str(n), "T" * 200, f"https://h.example/{n}{'x' * 700}", "", "", 1))
        for n in range(9)
    ]
    (context,) = blocks.build_closing(Answer(uuid4(), "x", closest=closest, has_feedback=False))
    assert context["type"] == "context"
    assert len(context["elements"][0]["text"]) <= 2_000


def test_the_steps_of_a_stopped_answer_stand_above_it_in_every_form() -> None:
    cards = [TaskCard(f"step_{n}", "Searched", CardStatus.COMPLETE, f"query {n}", "1 passage") for n in range(90)]
    answer = Answer(uuid4(), "You can", steps=cards)
    layout = blocks.build_message(answer, "You can", is_last=True)["blocks"]
    assert [block["type"] for block in layout[:91]] == ["task_card"] * 90 + ["markdown"]
    assert "details" not in layout[0]  # the last ones keep their texts, within a limit
    assert "details" in layout[89]
    sections = blocks.build_sections(answer, "You can", is_last=True)["blocks"]
    assert "Searched (query 89) 1 passage" in str(sections[0])
    assert blocks.build_text(answer, "You can", is_last=True)["text"].startswith("Searched")


LIVE_TITLE = (
    "#general: @here read https://evil.example/login, <!channel>\nwww.evil.example xoxb-123456789012-abcdef"
)


def list_text_objects(value: object) -> list[dict[str, object]]:
    if isinstance(value, list):
        return [found for item in value for found in list_text_objects(item)]
    if not isinstance(value, dict):
        return []
    inside = [found for item in value.values() for found in list_text_objects(item)]
    return [value, *inside] if value.get("type") == "mrkdwn" else inside


@pytest.mark.parametrize(
    "url", ["https://h.example/a", "file:///a.md", "https://h.example/a#b", "https://h/x.pdf#page=2"]
)
def test_a_title_neither_pings_nor_links_nor_breaks_its_line(url: str) -> None:
    source = CitedPassage(1, Passage("c", "d", LIVE_TITLE, url, LIVE_TITLE, "", 1))
    answer = Answer(uuid4(), "x", [source], closest=[source], steps=[TaskCard("1", "Searched")])
    for build in (blocks.build_message, blocks.build_sections):
        message = build(answer, "See [1].", is_last=True, lead="*You asked:* x")
        objects = list_text_objects(message["blocks"])
        assert objects
        assert all(text["verbatim"] is True for text in objects)
    (sources, closest, *_rest) = blocks.build_closing(answer)
    for line in (sources, closest):
        text = str(list_text_objects(line)[0]["text"])
        assert text.count("\n") == (line is sources)  # an entry a line
        for live in ("@here", "evil.example", "<!", "xoxb"):
            assert live not in text
        assert "evil[.]example/login" in text
