"""Nothing live gets out, whatever a model writes and however it is cut; what is harmless arrives unchanged.

Random text with the tokens of Slack's and Markdown's markup is filtered whole and in pieces. What is shown is then
read as clients read it: by a parser of Markdown, as Slack's markup, as plain text, with all code taken for text.
"""

import itertools
import re
from collections.abc import Iterator
from html import unescape
from unicodedata import normalize

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.types import CitedPassage, Passage
from bot.slack.replies.links import addresses
from bot.slack.replies.links.policy import LINK_REMOVED, MOST_OF_A_SITE, LinkHosts, LinkPolicy
from bot.slack.replies.output_filter import OutputFilter, clean_label
from bot.slack.replies.text import markdown

PAGE, FORM, VENDOR = (
    "https://handbook.example/leave",
    "https://forms.example/a?b=1",
    "https://vendor.example/f?x=a.com",
)
EVIDENCE = (
    f"{PAGE} and {FORM}, {VENDOR}, mailto:x@vendor.example, c.vendor.example/a c.vendor.example/b d.com/x d.com/y"
)
CITED = CitedPassage(1, Passage("c1", "d1", "Leave", PAGE, "", "", 0.9))
CLICKABLE = {PAGE, FORM}

TOKENS = re.findall(
    r"\S+",
    """
< > ! @ # | ^ ` ``` ~~~ [ ] ( ) ]( ]: [1] [9] [[1]] ![ * ** _ ~ \\ & ; &lt; &gt; &#58; &colon; &#x2f; &#46;
&commat; : / // . @channel @here <!channel> <!here|here> <@U012AB3CD> <#C012AB3CD|x> <!subteam^S1>
<!date^0^{date}^ subteam channel everyone https:// http:// ftp:// javascript: data:text/html, mailto:
tel:+49 slack:// //evil.com www.evil.com evil.com evil.example/x https://evil.example/x?d=S evil.com/x evil
https com 1.2.3.4/x http://1.2.3.4 x@evil.com u:p@evil.com/ xn--evl-dma.com/ bücher.de/a <img <a </a> src=
href= " ' <https://evil.com|x> [x](https://evil.com) ![x](https://evil.com) [x]: https：//evil．com/
@\u200bhere h*ttps://evil.com* \u2060 \u200b \u202e \xad \ufe0f - + = { } a 1 word ? %
[]() [](x) [h](x) [h][x] [[]() evil. om/x ere
""",
)
TOKENS += [
    "\n",
    "\n\n",
    " ",
    " ",
    "    ",
    "\n> ",
    "\n- ",
    "\n```\n",
    "\n | a | b |\n|---|---|\n",
    "\t",
    PAGE,
    FORM,
    VENDOR,
]
TOKENS += [f"![x]({PAGE})", f"[x]({FORM})", f"<{PAGE}|x>", "c.vendor.example/a", "d.com/x", "d.com/y"]
TEXTS = st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), max_size=25).map("".join)

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
URL = re.compile(r"(?:https?|ftp|slack)://[^\s<>\[\]\"'`|\\^{}]*\w[^\s<>\[\]\"'`|\\^{}]*", re.IGNORECASE)
OPAQUE = re.compile(r"(?<!\w)(?:mailto|javascript|data|tel):[^\W_]", re.IGNORECASE)
NAME = re.compile(
    r"(?<![\w@/.-])(?:[\w-]+\.)+(?:com|example|de)(?![\w.-])|(?<![\w.⁄])\d{1,3}(?:\.\d{1,3}){3}/\w", re.IGNORECASE
)
MENTION = re.compile(r"<[!@#]|<subteam|@(?:channel|here|everyone)(?![^\W_])", re.IGNORECASE)


def make_filter() -> OutputFilter:
    hosts = LinkHosts(["handbook.example", "forms.example"])
    return OutputFilter({1: CITED}.get, LinkPolicy(hosts, lambda: [EVIDENCE]))


def stream(text: str, cuts: list[int]) -> str:
    ends = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    running = make_filter()
    pieces = [running.feed(text[a:b]) for a, b in itertools.pairwise(ends)]
    return "".join([*pieces, running.flush()])


