"""Makes the model's text safe to show, piece by piece while it streams.

Promises, for every prefix that is shown: citations of passages that this turn did not retrieve are dropped; URLs
that do not occur verbatim in this turn's evidence are removed; nobody is notified (``<!channel>``, ``<@U…>``);
nothing that looks like a secret appears. Text that cannot be judged yet is held back. Works on text alone: knows
neither Slack's API nor the database.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from agent.prompting import citations
from agent.secrets import find_open_secret, redact
from agent.types import CitedPassage

HELD_LIMIT = 4_000  # characters; an answer with more that cannot be judged is shown at its end, in one piece
LINK_REMOVED = "(link removed)"
SECRET_REMOVED = "(removed: looks like a secret)"

URL = re.compile(r"https?://[^\s<>\[\]\"'`|\\^{}]+", re.IGNORECASE)
# Every repetition is bounded: a model can be led to write text on which a backtracking pattern takes minutes.
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
_ATTACHED = re.compile(r"\S{1,80}(?<=[\w)\]])\[\d[^\[\]\s]{0,80}\]\Z")
_PING = re.compile(r"<[!@#](?:[^<>\n|]{0,100}\|)?([^<>\n|]{0,100})>|@(channel|here|everyone)\b", re.IGNORECASE)

_LIVE = re.compile(r"<(?=[!@#]|subteam)")  # what Slack may read as a mention, whatever follows
_DEAD = "<\u2060"


def find_urls(texts: Iterable[str]) -> set[str]:
    """Returns every URL in the texts, without trailing punctuation."""
    return {_trim_url(match)[0] for text in texts for match in URL.findall(text)}


class OutputFilter:
    """Filters one text as it arrives.

    ``source`` returns the passage with a number, or None; ``allows`` returns whether a URL may appear.
    """

    def __init__(self, source: Callable[[int], CitedPassage | None], allows: Callable[[str], bool]) -> None:
        self._source = source
        self._allows = allows
        self._held = ""

    def feed(self, piece: str) -> str:
        """Adds a piece and returns the text that can be shown now."""
        self._held += piece
        # Beyond the limit everything waits for the end: any cut could separate a link from its target.
        cut = _find_safe_end(self._held) if len(self._held) <= HELD_LIMIT else 0
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._clean(ready)

    def flush(self) -> str:
        """Returns the rest, at the end of the text."""
        ready, self._held = self._held, ""
        return self._clean(ready)

    def filter(self, text: str) -> str:
        """Filters a complete text."""
        return self._clean(text).strip()

    def _clean(self, text: str) -> str:
        return _LIVE.sub(_DEAD, _TOKEN.sub(self._replace, redact(text, SECRET_REMOVED)))

    def _replace(self, match: re.Match[str]) -> str:
        if code := match["code"]:
            return _PING.sub(_disarm, URL.sub(lambda url: self._url(url[0]), code))
        if match["alt"] is not None:
            return self._clean(match["alt"])
        if match["cite"]:
            return self._citation(match)
        if match["label"] is not None:
            label, target = self._clean(match["label"]), match["target"]
            return f"[{label}]({target})" if self._allows(target) and label else label
        if angle := match["angle"]:
            return self._angle(angle)
        if bare := match["bare"]:
            return self._url(bare)
        return _disarm(match)

    def _citation(self, match: re.Match[str]) -> str:
        lead = match["cite"][: len(match["cite"]) - len(match["cite"].lstrip())]
        if not lead and citations.is_index(match.string, match.start("cite"), match.end("numbers") + 1):
            return match[0]
        sources = [source for n in citations.parse_numbers(match["numbers"]) if (source := self._source(n))]
        return lead + "".join(format_citation(source) for source in sources) if sources else ""

    def _angle(self, inside: str) -> str:
        if inside[0] in "!@#":
            mention = _PING.fullmatch(f"<{inside}>")
            return _disarm(mention) if mention else f"{_DEAD}{inside[0]}{self._clean(inside[1:])}>"
        url, _, label = inside.partition("|")
        label = self._clean(label)
        return (f"[{label}]({url})" if label else url) if self._allows(url) else (label or LINK_REMOVED)

    def _url(self, url: str) -> str:
        trimmed, rest = _trim_url(url)
        return url if self._allows(trimmed) else LINK_REMOVED + rest


class AnswerText:
    """The text of one answer as far as it may be shown; :meth:`reset` begins another one.

    ``evidence`` returns the texts that URLs may come from; it grows while the turn runs.
    """

    def __init__(
        self, source: Callable[[int], CitedPassage | None], evidence: Callable[[], Iterable[str]]
    ) -> None:
        self._source, self._evidence = source, evidence
        self.reset()

    def reset(self) -> None:
        """Drops the text so far."""
        self._filter = OutputFilter(self._source, self._allows)
        self._text = ""

    def _allows(self, url: str) -> bool:
        """Returns whether the evidence has this URL, or one of a section of that page."""
        known = find_urls(self._evidence())
        return url in known or url in {section.partition("#")[0] for section in known}

    def feed(self, piece: str) -> str:
        """Adds a piece and returns the text that can be shown now."""
        safe = self._filter.feed(piece)
        self._text += safe
        return safe

    def flush(self) -> str:
        """Returns the whole text until now, for an answer that ends here."""
        return (self._text + self._filter.flush()).strip()

    def filter(self, text: str) -> str:
        """Filters a complete text, which takes the place of the pieces."""
        return self._filter.filter(text)


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


def _disarm(match: re.Match[str]) -> str:
    """Writes a mention with a word joiner after the @: it reads the same and notifies nobody."""
    if match.re is _PING:
        name = match[1] or match[2]
        return f"#{name}" if match[0].startswith("<#") else f"@\u2060{name.lstrip('!@')}"
    return f"@\u2060{match['everyone']}"


def _trim_url(url: str) -> tuple[str, str]:
    trimmed = url.rstrip(".,;:!?*_")
    while trimmed.endswith(")") and trimmed.count("(") < trimmed.count(")"):
        trimmed = trimmed[:-1].rstrip(".,;:!?*_")
    return trimmed, url[len(trimmed) :]


def _find_safe_end(text: str) -> int:
    """Returns up to where the text can be judged: the last white space with nothing open before it."""
    end = len(text.rstrip())
    while end and not text[end - 1].isspace():
        end -= 1
    end = len(text[:end].rstrip())  # white space goes with what follows: a dropped citation takes it along
    while attached := _ATTACHED.search(text, max(0, end - 200), end):  # a citation or an index, by what follows
        end = len(text[: attached.start()].rstrip())
    for opening in _openings(text[:end]):
        end = min(end, opening)
    return len(text[:end].rstrip()) if end < len(text) else end


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
