"""Shows numbers, amounts and dates as a sheet's number formats do: ``$#,##0.00`` makes ``$420.00`` of 420.

Knows what a reader would miss without it: currencies, units, percent, and dates. Formats that only choose decimals
or colours change nothing, nor do those that depend on the reader's country. Marks are those of English.
"""

import calendar
import re
from datetime import date, time, timedelta
from functools import lru_cache

BUILT_IN = {  # ids in [ECMA-376] 18.8.30 of formats that show more than digits
    **dict.fromkeys((5, 6), '"$"#,##0'),
    **dict.fromkeys((7, 8), '"$"#,##0.00'),
    9: "0%",
    10: "0.00%",
    42: '"$"#,##0',
    44: '"$"#,##0.00',
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    46: "[h]:mm:ss",
}
_TOKEN = re.compile(
    r"""\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\] | \[(?P<elapsed>h+|m+|s+)\] | \[[^\]]*\]
    | "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _. | \*.
    | (?P<half>AM/PM|A/P) | (?P<general>General|@)
    | (?P<digits>[#0?](?:[#0?,.]*[#0?,])?(?:\.(?=[^#0?]|$))?) | (?P<percent>%) | (?P<exponent>E[+-])
    | (?P<date>y+|m+|d+|h+|s+(?:\.0+)?) | (?P<other>.)""",
    re.VERBOSE | re.IGNORECASE,
)
_LITERAL = ("currency", "quoted", "escaped", "other", "percent")
_MONTHS = [*calendar.month_name][1:]
_DAYS = [*calendar.day_name]
_MAX_CHARS = 200  # of a format
Token = tuple[str, str]


def show_number(value: float, code: str) -> str | None:
    """Returns a number as the format shows it; None where the format adds nothing to the digits.

    >>> show_number(-1234.5, '[$€-407] #,##0.00'), show_number(0.075, "0.0%"), show_number(420, "0.00")
    ('-€ 1,234.50', '7.5%', None)
    """
    sections = _split(code)
    at = 1 if value < 0 and len(sections) > 1 else 2 if value == 0 and len(sections) > 2 else 0
    tokens = sections[at] if sections else ()
    kinds = {kind for kind, _ in tokens}
    literal = "".join(text for kind, text in tokens if kind in _LITERAL)
    if kinds & {"date", "half", "elapsed", "exponent"} or not any(map(_says_something, literal)):
        return None
    if not kinds & {"digits", "general"}:
        return literal.strip()
    sign = "-" if value < 0 and at == 0 else ""
    scaled = abs(value) * 100 ** sum(kind == "percent" for kind, _ in tokens)
    parts = [
        _digits(scaled, text) if kind in {"digits", "general"} else text for kind, text in _first_number(tokens)
    ]
    return sign + " ".join("".join(parts).split())


def show_date(value: date | time | timedelta, code: str) -> str | None:
    """Returns a date or a time as the format shows it; None for a format of numbers."""
    tokens = _split(code)[0] if _split(code) else ()
    kinds = {kind for kind, _ in tokens}
    if not kinds & {"date", "elapsed"} or kinds & {"digits", "general"} - (
        {"digits"} if "date" in kinds else set()
    ):
        return None
    if isinstance(value, timedelta):
        return _show_elapsed(value, tokens) if "elapsed" in kinds else None
    shown = [_date_part(value, tokens, at, is_half="half" in kinds) for at in range(len(tokens))]
    return " ".join("".join(shown).split()) or None


def _says_something(letter: str) -> bool:
    return letter == "%" or not (letter in " ()-+,.:/" or letter.isspace())


@lru_cache(maxsize=1_000)
def _split(code: str) -> tuple[tuple[Token, ...], ...]:
    """Returns the tokens of each section: for positive numbers, for negative ones, for zero."""
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(code[:_MAX_CHARS]):
        kind, text = match.lastgroup or "", match[match.lastgroup] if match.lastgroup else ""
        if kind == "other" and text == ";":
            sections.append([])
        elif kind:
            sections[-1].append((kind, text))
    return tuple(map(tuple, sections))


def _first_number(tokens: tuple[Token, ...]) -> list[Token]:
    """Returns the tokens with the number once; a fraction or a telephone number keeps its other digits apart."""
    has_number = False
    kept: list[Token] = []
    for kind, text in tokens:
        is_number = kind in {"digits", "general"}
        if not (is_number and has_number):
            kept.append((kind, text))
        has_number |= is_number
    return kept


def _digits(value: float, pattern: str) -> str:
    if pattern.lower() in {"general", "@"}:
        return f"{value:.12g}"
    if not value and not pattern.strip("?"):
        return ""
    n_thousands = len(pattern) - len(pattern.rstrip(","))
    whole, _, decimals = pattern.rstrip(",").partition(".")
    n_least = decimals.count("0")
    n_most = sum(decimals.count(mark) for mark in "#0?")
    value = value / 1000**n_thousands
    text = f"{value:,.{n_most}f}" if "," in whole else f"{value:.{n_most}f}"
    while n_most > n_least and text.endswith("0"):
        text, n_most = text[:-1], n_most - 1
    return text.rstrip(".")


def _date_part(value: date | time, tokens: tuple[Token, ...], at: int, *, is_half: bool) -> str:
    kind, text = tokens[at]
    if kind == "half":
        return "PM" if getattr(value, "hour", 0) >= 12 else "AM"
    if kind != "date":
        return text if kind in _LITERAL else ""
    letter, n = text[0].lower(), len(text)
    if letter == "m" and _is_minute(tokens, at):
        return f"{getattr(value, 'minute', 0):0{min(n, 2)}d}"
    if letter in "ymd":
        return _day_part(value, letter, n) if isinstance(value, date) else ""
    hour = getattr(value, "hour", 0)
    hour = (hour % 12 or 12) if is_half else hour
    return f"{hour if letter == 'h' else getattr(value, 'second', 0):0{2 if n > 1 else 1}d}"


def _day_part(value: date, letter: str, n: int) -> str:
    if letter == "y":
        return f"{value.year % 100:02d}" if n <= 2 else f"{value.year:04d}"
    if letter == "m":
        name = _MONTHS[value.month - 1]
        return f"{value.month:0{n}d}" if n <= 2 else name[:3] if n == 3 else name[:1] if n == 5 else name
    name = _DAYS[value.weekday()]
    return f"{value.day:0{n}d}" if n <= 2 else name[:3] if n == 3 else name


def _is_minute(tokens: tuple[Token, ...], at: int) -> bool:
    """Returns whether an ``m`` stands for minutes: after hours, or before seconds."""
    letters = [(i, text[0].lower()) for i, (kind, text) in enumerate(tokens) if kind in {"date", "elapsed"}]
    place = next(n for n, (i, _) in enumerate(letters) if i == at)
    before = letters[place - 1][1] if place else ""
    after = letters[place + 1][1] if place + 1 < len(letters) else ""
    return before == "h" or after == "s"


def _show_elapsed(value: timedelta, tokens: tuple[Token, ...]) -> str:
    rest = round(value.total_seconds())
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    parts = []
    for kind, text in tokens:
        unit = {"h": 3600, "m": 60, "s": 1}.get(text[:1].lower(), 0)
        if kind in {"elapsed", "date"} and unit:
            parts.append(f"{rest // unit:0{min(len(text), 2)}d}")
            rest %= unit
        else:
            parts.append(text if kind in _LITERAL else "")
    return sign + "".join(parts)