def find_live(shown: str) -> Iterator[str]:
    """Yields whatever a client may act on, but for links that are allowed."""
    tokens = list(list_tokens(PARSER.parse(shown)))
    for token in tokens:
        if token.type == "image" or (token.type.startswith("html") and re.search(r"<(?:img|a)\b", token.content)):
            yield token.content or token.type
        if token.type == "link_open" and re.search(r"[:.@]", href := str(token.attrs["href"])):
            yield from [href] if href not in CLICKABLE else []
    joined = "\n".join(
        "".join("\n" if "break" in part.type else part.content for part in token.children or [token])
        for token in tokens
    )
    mrkdwn = "\n".join(markdown.to_mrkdwn(shown))
    yield from (link for link in re.findall(r"<([^<>|]+)", mrkdwn) if link not in CLICKABLE)
    for reading in (shown, joined, normalize("NFKC", shown), markdown.to_plain_text(shown), mrkdwn):
        yield from (match[0] for match in MENTION.finditer(reading))
        yield from list_addresses(unescape(reading))


def list_addresses(reading: str) -> Iterator[str]:
    for match in URL.finditer(reading):
        if not any(match[0].startswith(url) for url in CLICKABLE):
            yield match[0]
    without = reading
    for url in CLICKABLE:
        without = without.replace(url, " ")
    for pattern in (OPAQUE, NAME):
        yield from (match[0] for match in pattern.finditer(without))


def list_tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from list_tokens(token.children or [])


def check_dead(text: str, cuts: list[int]) -> None:
    for shown in (make_filter().filter(text), stream(text, cuts)):
        assert not list(find_live(shown)), shown
    assert not list(find_live(clean_label(text).replace(PAGE, "")))


@given(TEXTS, st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=300)
@example("Great![1]", [])  # the citation's link made an image of by what stands before it
@example("```\ncode\n   ```\n[Open](www.evil.com/?d=S)", [])  # a closing fence may be indented
@example("evil[9].com/x and ht[9]tps://evil.com", [])  # a citation that is dropped joins what it parted
@example("![a\nb](https://evil.com/x)", [3])
@example(f"[x]:\n  {PAGE}\n\n![y][x] and ![x]", [5])
@example("[a](\nhttps://evil.com)", [5])
@example("@[[]()h](x)ere evil.[[]()]()com/x ht[[]()tp](x)s://evil.com", [])  # a link inside hides that of it
@example("@[h][r]ere evil.[c][r]om/x\n\n[r]: x", [])  # labels of addresses that are given elsewhere
@example("https&#00000058;//evil.com/x", [])
@example("0.data:text/html,", [])  # what is taken for a name hides a scheme
@example("`<!channel>` <\\!channel> &lt;!here> <*!here*>", [])
def test_nothing_live_gets_out(text: str, cuts: list[int]) -> None:
    check_dead(text, cuts)


@pytest.mark.soak
@given(TEXTS, st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=30_000)
def test_nothing_live_gets_out_of_many_more(text: str, cuts: list[int]) -> None:
    check_dead(text, cuts)


HARMLESS = re.findall(
    r"\S+",
    """
The people of Bergen get 25 days, ü ß é 日本語 नमस्ते 👩‍🚀 ❤️ C# a<b 1 < 2 x > y R&D AT&T 3.14 v1.2.3 10:30 e.g.
i.e. Node.js **bold** *it* `code` `items[2]` items[2] snake_case ~~no~~ (see below) "quoted" – — … € 50%
#general 5*3 and/or 24/7 README.md `List<String>` <br> `git push origin main` docs/leave.md ./deploy.sh [x]
- [ ] `f[0](x)` 1. 2) = + ? ! ; : order.id §5(2) a@b @ada
""",
)
HARMLESS += [
    "\n",
    "\n\n",
    "\n- ",
    "\n> ",
    "\n# ",
    "\n```python\nx = a[1]\n```\n",
    "\n| a | b |\n|---|---|\n| 1 | 2 |\n",
]


