"""Lists and reads the pages of a website below an address, and the documents they link to.

Promises to stay below that address, to obey robots.txt, to be slow, and to reach nothing in a private network
unless allowed to. Runs no scripts, so it does not see what they would add to a page.

In ``docent.toml``::

    [sources.docs]
    location = "https://docs.acme.example/handbook/"
    exclude = ["archive/"]
    max_pages = 500
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator

from agent.errors import UserError
from ingest.documents import formats, links
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.sources import connector
from ingest.sources.connector import ListedDocument
from ingest.sources.web import public_network, robots, sitemap, webpage
from ingest.sources.web.crawl import MORE, Crawl, CrawlScope
from ingest.sources.web.http_fetcher import HttpFetcher
from ingest.sources.web.robots import Robots
from ingest.sources.web.site import Site, normalise
from ingest.sources.web.visits import PendingDocuments, Visits


class WebsiteOptions(connector.SourceOptions):
    """The options of a source of type ``website``. ``location`` is an address; the documents are the pages below.

    ``sitemap``: ``auto`` uses the site's sitemaps where it has some, ``true`` insists on them, ``false`` follows
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
    def _check_location(cls, location: str) -> str:
        if not normalise(location):
            raise ValueError("write it as https://docs.example.com/handbook/, without a name or a password")
        return location

    @field_validator("sitemap")
    @classmethod
    def _check_sitemap(cls, sitemap: str | bool) -> str | bool:
        if sitemap in ("true", "false"):  # as a command line has it
            return sitemap == "true"
        if isinstance(sitemap, str) and sitemap != "auto" and not normalise(sitemap):
            raise ValueError('write "auto", true, false, or the address of a sitemap')
        return sitemap

    @property
    def needs_login(self) -> bool:
        """Returns whether a key is sent."""
        return bool(self.authorization_env)

    def paths_of(self, uri: str, path: str) -> Sequence[str]:
        """Returns a page's path below the location, as include has it, and below its host."""
        address = uri.partition("#")[0].partition("?")[0]
        return (self._site.path(address), unquote(urlsplit(address).path).lstrip("/") or "index.html")

    @cached_property
    def _site(self) -> Site:
        return Site(self.location)

    def enters(self, path: str) -> bool:
        """Returns whether a page may be read, maybe only for its links: whether it is not excluded."""
        return not self._excluded.match_file(path)


OPTIONS = WebsiteOptions


def matches(location: str) -> bool:
    """Returns whether a location is a web address; those of repositories are recognised before, by ``git``."""
    return location.startswith(("https://", "http://"))


def open_source(options: WebsiteOptions, *, cache_folder: Path) -> "WebsiteSource":
    """Opens the site at an address without connecting; listing shows whether it exists."""
    return WebsiteSource(options, cache_folder)


class WebsiteSource:
    """A website; a document's uri is its address."""

    def __init__(
        self,
        options: WebsiteOptions,
        cache_folder: Path,
        *,
        resolve: public_network.Resolve = public_network.resolve_host,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._options = options
        self._cache_folder = cache_folder
        self._site = Site(options.location)
        self._resolve = resolve
        self._sleep = sleep
        self._pending = PendingDocuments(cache_folder)
        self._fetching = threading.Lock()  # one request at a time, over all threads
        self._requested_at = -math.inf
        self._rules: Robots | None = None
        self.name = options.name or self._site.start.partition("://")[2].rstrip("/")

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Lists every document, see :meth:`ingest.sources.web.crawl.Crawl.run`.

        Fingerprints are of main texts, so a change in a menu changes no document.
        """
        with self._open_fetcher() as fetcher, Visits(self._cache_folder) as visits:
            rules = robots.fetch(fetcher, self._site)
            fetcher.delay_seconds = max(fetcher.delay_seconds, rules.delay_seconds)
            pages = self._sitemap_pages(fetcher, rules)
            crawl = Crawl(fetcher, self._site, rules, self._scope, pages=pages, known=known)
            yield from crawl.run(visits, self._pending)

    def fetch(self, uri: str) -> RawDocument:
        """Returns what the listing has read, else requests the page; raises :class:`FetchProblem`."""
        if uri.endswith(MORE):
            advice = "raise max_pages, or narrow it with include and exclude"
            raise FetchProblem(f"has more than {self._options.max_pages} pages", advice)
        if raw := self._pending.take(uri):
            return raw
        try:
            with self._fetching, self._open_fetcher() as fetcher:
                fetcher.requested_at = self._requested_at
                try:
                    return self._request(fetcher, uri)
                finally:
                    self._requested_at = fetcher.requested_at
        except UserError as error:
            raise FetchProblem(str(error).rstrip("."), "then sync again", may_pass=True) from None

    def _request(self, fetcher: HttpFetcher, url: str) -> RawDocument:
        self._rules = self._rules or robots.fetch(fetcher, self._site)
        fetcher.delay_seconds = max(fetcher.delay_seconds, self._rules.delay_seconds)
        if self._site.url(url, url) != url:
            raise FetchProblem(f"is not below {self._site.prefix}", "sync again", may_pass=True)
        if not self._rules.allows(url):
            raise FetchProblem("may not be read (robots.txt)", "ask the site's owner, or exclude it")
        answer = fetcher.get(url, limit=webpage.body_limit(url, max_bytes=self._options.max_bytes))
        page = webpage.interpret(answer, url, self._site)
        if page.format is None or page.moved_to:
            raise FetchProblem("was removed since it was listed", "sync again", may_pass=True)
        return page.raw(url)

    def _open_fetcher(self) -> HttpFetcher:
        options = self._options
        name = options.authorization_env
        if name and not os.environ.get(name):
            raise UserError(
                f"{self.name}: the environment variable {name} is not set. Set it to the value of the header."
            )
        return HttpFetcher(
            timeout_seconds=options.timeout_seconds,
            delay_seconds=options.delay_seconds,
            allow_private=options.allow_private,
            use_proxy=options.use_proxy,
            authorization=os.environ[name] if name else "",
            resolve=self._resolve,
            sleep=self._sleep,
        )

    def _sitemap_pages(self, fetcher: HttpFetcher, rules: Robots) -> sitemap.Pages:
        choice = self._options.sitemap
        if choice is False:
            return {}
        limit = self._options.max_pages + 1  # one more shows that there are more
        address = "auto" if choice is True else choice
        pages = sitemap.find_pages(fetcher, self._site, rules, address=address, limit=limit)
        if choice is True and not pages:
            raise UserError(f"{self._site.start} has no sitemap. Give its address, or set sitemap = false.")
        is_empty = choice == "auto" and pages.keys() <= {
            self._site.start
        }  # some sitemaps name the first page only
        return {} if is_empty else pages

    @property
    def _scope(self) -> CrawlScope:
        options = self._options
        return CrawlScope(
            enters=options.enters,
            takes=options.takes,
            link=self._link,
            max_pages=options.max_pages,
            max_bytes=options.max_bytes,
        )

    def _link(self, url: str) -> str:
        if not self._options.link:
            return url
        address, mark, query = url.partition("?")
        return links.expand(self._options.link, self._site.path(address)) + mark + query
