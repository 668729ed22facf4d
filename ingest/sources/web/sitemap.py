"""Reads the pages that a site lists itself, in sitemaps (sitemaps.org) and indexes of them.

Promises to read a limited number of files, each up to a limited size, and to return only pages of the site. A
sitemap that cannot be read now is an error, not an empty list: its pages would count as removed.
"""

import re
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from agent.errors import UserError
from ingest.documents.raw import FetchProblem
from ingest.sources.web import markup
from ingest.sources.web.http_fetcher import HttpFetcher, HttpResponse
from ingest.sources.web.robots import Robots
from ingest.sources.web.site import Site, normalise

MAX_FILES = 200
MAX_BYTES = 50_000_000  # of one file, unpacked; sitemaps.org allows no more
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PART = re.compile(
    r"<(?P<end>/?)(?:(?!image:|video:|news:|xhtml:)[\w.-]{1,40}:)?(?P<name>urlset|url|sitemapindex|sitemap|loc|lastmod)"
    r"(?:\s[^<>]*+)?>(?:\s*+<!\[CDATA\[(?P<cdata>[^\]]*+)|(?P<text>[^<]*+))",
    re.IGNORECASE,
)

Pages = dict[str, datetime | None]


@dataclass(frozen=True)
class SitemapEntry:
    """A line of a sitemap: a page, or another sitemap."""

    url: str
    updated_at: datetime | None
    is_sitemap: bool


def find_pages(fetcher: HttpFetcher, site: Site, robots: Robots, *, address: str, limit: int) -> Pages:
    """Returns up to ``limit`` pages of the site with their dates, in the order of its sitemaps; maybe none.

    ``address`` is a sitemap's, or ``auto`` for those that robots.txt names, else those at the usual places. Raises
    :class:`UserError` when a sitemap cannot be read now, or the one at ``address`` lists no page.
    """
    if address != "auto":
        pages = _read(fetcher, site, [address], limit=limit)
        if not pages:
            raise UserError(f"The sitemap {address} lists no page below {site.prefix}. Check its address.")
        return pages
    usual = [f"{site.prefix}sitemap.xml", f"{site.origin}/sitemap.xml"]
    return _read(fetcher, site, [*robots.sitemaps], limit=limit) or next(
        filter(None, (_read(fetcher, site, [url], limit=limit) for url in dict.fromkeys(usual))), {}
    )


def parse(content: bytes) -> Iterator[SitemapEntry]:
    """Parses the entries of a sitemap; an error page has none, a broken sitemap those before the break.

    Uses no XML parser: entities or ten million open tags of a hostile file would exhaust its memory.
    """
    text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig", errors="replace")
    if not text.lstrip().startswith("<"):
        yield from (SitemapEntry(line, None, False) for line in text.split() if "://" in line)
        return
    url, date = "", ""
    for part in _PART.finditer(text):
        end, name = part["end"], part["name"].lower()
        value = unescape(part["cdata"] or part["text"] or "").strip()
        if name == "loc" and not end:
            url = value
        elif name == "lastmod" and not end:
            date = value
        elif name in {"url", "sitemap"}:
            if end and "://" in url:
                yield SitemapEntry(url, markup.parse_date(date), name == "sitemap")
            url, date = "", ""


def _read(fetcher: HttpFetcher, site: Site, urls: list[str], *, limit: int) -> Pages:
    pages: Pages = {}
    waiting = deque(filter(None, (_on_host(url, site) for url in urls)))
    known = set(waiting)
    while waiting and len(known) <= MAX_FILES and len(pages) < limit:
        for entry in parse(_fetch(fetcher, waiting.popleft())):
            if entry.is_sitemap:
                url = _on_host(entry.url, site)
                if url and url not in known and len(known) < MAX_FILES:
                    known.add(url)
                    waiting.append(url)
            elif (url := site.url(entry.url, site.start)) and len(pages) < limit:
                pages[url] = entry.updated_at
    return pages


def _on_host(address: str, site: Site) -> str | None:
    """Returns a sitemap's address if it is on the site's own host; http counts as the site's https."""
    url = normalise(address)
    if url and site.origin.startswith("https:") and url.startswith("http:"):
        url = f"https:{url[5:]}"
    return url if url and url.startswith(f"{site.origin}/") else None


def _fetch(fetcher: HttpFetcher, url: str) -> bytes:
    try:
        answer = fetcher.follow(url, limit=lambda status, _: MAX_BYTES if status == 200 else 0)
    except FetchProblem as problem:
        raise UserError(f"The sitemap {url} {problem.cause}: {problem.advice}.") from None
    if answer.status >= 500 or answer.status == 429:
        raise UserError(
            f"The sitemap {url} answers with status {answer.status}. Try again later, or set sitemap = false to "
            "find the pages by their links."
        )
    return _unpack(answer) if answer.status == 200 else b""


def _unpack(answer: HttpResponse) -> bytes:
    """Unpacks a file such as ``sitemap.xml.gz``, which is compressed apart from its transport."""
    if not answer.body.startswith(_GZIP):
        return answer.body
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(answer.body, MAX_BYTES)
    except zlib.error:
        return b""
