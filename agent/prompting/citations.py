"""Citations in a model's text, as models write them: ``[1]``, ``[2][3]``, ``[1, 2]``, and also ``【1†source】``,
``[^1]``, ``［1］``, ``[1-2]``, ``[Source 1]``, ``(1)``.

Promises that each known form becomes ``[1]`` before anybody judges or sees it, streaming or not; and that code, an
index (``items[2]``), the definition of a footnote and numbers of something else stay as they are. What is read
depends on the text before it and on two characters after it, so a beginning is read as the whole is.
"""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

_FENCE_LINE = r"[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(?:`{3,}|~{3,})"
CODE = re.compile(
    rf"(?:^|(?<=\n)){_FENCE_LINE}.*?(?:\n{_FENCE_LINE}|\Z)|(?<![`\\])`[^`\n]{{1,500}}`(?!`)"
    r"|(?<![`\\])``(?!`)[^\n]{1,500}?(?<!`)``(?!`)",
    re.DOTALL,
)
MOST_IN_RANGE = 20
MOST_IN_GROUP = 20
LOOK_AHEAD = 2  # characters after a form that say whether it is a citation
BEHIND = 200  # characters before it that do
CODE_CHARS = 600  # the longest code inside a line, and a little

_DASH = r"[-\u2010-\u2015]"
_NUMBER = rf"\d{{1,3}}(?:\s?{_DASH}\s?\d{{1,3}})?"
_LIST = rf"{_NUMBER}(?:\s?(?:[,;&]|and|und)\s?{_NUMBER}){{0,20}}"
_WORD = r"(?:sources?|passages?|documents?|docs?|refs?|references?|citations?|cites?|quellen?|fuentes?|evidence)"
_WORDED = rf"{_WORD}\.?\s?[:#]?\s?{_LIST}(?:\s?[,;&]\s?{_WORD}\.?\s?[:#]?\s?{_LIST}){{0,20}}"
_FORM = re.compile(
    rf"(?P<square>\[(?:{_LIST})\])"
    rf"|(?P<sure>[【〖](?:\d{{1,2}}:)?{_LIST}\s?(?:[†‡|:][^】〗\n]{{0,120}})?[】〗]|\[{_LIST}†[^\]\n]{{0,120}}\]"
    rf"|\[\^{_LIST}\^\]|\[\s?{_WORDED}\s?\])"
    rf"|(?P<likely>\[\^{_LIST}\]|［\s?{_LIST}\s?］|〔\s?{_LIST}\s?〕|⟦\s?{_LIST}\s?⟧|\\\[{_LIST}\\\]|\[#{_LIST}\]"
    rf"|\(\s?{_WORDED}\s?\)|<(?:sup|cite)>\s?\[?{_LIST}\]?\s?</(?:sup|cite)>)"
    r"|(?P<round>\(\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,8}\))"
    r"|(?P<raised>[⁰¹²³⁴-⁹]{1,2}(?:[,˒ ]?[⁰¹²³⁴-⁹]{1,2}){0,4})",
    re.IGNORECASE,
)
_OPENS = re.compile(  # the end of a text that may become one
    rf"(?:\\?\[|[【〖［〔⟦(])\[?\s?[\^#]?(?:[a-z]{{0,10}}\.?\s?[:#]?\s?)?(?:[\d\s,;:&\u2010-\u2015-]|and|und|{_WORD}|\.)*"
    r"[†‡|\^\\]?[^】〗\]\n]{0,120}\Z|<(?:s(?:u(?:p)?)?|c(?:i(?:t(?:e)?)?)?)?(?:>[^<\n]{0,60}(?:</?\w{0,4})?)?\Z|\\\Z",
    re.IGNORECASE,
)
MARKS = re.compile(  # what no citation is without
    r"[\[\]【】〖〗［］〔〕⟦⟧()<\\`⁰¹²³⁴-⁹]"
)
_LINKED = re.compile(  # as an answer shows them: [[1]](url), [label](url)
    r"[ \t]{0,3}\[\[(?P<n>\d{1,3})\]\]\([^()\s]{0,2000}\)|!?\[(?P<label>[^\[\]\n]{0,500})\]\([^()\s]{0,2000}\)"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_BEFORE_INDEX = re.compile(r"[A-Za-z0-9_.$]*[A-Za-z0-9_$]\Z")
_AFTER_CALL = re.compile(r"[\w.]\([^()\s]{0,60}\)\Z")
_IDENTIFIER = re.compile(r"[A-Za-z]|.*[_$].*|.*[A-Za-z]\d.*|.*\w\.\w.*|.*[a-z][A-Z].*")
_SEQUENCE = re.compile(  # words that programmers index, even at the end of a sentence
    r"(?:(?:my)?(?:item|row|col|column|value|element|entry|entrie|record|arg|param|result|key|field|node|input|output"
    r"|line|token|char|user|num|number|cell|part|index|indice|option|point|vertex|child|children|word|data)s?"
    r"|list|array|arr|vec|vector|matrix|tuple|dict|map|obj|object|argv|args|kwargs|buf|buffer|tmp|str|string|stack|queue"
    r"|table|series|tensor|response|payload|config)",
    re.IGNORECASE,
)
_GROUP_END = re.compile(r"(?<=[\w\])])\[\d{1,3}\]\Z")
_NEXT_IN_GROUP = re.compile(r"\[\d{1,3}\]")
_FENCE = re.compile(rf"(?:\A|\n){_FENCE_LINE}")
_AFTER_INDEX = re.compile(r"\w|[=(]|[ \t]+=|\.\w|\[(?!\d)")
_COUNTED = re.compile(  # what a number in round brackets after it counts, or names
    r"(?:\b(?:steps?|options?|items?|sections?|articles?|clauses?|paragraphs?|points?|notes?|figures?|tables?|numbers?|no"
    r"|nr|chapters?|parts?|levels?|grades?|class(?:es)?|phases?|versions?|rules?|cases?|lines?|pages?|rows?|appendix"
    r"|annex|one|two|three|four|five|six|seven|eight|nine|ten|an?)\.?|[\d§#=+*/-]) \Z",
    re.IGNORECASE,
)
_ENUMERATES = re.compile(r"(?:^|[\s:])\(\d{1,2}\)[ \t]+\w")


@dataclass(frozen=True)
class Citation:
    """One citation: where it stands in the text, and the numbers it cites."""

    start: int
    end: int
    numbers: tuple[int, ...]
    is_plain: bool  # written as [1] or [1, 2]


def parse_numbers(citation: str) -> list[int]:
    """Returns the numbers inside one citation's brackets."""
    return [int(number) for number in re.findall(r"\d+", citation)]


def find_cited(text: str, known: Container[int]) -> list[int]:
    """Returns the known numbers that the text cites, each once, in order of first appearance.

    >>> find_cited("Five days [2, 1]. See `a[3]`, items[2] and [9].", {1, 2, 3})
    [2, 1]
    """
    found = _find(text, known, _TextBefore(), 0, len(text))
    return list({n: None for citation in found for n in citation.numbers if n in known})


def normalise(text: str, known: Container[int]) -> str:
    """Writes every citation as ``[1]`` or ``[1][2]``.

    >>> normalise("Five days【1†source】, or six [^2].", {1, 2})
    'Five days [1], or six [2].'
    """
    return _rewrite(text, 0, len(text), _find(text, known, _TextBefore(), 0, len(text)))


def strip_references(text: str, *, keeps_links: bool = False) -> str:
    """Returns an earlier answer without citations and links: their numbers mean something else in another turn.

    With ``keeps_links`` only the citations go.

    >>> strip_references("5 days [[1]](https://a.example), see [the form](https://b.example) and `a[2]` [3].")
    '5 days, see the form and `a[2]`.'
    """
    plain = _LINKED.sub(lambda link: "" if link["n"] else link[0 if keeps_links else "label"], text)
    found = [citation for citation in _find(plain, range(1_000), _TextBefore(), 0, len(plain)) if citation.numbers]
    for citation in reversed(found):
        plain = plain[: citation.start].rstrip(" \t") + plain[citation.end :]
    return plain


def is_index(text: str, start: int, end: int) -> bool:
    """Returns whether ``[2]`` at this place is an index, as in ``items[2]``, and no citation."""
    for _ in range(MOST_IN_GROUP):  # what follows an index is one too: m[1][2]
        before = text[max(0, start - BEHIND) : start]
        group = _GROUP_END.search(before)
        if not group:
            break
        start -= len(group[0])
    if before.endswith(")"):
        return bool(_AFTER_CALL.search(before))
    word = _BEFORE_INDEX.search(before)
    if not word or word[0].isdigit():
        return False
    name = word[0].lstrip(".")
    return bool(
        _IDENTIFIER.fullmatch(name)
        or _SEQUENCE.fullmatch(name)
        or _AFTER_INDEX.match(text, _end_of_group(text, end))
    )


class CitationNormaliser:
    """Writes citations as :func:`normalise` does, in a text that streams. ``known`` are numbers it may cite."""

    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._behind, self._buffer = "", ""  # read already, as far back as it matters; not yet
        self._state = _TextBefore()

    def feed(self, piece: str) -> str:
        """Returns what may be shown now, with this piece."""
        is_pending = bool(self._buffer)
        self._buffer += piece
        if not is_pending and not MARKS.search(piece):
            return self._advance(len(piece), [])
        text, n = self._behind + self._buffer, len(self._behind)
        end = _find_settled_end(text, n, is_fenced=self._state.is_fenced)
        return self._advance(end - n, list(_find(text, self._known, self._state, n, end)))

    def flush(self) -> str:
        """Returns the rest, at the end of the text."""
        text, n = self._behind + self._buffer, len(self._behind)
        return self._advance(len(self._buffer), list(_find(text, self._known, self._state, n, len(text))))

    def _advance(self, n: int, found: Sequence[Citation]) -> str:
        text, start = self._behind + self._buffer, len(self._behind)
        end = start + n
        self._state.pass_text(text, start, end)
        self._behind, self._buffer = text[max(0, end - BEHIND) : end], text[end:]
        return _rewrite(text, start, end, found)


@dataclass
class _TextBefore:
    """What the text before a place says about a form there."""

    has_square: bool = False  # it cites with square brackets, so that round ones do not
    enumerates: bool = False  # it numbers its parts as (1), (2)
    is_fenced: bool = False

    def pass_text(self, text: str, start: int, end: int) -> None:
        """Notes what stands between ``start`` and ``end``, where no citation is."""
        passed = text[:end]
        self.enumerates = self.enumerates or bool(_ENUMERATES.search(passed, max(0, start - 8)))
        n_fences = sum(fence.end() > start for fence in _FENCE.finditer(passed, max(0, start - 4)))
        self.is_fenced ^= bool(n_fences % 2)


def _find(text: str, known: Container[int], state: _TextBefore, start: int, end: int) -> Iterator[Citation]:
    """Yields the citations that begin between ``start`` and ``end``; notes in ``state`` how they are written."""
    code = _find_code(text, start, is_fenced=state.is_fenced)
    first_part = _ENUMERATES.search(text)
    for match in _FORM.finditer(text, start):
        if match.start() >= end:
            return
        if any(begin <= match.start() < stop for begin, stop in code):
            continue
        enumerates = state.enumerates or bool(first_part and first_part.end() <= match.start())
        numbers = _expand(match[0].translate(_RAISED), known)
        if numbers is None or not _is_citation(match, numbers, known, has_parts=state.has_square or enumerates):
            continue
        is_plain = match["square"] is not None and not re.search(rf"\d\s?{_DASH}|[&a-z]", match[0])
        state.has_square |= match["round"] is None and any(n in known for n in numbers)
        yield Citation(match.start(), match.end(), tuple(dict.fromkeys(numbers)), is_plain)


def _find_code(text: str, start: int, *, is_fenced: bool) -> list[tuple[int, int]]:
    closing = re.compile(rf"\n{_FENCE_LINE}").search(text, max(0, start - 4)) if is_fenced else None
    begin = (closing.end() if closing else len(text)) if is_fenced else start
    return [(0, begin) if is_fenced else (0, 0), *(match.span() for match in CODE.finditer(text, begin))]


def _rewrite(text: str, start: int, end: int, found: Iterable[Citation]) -> str:
    parts: list[str] = []
    position = start
    for citation in found:
        if citation.is_plain:
            continue
        last = text[citation.start - 1 : citation.start]
        is_next = bool(parts) and citation.start == position
        is_apart = is_next or not last or last in " \t\n([]" or not last.isascii()
        numbers = "".join(f"[{n}]" for n in citation.numbers)
        parts += [text[position : citation.start], "" if is_apart else " ", numbers]
        position = citation.end
    return "".join([*parts, text[position:end]])


def _is_citation(match: re.Match[str], numbers: list[int], known: Container[int], *, has_parts: bool) -> bool:
    text, start, end = match.string, match.start(), match.end()
    if match["square"]:
        is_range = re.search(rf"\d\s?{_DASH}", match[0])
        return not is_index(text, start, end) and (not is_range or _ends_statement(text, start, end))
    if match["sure"]:
        return True
    if not all(n in known for n in numbers):
        return False
    if match["likely"]:
        begins_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
        is_definition = match[0].startswith("[^") and begins_line and text.startswith(":", end)
        return not is_definition
    if match["raised"]:
        before = re.search(r"[^\W\d_]{4,}[.,;:!?)\"'”]?\Z|[.,;:!?)\"'”]\Z", text[max(0, start - 40) : start])
        return bool(before) and not text[end : end + 1].isalnum()
    is_apart = re.search(r"[ \t]\Z|\(\d{1,3}\)\Z", text[max(0, start - 6) : start])
    return not has_parts and bool(is_apart) and _ends_statement(text, start, end)


def _ends_statement(text: str, start: int, end: int) -> bool:
    """Returns whether a form such as ``(1)`` follows a statement, at its end, where it counts nothing."""
    line = text[max(text.rfind("\n", 0, start) + 1, start - BEHIND) : start]
    if not re.search(r"[^\W_][\"'”)*_.%]*[ \t]?\Z|[\])]\s?\Z|[.!?][ \t]\Z", line) or _COUNTED.search(line):
        return False
    return bool(re.compile(r"[ \t]?(?:[.,;:!?)]|\Z|\n|[(\[])").match(text, end))


def _expand(form: str, known: Container[int]) -> list[int] | None:
    """Returns the numbers of a form; None for a range whose ends are not both known."""
    inside = re.sub(r"^[【〖]\d{1,2}:(?=\d)", "", form)
    inside = re.split("[†‡|]", inside)[0]
    numbers: list[int] = []
    for first, last in re.findall(rf"(\d{{1,3}})(?:\s?{_DASH}\s?(\d{{1,3}}))?", inside):
        if not last:
            numbers.append(int(first))
            continue
        ends = (int(first), int(last))
        if not (ends[0] < ends[1] <= ends[0] + MOST_IN_RANGE and all(n in known for n in ends)):
            return None
        numbers += [n for n in range(ends[0], ends[1] + 1) if n in known]
    return numbers or None


def _end_of_group(text: str, end: int) -> int:
    """Returns where the citations end that follow each other without a space: ``[1][2]``."""
    for _ in range(MOST_IN_GROUP):
        following = _NEXT_IN_GROUP.match(text, end)
        if not following:
            break
        end = following.end()
    return end


def _find_settled_end(text: str, start: int, *, is_fenced: bool) -> int:
    """Returns up to where the text from ``start`` on is read as it will be read in the whole."""
    end = len(text)
    if partial := re.compile(r"(?:\A|\n)[ \t>]*(?:[-*+\d.)]{1,4}[ \t]*)?[`~]{0,2}\Z|`{1,2}\Z").search(
        text, max(start, end - 6)
    ):
        end = max(start, partial.start())
    n_fences = sum(fence.end() > start for fence in _FENCE.finditer(text, max(0, start - 4)))
    if is_fenced ^ bool(n_fences % 2):
        return end
    line = max(text.rfind("\n", 0, end) + 1, start, end - CODE_CHARS)
    ticks = list(re.compile(r"`+").finditer(text, line, end))
    for mark in ("`", "``"):
        same = [tick for tick in ticks if tick[0] == mark]
        if len(same) % 2:
            end = min(end, same[-1].start())
    if opens := _OPENS.search(text, max(start, len(text) - BEHIND)):
        end = min(end, opens.start())
    for match in _FORM.finditer(text, max(start, len(text) - BEHIND)):
        if match.end() > len(text) - LOOK_AHEAD:
            end = min(end, match.start())
            break
    return max(start, end)
