"""Makes text dead that Slack or Markdown may act on: mentions, images, links. Works on text alone.

Promises to look at a text as it is read, too, and not only as it is written: through emphasis, backslashes,
entities, wide and unseen characters; in code as outside, because Slack and Markdown do not agree on what code is.
Nothing is parsed, so nothing can be parsed wrongly: what begins something live is parted from what follows by a
character that nobody sees.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import unescape

from bot.slack.replies.links import addresses
from bot.slack.replies.links.addresses import BROADCAST, Address

JOINER = "\u2060"  # nobody sees it, and it joins no two words of a live thing
# Around the number of a piece that is left alone, and around that where it reads as more than a number. No
# characters of any text.
OPEN, CLOSE, LABELLED = "\ufdd0", "\ufdd1", "\ufdd2"

_TAGS = (
    "img|image|picture|svg|math|video|audio|source|track|iframe|frame|object|embed|applet|link|a|area|map|form|input"
    "|button|base|meta|style|script"
)
_KEPT = OPEN + LABELLED
_OPENER = re.compile(
    # Slack: mentions, broadcasts, dates and links; Markdown: addresses in angle brackets; HTML
    rf"<(?=[!@#]|subteam|/*\s*(?:{_TAGS})\b|[a-z][a-z0-9+.-]{{0,31}}:|//|[^\s<>|]{{1,300}}\|)"
    rf"|\](?=\((?:\s|\Z|<|[^\s)]{{0,2000}}?[:/.@%?{_KEPT}]))"  # a link or an image of Markdown
    rf"|\](?=:\s{{0,99}}(?:\Z|<|\S{{0,2000}}?[:/.@%?{_KEPT}]))"  # the address of one, given elsewhere
    rf"|!(?=\[(?:[^\]\n]{{0,2000}}(?:\Z|\n|\][(\[:{_KEPT}])))|!(?=[{_KEPT}])"  # an image
    # an address that goes on in a label
    rf"|:(?=/{{2,}}[\[{LABELLED}])|[:/.@](?={LABELLED}{OPEN})|{LABELLED}(?=[:/.@]\w)"
    rf"|{BROADCAST.pattern}",
    re.IGNORECASE,
)
_ODD = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});|[\\*~`_]|[^\x00-\x7f]", re.IGNORECASE)
_DOTS = {"\u3002": ".", "\uff61": ".", "\u2024": ".", "\u2044": "/", "\u2215": "/", "\ua789": ":", "\u2236": ":"}


MARKS = "\\*~`"
_Edit = tuple[int, int, str]  # start, end, what takes the place


@dataclass(frozen=True)
class _ReadText:
    """A text as it is read, and where each of its characters is written."""

    text: str
    starts: list[int]
    ends: list[int]


def neutralise(text: str, address: Callable[[Address, str], str | None]) -> str:
    """Returns the text with nothing live but what is kept.

    ``address`` gets each address as it is read, and as it is written, and returns what takes its place: None
    where it stays.
    """
    text = _replace(text, lambda reading: _find_addresses(text, reading, address))
    return _replace(text, lambda reading: _find_openers(text, reading))


def part(text: str) -> str:
    """Writes a name or an address of mail with an unseen character at each joint, so that no client links it."""
    return re.sub(r"[.@]", lambda joint: f"{JOINER}{joint[0]}{JOINER}", text)


def _replace(text: str, find: Callable[[_ReadText], Iterable[_Edit]]) -> str:
    """Makes the edits that any way of reading the text asks for; the first and longest where they overlap."""
    as_written = _ReadText(text, list(range(len(text))), list(range(1, len(text) + 1)))
    as_read = _read(text)
    edits = list(find(as_read))
    if as_read.text != text:
        edits += [*find(as_written), *find(_read(text, keeps_marks=True))]
    parts: list[str] = []
    position = 0
    for start, end, replacement in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= position:
            parts += [text[position:start], replacement]
            position = end
    return "".join([*parts, text[position:]])


def _find_addresses(
    text: str, reading: _ReadText, address: Callable[[Address, str], str | None]
) -> Iterator[_Edit]:
    for found in addresses.find(reading.text):
        start, end = reading.starts[found.start], reading.ends[found.end - 1]
        if (replacement := address(found, text[start:end])) is not None:
            yield start, end, replacement


def _find_openers(text: str, reading: _ReadText) -> Iterator[_Edit]:
    for match in _OPENER.finditer(reading.text):
        start, end = reading.starts[match.start()], reading.ends[match.start()]
        yield start, end, text[start:end] + JOINER


def _read(text: str, *, keeps_marks: bool = False) -> _ReadText:
    """Returns the text without what is not seen and what only marks emphasis or code, entities as characters.

    Marks are kept on request: they end a name, too.
    """
    read: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for odd in _ODD.finditer(text):
        read.append(text[position : odd.start()])
        starts += range(position, odd.start())
        ends += range(position + 1, odd.start() + 1)
        position = odd.end()
        for character in odd[0] if keeps_marks and odd[0] in MARKS else _read_odd(text, odd):
            read.append(character)
            starts.append(odd.start())
            ends.append(odd.end())
    read.append(text[position:])
    starts += range(position, len(text))
    ends += range(position + 1, len(text) + 1)
    return _ReadText("".join(read), starts, ends)


def _read_odd(text: str, odd: re.Match[str]) -> str:
    written = odd[0]
    if written == "_":
        before, after = text[odd.start() - 1 : odd.start()], text[odd.end() : odd.end() + 1]
        return "_" if before.isalnum() and after.isalnum() else ""
    if written in MARKS:
        return ""
    if written[0] == "&":
        return unescape(written)
    if unicodedata.category(written) in ("Cf", "Mn") or written in "\u115f\u1160\u3164\uffa0":
        return ""
    wide = _DOTS.get(written) or unicodedata.normalize("NFKC", written)
    return wide if len(wide) == 1 else written
