"""Slack's messages as text: what a person reads there, and nothing that Markdown would take for more."""

from typing import Any, cast

import pytest

from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader
from ingest.sources.slackthreads import conversation
from ingest.sources.slackthreads.conversation import WireMessage

NAMES = {"U1": "Ada Marlow", "U2": "Grace [Okafor]"}


def message(text: str, **facts: Any) -> WireMessage:
    required = {"type": "message", "user": "U1", "ts": "1767355200.000100", "text": text}
    return cast(WireMessage, required | facts)


def name_of(user: str) -> str:
    return NAMES.get(user, user)


def read(*messages: WireMessage) -> list[str]:
    """The blocks of the document, code by lines, as the library would hold them."""
    content = conversation.to_markdown(messages, name_of).encode()
    document = reader.read_document(RawDocument(content, Format.MARKDOWN, "title"))
    assert {block.kind for block in document.blocks} <= {"paragraph", "code"}
    assert document.title == "title"
    return [block.text or "\n".join(block.lines) for block in document.blocks]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask <@U2> or <@U3|Linus>", "ask @Grace [Okafor] or @Linus"),
        ("in <#C1|help> and <#C2>", "in #help and #C2"),
        ("<!here> <!subteam^S1|@support> <!subteam^S2> <!date^1^{date}|May 3>", "@here @support @S2 May 3"),
        (
            "<https://a.example/x_y_z|the page>, <https://b.example>",
            "the page (https://a.example/x_y_z), https://b.example",
        ),
        ("<mailto:a@b.example|a@b.example> <http://c.example|c.example>", "a@b.example http://c.example"),
        ("1 &lt; 2 &amp;&amp; 4 &gt; 3", "1 < 2 && 4 > 3"),
        ("*bold*, _soft_, ~gone~ and 2*3*4, snake_case_name", "bold, soft, gone and 2*3*4, snake_case_name"),
        ("run `make *all*` twice", "run `make *all*` twice"),
        ("# no heading", "# no heading"),
        ("&lt;h1&gt;no heading&lt;/h1&gt; &lt;!-- no comment", "<h1>no heading</h1> <!-- no comment"),
        ("1. one\n2. two\n• three", "1. one\n2. two\n• three"),
        ("over\n=====\nunder\n-----", "over\n=====\nunder\n-----"),
        ("    indented | as | a | table\n|---|---|", "indented | as | a | table\n|---|---|"),
        ("[no][link] ![no] [^1] <a@b> *", "[no][link] ![no] [^1] a@b *"),
        ("{{ no }} {% template %} {: .no }", "{{ no }} {% template %} {: .no }"),
        ("&gt; quoted", "quoted"),
        ("ends with a backslash \\", "ends with a backslash \\"),
    ],
)
def test_text_is_shown_as_slack_shows_it_and_stays_text(text: str, shown: str) -> None:
    assert read(message(text)) == [f"Ada Marlow (2026-01-02 12:00): {shown}"]


def test_emphasis_has_an_end_within_reach() -> None:
    """Marks are looked for within a bounded distance: without it a hostile line takes time by its square."""
    sentence, page = "much to say " * 30, "much to say " * 60
    assert read(message(f"*{sentence}.*")) == [f"Ada Marlow (2026-01-02 12:00): {sentence}."]
    assert read(message(f"*{page}.*")) == [f"Ada Marlow (2026-01-02 12:00): *{page}.*"]


def test_paragraphs_and_code_are_kept_apart() -> None:
    text = "Do this:\n```\ndef f():\n    return 1 &lt; 2\n```\nand then\n\nthat. ```# once more ``` "
    assert read(message(text)) == [
        "Ada Marlow (2026-01-02 12:00): Do this:",
        "def f():\n    return 1 < 2",
        "and then",
        "that.",
        "# once more",
    ]


def test_every_message_is_headed_by_its_speaker() -> None:
    told = message("Deployed.", bot_id="B1", username="Deploys (prod)")
    titled = message("Done.", user=None, bot_id="B1", bot_profile={"name": "CI"})
    assert read(message("```x```"), message("fine", user="U2", ts="1767355260.000100"), told, titled) == [
        "Ada Marlow (2026-01-02 12:00):",
        "x",
        "Grace [Okafor] (2026-01-02 12:01): fine",
        "Deploys (prod) (2026-01-02 12:00): Deployed.",
        "CI (2026-01-02 12:00): Done.",
    ]


def test_what_an_app_shows_in_blocks_and_attachments_is_read() -> None:
    rich = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "Ask <", "style": {"bold": True}},
                    {"type": "user", "user_id": "U2"},
                    {"type": "text", "text": "> at "},
                    {"type": "link", "url": "https://a.example", "text": "A"},
                    {"type": "emoji", "name": "wave"},
                ],
            },
            {
                "type": "rich_text_list",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]}],
            },
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code <b>"}]},
        ],
    }
    section = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*State:* open"},
        "fields": [{"type": "mrkdwn", "text": "High"}],
    }
    attachments = [
        {"title": "Alert", "text": "Disk is full", "fields": [{"title": "Host", "value": "db1"}]},
        {"from_url": "https://a.example", "text": "what a page says"},
        {"is_msg_unfurl": True, "text": "what a private channel says"},
    ]
    told = message("", bot_id="B1", blocks=[rich, section, {"type": "divider"}], attachments=attachments)
    assert read(told) == [
        "Ada Marlow (2026-01-02 12:00): Ask <@Grace [Okafor]> at A (https://a.example):wave:\none",
        "code <b>",
        "State: open\nHigh\nAlert\nDisk is full\nHost: db1",
    ]
    assert read(message("see", files=[{"name": "plan_b.pdf"}, {"title": "Plan C"}])) == [
        "Ada Marlow (2026-01-02 12:00): see\n[shared: plan_b.pdf, Plan C]"
    ]


def test_a_title_is_the_channel_and_the_first_line() -> None:
    assert (
        conversation.make_title("help", [message("\n*How* do <@U2> I?\nPlease")], name_of)
        == "#help: How do @Grace [Okafor] I?"
    )
    assert conversation.make_title("help", [message(""), message("```\nx = 1\n```")], name_of) == "#help: x = 1"
    assert conversation.make_title("help", [message("")], name_of) == "#help"
    assert len(conversation.make_title("help", [message("word " * 100)], name_of)) <= 110


@pytest.mark.parametrize(
    ("text", "n_words"),
    [
        ("ok thanks <@U1>", 2),
        ("see <https://a.example/a/b|https://a.example/a/b>", 1),
        ("the office is closed on Friday", 6),
        ("今日は会社が休みです", 5),
    ],
)
def test_words_are_counted_without_names_and_addresses(text: str, n_words: int) -> None:
    assert conversation.count_words(message(text)) == n_words
