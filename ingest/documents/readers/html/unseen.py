"""Which elements of HTML a reader does not see, by their tag, their attributes and their own style.

Promises to keep white text on a coloured ground, as far as an element around it says that colour itself. Does not
evaluate style sheets.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from selectolax.lexbor import LexborNode

Rgba = tuple[float, float, float, float]  # of 255, and of 1

# The last ones have their text for browsers that do not know them, or for programs.
_DROPPED = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "iframe",
        "svg",
        "head",
        "title",
        "object",
        "canvas",
        "form",
        "datalist",
        "video",
        "audio",
        "noembed",
        "noframes",
        "progress",
        "meter",
        "rp",
        "annotation",
        "annotation-xml",
    ]
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE | re.DOTALL)
_DECLARATION = re.compile(r"([\w-]+)\s*:((?:[^;(]|\([^)]*\)?)*)")
_LENGTH = re.compile(r"(?<![\w.#-])(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d{1,2})?)([a-z%]*)")
_FUNCTION = re.compile(r"([a-z0-9-]+)\(([^()]*)\)")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 1.33, "pc": 16.0, "mm": 3.78, "cm": 37.8, "in": 96.0, "q": 0.94, "em": 16.0}
_PIXELS |= {"rem": 16.0, "ex": 8.0, "ch": 8.0, "%": 0.16, "vw": 12.0, "vh": 8.0, "vmin": 8.0, "vmax": 12.0}
_WHOLE = {"%", "vw", "vh", "vmin", "vmax"}  # of a size that is not known
_MIN_FONT_PIXELS = 3.0
_FAR_PIXELS, _FAR_AHEAD_PIXELS = 500.0, 5_000.0
_MIN_ALPHA = 0.06
_SAME = 15.0  # of 255 in each colour
_WHITE: Rgba = (255.0, 255.0, 255.0, 1.0)
_NAMES: Mapping[str, Rgba] = {
    **dict.fromkeys(
        [
            "white",
            "snow",
            "ivory",
            "ghostwhite",
            "floralwhite",
            "mintcream",
            "azure",
            "whitesmoke",
            "window",
            "canvas",
        ],
        _WHITE,
    ),
    "black": (0.0, 0.0, 0.0, 1.0),
    "transparent": (0.0, 0.0, 0.0, 0.0),
}
_OFFSETS = (
    "left",
    "right",
    "top",
    "bottom",
    "inset",
    "text-indent",
    "margin",
    "margin-left",
    "margin-top",
    "translate",
)
_MAX_PARENTS = 20  # looked at for a ground


def is_hidden(node: LexborNode) -> bool:
    """Returns whether a reader does not see an element, wherever it stands."""
    if node.tag in _DROPPED:
        return True
    attributes = node.attributes
    if (
        "hidden" in attributes
        or "popover" in attributes
        or (attributes.get("aria-hidden") or "").strip().lower() == "true"
    ):
        return True
    if node.tag == "dialog" and "open" not in attributes:
        return True
    style = read_style(attributes.get("style") or "")
    colour = (
        style.get("-webkit-text-fill-color")
        or style.get("color")
        or (attributes.get("color") if node.tag == "font" else None)
    )
    return (bool(style) and _is_hidden_by(style)) or (bool(colour) and _is_unseen(node, str(colour)))


@lru_cache(maxsize=512)
def read_style(text: str) -> Mapping[str, str]:
    r"""Reads the declarations of a style, the last of each name, without comments and escapes.

    >>> dict(read_style("DISPLAY:/**/no\\6e e !important; color : red"))
    {'display': 'none', 'color': 'red'}
    """
    plain = _ESCAPE.sub(_read_escape, _COMMENT.sub("", text)).lower()
    pairs = (match.groups() for match in _DECLARATION.finditer(plain))
    return {name: value.replace("!important", "").strip() for name, value in pairs}


def _read_escape(escape: re.Match[str]) -> str:
    return chr(min(int(escape[1], 16), 0x10FFFF)) if escape[1] else escape[2]


def _is_hidden_by(style: Mapping[str, str]) -> bool:
    return (
        style.get("display") == "none"
        or style.get("visibility") in {"hidden", "collapse"}
        or style.get("content-visibility") == "hidden"
        or style.get("mso-hide") == "all"
        or any(number < _MIN_ALPHA for number in _ratios(style.get("opacity", "")))
        or any(name == "opacity" and _is_near_zero(value) for name, value in _functions(style.get("filter", "")))
        or any(number == 0 for number, _ in _lengths(style.get("zoom", "")))
        or any(number == 0 for number, _ in _lengths(style.get("scale", "")))
        or _has_tiny_font(style)
        or _is_off_page(style)
        or _is_cut_away(style)
    )


def _has_tiny_font(style: Mapping[str, str]) -> bool:
    sizes = _lengths(style.get("font-size", "")) or _lengths(style.get("font", "").partition("/")[0])[-1:]
    return any(0 <= number * _PIXELS.get(unit, 16.0) < _MIN_FONT_PIXELS for number, unit in sizes)


def _is_off_page(style: Mapping[str, str]) -> bool:
    for name in _OFFSETS:
        for number, unit in _lengths(style.get(name, "")):
            if number < 0 and _is_far(-number, unit):
                return True
            if name in {"left", "top"} and number * _PIXELS.get(unit, 0.0) >= _FAR_AHEAD_PIXELS:
                return True
            if (name, unit) == ("left", "vw") and number >= 100:
                return True
    for name, arguments in _functions(style.get("transform", "")):
        numbers = _lengths(arguments)
        if name.startswith("translate") and any(n < 0 and _is_far(-n, unit) for n, unit in numbers):
            return True
        if name.startswith("scale") and any(n == 0 for n, _ in numbers[:2]):
            return True
        if name == "matrix" and len(numbers) == 6 and numbers[0][0] == numbers[3][0] == 0 == numbers[1][0]:
            return True
        if name in {"rotatex", "rotatey"} and numbers[:1] in ([(90.0, "deg")], [(-90.0, "deg")]):
            return True
    return False


def _is_cut_away(style: Mapping[str, str]) -> bool:
    if any(style.get(name) in {"hidden", "clip"} for name in ("overflow", "overflow-x", "overflow-y")):
        for name in ("width", "height", "max-width", "max-height"):
            if any(number * _PIXELS.get(unit, 99.0) <= 1 for number, unit in _lengths(style.get(name, ""))):
                return True
        if any(unit == "%" and number >= 100 for number, unit in _lengths(style.get("text-indent", ""))):
            return True
    clip = [
        number for number, _ in _lengths(style.get("clip", "").removeprefix("rect(").replace(",", " ").rstrip(")"))
    ]
    if len(clip) == 4 and all(number <= 1 for number in clip):
        return True
    for name, arguments in _functions(style.get("clip-path", "")):
        numbers = _lengths(arguments)
        if name == "inset" and numbers and numbers[0][1] == "%" and numbers[0][0] >= 50:
            return True
        if name in {"circle", "ellipse"} and numbers and numbers[0][0] == 0:
            return True
        if name == "polygon" and numbers and not any(number for number, _ in numbers):
            return True
    return False


def _is_far(number: float, unit: str) -> bool:
    return number >= 100 if unit in _WHOLE else number * _PIXELS.get(unit, 16.0) >= _FAR_PIXELS


def _is_unseen(node: LexborNode, value: str) -> bool:
    """Returns whether text of a colour is transparent, or has that of its ground."""
    colour = read_colour(value.strip().lower())
    if colour is None:
        return False
    ground = _find_ground(node)
    is_same = ground is not None and all(abs(a - b) <= _SAME for a, b in zip(colour[:3], ground[:3], strict=True))
    return colour[3] < _MIN_ALPHA or is_same


def _find_ground(node: LexborNode) -> Rgba | None:
    """Returns the colour behind a node, white where none is given; None for a picture or one that is not known."""
    around: LexborNode | None = node
    for _ in range(_MAX_PARENTS):
        if around is None or not around.is_element_node:
            break
        attributes = around.attributes
        style = read_style(attributes.get("style") or "")
        given = style.get("background-color") or style.get("background") or attributes.get("bgcolor")
        if "url(" in style.get("background-image", "") or "gradient(" in style.get("background-image", ""):
            return None
        if given and given not in {"none", "inherit", "initial", "unset"}:
            colour = read_colour(given.strip().lower())
            if colour is None or colour[3] >= _MIN_ALPHA:
                return colour
        around = around.parent
    return _WHITE


def read_colour(value: str) -> Rgba | None:
    """Reads a colour of a style; None for one that is not known.

    >>> read_colour("#fff"), read_colour("rgb(0 0 0 / 0%)"), read_colour("rebeccapurple")
    ((255.0, 255.0, 255.0, 1.0), (0.0, 0.0, 0.0, 0.0), None)
    """
    if value in _NAMES:
        return _NAMES[value]
    if digits := re.fullmatch(r"#?([0-9a-f]{3,8})", value):
        return _read_hexadecimal(digits[1])
    function = _FUNCTION.match(value)
    if not function:
        return None
    numbers = _lengths(function[2].replace(",", " ").replace("/", " "))
    if len(numbers) not in (3, 4):
        return None
    alpha = (numbers[3][0] / (100 if numbers[3][1] == "%" else 1)) if len(numbers) == 4 else 1.0
    if function[1] in {"rgb", "rgba"}:
        red, green, blue = (number * (2.55 if unit == "%" else 1) for number, unit in numbers[:3])
        return red, green, blue, alpha
    light = numbers[1][0] if function[1] == "hwb" else numbers[2][0]
    if function[1] in {"hsl", "hsla", "hwb"} and light >= 94:
        return (*_WHITE[:3], alpha)
    return (-99.0, -99.0, -99.0, alpha)  # some other colour


def _read_hexadecimal(digits: str) -> Rgba | None:
    if len(digits) in (3, 4):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) not in (6, 8):
        return None
    red, green, blue, *alpha = (int(digits[at : at + 2], 16) for at in range(0, len(digits), 2))
    return float(red), float(green), float(blue), alpha[0] / 255 if alpha else 1.0


def _lengths(value: str) -> list[tuple[float, str]]:
    """Returns the numbers of a value with their units, those in ``calc()`` too."""
    return [(float(number), unit) for number, unit in _LENGTH.findall(value)]


def _ratios(value: str) -> Iterator[float]:
    for number, unit in _lengths(value):
        yield number / 100 if unit == "%" else number


def _is_near_zero(value: str) -> bool:
    return any(number < _MIN_ALPHA for number in _ratios(value))


def _functions(value: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _FUNCTION.finditer(value)]
