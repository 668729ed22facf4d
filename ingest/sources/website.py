"""The pages of a website below an address, and the documents they link to.

Promises to stay below that address, to keep to robots.txt and a slow pace, and to reach nothing in a private
network unless told that it may. What a page looks like after its scripts have run it does not see.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from agent.errors import UserError
from ingest.documents import formats, links
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.sources import connector
from ingest.sources.connector import Listed
from ingest.sources.web import public_network, robots, sitemap, webpage
from ingest.sources.web.crawl import MORE, Crawl, CrawlScope
from ingest.sources.web.http_fetcher import HttpFetcher
from ingest.sources.web.robots import Robots
from ingest.sources.web.site import Site, normalised
from ingest.sources.web.visits import PendingDocuments, Visits


class WebsiteOptions(connector.SourceOptions):
    """``location`` is an address; the documents are the pages below it.

    ``sitemap``: ``auto`` uses the site's sitemaps where it has some, ``true`` insists on them, ``false`` goes by
    links, and an address is that of a sitemap. Without ``allow_private`` addresses of private networks are
    refused; with ``use_proxy`` the proxy of HTTPS_PROXY decides what may be reached. ``authorization_env`` names
    the variable with the value of an Authorization header.
    """

    location: str = Field(min_length=1)
    sitemap: Literal["auto"] | bool | str = "auto"
    max_pages: int = Field(default=2_000, ge=1, le=100_000)
    max_bytes: int = Field(default=formats.MAX_BYTES, ge=1_000, le=formats.MAX_PACKED_BYTES)
    delay_seconds: float = Field(default=0.2, ge=0, le=60)
    timeout_seconds: float = Field(default=20, gt=0, le=300)
    allow_private: bool = False
    use_proxy: bool = False
    authorization_env: str = ""

    @field_validator("location")
    @classmethod
    def _is_an_address(cls, location: str) -> str:
        if not normalised(location):
            raise ValueError("write it as https://docs.example.com/handbook/, without a name or a password")
        return location

    @field_validator("sitemap")
    @classmethod
    def _is_a_choice(cls, sitemap: str | bool) -> str | bool:
        if sitemap in ("true", "false"):  # as a command line has it
            return sitemap == "true"
        if isinstance(sitemap, str) and sitemap != "auto" and not normalised(sitemap):
            raise ValueError('write "auto", true, false, or the address of a sitemap')
        return sitemap

    def enters(self, path: str) -> bool:
        """Whether a page may be looked at, maybe only for its links: what is not excluded."""
        return not self._excluded.match_file(path)


OPTIONS = WebsiteOptions


def matches(location: str) -> bool:
    """Addresses of the web that are of no other kind."""
    return location.startswith(("https://", "http://"))


def open_source(options: WebsiteOptions, *, place: Path) -> "WebsiteSource":
    """The site at an address; whether there is one is seen when it is listed."""
    return WebsiteSource(options, place)


class WebsiteSource:
    """A source; a document's uri is its address."""

    def __init__(
        self,
        options: WebsiteOptions,
        place: Path,
        *,
        resolve: public_network.Resolve = public_network.resolved,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options = options
        self._place = place
        self._site = Site(options.location)
        self._resolve = resolve
        self._sleep = sleep
        self._shelf = PendingDocuments(place)
        self._asking = threading.Lock()  # one request at a time, whoever fetches
        self._asked_at = -math.inf
        self._rules: Robots | None = None
        self.name = options.name or self._site.start.partition("://")[2].rstrip("/")

    def list(self, known: Mapping[str, str]) -> Iterator[Listed]:
        """See :meth:`ingest.sources.web.crawl.Crawl.run`; fingerprints are of main texts, so that menus may
        change."""
        with self._outside() as outside, Visits(self._place) as visits:
            rules = robots.read(outside, self._site)
            outside.delay_seconds = max(outside.delay_seconds, rules.delay_seconds)
            pages = self._pages(outside, rules)
            crawl = Crawl(outside, self._site, rules, self._scope, pages=pages, known=known)
            yield from crawl.run(visits, self._shelf)

    def fetch(self, uri: str) -> RawDocument:
        """What the listing has read, else asks for the page; raises :class:`FetchProblem`."""
        if uri.endswith(MORE):
            advice = "raise max_pages, or narrow it with include and exclude"
            raise FetchProblem(f"has more than {self._options.max_pages} pages", advice)
        if raw := self._shelf.take(uri):
            return raw
        try:
            with self._asking, self._outside() as outside:
                outside.asked_at = self._asked_at
                try:
                    return self._asked(outside, uri)
                finally:
                    self._asked_at = outside.asked_at
        except UserError as error:
            raise FetchProblem(str(error).rstrip("."), "then sync again", may_pass=True) from None

    def _asked(self, outside: HttpFetcher, url: str) -> RawDocument:
        self._rules = self._rules or robots.read(outside, self._site)
        outside.delay_seconds = max(outside.delay_seconds, self._rules.delay_seconds)
        if self._site.url(url, url) != url:
            raise FetchProblem(f"is not below {self._site.prefix}", "sync again", may_pass=True)
        if not self._rules.allows(url):
            raise FetchProblem("may not be read (robots.txt)", "ask the site's owner, or exclude it")
        answer = outside.get(url, limit=webpage.limit(url, max_bytes=self._options.max_bytes))
        page = webpage.read(answer, url, self._site)
        if page.format is None or page.moved_to:
            raise FetchProblem("is gone since it was listed", "sync again", may_pass=True)
        return page.raw(url)

    def _outside(self) -> HttpFetcher:
        given = self._options
        name = given.authorization_env
        if name and not os.environ.get(name):
            raise UserError(f"{self.name}: the variable {name} is not set. Put the header's value into it.")
        return HttpFetcher(
            timeout_seconds=given.timeout_seconds,
            delay_seconds=given.delay_seconds,
            allow_private=given.allow_private,
            use_proxy=given.use_proxy,
            authorization=os.environ[name] if name else "",
            resolve=self._resolve,
            sleep=self._sleep,
        )

    def _pages(self, outside: HttpFetcher, rules: Robots) -> sitemap.Pages:
        wanted = self._options.sitemap
        if wanted is False:
            return {}
        most = self._options.max_pages + 1  # one more shows that there are more
        address = "auto" if wanted is True else wanted
        pages = sitemap.pages(outside, self._site, rules, wanted=address, most=most)
        if wanted is True and not pages:
            raise UserError(f"{self._site.start} has no sitemap. Give its address, or set sitemap = false.")
        is_empty = wanted == "auto" and pages.keys() <= {self._site.start}  # some name their first page only
        return {} if is_empty else pages

    @property
    def _scope(self) -> CrawlScope:
        given = self._options
        return CrawlScope(
            enters=given.enters,
            takes=given.takes,
            link=self._link,
            max_pages=given.max_pages,
            max_bytes=given.max_bytes,
        )

    def _link(self, url: str) -> str:
        if not self._options.link:
            return url
        address, mark, query = url.partition("?")
        return links.expand(self._options.link, self._site.path(address)) + mark + query
