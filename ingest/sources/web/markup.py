"""What the markup of a web page says, without reading the page: its links, what it asks of crawlers, its date.

Promises time in proportion to the page's length, whatever it holds: no parser is let at a stranger's page in this
process (Lexbor takes minutes for a tag with 100,000 attributes). So it sees what stands in tags, one after the
other. The main text is read elsewhere; here it is only told whether it has changed. What stands around it (menus,
heads, feet) and in scripts does not count for that, since clocks and tokens live there.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from html import unescape

from ingest.sources.web.site import Site, joined

MAX_LINKS = 5_000  # of one page; a page with more is a trap
MAX_TAG_CHARS = 20_000  # read of the attributes of one tag
_AROUND = ("nav", "footer", "aside", "dialog", "noscript", "template", "svg")
_RAW = {"script", "style", "textarea", "xmp", "title", "noembed", "noframes"}  # hold text, no tags
_LINKS = {"a": "href", "area": "href", "iframe": "src", "frame": "src"}
_TOLD = {*_LINKS, "meta", "link", "base"}
_PAIR = re.compile(
    r"""([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"?|'([^']*+)'?|([^\s>"'][^\s>]*+)?))?""",
)
_VALUE = r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+|(?=>|\Z))"""
_TAG = re.compile(
    rf"<(?:(?P<comment>!--)|(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    rf"(?P<attributes>(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+{_VALUE})?+)*+)(?P<close>>|\Z)|[!?/][^>]*+)"
)
_COMMENT_END = re.compile(r"--!?>")
_DATES = (
    "article:modified_time",
    "og:updated_time",
    "dcterms.modified",
    "last-modified",
    "article:published_time",
)
_DATE_MODIFIED = re.compile(r'"dateModified"\s*+:\s*+"([^"]{8,40})"')
_REFRESH = re.compile(r"\s*\d*\s*[;,]\s*url\s*=\s*['\"]?([^'\"]+)", re.IGNORECASE)
_ERROR = re.compile(
    r"(?:error\W*)?404(?:\W+(?:error|not found|(?:page|file)\b.{0,30}))?\W*"
    r"|(?:error\W+)?(?:the\s+)?(?:page|file|document) (?:was |could )?not (?:be )?found\W*"
    r"|(?:5\d\d\W+)?(?:internal server error|service unavailable|bad gateway)\W*",
    re.IGNORECASE,
)
_ORDERS_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
_SPACES = re.compile(r"\s+")
_TITLE_CHARS = 300
_META_CHARS = 3_000
_FUTURE = timedelta(days=1)  # a date farther away is a mistake


@dataclass(frozen=True)
class Markup:
    """``digest`` is equal for equal main texts, and empty without one; ``canonical`` and ``refresh`` are addresses
    within the site or empty; ``is_error`` tells of a page that is an error's, whatever its status."""

    digest: str
    links: tuple[str, ...]
    canonical: str
    refresh: str
    is_indexed: bool
    is_error: bool
    updated_at: datetime | None


def read(html: str, url: str, site: Site) -> Markup:
    """The markup of a page at an address of the site."""
    tags = _Tags()
    tags.read(html)
    base = joined(url, tags.base) or url
    orders = robots(content for name, content in tags.metas if name in {"robots", "docent"})
    refresh = next((_REFRESH.match(content) for name, content in tags.metas if name == "refresh"), None)
    links = (site.url(href, base) for href in tags.hrefs)
    return Markup(
        digest=tags.digest(),
        links=() if "nofollow" in orders else tuple(dict.fromkeys(filter(None, links))),
        canonical=site.url(tags.canonical, base) or "" if tags.canonical else "",
        refresh=site.url(refresh[1], url) or "" if refresh else "",
        is_indexed="noindex" not in orders,
        is_error=bool(_ERROR.fullmatch(tags.title)),
        updated_at=_updated_at(dict(reversed(tags.metas)), html),
    )


