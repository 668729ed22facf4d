"""How deeply the tags of a page are nested, before it is parsed.

Lexbor takes time for each tag by the number of elements that are open, so 200,000 open ones stop it for minutes.
Promises to read the page once, and to take none that a browser would nest deeply for a flat one; broken markup it
may take for deeper than it is.
"""

import re
from collections import defaultdict

from ingest.documents.raw import FetchProblem

MAX_DEPTH = 2_000  # what people write has less than 100
_MAX_REOPENED = (
    3_000_000  # elements such as <b> that a browser opens again in each paragraph until they are closed
)

_VALUE = r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+|(?=>|\Z))"""
TAG = re.compile(
    rf"<(?:(?P<comment>!--)|(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    rf"(?P<attributes>(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+{_VALUE})?+)*+)(?P<close>>|\Z)|[!?/][^>]*+)"
)
_COMMENT_END = re.compile(r"--!?>")


def _set(names: str) -> set[str]:
    return set(names.split())


_NOT_PUSHED = {"html", "head", "body", "frameset"}
_VOID = {"area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img", "input"}
_VOID |= {"keygen", "link", "meta", "param", "source", "track", "wbr"}
_RAW = {"script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"}  # hold text, no tags
_FORMATTING = _set("a b big code em font i nobr s small strike strong tt u")
_HEADINGS = _set("h1 h2 h3 h4 h5 h6")
_TABLE_PARTS = _set("caption colgroup tbody td tfoot th thead tr")
_ENDS_PARAGRAPH = _HEADINGS | _set(
    "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form header hgroup hr li listing main menu nav ol p plaintext pre search section summary ul xmp"
)
_SPECIAL = (
    _ENDS_PARAGRAPH
    | _TABLE_PARTS
    | _RAW
    | _set("applet button desc foreignobject marquee mi mn mo ms mtext annotation-xml noscript")
    | _set("object select table template")
)
_POINTS = _set("annotation-xml desc foreignobject mi mn mo ms mtext title")  # HTML inside SVG and MathML
_LEAVES_SVG = (_ENDS_PARAGRAPH | _FORMATTING | _set("embed img meta ruby span sub sup table var")) - {"a"}
_SCOPES = {"applet", "caption", "marquee", "object", "table", "td", "template", "th"} | _POINTS
_GROUPS = {
    "#special": _SPECIAL,
    "#hard": _SPECIAL - {"address", "div", "p", "li", "dd", "dt"},
    "#scope": _SCOPES,
    "#list": {"ol", "ul"},
    "#button": {"button"},
    "#table": {"table", "template"},
    "#foreign": {"svg", "math"},
    "#point": _POINTS,
    "#formatting": _FORMATTING,
    "#cell": {"td", "th"},
    "#body": {"tbody", "thead", "tfoot"},
    "#definition": {"dd", "dt"},
}
_GROUPS_OF = {
    name: tuple(group for group, names in _GROUPS.items() if name in names)
    for name in set().union(*_GROUPS.values())
}
_REPLACES = {"td": "#cell", "th": "#cell", "tr": "tr", "tbody": "#body", "thead": "#body", "tfoot": "#body"}
_SIBLINGS = {"li": "li", "dd": "#definition", "dt": "#definition"}


def check(html: str) -> None:
    """Raises :class:`FetchProblem` for a page that is nested too deeply."""
    if html.count("<") > MAX_DEPTH and _is_too_deep(html):
        raise FetchProblem("is nested too deeply", "save it in a simpler form")


def _is_too_deep(html: str) -> bool:
    tags = _OpenTags()
    at = 0
    while found := TAG.search(html, at):
        at = found.end()
        if found["comment"]:
            is_empty = html.startswith((">", "->"), at)
            end = None if is_empty else _COMMENT_END.search(html, at)
            at = html.index(">", at) + 1 if is_empty else end.end() if end else len(html)
        if found["name"] is None or not found["close"]:
            continue
        name = found["name"].lower()
        if found["end"]:
            tags.close(name)
            continue
        is_raw = name in _RAW and not tags.is_in_svg()
        tags.open(name, found["attributes"])
        if tags.is_too_deep:
            return True
        if name == "plaintext":
            return False
        if is_raw:
            raw = re.compile(rf"(?=</{name}[\s/>])", re.IGNORECASE).search(html, at)
            at = raw.end() if raw else len(html)
    return False


class _OpenTags:
    """The elements that are open, as a browser's parser would have them."""

    def __init__(self) -> None:
        self._names: list[str | None] = []  # None where one was closed below others
        self._n_closed = 0
        self._at: defaultdict[str, list[int]] = defaultdict(list)  # places by name and group, ascending
        self._formats: defaultdict[str, list[str]] = defaultdict(list)  # by name, those that never were closed
        self._n_formats: defaultdict[str, int] = defaultdict(int)
        self._n_lasting = 0
        self._n_reopened = 0

    @property
    def is_too_deep(self) -> bool:
        return len(self._names) - self._n_closed > MAX_DEPTH or self._n_reopened > _MAX_REOPENED

    def is_in_svg(self) -> bool:
        return self._last("#foreign") > self._last("#point")

    def open(self, name: str, attributes: str) -> None:
        while name in _LEAVES_SVG and self.is_in_svg():
            self._cut(self._last("#foreign"))
        if name in _NOT_PUSHED or (not self.is_in_svg() and name in _VOID):
            return
        if self.is_in_svg():
            if not attributes.endswith("/"):
                self._push(name)
            return
        self._imply(name)
        self._n_reopened += max(0, self._n_lasting - len(self._at["#formatting"]))
        self._push(name)
        if name in _FORMATTING and self._n_formats[name + attributes] < 3:
            self._n_formats[name + attributes] += 1
            self._formats[name].append(name + attributes)
            self._n_lasting += 1

    def close(self, name: str) -> None:
        place = self._last(name)
        if name in _FORMATTING:
            self._unformat(name)
        if place < 0:
            return
        if name in _FORMATTING and self._last("#special") > place > self._last("#scope"):
            self._names[place] = None
            self._n_closed += 1
            for key in (name, *_GROUPS_OF[name]):
                self._at[key].remove(place)
        elif place >= self._barrier(name):
            self._cut(place)

    def _barrier(self, name: str) -> int:
        """The last place that an end tag does not reach over."""
        if name == "table" or name in _TABLE_PARTS:
            return self._last("template" if name == "table" else "#table")
        if name == "li":
            return max(self._last("#scope"), self._last("#list"))
        if name == "p":
            return max(self._last("#scope"), self._last("#button"))
        return self._last("#scope" if name in _SPECIAL else "#special")

    def _imply(self, name: str) -> None:
        """What a start tag closes."""
        scope = max(self._last("#scope"), self._last("#button"))
        if name in _ENDS_PARAGRAPH and self._last("p") > scope:
            self._cut(self._last("p"))
        top = self._names[-1] if self._names else None
        if name in _SIBLINGS and self._last(_SIBLINGS[name]) > self._last("#hard"):
            self._cut(self._last(_SIBLINGS[name]))
        elif name in _REPLACES:
            place = self._last(_REPLACES[name])
            if place > max(self._last("#table"), self._last("#foreign")):
                self._cut(place)
        elif (name in _HEADINGS and top in _HEADINGS) or (name == top and name in {"option", "optgroup"}):
            self._cut(len(self._names) - 1)
        elif name in {"a", "nobr"} and self._last(name) > self._last("#scope"):
            self.close(name)

    def _unformat(self, name: str) -> None:
        if self._formats[name]:
            self._n_formats[self._formats[name].pop()] -= 1
            self._n_lasting -= 1

    def _last(self, key: str) -> int:
        places = self._at.get(key)
        return places[-1] if places else -1

    def _push(self, name: str) -> None:
        for key in (name, *_GROUPS_OF.get(name, ())):
            self._at[key].append(len(self._names))
        self._names.append(name)

    def _cut(self, place: int) -> None:
        """Closes what is open from a place on."""
        while len(self._names) > place or (self._names and self._names[-1] is None):
            name = self._names.pop()
            if name is None:
                self._n_closed -= 1
                continue
            for key in (name, *_GROUPS_OF.get(name, ())):
                self._at[key].pop()
