"""The pages that a site itself lists, in sitemaps (sitemaps.org) and indexes of them.

Promises to read no more than a number of files, each up to a size, and to take only pages of the site. A sitemap
that cannot be read now is an error, not an empty list: its pages would be taken for removed.
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
from ingest.sources.web.site import Site, normalised

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


def pages(outside: HttpFetcher, site: Site, robots: Robots, *, wanted: str, most: int) -> Pages:
    """Up to ``most`` pages of the site with the dates its sitemaps give, in their order; empty without any.

    ``wanted`` is ``auto`` (the sitemaps that robots.txt names, or else at the usual places), or an address.
    Raises :class:`UserError` for one that cannot be read now, or that was asked for and is none.
    """
    if wanted != "auto":
        found = _read(outside, site, [wanted], most=most)
        if not found:
            raise UserError(f"The sitemap {wanted} lists no page below {site.prefix}. Check its address.")
        return found
    usual = [f"{site.prefix}sitemap.xml", f"{site.origin}/sitemap.xml"]
    return _read(outside, site, [*robots.sitemaps], most=most) or next(
        filter(None, (_read(outside, site, [url], most=most) for url in dict.fromkeys(usual))), {}
    )


def entries(content: bytes) -> Iterator[SitemapEntry]:
    """What is no sitemap, such as a page of error, lists nothing; a broken one counts as far as it goes.

    No XML parser: it would build what a stranger likes, from entities or from ten million open tags.
    """
    text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig", errors="replace")
    if not text.lstrip().startswith("<"):
        yield from (SitemapEntry(line, None, False) for line in text.split() if "://" in line)
        return
    url, date = "", ""
    for found in _PART.finditer(text):
        end, name, said = (
            found["end"],
            found["name"].lower(),
            unescape(found["cdata"] or found["text"] or "").strip(),
        )
        if name == "loc" and not end:
            url = said
        elif name == "lastmod" and not end:
            date = said
        elif name in {"url", "sitemap"}:
            if end and "://" in url:
                yield SitemapEntry(url, markup.moment(date), name == "sitemap")
            url, date = "", ""


def _read(outside: HttpFetcher, site: Site, urls: list[str], *, most: int) -> Pages:
    found: Pages = {}
    waiting = deque(filter(None, (_near(url, site) for url in urls)))
    known = set(waiting)
    while waiting and len(known) <= MAX_FILES and len(found) < most:
        for entry in entries(_fetched(outside, waiting.popleft())):
            if entry.is_sitemap:
                url = _near(entry.url, site)
                if url and url not in known and len(known) < MAX_FILES:
                    known.add(url)
                    waiting.append(url)
            elif (url := site.url(entry.url, site.start)) and len(found) < most:
                found[url] = entry.updated_at
    return found


def _near(url: str, site: Site) -> str | None:
    """A sitemap's address if it lies on the site's own host; also one from before it had a certificate."""
    found = normalised(url)
    if found and site.origin.startswith("https:") and found.startswith("http:"):
        found = f"https:{found[5:]}"
    return found if found and found.startswith(f"{site.origin}/") else None


def _fetched(outside: HttpFetcher, url: str) -> bytes:
    try:
        answer = outside.follow(url, limit=lambda status, _: MAX_BYTES if status == 200 else 0)
    except FetchProblem as problem:
        raise UserError(f"The sitemap {url} {problem.cause}: {problem.advice}.") from None
    if answer.status >= 500 or answer.status == 429:
        raise UserError(
            f"The sitemap {url} answers with status {answer.status}. Try again later, or set sitemap = false to "
            "find the pages by their links."
        )
    return _unpacked(answer) if answer.status == 200 else b""


def _unpacked(answer: HttpResponse) -> bytes:
    """A file ``sitemap.xml.gz`` is packed whatever its transport says."""
    if not answer.body.startswith(_GZIP):
        return answer.body
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(answer.body, MAX_BYTES)
    except zlib.error:
        return b""