def robots(values: Iterable[str]) -> set[str]:
    """What is asked of crawlers, such as ``noindex``; of what is said to one by name only what is ours."""
    orders: set[str] = set()
    for value in values:
        addressee = ""
        for part in value.lower().split(","):
            name, colon, order = part.partition(":")
            is_order = not colon or name.strip() in _ORDERS_WITH_VALUE
            addressee = addressee if is_order else name.strip()
            if addressee in {"", "docent"}:
                orders.add(part.strip() if is_order else order.strip())
    return orders | ({"noindex", "nofollow"} if "none" in orders else set())


def moment(text: str) -> datetime | None:
    """A date as pages, sitemaps or headers write it, in UTC unless it says otherwise; none from the future."""
    for read_ in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read_(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found if found < datetime.now(UTC) + _FUTURE else None
    return None


class _Tags:
    """What one pass over a page collects."""

    def __init__(self) -> None:
        self.metas: list[tuple[str, str]] = []
        self.hrefs: dict[str, None] = {}
        self.base = self.canonical = self.title = ""
        self._texts: list[str] = []
        self._main_texts: list[str] = []
        self._n_open: Counter[str] = Counter()

    def read(self, html: str) -> None:
        at = 0
        while found := _TAG.search(html, at):
            self._text(html[at : found.start()])
            at = found.end()
            name = (found["name"] or "").lower() if found["close"] else ""
            if found["comment"]:
                end = _COMMENT_END.search(html, at)
                at = end.end() if end else len(html)
            elif name in _RAW and not found["end"]:
                at = self._raw(name, html, at)
            elif name in _TOLD and not found["end"]:
                self._told(name, _attributes(found["attributes"]))
            elif name:
                self._n_open[name] = max(0, self._n_open[name] + (-1 if found["end"] else 1))
        self._text(html[at:])

    def digest(self) -> str:
        text = _SPACES.sub(" ", " ".join(self._main_texts or self._texts)).strip()
        return sha256(f"{self.title}\n{text}".encode(errors="replace")).hexdigest() if text else ""

    def _text(self, text: str) -> None:
        n = self._n_open
        if not text or text.isspace() or any(n[name] for name in _AROUND):
            return
        if n["main"]:
            self._main_texts.append(text)
        elif not n["header"] or n["article"]:
            self._texts.append(text)

    def _raw(self, name: str, html: str, at: int) -> int:
        end = html.find("</", at)
        while end >= 0 and html[end + 2 : end + 2 + len(name)].lower() != name:
            end = html.find("</", end + 2)
        end = end if end >= 0 else len(html)
        if name == "title" and not self.title:
            whole = _SPACES.sub(" ", unescape(html[at : min(end, at + _TITLE_CHARS)])).strip()
            self.title = re.split(r"\s[|–—·-]\s", whole)[0]
        return end

    def _told(self, name: str, given: dict[str, str]) -> None:
        if name == "meta":
            key = given.get("name") or given.get("property") or given.get("http-equiv") or ""
            self.metas.append((key.strip().lower(), given.get("content", "")[:_META_CHARS]))
        elif name == "base":
            self.base = self.base or given.get("href", "")
        elif name == "link":
            if given.get("rel", "").strip().lower() == "canonical":
                self.canonical = self.canonical or given.get("href", "")
        elif "nofollow" not in given.get("rel", "").lower():
            href = given.get(_LINKS[name])
            if href and len(self.hrefs) < MAX_LINKS:
                self.hrefs[href] = None


def _attributes(text: str) -> dict[str, str]:
    """The first of each name counts, as in a browser."""
    found: dict[str, str] = {}
    for name, *values in _PAIR.findall(text[:MAX_TAG_CHARS]):
        found.setdefault(name.lower(), unescape("".join(values)))
    return found


def _updated_at(metas: dict[str, str], html: str) -> datetime | None:
    given = [metas[name] for name in _DATES if metas.get(name)]
    in_script = _DATE_MODIFIED.search(html)
    if in_script:
        given.insert(1, in_script[1])
    return next(filter(None, map(moment, given)), None)
