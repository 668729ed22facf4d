"""Shows numbers, amounts and dates as a sheet's number formats do: ``$#,##0.00`` makes ``$420.00`` of 420.

Knows what a reader would miss without it: currencies, units, percent, and dates. Formats that only choose decimals
or colours change nothing, nor do those that depend on the reader's country. Marks are those of English.
"""

import calendar
import operator
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
    r"""\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\] | \[(?P<elapsed>h+|m+|s+)\]
    | \[(?P<condition>[<>=][^\]]*)\] | \[[^\]]*\]
    | "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _. | \*.
    | (?P<half>AM/PM|A/P) | (?P<general>General|@)
    | (?P<digits>[#0?](?:[#0?,.]*[#0?,])?(?:\.(?=[^#0?]|$))?) | (?P<percent>%) | (?P<exponent>E[+-])
    | (?P<date>y+|m+|d+|h+|s+(?:\.0+)?) | (?P<other>.)""",
    re.VERBOSE | re.IGNORECASE,
)
_CONDITION = re.compile(r"([<>=]{1,2}) *(-?\d{1,15}(?:\.\d{1,15})?)")
_COMPARE = {
    **{"<": operator.lt, "<=": operator.le, "=": operator.eq, "<>": operator.ne},
    **{">": operator.gt, ">=": operator.ge},
}
_NUMBER = ("digits", "general")
_LITERAL = ("currency", "quoted", "escaped", "other", "percent")
_ZEROS = re.compile("0{2,}")
_PARTED = re.compile(r"[#0?]+(?: [#0?]+)+(?:\.[#0?]+)?")
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
    tokens = _choose(value, sections)
    kinds = {kind for kind, _ in tokens}
    patterns = [text for kind, text in tokens if kind in _NUMBER]
    if kinds & {"date", "half", "elapsed", "exponent"} or _is_fraction(tokens) or not _says_more(value, tokens):
        return None
    if not patterns:
        return "".join(text for kind, text in tokens if kind in _LITERAL).strip()
    numbers = _share(abs(value) * 100 ** sum(kind == "percent" for kind, _ in tokens), patterns)
    if numbers is None:
        return None
    sign = "-" if value < 0 and tokens is sections[0] else ""
    rest = iter(numbers)
    parts = [next(rest) if kind in _NUMBER else text for kind, text in tokens if kind != "condition"]
    return sign + " ".join("".join(parts).split())


def show_date(value: date | time | timedelta, code: str) -> str | None:
    """Returns a date or a time as the format shows it; None for a format of numbers, or one with conditions."""
    tokens = _split(code)[0] if _split(code) else ()
    kinds = {kind for kind, _ in tokens}
    not_dates = {"general", "condition"} if "date" in kinds else {"digits", "general", "condition"}
    if not kinds & {"date", "elapsed"} or kinds & not_dates:
        return None
    if isinstance(value, timedelta):
        return _show_elapsed(value, tokens) if "elapsed" in kinds else None
    shown = [_date_part(value, tokens, at, is_half="half" in kinds) for at in range(len(tokens))]
    return " ".join("".join(shown).split()) or None


@lru_cache(maxsize=1_000)
def _split(code: str) -> tuple[tuple[Token, ...], ...]:
    """Returns the tokens of each section: for positive numbers, for negative ones, for zero, for text."""
    if len(code) > _MAX_CHARS:
        return ()
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup or "", match[match.lastgroup] if match.lastgroup else ""
        if kind == "other" and text == ";":
            sections.append([])
        elif kind:
            sections[-1].append((kind, text))
    return tuple(map(tuple, sections))


def _choose(value: float, sections: tuple[tuple[Token, ...], ...]) -> tuple[Token, ...]:
    """Returns the section for a value; none where it is uncertain, as for negative numbers under conditions."""
    numeric = [section for section in sections if ("general", "@") not in section]
    if not any(kind == "condition" for section in numeric for kind, _ in section):
        at = 1 if value < 0 and len(numeric) > 1 else 2 if value == 0 and len(numeric) > 2 else 0
        return numeric[at] if numeric else ()
    for section in numeric if value >= 0 else ():
        conditions = [text for kind, text in section if kind == "condition"]
        match = _CONDITION.fullmatch(conditions[0]) if len(conditions) == 1 else None
        if match and match[1] in _COMPARE:
            if _COMPARE[match[1]](value, float(match[2])):
                return section
        else:
            return section if section is numeric[-1] and not conditions else ()
    return ()


def _is_fraction(tokens: tuple[Token, ...]) -> bool:
    """Returns whether a bar stands between digits: ``# ?/?``, or ``# ?/8``."""
    at = tokens.index(("other", "/")) if ("other", "/") in tokens else len(tokens)
    has_digits = any(kind == "digits" for kind, _ in tokens[:at])
    return has_digits and any(kind == "digits" or text.isdecimal() for kind, text in tokens[at:])


def _says_more(value: float, tokens: tuple[Token, ...]) -> bool:
    """Returns whether a format adds a word or a sign, parts the digits, or puts zeros before a whole number."""
    if any(map(_is_sign, "".join(text for kind, text in tokens if kind in _LITERAL))):
        return True
    places = [at for at, (kind, _) in enumerate(tokens) if kind in _NUMBER]
    if not places:
        return False
    between = tokens[places[0] : places[-1]]
    is_parted = any(text.strip() for kind, text in between if kind in _LITERAL)
    return is_parted or (float(value).is_integer() and _ZEROS.fullmatch(tokens[places[0]][1]) is not None)


def _is_sign(letter: str) -> bool:
    return letter == "%" or not (letter in " ()-+,.:/" or letter.isspace())


def _share(value: float, patterns: list[str]) -> list[str] | None:
    """Returns the digits for each pattern: several share those of one number, from the right.

    None where there are too few of them, or the patterns are not understood.

    >>> _share(123456789, ["000", "00", "0000"])
    ['123', '45', '6789']
    """
    if len(patterns) == 1:
        return [_digits(value, patterns[0])] if patterns[0].count(".") < 2 else None
    if not _PARTED.fullmatch(" ".join(patterns)):
        return None
    whole, dot, decimals = _digits(value, "".join(patterns)).partition(".")
    shares = [dot + decimals]
    for pattern in reversed(patterns[1:]):
        n = len(pattern.partition(".")[0])
        whole, shares[0] = whole[:-n], whole[-n:] + shares[0]
        shares.insert(0, "")
    shares[0] = whole
    return shares if all(shares) else None


def _digits(value: float, pattern: str) -> str:
    if pattern.lower() in {"general", "@"}:
        return f"{value:.12g}"
    if not value and not pattern.strip("?"):
        return ""
    whole, _, decimals = pattern.partition(".")
    n_thousands = sum(len(part) - len(part.rstrip(",")) for part in (whole, decimals))
    whole = whole.rstrip(",")
    n_least = decimals.count("0")
    n_most = sum(decimals.count(mark) for mark in "#0?")
    comma = "," if "," in whole else ""
    marks = whole.replace(",", "")
    n_whole = len(marks) - marks.find("0") if "0" in marks else 1
    width = n_whole + (n_whole - 1) // 3 * len(comma) + (n_most + 1 if n_most else 0)
    text = f"{value / 1000**n_thousands:0{width}{comma}.{n_most}f}"
    while n_most > n_least and text.endswith("0"):
        text, n_most = text[:-1], n_most - 1
    return text.rstrip(".") + ("." if pattern.endswith(".") else "")


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
