"""Finds the documents of a site: in its sitemaps, or from page to page by links, breadth first.

Promises: a page is asked for once, and what has not changed costs an answer without content where the site can
tell; what robots.txt or a page forbids is not read; endless sites end. A site that fails in the middle raises
instead of listing its half, because what is not listed is removed.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from agent.errors import UserError
from ingest.documents import formats
from ingest.documents.raw import FetchProblem
from ingest.sources.connector import Listed
from ingest.sources.web import webpage
from ingest.sources.web.frontier import Frontier
from ingest.sources.web.http_fetcher import HttpFetcher
from ingest.sources.web.robots import Robots
from ingest.sources.web.site import Site, without_variants
from ingest.sources.web.sitemap import Pages
from ingest.sources.web.visits import PendingDocuments, Visit, Visits
from ingest.sources.web.webpage import Webpage

MAX_FAILURES = 5  # in a row; then it is the site that fails, not a page
MAX_ALIKE = 10  # pages in a row that show the same; then that is the site's word, such as "back soon"
HOPE = timedelta(days=3)  # that a page which was never read yet comes back
REQUESTS_PER_PAGE = 3  # on the whole, so that what is gone or has moved does not count as a page
MORE = "#more-pages"  # names what stands for the pages beyond the limit
_NO_PAGES = tuple(
    f".{e}" for e in ("png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "mp3", "mp4", "webm", "css")
)


@dataclass(frozen=True)
class CrawlScope:
    """What of a site is wanted: by path within it which pages may be looked at (``enters``) and which of them are
    documents (``takes``), and the link that people click by address."""

    enters: Callable[[str], bool]
    takes: Callable[[str], bool]
    link: Callable[[str], str]
    max_pages: int
    max_bytes: int


class Crawl:
    """One listing. ``pages`` are those of the sitemaps with their dates, empty to go by links."""

    def __init__(
        self,
        outside: HttpFetcher,
        site: Site,
        robots: Robots,
        scope: CrawlScope,
        *,
        pages: Pages,
        known: Mapping[str, str],
    ) -> None:
        self._outside = outside
        self._site = site
        self._robots = robots
        self._scope = scope
        self._pages = pages
        self._known = known
        self._read_before = {"", *known.values()}
        self._frontier = Frontier(self._may_ask, max_pages=scope.max_pages)
        self._listed: set[str] = set()  # also under another address
        self._shown: set[tuple[str, str]] = set()
        self._others: list[tuple[Listed, str]] = []
        self._n_pages = 0
        self._n_failures = 0
        self._alike = ("", "", 0)
        self._is_blind = False  # a page failed whose links nobody remembers

    def run(self, visits: Visits, shelf: PendingDocuments) -> Iterator[Listed]:
        """Every document; raises :class:`UserError` when the first page cannot be had, or the site fails."""
        shelf.clear()
        self._frontier.meet(self._pages or [self._site.start])
        yield from self._walk(visits, shelf)
        if self._is_blind:  # what was known and may lie behind a page that failed is asked for itself
            self._frontier.meet(url for url in self._known if not url.endswith(MORE))
            yield from self._walk(visits, shelf)
        yield from self._without_their_canonical()
        visits.end(self._frontier.asked)
        if self._frontier:
            yield Listed(f"{self._site.start}{MORE}", self._site.start, f"{self._scope.max_pages} pages")

    def _walk(self, visits: Visits, shelf: PendingDocuments) -> Iterator[Listed]:
        while self._frontier and not self._is_full():
            url = self._frontier.next()
            before = visits.of(url)
            try:
                page, visit = self._read(url, before)
            except FetchProblem as problem:
                if problem.may_pass and self._hides_others(url, before, visits):
                    self._is_blind = True
                yield from self._failed(url, before, problem)
                continue
            self._n_failures = 0
            if visit:
                visits.keep(url, visit)
            yield from self._judged(url, page, visit, shelf)

    def _is_full(self) -> bool:
        most = self._scope.max_pages
        return self._n_pages >= most or len(self._frontier.asked) >= most * REQUESTS_PER_PAGE

    def _may_ask(self, url: str) -> bool:
        if self._is_first(url) and not self._robots.allows(url):
            raise UserError(f"{url} may not be read: the site's robots.txt forbids it. Ask the site's owner.")
        path = self._site.path(url)
        is_wanted = not path.lower().endswith(_NO_PAGES) and self._scope.enters(path)
        return self._is_first(url) or (is_wanted and self._robots.allows(url))

    def _is_first(self, url: str) -> bool:
        return url == self._site.start and not self._pages

    def _read(self, url: str, before: Visit | None) -> tuple[Webpage, Visit | None]:
        """The page and what is to be kept of it, an empty page where it has not changed."""
        asked = before.conditions if before and before.fingerprint in self._read_before else {}
        limit = webpage.limit(url, max_bytes=self._scope.max_bytes)
        answer = self._outside.get(url, limit=limit, headers=asked)
        if asked and answer.status == 304:
            return Webpage(), before
        page = webpage.read(answer, url, self._site)
        if page.moved_to:
            return page, Visit(canonical=page.moved_to)
        if page.format is None:
            return page, None
        return page, Visit(
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            fingerprint=page.fingerprint if page.is_indexed else "",
            canonical=page.canonical,
            links=page.links,
        )

    def _judged(self, url: str, page: Webpage, visit: Visit | None, shelf: PendingDocuments) -> Iterator[Listed]:
        if page.moved_to:
            self._frontier.meet([page.moved_to], is_next=True)
        elif visit:
            self._n_pages += 1
            self._check_alike(url, visit)
            self._frontier.meet(self._wanted(visit.links))
            if visit.fingerprint and self._scope.takes(self._site.path(url)):
                yield from self._document(url, page, visit, shelf)
        elif self._is_first(url):
            raise UserError(_nothing_at(url, page))

    def _wanted(self, links: Iterable[str]) -> Iterator[str]:
        """With a sitemap the site has said which pages it has; only the files they link to are added."""
        for url in links:
            if not self._pages or formats.find_format(url.partition("?")[0]) not in {None, "html"}:
                yield url

    def _document(self, url: str, page: Webpage, visit: Visit, shelf: PendingDocuments) -> Iterator[Listed]:
        listed = Listed(url, self._scope.link(url), visit.fingerprint)
        if page.format and visit.fingerprint not in self._read_before:
            shelf.put(listed.uri, page.raw(url, dated=self._pages.get(url)))
        if visit.canonical:
            self._frontier.meet([visit.canonical], is_next=True)
            self._others.append((listed, visit.canonical))
        else:
            yield from self._once(listed, url)

    def _once(self, listed: Listed, url: str) -> Iterator[Listed]:
        """One page under several addresses is listed under the first."""
        shown = (listed.fingerprint, without_variants(url))
        self._listed.add(url)
        if shown not in self._shown:
            self._shown.add(shown)
            yield listed

    def _check_alike(self, url: str, visit: Visit) -> None:
        place = without_variants(visit.canonical or url)
        fingerprint, last_place, n = self._alike
        is_alike = bool(fingerprint) and visit.fingerprint == fingerprint
        self._alike = (visit.fingerprint, place, n + (place != last_place) if is_alike else 1)
        if self._alike[2] > MAX_ALIKE:
            raise UserError(
                f"{self._site.origin} shows the same at {MAX_ALIKE} addresses in a row, the last {url}. "
                "Nothing was removed. See whether it is up, and shows its pages without scripts or a login."
            )

    def _hides_others(self, url: str, before: Visit | None, visits: Visits) -> bool:
        """Whether a page that failed may have links that nobody remembers."""
        if before is None and not visits.is_whole:
            before = Visit(unread_since=time.time())
            visits.keep(url, before)
        is_remembered = before is not None and not before.unread_since
        is_hopeless = before is None or time.time() - before.unread_since > HOPE.total_seconds()
        return not is_remembered and (url in self._known or not is_hopeless)

    def _failed(self, url: str, before: Visit | None, problem: FetchProblem) -> Iterator[Listed]:
        """A page that may come back stays as it was, and leads where it led."""
        if self._is_first(url):
            raise UserError(f"{url} {problem.cause}: {problem.advice}.")
        self._n_failures += problem.may_pass or isinstance(problem, webpage.AccessDenied)
        if self._n_failures >= MAX_FAILURES:
            raise UserError(
                f"{self._site.origin} fails: {MAX_FAILURES} pages in a row, and the last, {url}, {problem.cause}. "
                "Nothing was removed. Try again later."
            )
        fingerprint = f"problem: {problem.cause}"
        if problem.may_pass:
            if before:
                self._frontier.meet([before.canonical] if before.canonical else [])
                self._frontier.meet(self._wanted(before.links))
            fingerprint = self._known.get(url, fingerprint)
        is_one = before is None or before.is_document or url in self._known
        if is_one and self._scope.takes(self._site.path(url)):
            self._listed |= {url} & self._known.keys()  # of others nobody knows whether they are documents
            yield Listed(url, self._scope.link(url), fingerprint)

    def _without_their_canonical(self) -> Iterator[Listed]:
        """Pages that named another as the proper one, which then was none."""
        for listed, canonical in self._others:
            if canonical not in self._listed:
                yield from self._once(listed, listed.uri)


def _nothing_at(url: str, page: Webpage) -> str:
    if page.left_for:
        return f"{url} leads to {page.left_for}, outside of it. Give that address as the location."
    return f"There is no page at {url}. Check the address."
