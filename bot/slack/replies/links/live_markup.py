"""Makes text dead that Slack or Markdown may act on: mentions, images, links. Works on text alone.

Promises to look at a text as it is read, too, and not only as it is written: through emphasis, backslashes,
entities, wide and unseen characters; in code as outside, because Slack and Markdown do not agree on what code is.
Nothing is parsed, so nothing can be parsed wrongly: what begins something live is parted from what follows by a
character that nobody sees.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
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
    rf"<(?=[!@#]|subteam|/*(?:{_TAGS})(?:[\s/>{_KEPT}]|\Z)|[a-z][a-z0-9+.-]{{0,31}}:|//|[^\s<>|]{{1,300}}\|)"
    rf"|\](?=\((?:\s|\Z|<|[^\s)]{{0,2000}}?[:/.@%?{_KEPT}]))"  # a link or an image of Markdown
    # the address of one, given elsewhere, which may be any word that ends its line
    rf"|\](?=:\s{{0,99}}(?:\Z|<|\S{{0,2000}}?[:/.@%?{_KEPT}]|\S{{1,2000}}[ \t]*(?:[\n\"'(]|\Z)))"
    # an image, whose label may hold brackets
    rf"|!(?=\[(?:[^\[\]\n]|\[[^\[\]\n]{{0,200}}\]){{0,1000}}(?:\Z|\n|\[|\][(\[:{_KEPT}]))|!(?=[{_KEPT}])"
    # an address that goes on in a label
    rf"|:(?=/{{2,}}[\[{LABELLED}])|[:/.@](?={LABELLED}{OPEN})|{LABELLED}(?=[:/.@]\w)"
    rf"|{BROADCAST.pattern}",
    re.IGNORECASE,
)
_MARKUP = r"&(?:#\d{1,20}|#x[0-9a-f]{1,20}|[a-z][a-z0-9]{1,30});|[\\*~`_]|[^\x00-\x7f]"
_ODD = re.compile(_MARKUP, re.IGNORECASE)
_LINK_END = "]("  # of a link's label
_OPENER_CHARS = 12  # of what makes an opener live, such as "@everyone"
_ODD_OR_LINK = re.compile(
    r"\]\((?:[^()\s]|\([^()\s]{0,100}\)){0,1000}(?:[ \t][^()\n]{0,300})?\)|\[(?=[^\[\]]{0,500}\]\()|" + _MARKUP,
    re.IGNORECASE,
)
_DOTS = {"\u3002": ".", "\uff61": ".", "\u2024": ".", "\u2044": "/", "\u2215": "/", "\ua789": ":", "\u2236": ":"}


MARKS = "\\*~`"
_Edit = tuple[int, int, str]  # start, end, what takes the place


@dataclass(frozen=True)
class _ReadText:
    """A text as it is read, and where each of its characters is written."""

    text: str
    starts: list[int]
    ends: list[int]
    only_labels: bool = False  # and so only of interest where it differs: around a link


def neutralise(text: str, address: Callable[[Address, str], str | None]) -> str:
    """Returns the text with nothing live but what is kept.

    ``address`` gets each address as it is read, and as it is written, and returns what takes its place: None
    where it stays.
    """
    text = _replace_addresses(text, address)
    text = _replace(text, lambda reading: _find_openers(text, reading))
    return _replace_addresses(text, address) if _LINK_END in text else text  # a link that is dead joins no more


def part(text: str) -> str:
    """Writes a name or an address of mail with an unseen character at each joint, so that no client links it."""
    return re.sub(r"[.@]", lambda joint: f"{JOINER}{joint[0]}{JOINER}", text)


def _replace_addresses(text: str, address: Callable[[Address, str], str | None]) -> str:
    return _replace(text, lambda reading: _find_addresses(text, reading, address))


def _replace(text: str, find: Callable[[_ReadText], Iterable[_Edit]]) -> str:
    """Makes the edits that any way of reading the text asks for; the longest of those within each other."""
    as_written = _ReadText(text, list(range(len(text))), list(range(1, len(text) + 1)))
    as_read = _read(text)
    edits = list(find(as_read))
    if as_read.text != text:
        edits += [*find(as_written), *find(_read(text, keeps_marks=True))]
    if _LINK_END in text:
        edits += find(_read_labels(text))
    parts: list[str] = []
    position = 0
    for start, end, replacement in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if end > position:  # what only begins in the one before goes on behind it
            parts += [text[position : max(start, position)], replacement]
            position = end
    return "".join([*parts, text[position:]])


def _find_addresses(
    text: str, reading: _ReadText, address: Callable[[Address, str], str | None]
) -> Iterator[_Edit]:
    for found in addresses.find(reading.text):
        start, end = reading.starts[found.start], reading.ends[found.end - 1]
        if reading.only_labels and _LINK_END not in text[start : end + len(_LINK_END)]:
            continue
        if (replacement := address(found, text[start:end])) is not None:
            yield start, end, replacement


def _find_openers(text: str, reading: _ReadText) -> Iterator[_Edit]:
    for match in _OPENER.finditer(reading.text):
        start, end = reading.starts[match.start()], reading.ends[match.start()]
        last = min(match.start() + _OPENER_CHARS, len(reading.ends)) - 1
        if reading.only_labels and _LINK_END not in text[start : reading.ends[last]]:
            continue
        yield start, end, text[start:end] + JOINER


def _read_labels(text: str) -> _ReadText:
    """Returns the text as it is read where of a link only the label is shown: ``@[h](x)ere`` is ``@here``."""
    return replace(_read(text, odd_parts=_ODD_OR_LINK), only_labels=True)


def _read(text: str, *, keeps_marks: bool = False, odd_parts: re.Pattern[str] = _ODD) -> _ReadText:
    """Returns the text without what is not seen and what only marks emphasis or code, entities as characters.

    Marks are kept on request: they end a name, too.
    """
    read: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for odd in odd_parts.finditer(text):
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
    if written in MARKS or written[0] in "[]":
        return ""
    if written[0] == "&":
        return unescape(written)
    if unicodedata.category(written) in ("Cf", "Mn") or written in "\u115f\u1160\u3164\uffa0":
        return ""
    wide = _DOTS.get(written) or unicodedata.normalize("NFKC", written)
    return wide if len(wide) == 1 else written
