"""Citations in a model's text, as models write them: ``[1]``, ``[2][3]``, ``[1, 2]``, and also ``【1†source】``,
``[^1]``, ``［1］``, ``[1-2]``, ``[Source 1]``, ``(1)``.

Promises that each known form becomes ``[1]`` before anybody judges or sees it, streaming or not; and that code, an
index (``items[2]``), the definition of a footnote and numbers of something else stay as they are. What is read
depends on the text before it and on two characters after it, so a beginning is read as the whole is.
"""

import re
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass

CODE = re.compile(r"(?:^|(?<=\n))[ \t]{0,3}```.*?(?:\n[ \t]{0,3}```|\Z)|(?<![`\\])`[^`\n]{1,500}`(?!`)", re.DOTALL)
MOST_IN_RANGE = 20
LOOK_AHEAD = 2  # characters after a form that say whether it is a citation

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
_MARKS = re.compile(r"[\[\]【】〖〗［］〔〕⟦⟧()<\\`⁰¹²³⁴-⁹]")
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
_IN_SENTENCE = re.compile(r"[ \t]+[^\s\[(]|\w|[=(]|\.\w|\[(?!\d)")
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
    cited = {n: None for citation in _find(text, known) for n in citation.numbers if n in known}
    return list(cited)


def normalise(text: str, known: Container[int]) -> str:
    """Writes every citation as ``[1]`` or ``[1][2]``.

    >>> normalise("Five days【1†source】, or six [^2].", {1, 2})
    'Five days [1], or six [2].'
    """
    parts, position = [], 0
    for citation in _find(text, known):
        if citation.is_plain:
            continue
        before = text[position : citation.start]
        is_apart = not before or before[-1] in " \t\n([]" or not before[-1].isascii()
        parts += [before, "" if is_apart else " ", "".join(f"[{n}]" for n in citation.numbers)]
        position = citation.end
    return "".join([*parts, text[position:]])


def is_index(text: str, start: int, end: int) -> bool:
    """Returns whether ``[2]`` at this place is an index, as in ``items[2]``, and no citation."""
    before = text[max(0, start - 80) : start]
    if before.endswith("]"):  # as what stands before it
        opening = text.rfind("[", max(0, start - 80), start)
        return opening >= 0 and before[-2:-1].isalnum() and is_index(text, opening, start)
    if before.endswith(")"):
        return bool(_AFTER_CALL.search(before))
    word = _BEFORE_INDEX.search(before)
    if not word or word[0].isdigit():
        return False
    name = word[0].lstrip(".")
    return bool(
        _IDENTIFIER.fullmatch(name)
        or _SEQUENCE.fullmatch(name)
        or _IN_SENTENCE.match(text, _end_of_group(text, end))
    )


class CitationNormaliser:
    """Writes citations as :func:`normalise` does, in a text that streams. ``known`` are numbers it may cite."""

    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._text, self._shown = "", ""
        self._is_pending = False

    def feed(self, piece: str) -> str:
        """Returns what may be shown now, with this piece."""
        self._text += piece
        if not self._is_pending and not _MARKS.search(piece):
            self._shown += piece
            return piece
        end = _find_settled_end(self._text)
        self._is_pending = end < len(self._text)
        return self._show(normalise(self._text[:end], self._known))

    def flush(self) -> str:
        """Returns the rest, at the end of the text."""
        self._is_pending = False
        return self._show(normalise(self._text, self._known))

    def _show(self, text: str) -> str:
        if not text.startswith(self._shown):
            return ""  # the whole text is shown when the answer ends
        ready, self._shown = text[len(self._shown) :], text
        return ready


def _find(text: str, known: Container[int]) -> Iterator[Citation]:
    code = [match.span() for match in CODE.finditer(text)]
    has_square = False
    for match in _FORM.finditer(text):
        if any(start <= match.start() < end for start, end in code):
            continue
        numbers = _expand(match[0].translate(_RAISED), known)
        if numbers is None or not _is_citation(match, numbers, known, has_square=has_square):
            continue
        is_plain = match["square"] is not None and not re.search(rf"\d\s?{_DASH}|[&a-z]", match[0])
        has_square = has_square or (match["round"] is None and any(n in known for n in numbers))
        yield Citation(match.start(), match.end(), tuple(dict.fromkeys(numbers)), is_plain)


def _is_citation(match: re.Match[str], numbers: list[int], known: Container[int], *, has_square: bool) -> bool:
    text, start, end = match.string, match.start(), match.end()
    if match["square"]:
        return not is_index(text, start, end)
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
    return not has_square and _is_round_citation(text, start, end)


def _is_round_citation(text: str, start: int, end: int) -> bool:
    """Returns whether ``(1)`` stands for a source: after a statement, at its end, where nothing is counted."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if not re.search(r"[^\W_][\"'”)*_.%]*[ \t]\Z|\(\d{1,3}\)\s?\Z", line) or _COUNTED.search(line):
        return False
    if _ENUMERATES.search(text[:start]):
        return False
    return bool(re.match(r"\s*(?:[.,;:!?)]|\Z|\n|\()", text[end:]))


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
    while following := re.compile(r"\[\d{1,3}\]").match(text, end):
        end = following.end()
    return end


def _find_settled_end(text: str) -> int:
    """Returns up to where the text is read as it will be read in the whole."""
    end = len(text)
    fences = list(re.finditer(r"(?:^|\n)[ \t]{0,3}```", text))
    if len(fences) % 2 == 0:
        line = text.rfind("\n") + 1
        if text.count("`", line) % 2:
            end = text.rfind("`")
        elif re.search(r"\n?[ \t]{0,3}`{1,3}\Z", text[line:]):
            end = line + len(text[line:].rstrip("`"))
    if opens := _OPENS.search(text, max(0, len(text) - 200)):
        end = min(end, opens.start())
    for match in _FORM.finditer(text, max(0, len(text) - 200)):
        if match.end() > len(text) - LOOK_AHEAD:
            end = min(end, match.start())
            break
    return end
