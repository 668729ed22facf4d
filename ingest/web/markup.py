"""What the markup of a web page says, without reading the page: its links, what it asks of crawlers, its date.

The main text is read elsewhere, in a process of its own; here it is only told whether it has changed. What stands
around it (menus, heads, feet) and in scripts does not count for that, since clocks and tokens live there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from ingest import nesting
from ingest.web.site import Site

MAX_LINKS = 5_000  # of one page; a page with more is a trap
_AROUND = "script, style, noscript, template, svg, iframe, nav, footer, aside, dialog, [role=navigation], [hidden]"
_DATES = (
    "article:modified_time",
    "og:updated_time",
    "dcterms.modified",
    "last-modified",
    "article:published_time",
)
_DATE_MODIFIED = re.compile(r'"dateModified"\s*:\s*"([^"]{8,40})"')
_REFRESH = re.compile(r"\s*\d*\s*[;,]\s*url\s*=\s*['\"]?([^'\"]+)", re.IGNORECASE)
_ERROR = re.compile(
    r"(?:error\s*)?404\b.{0,40}"
    r"|(?:error\W+)?(?:the\s+)?(?:page|file|document) (?:was |could )?not (?:be )?found\W*"
    r"|(?:5\d\d\W+)?(?:internal server error|service unavailable|bad gateway)\W*",
    re.IGNORECASE,
)
_ORDERS_WITH_VALUE = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}
_SPACES = re.compile(r"\s+")
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
    """The markup of a page; raises :class:`ingest.source.FetchProblem` for one nested too deeply."""
    nesting.check(html)
    tree = LexborHTMLParser(html)
    metas = [(_key(node.attributes), node.attributes.get("content") or "") for node in tree.css("meta")]
    orders = robots(content for name, content in metas if name in {"robots", "docent"})
    base = next((node.attributes.get("href") or "" for node in tree.css("base[href]")), "")
    found = _Addresses(tree, urljoin(url, base), site)
    refresh = next((_REFRESH.match(content) for name, content in metas if name == "refresh"), None)
    title = _title(tree)
    return Markup(
        links=() if "nofollow" in orders else tuple(found.links()),
        canonical=found.canonical(),
        refresh=site.url(refresh[1], url) or "" if refresh else "",
        is_indexed="noindex" not in orders,
        is_error=bool(_ERROR.fullmatch(title)),
        updated_at=_updated_at(dict(reversed(metas)), html),
        digest=_digest(tree, title),  # the last, since it takes the tree apart
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
        except (ValueError, TypeError):
            continue
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found if found < datetime.now(UTC) + _FUTURE else None
    return None


class _Addresses:
    """The addresses on a page that are within the site."""

    def __init__(self, tree: LexborHTMLParser, base: str, site: Site) -> None:
        self._tree = tree
        self._base = base
        self._site = site

    def links(self) -> list[str]:
        hrefs: dict[str, None] = {}
        for node in self._tree.css("a[href], area[href], frame[src], iframe[src]"):
            attributes = node.attributes
            if "nofollow" not in (attributes.get("rel") or "").lower():
                hrefs[attributes.get("href") or attributes.get("src") or ""] = None
            if len(hrefs) >= MAX_LINKS:
                break
        urls = (self._site.url(href, self._base) for href in hrefs)
        return list(dict.fromkeys(url for url in urls if url))

    def canonical(self) -> str:
        for node in self._tree.css("link[rel=canonical][href]"):
            return self._site.url(node.attributes.get("href") or "", self._base) or ""
        return ""


def _key(attributes: dict[str, str | None]) -> str:
    return (
        (attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or "")
        .strip()
        .lower()
    )


def _title(tree: LexborHTMLParser) -> str:
    node = tree.css_first("title")
    whole = _SPACES.sub(" ", node.text() if node else "").strip()
    return re.split(r"\s[|–—·-]\s", whole)[0]


def _updated_at(metas: dict[str, str], html: str) -> datetime | None:
    given = [metas[name] for name in _DATES if metas.get(name)]
    in_script = _DATE_MODIFIED.search(html)
    given.insert(1, in_script[1]) if in_script else None
    return next(filter(None, map(moment, given)), None)


def _digest(tree: LexborHTMLParser, title: str) -> str:
    for node in tree.css(_AROUND):
        node.decompose()
    mains = [node for node in tree.css("main, [role=main]") or tree.css("article") if node.text(strip=True)]
    main = mains[0] if len(mains) == 1 else tree.body
    for node in tree.css("header") if len(mains) != 1 else ():
        if not node.css("h1"):
            node.decompose()
    text = _SPACES.sub(" ", main.text(separator="\n")).strip() if main is not None else ""
    return sha256(f"{title}\n{text}".encode(errors="replace")).hexdigest() if text else ""
