"""What a person is shown, for every way a text can be cut into pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.types import CitedPassage, Passage
from bot.slack.replies.links.policy import LinkHosts, LinkPolicy
from bot.slack.replies.output_filter import SECRET_REMOVED, AnswerText, OutputFilter

PAGE = "https://handbook.example/leave"
SOURCES = {
    1: CitedPassage(1, Passage("c1", "d1", "Leave", PAGE, "Annual leave", "", 0.9)),
    2: CitedPassage(2, Passage("c2", "d2", "Travel", "https://handbook.example/a (b)", "", "", 0.8)),
    3: CitedPassage(3, Passage("c3", "d3", "Local", "file:///srv/notes.md", "", "", 0.7)),
}
FORM, VENDOR = "https://forms.example/a?b=1", "https://vendor.example/form?x=a.b.com"
HOSTS = LinkHosts(["handbook.example", "forms.example"])
EVIDENCE = [f"See {PAGE}#carry, {FORM} and {VENDOR}; write to hr@acme.example, or see {PAGE}."]

CASES = [
    ("You may carry over 240 hours [1].", f"You may carry over 240 hours [[1]]({PAGE})."),
    ("Both [1, 2] say so.", f"Both [[1]]({PAGE})[[2]](https://handbook.example/a%20%28b%29) say so."),
    ("From a file [3].", "From a file [3]."),
    ("Nobody said this [9].", "Nobody said this."),
    ("Half of it is known [1][9].", f"Half of it is known [[1]]({PAGE})."),
    ("Code `a[1]` stays.", "Code `a[1]` stays."),
    ("The element items[2] is the third, a[1] the second.", "The element items[2] is the third, a[1] the second."),
    ("Read data.rows[9] of it.", "Read data.rows[9] of it."),
    ("240 hours of leave[1].", f"240 hours of leave[[1]]({PAGE})."),
    ("```\nx = a[1]\n```\nDone [1].", f"```\nx = a[1]\n```\nDone [[1]]({PAGE})."),
    (f"See [the page]({PAGE}) now.", f"See [the page]({PAGE}) now."),
    ("See [the page](https://evil.example/?q=secret) now.", "See the page now."),
    ("An image ![chart](https://evil.example/x.png?d=1) here.", "An image chart here."),
    ("Go to https://evil.example/x, quickly.", "Go to (link removed), quickly."),
    ("Fill in https://forms.example/a?b=1.", "Fill in https://forms.example/a?b=1."),
    ("A prefix https://handbook.example/ is not the page.", "A prefix (link removed) is not the page."),
    ("`curl https://evil.example/x`", "`curl (link removed)`"),
    ("<!channel> listen, <@U123> and <#C1|general>", "@\u2060channel listen, @U123 and #general"),
    ("<https://evil.example|click me> please", "click me please"),
    ("@here everybody", "@\u2060here everybody"),
    ("The token is xoxb-123456789012-abcdefABCDEF ok", f"The token is {SECRET_REMOVED} ok"),
    ("See [https://evil.example/x](https://evil.example/x) now.", "See (link removed) now."),
    ("[<!channel>](https://evil.example) listen", "@\u2060channel listen"),
    ("Go to www.evil.example/x now", "Go to (link removed) now"),
    ("<slack://open|click> here", "click here"),
    ("`<!channel>` in code", "`<\u2060!channel>` in code"),
    ("Type ``` then <!channel> please", "Type ``` then @\u2060channel please"),
    ("5 days [1](https://docs.example/other).", f"5 days [[1]]({PAGE})."),
    ("5 days [[1]](https://docs.example/other).", f"5 days [[1]]({PAGE})."),  # as an earlier answer has it
    ("5 days [[9]](https://docs.example/other).", "5 days."),
    ("A sk-learn-documentation page", "A sk-learn-documentation page"),
    ("A key sk-proj-4fA9bX7cQ2dL5eZ8 here", f"A key {SECRET_REMOVED} here"),
    ("A [stray bracket never silences the rest of it", "A [stray bracket never silences the rest of it"),
    ("1 < 2 and so on", "1 < 2 and so on"),
    ("<!-- a comment --> here", "<\u2060!-- a comment --> here"),
    ("<!channel|a|b> listen", "<\u2060!channel|a|b> listen"),
    ("<@U012AB3CD|a|b> listen", "<\u2060@U012AB3CD|a|b> listen"),
    ("<!channel|" + "a" * 350 + "> listen", "<\u2060!channel|" + "a" * 350 + "> listen"),
    ("<!channel|a\nb> listen", "<\u2060!channel|a\nb> listen"),
    ("`<!subteam^S1|@x|y>` in code", "`<\u2060!subteam^S1|@x|y>` in code"),
    (
        "<!date^1392734382^{date}^https://evil.example/" + "x" * 90 + "|open|y> now",
        "<\u2060!date^1392734382^{date}^(link removed)|open|y> now",
    ),
]
TOKENS = [
    "<",
    ">",
    "!",
    "@",
    "#",
    "|",
    "^",
    "`",
    "```",
    "\n",
    " ",
    "a",
    "channel",
    "subteam",
    "here",
    "U012AB3CD",
    "[",
]
TOKENS += ["](", ")", "https://evil.example/x", "date", "\u2060", "\u200b", "x" * 120]


def shown() -> OutputFilter:
    return OutputFilter(SOURCES.get, LinkPolicy(HOSTS, lambda: EVIDENCE))


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_whole_text_is_made_safe(text: str, expected: str) -> None:
    assert shown().filter(text) == expected


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size_give_the_same_text(text: str, expected: str, size: int) -> None:
    stream = shown()
    pieces = [stream.feed(text[i : i + size]) for i in range(0, len(text), size)]
    assert "".join([*pieces, stream.flush()]) == expected


@given(st.lists(st.sampled_from([case[0] for case in CASES]), max_size=4), st.data())
def test_no_prefix_ever_shows_what_the_whole_does_not(texts: list[str], data: st.DataObject) -> None:
    text = "\n\n".join(texts)
    stream, so_far = shown(), ""
    while text:
        size = data.draw(st.integers(1, len(text)))
        so_far += stream.feed(text[:size])
        text = text[size:]
        assert "evil.example" not in so_far
        assert "xoxb-" not in so_far
        assert "<!" not in so_far
    assert "evil.example" not in so_far + stream.flush()


@given(st.lists(st.sampled_from(TOKENS), max_size=30), st.integers(1, 9))
def test_nothing_that_slack_may_take_for_a_mention_is_ever_shown(tokens: list[str], size: int) -> None:
    text = "".join(tokens)
    stream = shown()
    pieces = [stream.feed(text[i : i + size]) for i in range(0, len(text), size)]
    for out in ("".join([*pieces, stream.flush()]), shown().filter(text)):
        assert not re.search(r"<[!@#]|<subteam", out)
        assert "https://evil.example" not in out


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", ["[x](", "![", "<https://", "`", "[1", "```", "-----BEGIN PRIVATE KEY-----", "](", "a"]
)
def test_no_text_takes_long(unit: str) -> None:
    stream = shown()
    text = unit * (20_000 // len(unit))
    for i in range(0, len(text), 40):
        stream.feed(text[i : i + 40])
    stream.flush()
    shown().filter(text)


def test_what_belongs_together_is_not_parted_by_the_limit() -> None:
    stream = shown()
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQ line\n" * 600 + "-----END PRIVATE KEY-----"
    text = f"Here: {key} and <!channel> done"
    pieces = [stream.feed(text[i : i + 50]) for i in range(0, len(text), 50)]
    assert "".join([*pieces, stream.flush()]) == f"Here: {SECRET_REMOVED} and @\u2060channel done"


def test_the_text_of_an_answer_is_what_was_shown_and_what_is_held_back() -> None:
    text = AnswerText(lambda n: None, LinkPolicy(HOSTS, lambda: ["see https://handbook.example/leave"]))
    shown = text.feed("See https://handbook.example/leave and https://evil.example/x for")
    assert shown == "See https://handbook.example/leave and (link removed)"
    assert text.flush() == "See https://handbook.example/leave and (link removed) for"


def test_a_reset_answer_begins_anew() -> None:
    text = AnswerText(lambda n: None, LinkPolicy(HOSTS, list))
    text.feed("Let me look that up. ")
    text.reset()
    text.feed("You can carry over 5 days.")
    assert text.flush() == "You can carry over 5 days."


def test_evidence_that_comes_later_is_asked_for_again() -> None:
    evidence: list[str] = []
    text = AnswerText(lambda n: None, LinkPolicy(HOSTS, lambda: evidence))
    assert text.filter("https://handbook.example") == "(link removed)"
    evidence.append("https://handbook.example")
    assert text.filter("https://handbook.example") == "https://handbook.example"
