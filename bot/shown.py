"""The text a person is shown: the model's text, made safe piece by piece while it streams.

Promises, for every prefix shown: a citation names a passage of this turn, or it is dropped; a URL stands verbatim
in what was retrieved in this turn, or it is removed; nobody is notified (``<!channel>``, ``<@U…>``); nothing that
looks like a secret appears. What cannot be judged yet is held back. Pure text: knows neither Slack's API nor
the database.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from agent.citations import numbers
from agent.record import Source

HELD_LIMIT = 4_000  # characters held back at most, so that a stray bracket cannot silence an answer
LINK_REMOVED = "(link removed)"
SECRET_REMOVED = "(removed: looks like a secret)"

URL = re.compile(r"https?://[^\s<>\[\]\"'`|\\^{}]+", re.IGNORECASE)
SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"
    r"|\b(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|`[^`\n]*`)"
    r"|!\[(?P<alt>[^\]\n]*)\]\([^)\n]*\)"
    r"|(?<!!)\[(?P<label>[^\[\]\n]*)\]\((?P<target>[^)\s]*)[^)\n]*\)"
    r"|(?P<cite>[ \t]*\[(?P<numbers>\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\])"
    r"|<(?P<angle>[!@#][^<>\n]*|https?://[^<>\n]*)>"
    r"|(?P<bare>https?://[^\s<>\[\]\"'`|\\^{}]+)"
    r"|@(?P<everyone>channel|here|everyone)\b",
    re.DOTALL | re.IGNORECASE,
)


def urls_in(texts: Iterable[str]) -> set[str]:
    """Every URL that stands in the texts, without trailing punctuation."""
    return {_trimmed(match)[0] for text in texts for match in URL.findall(text)}


class Shown:
    """Makes text safe as it arrives.

    ``source`` gives the passage of a number, or None; ``allows`` tells whether a URL may appear.
    """

    def __init__(self, source: Callable[[int], Source | None], allows: Callable[[str], bool]) -> None:
        self._source = source
        self._allows = allows
        self._held = ""

    def feed(self, piece: str) -> str:
        """The text that can be shown now."""
        self._held += piece
        cut = _safe_end(self._held)
        if len(self._held) - cut > HELD_LIMIT:
            cut = len(self._held)
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
        return _TOKEN.sub(self._replace, SECRET.sub(SECRET_REMOVED, text))

    def _replace(self, match: re.Match[str]) -> str:
        if code := match["code"]:
            return URL.sub(lambda found: self._url(found[0]), code)
        if match["alt"] is not None:
            return match["alt"]
        if match["label"] is not None:
            label, target = match["label"], match["target"]
            return f"[{label}]({target})" if self._allows(target) else label
        if match["cite"]:
            return self._citation(match)
        if angle := match["angle"]:
            return self._angle(angle)
        if bare := match["bare"]:
            return self._url(bare)
        return f"@\u2060{match['everyone']}"  # a word joiner: reads the same, notifies nobody

    def _citation(self, match: re.Match[str]) -> str:
        known = [source for n in numbers(match["numbers"]) if (source := self._source(n))]
        lead = match["cite"][: len(match["cite"]) - len(match["cite"].lstrip())]
        return lead + "".join(citation(source) for source in known) if known else ""

    def _angle(self, inside: str) -> str:
        if inside[0] in "!@#":
            name = inside[1:].rsplit("|", 1)[-1]
            return f"@\u2060{name}" if inside[0] != "#" else f"#{name}"
        url, _, label = inside.partition("|")
        return (f"[{label}]({url})" if label else url) if self._allows(url) else (label or LINK_REMOVED)

    def _url(self, url: str) -> str:
        trimmed, rest = _trimmed(url)
        return url if self._allows(trimmed) else LINK_REMOVED + rest


def citation(source: Source) -> str:
    """``[[1]](url)``, or ``[1]`` where the source has no address a browser opens."""
    url = source.passage.url
    return f"[[{source.n}]]({link_target(url)})" if is_web(url) else f"[{source.n}]"


def is_web(url: str) -> bool:
    """Whether a browser in Slack can open it."""
    return url.startswith(("http://", "https://"))


def link_target(url: str) -> str:
    """The URL with what would end a Markdown or Slack link percent-encoded."""
    return quote(url, safe=":/?#[]@!$&'*+,;=%~._-")


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
    if (key := text.rfind("-----BEGIN")) >= 0 and "-----END" not in text[key:]:
        yield key
