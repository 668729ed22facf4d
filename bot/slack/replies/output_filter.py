"""The text a person is shown: the model's text, made safe piece by piece while it streams.

Promises, for every prefix shown: a citation names a passage of this turn, or it is dropped; a URL stands verbatim
in what was retrieved in this turn, or it is removed; nobody is notified (``<!channel>``, ``<@U…>``); nothing that
looks like a secret appears. What cannot be judged yet is held back. Pure text: knows neither Slack's API nor
the database.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from agent.prompting.citations import numbers
from agent.secrets import find_open_secret, redact
from agent.types import CitedPassage

HELD_LIMIT = 4_000  # characters; an answer with more that cannot be judged is shown whole at its end
LINK_REMOVED = "(link removed)"
SECRET_REMOVED = "(removed: looks like a secret)"

URL = re.compile(r"https?://[^\s<>\[\]\"'`|\\^{}]+", re.IGNORECASE)
# Every repetition is bounded: a model can be made to say what would take a backtracking pattern minutes.
_IN_PARENTHESES = r"\((?P<{name}>[^()\s]{{0,2000}})(?:[ \t][^()\n]{{0,300}})?\)"
_TOKEN = re.compile(
    r"(?P<code>(?:^|(?<=\n))```.*?(?:\n```|\Z)|(?<![`\\])`[^`\n]{1,500}`(?!`))"
    r"|!\[(?P<alt>[^\[\]\n]{0,500})\]"
    + _IN_PARENTHESES.format(name="image")
    + r"|(?P<cite>[ \t]{0,3}\[(?P<numbers>\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,20})\](?:\([^()\s]{0,2000}\))?)"
    r"|\[(?P<label>[^\[\]\n]{0,500})\]"
    + _IN_PARENTHESES.format(name="target")
    + r"|<(?P<angle>[!@#][^<>\n]{0,300}|[a-z][a-z0-9+.-]{1,20}:[^<>\n]{0,2000})>"
    r"|(?P<bare>https?://[^\s<>\[\]\"'`|\\^{}]{1,2000}|\bwww\.[^\s<>\[\]\"'`|\\^{}]{1,2000})"
    r"|@(?P<everyone>channel|here|everyone)\b",
    re.DOTALL | re.IGNORECASE,
)
_PING = re.compile(r"<[!@#](?:[^<>\n|]{0,100}\|)?([^<>\n|]{0,100})>|@(channel|here|everyone)\b", re.IGNORECASE)


def find_urls(texts: Iterable[str]) -> set[str]:
    """Every URL that stands in the texts, without trailing punctuation."""
    return {_trimmed(match)[0] for text in texts for match in URL.findall(text)}


class OutputFilter:
    """Makes text safe as it arrives.

    ``source`` gives the passage of a number, or None; ``allows`` tells whether a URL may appear.
    """

    def __init__(self, source: Callable[[int], CitedPassage | None], allows: Callable[[str], bool]) -> None:
        self._source = source
        self._allows = allows
        self._held = ""

    def feed(self, piece: str) -> str:
        """The text that can be shown now."""
        self._held += piece
        # Beyond the limit everything waits for the end: a cut at any place could part what belongs together.
        cut = _safe_end(self._held) if len(self._held) <= HELD_LIMIT else 0
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._safe(ready)

    def finish(self) -> str:
        """The rest."""
        ready, self._held = self._held, ""
        return self._safe(ready)

    def whole(self, text: str) -> str:
        """A complete text, made safe at once."""
        return self._safe(text).strip()

    def _safe(self, text: str) -> str:
        return _TOKEN.sub(self._replace, redact(text, SECRET_REMOVED))

    def _replace(self, match: re.Match[str]) -> str:
        if code := match["code"]:
            return _PING.sub(_said, URL.sub(lambda found: self._url(found[0]), code))
        if match["alt"] is not None:
            return self._safe(match["alt"])
        if match["cite"]:
            return self._citation(match)
        if match["label"] is not None:
            label, target = self._safe(match["label"]), match["target"]
            return f"[{label}]({target})" if self._allows(target) and label else label
        if angle := match["angle"]:
            return self._angle(angle)
        if bare := match["bare"]:
            return self._url(bare)
        return _said(match)

    def _citation(self, match: re.Match[str]) -> str:
        known = [source for n in numbers(match["numbers"]) if (source := self._source(n))]
        lead = match["cite"][: len(match["cite"]) - len(match["cite"].lstrip())]
        return lead + "".join(format_citation(source) for source in known) if known else ""

    def _angle(self, inside: str) -> str:
        if inside[0] in "!@#":
            return _PING.sub(_said, f"<{inside}>")
        url, _, label = inside.partition("|")
        label = self._safe(label)
        return (f"[{label}]({url})" if label else url) if self._allows(url) else (label or LINK_REMOVED)

    def _url(self, url: str) -> str:
        trimmed, rest = _trimmed(url)
        return url if self._allows(trimmed) else LINK_REMOVED + rest


def format_citation(source: CitedPassage) -> str:
    """``[[1]](url)``, or ``[1]`` where the source has no address a browser opens."""
    url = source.passage.url
    return f"[[{source.n}]]({escape_url(url)})" if is_web_url(url) else f"[{source.n}]"


def is_web_url(url: str) -> bool:
    """Whether a browser in Slack can open it."""
    return url.startswith(("http://", "https://"))


def escape_url(url: str) -> str:
    """The URL with what would end a Markdown or Slack link percent-encoded."""
    return quote(url, safe=":/?#[]@!$&'*+,;=%~._-")


def _said(match: re.Match[str]) -> str:
    """A mention as words: a word joiner after the @ reads the same and notifies nobody."""
    if match.re is _PING:
        name = match[1] or match[2]
        return f"#{name}" if match[0].startswith("<#") else f"@\u2060{name.lstrip('!@')}"
    return f"@\u2060{match['everyone']}"


def _trimmed(url: str) -> tuple[str, str]:
    trimmed = url.rstrip(".,;:!?*_")
    while trimmed.endswith(")") and trimmed.count("(") < trimmed.count(")"):
        trimmed = trimmed[:-1].rstrip(".,;:!?*_")
    return trimmed, url[len(trimmed) :]


def _safe_end(text: str) -> int:
    """Up to where the text can be judged: the last white space with nothing open before it."""
    end = len(text.rstrip())
    while end and not text[end - 1].isspace():
        end -= 1
    end = len(text[:end].rstrip())  # white space goes with what follows: a dropped citation takes it along
    for opening in _openings(text[:end]):
        end = min(end, opening)
    return len(text[:end].rstrip()) if end < len(text) else end


def _openings(text: str) -> Iterable[int]:
    """Where something begins that is not closed within the text."""
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
