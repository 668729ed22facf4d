"""The colours of Office files as three numbers each, and which of them cannot be told apart.

A colour that cannot be worked out is None: text and grounds of such a colour count as seen.
"""

import colorsys
import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

Colour = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
OFFICE_COLOURS: Mapping[str, Colour] = {"lt1": WHITE, "dk1": BLACK}  # of the theme that a file without one has
_NAMED = {"white": WHITE, "black": BLACK, "window": WHITE, "windowText": BLACK}
_NEAR = 15  # of 255, each of the three
_CHANGES = {"lumMod", "lumOff", "alpha"}  # of a colour, those that are worked out


def parse_hex(text: str) -> Colour | None:
    """Returns the colour that six hexadecimal digits stand for, with or without ``#``.

    >>> parse_hex("#FFFFFE")
    (255, 255, 254)
    """
    digits = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text)
    return (int(digits[1], 16), int(digits[2], 16), int(digits[3], 16)) if digits else None


def is_near(one: Colour | None, other: Colour | None) -> bool:
    """Returns whether two known colours cannot be told apart."""
    return bool(one and other) and all(abs(a - b) <= _NEAR for a, b in zip(one or (), other or (), strict=True))


def read_theme(theme: Element | None) -> dict[str, Colour]:
    """Returns the colours of a theme by their names, such as ``lt1``."""
    found = dict(OFFICE_COLOURS)
    scheme = theme.find(".//{*}clrScheme") if theme is not None else None
    for colour in scheme if scheme is not None else ():
        value = read_colour(colour, {})
        name = str(colour.tag).rpartition("}")[2]
        found.pop(name, None)
        if value:
            found[name] = value
    return found


def read_colour(parent: Element, named: Mapping[str, Colour]) -> Colour | None:
    """Returns the colour in an element of DrawingML, such as ``solidFill``; ``named`` are those of the theme."""
    for element in parent:
        kind, value = str(element.tag).rpartition("}")[2], element.get("val", "")
        if any(str(change.tag).rpartition("}")[2] not in _CHANGES for change in element):
            return None
        if kind == "srgbClr":
            return _change(parse_hex(value), element)
        if kind == "schemeClr":
            return _change(named.get(value), element)
        if kind in {"sysClr", "prstClr"}:
            return _change(parse_hex(element.get("lastClr", "")) or _NAMED.get(value), element)
        if kind == "scrgbClr":
            shares = [read_percent(element.get(name, "")) for name in "rgb"]
            return WHITE if all(share is not None and share >= 0.98 for share in shares) else None
        return None
    return None


def read_percent(text: str) -> float | None:
    """Returns a share, which is written in thousandths of a percent, or as a percentage.

    >>> read_percent("50000"), read_percent("50%")
    (0.5, 0.5)
    """
    number = re.fullmatch(r"(-?\d{1,9}(?:\.\d{1,9})?)(%?)", text)
    return float(number[1]) / (100 if number[2] else 100_000) if number else None


def _change(colour: Colour | None, element: Element) -> Colour | None:
    """Returns a colour made lighter or darker as its element says."""
    for change in element:
        kind, share = str(change.tag).rpartition("}")[2], read_percent(change.get("val", ""))
        if colour is None or share is None:
            return None
        if kind in {"lumMod", "lumOff"}:
            hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
            light = light * share if kind == "lumMod" else light + share
            red, green, blue = colorsys.hls_to_rgb(hue, min(max(light, 0.0), 1.0), saturation)
            colour = (round(red * 255), round(green * 255), round(blue * 255))
    return colour