@given(st.lists(st.sampled_from(HARMLESS), max_size=20), st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=150)
@example(["<", "a@b"], [])  # no tag has a space before its name
def test_what_is_harmless_arrives_unchanged(words: list[str], cuts: list[int]) -> None:
    text = " ".join(words)
    assert make_filter().filter(text) == text.strip()
    assert stream(text, cuts) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Fill in {VENDOR}.", "Fill in vendor[.]example/f?x=a[.]com."),
        (f"Fill in [the form]({VENDOR}).", "Fill in the form (vendor[.]example/f?x=a[.]com)."),
        (f"Fill in <{VENDOR}|it>.", "Fill in it (vendor[.]example/f?x=a[.]com)."),
        (f"`curl {VENDOR}`", "`curl vendor[.]example/f?x=a[.]com`"),
        (f"See {PAGE}.", f"See {PAGE}."),
        ("See https://handbook.example/other.", f"See {LINK_REMOVED}."),
        ("d.com/x d.com/y d.com/x", "d[.]com/x d[.]com/y d[.]com/x"),
        (
            "Ask x@vendor.example or y@vendor.example",
            "Ask x@vendor.example or y\u2060@\u2060vendor\u2060.\u2060example",
        ),
        ("On Booking.com or a.b.evil.com", "On Booking\u2060.\u2060com or a[.]b[.]evil[.]com"),
        ("handbook.example", "handbook.example"),
        ("mailto:x@vendor.example mailto:y@evil.com", f"mailto[:]x@vendor[.]example {LINK_REMOVED}"),
    ],
)
def test_an_address_is_linked_shown_or_left_out(text: str, expected: str) -> None:
    assert make_filter().filter(text) == expected


@pytest.mark.parametrize("form", ["https://spell.example/{}", "[x](https://spell.example/{})", "{}.spell.example"])
def test_no_page_spells_anything_with_the_addresses_that_it_lists(form: str) -> None:
    letters = "abcdefgh"
    page = " ".join(form.format(letter) for letter in letters)
    spelling = OutputFilter(lambda n: None, LinkPolicy(LinkHosts(), lambda: [page]))
    for shown in (spelling.filter(page), spelling.filter(page), spelling.feed(page) + spelling.flush()):
        assert len(re.findall(r"spell\[\.\]example", shown)) <= MOST_OF_A_SITE
    assert MOST_OF_A_SITE == 3


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://docs.example/a", True),
        ("HTTPS://DOCS.example./a", True),
        ("http://docs.example:8080?x", True),
        ("https://a.b.acme.example", True),
        ("https://acme.example", False),
        ("https://docs.example.evil.com/a", False),
        ("https://docs.example@evil.com/a", False),
        ("https://docs.example:443@evil.com/a", False),
        ("https://evil.com\\@docs.example/a", False),
        ("https://docs.example\\.evil.com/a", False),
        ("https://döcs.example/a", False),
        ("ftp://docs.example/a", False),
        ("//docs.example/a", False),
        ("javascript://docs.example/%0aalert(1)", False),
        ("https://", False),
    ],
)
def test_a_host_is_allowed_by_its_whole_name(url: str, is_allowed: bool) -> None:
    assert LinkHosts(["docs.example", "*.acme.example", " ", "*."]).allow(url) is is_allowed


def test_an_address_within_an_address_stays_part_of_it() -> None:
    key = addresses.to_key("www.docs.example/go?to=https://b.example/c")
    assert (
        key
        == "www.docs.example/go?to=https://b.example/c"
        != addresses.to_key("www.docs.example/go?to=b.example/c")
    )


@pytest.mark.parametrize(
    "unit",
    [
        "a.",
        "a-",
        "a@",
        "&amp;",
        "<a|",
        "](",
        "![",
        "!",
        "x:",
        "_",
        "1.",
        "https:",
        "[x]:",
        "www.",
        "[](",
        "[a](b(",
    ],
)
def test_no_text_takes_quadratic_time(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    make_filter().filter(text)
    list(addresses.find(text))
