"""Makes the model's text safe to show, piece by piece while it streams.

Promises of every prefix that is shown: citations of passages that this turn did not find are dropped; nothing is
a link but what :class:`.links.policy.LinkPolicy` allows; nobody is notified and no image is shown; nothing looks
like a secret, and no character is unseen. Text that cannot be judged yet is held back. First the forms that models
write are put right; then whatever may still be live is made dead (:mod:`.links.live_markup`). Works on text alone.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from urllib.parse import quote

from agent.hidden_characters import strip_invisible
from agent.prompting import citations
from agent.secrets import find_open_secret, redact
from agent.translation.speech import mark, say_in_answer
from agent.types import CitedPassage
from bot.slack.replies.links import live_markup
from bot.slack.replies.links.live_markup import CLOSE, LABELLED, OPEN
from bot.slack.replies.links.policy import LINK_REMOVED, LinkHosts, LinkPolicy, show_dead
from bot.slack.replies.text.tables import LongTable, TableFitter

HELD_LIMIT = 4_000  # characters; an answer with more that cannot be judged is shown at its end, in one piece
BEHIND_CHARS = 300  # more than any rule for a secret looks back
SECRET_REMOVED = mark("(removed: looks like a secret)")

# Every repetition is bounded: a model can be led to write text on which a backtracking pattern takes minutes.
_IN_PARENTHESES = r"\((?P<{name}>[^()\s]{{0,2000}})(?:[ \t][^()\n]{{0,300}})?\)"
_TOKEN = re.compile(
    r"(?P<code>(?:^|(?<=\n))```.*?(?:\n```|\Z)|(?<![`\\])`[^`\n]{1,500}`(?!`))"
    r"|!\[(?P<alt>[^\[\]\n]{0,500})\]"
    + _IN_PARENTHESES.format(name="image")
    + r"|(?P<cite>[ \t]{0,3}(?P<linked>\[(?=\[\d{1,3}\]\]\())?\[(?P<numbers>\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,20})\]"
    r"(?(linked)\])(?:\([^()\s]{0,2000}\))?)"
    r"|\[(?P<label>[^\[\]\n]{0,500})\]"
    + _IN_PARENTHESES.format(name="target")
    + r"|<(?P<angle>[!@#][^<>\n]{0,300}|[a-z][a-z0-9+.-]{1,20}:[^<>\n]{0,2000})>",
    re.DOTALL | re.IGNORECASE,
)
_ATTACHED = re.compile(r"\S{1,80}(?<=[\w)\]])\[\d[^\[\]\s]{0,80}\]\Z")
_DEFINITION = re.compile(r"\[[^\[\]\n]{0,500}\]:\Z")
_PING = re.compile(r"([!@#])(?=\w)(?:[^<>\n|]{0,100}\|)?([^<>\n|]{0,100})")
_REPEATED = f"({LINK_REMOVED})"
_PLACE = re.compile(f"{OPEN}([0-9]{{1,9}}){CLOSE}")
_OURS = re.compile(f"[{OPEN}{CLOSE}{LABELLED}]")


class OutputFilter:
    """Filters one text as it arrives.

    ``source`` returns the passage with a number, or None.
    """

    def __init__(self, source: Callable[[int], CitedPassage | None], links: LinkPolicy) -> None:
        self._source = source
        self._links = links
        self._held = ""
        self._behind = ""  # the end of what was judged: it may say that what follows is a secret

    def feed(self, piece: str) -> str:
        """Adds a piece and returns the text that can be shown now."""
        self._held = strip_invisible(self._held + piece)
        # Beyond the limit everything waits for the end: any cut could separate a link from its target.
        cut = _find_safe_end(self._held) if len(self._held) <= HELD_LIMIT else 0
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._clean_next(ready)

    def flush(self) -> str:
        """Returns the rest, at the end of the text."""
        ready, self._held = self._held, ""
        return self._clean_next(ready)

    def filter(self, text: str) -> str:
        """Filters a complete text."""
        self._links.begin()
        self._behind = ""
        return self._clean(strip_invisible(text)).strip()

    def _clean_next(self, text: str) -> str:
        clean = self._clean(text)
        self._behind = (self._behind + text)[-BEHIND_CHARS:]
        return clean

    def _clean(self, text: str) -> str:
        kept: list[str] = []  # the links that are allowed: nothing in them is looked at again
        text = redact(_OURS.sub("", text), say_in_answer(SECRET_REMOVED), after=self._behind)
        text = live_markup.neutralise(self._put_right(text, kept), self._links.replace)
        return _put_back(text.replace(_REPEATED, say_in_answer(LINK_REMOVED)), kept)

    def _put_right(self, text: str, kept: list[str]) -> str:
        return _TOKEN.sub(partial(self._replace, kept=kept), text)

    def _replace(self, match: re.Match[str], kept: list[str]) -> str:
        if match["code"]:
            return match[0]
        if match["alt"] is not None:
            return self._put_right(match["alt"], kept)
        if match["cite"]:
            return self._citation(match, kept)
        if match["label"] is not None:
            return self._link(match["target"], match["label"], kept)
        inside = match["angle"]
        if inside[0] in "!@#":
            ping = _PING.fullmatch(inside)
            return f"{'#' if ping[1] == '#' else '@'}{ping[2].lstrip('!@')}" if ping else match[0]
        url, _, label = inside.partition("|")
        return self._link(url, label, kept)

    def _citation(self, match: re.Match[str], kept: list[str]) -> str:
        lead = match["cite"][: len(match["cite"]) - len(match["cite"].lstrip())]
        if (
            not lead
            and not match["linked"]
            and citations.is_index(match.string, match.start("cite"), match.end("numbers") + 1)
        ):
            return match[0]
        sources = [source for n in citations.parse_numbers(match["numbers"]) if (source := self._source(n))]
        return lead + "".join(_keep(format_citation(source), kept) for source in sources) if sources else ""

    def _link(self, url: str, label: str, kept: list[str]) -> str:
        """Returns the link, or its label and, where it may be shown, its address."""
        scheme, _, address = url.partition(":")
        if scheme.lower() == "mailto" and self._links.is_known(address := address.partition("?")[0]):
            label = self._put_right(label, kept)
            return f"{label} ({address})" if label and label != address else address
        if self._links.is_linked(url):
            if not label:
                return url
            shown = live_markup.neutralise(self._put_right(label, kept), self._links.replace_in_label)
            return f"{LABELLED}{_keep(f'[{shown}]({url})', kept)}{LABELLED}"
        label = self._put_right(label, kept)
        if label and (url in label or not self._links.is_known(url)):
            return label
        return f"{label} ({url})" if label else url


class AnswerText:
    """The text of one answer as far as it may be shown; :meth:`reset` begins another one.

    Where it ``fits_tables``, those that Slack would not show whole are cut, and are ``long_tables``.
    """

    def __init__(
        self,
        source: Callable[[int], CitedPassage | None],
        links: LinkPolicy,
        *,
        fits_tables: bool = False,
    ) -> None:
        self._source, self._links, self._fits_tables = source, links, fits_tables
        self.reset()

    @property
    def long_tables(self) -> Sequence[LongTable]:
        """Returns the tables of which only a part is shown, of the last text that ended here."""
        return self._tables.long_tables

    def reset(self) -> None:
        """Drops the text so far."""
        self._links.begin()
        self._filter = OutputFilter(self._source, self._links)
        self._tables = TableFitter()
        self._text = ""

    def feed(self, piece: str) -> str:
        """Adds a piece and returns the text that can be shown now."""
        safe = self._fit(self._filter.feed(piece))
        self._text += safe
        return safe

    def flush(self) -> str:
        """Returns the whole text until now, for an answer that ends here."""
        return (self._text + self._fit(self._filter.flush(), is_last=True)).strip()

    def filter(self, text: str) -> str:
        """Filters a complete text, which takes the place of the pieces."""
        self._tables = TableFitter()
        return self._fit(self._filter.filter(text), is_last=True).strip()

    def _fit(self, piece: str, *, is_last: bool = False) -> str:
        if not self._fits_tables:
            return piece
        fitted = self._tables.feed(piece)
        return fitted + self._tables.flush() if is_last else fitted


def format_citation(source: CitedPassage) -> str:
    """Returns ``[[1]](url)``, or ``[1]`` for a source without an address that a browser opens."""
    url = source.passage.url
    return f"[[{source.n}]]({escape_url(url)})" if is_web_url(url) else f"[{source.n}]"


def is_web_url(url: str) -> bool:
    """Returns whether a browser can open the URL."""
    return url.startswith(("http://", "https://"))


def escape_url(url: str) -> str:
    """Percent-encodes the characters that would end a Markdown or Slack link."""
    return quote(url, safe=":/?#[]@!$&'*+,;=%~._-")


def clean_label(text: str) -> str:
    """Returns a title, or another text that is no answer, on one line and with nothing live or secret in it.

    >>> clean_label("Read https://a.example/login\\n@here")
    'Read a[.]example/login @\\u2060here'
    """
    line = " ".join(strip_invisible(text).split())
    return live_markup.neutralise(redact(line, say_in_answer(SECRET_REMOVED)), show_dead)


def clean_arguments(text: str) -> str:
    """Returns what a model wants to know of a tool, without links, secrets and citations."""
    return OutputFilter(lambda n: None, LinkPolicy(LinkHosts(), list)).filter(text)


def _keep(text: str, kept: list[str]) -> str:
    kept.append(text)
    return f"{OPEN}{len(kept) - 1}{CLOSE}"


def _put_back(text: str, kept: list[str]) -> str:
    """Puts what was kept in its place again: a link may hold a citation in its label."""
    while _PLACE.search(text):
        text = _PLACE.sub(lambda place: kept[int(place[1])], text)
    return _OURS.sub("", text)


def _find_safe_end(text: str) -> int:
    """Returns up to where the text can be judged: the last white space with nothing open before it."""
    end = len(text) + 1
    while (earlier := _step_back(text, end)) < end:
        end = earlier
    return end


def _step_back(text: str, end: int) -> int:
    """Returns the end itself if nothing is open there, else the end of an earlier word."""
    if end > len(text):  # the last word may go on
        end = len(text.rstrip())
    while end and not text[end : end + 1].isspace():  # of a word that is parted, neither part can be judged
        end -= 1
    end = len(text[:end].rstrip())  # white space goes with what follows: a dropped citation takes it along
    if attached := _ATTACHED.search(text, max(0, end - 200), end):  # a citation or an index, by what follows
        return len(text[: attached.start()].rstrip())
    if definition := _DEFINITION.search(text, max(0, end - 600), end):  # what follows may be its address
        return len(text[: definition.start()].rstrip())
    return min([end, *_openings(text[:end])])


def _openings(text: str) -> Iterable[int]:
    """Yields where something begins that is not closed within the text."""
    if text.count("```") % 2:
        yield text.rindex("```")
    line_start = text.rfind("\n") + 1
    line = text[line_start:]
    if line.count("`") % 2:
        yield line_start + line.rindex("`")
    bracket = line.rfind("[")
    if bracket >= 0 and not re.match(r"!?\[[^\[\]]*\](?:\([^)]*\)|(?!\())", line[bracket:]):
        yield line_start + (bracket - 1 if bracket and line[bracket - 1] == "!" else bracket)
    angle = line.rfind("<")
    if angle >= 0 and ">" not in line[angle:]:
        yield line_start + angle
    if (secret := find_open_secret(text)) is not None:
        yield secret
