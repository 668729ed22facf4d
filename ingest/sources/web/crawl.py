"""Finds the documents of a site: in its sitemaps, or from page to page by links, breadth first.

Promises: a page is requested once, and one that has not changed costs an answer without content where the site
supports that; what robots.txt or a page forbids is not read; endless sites end. A site that fails in the middle
raises instead of listing its half, because unlisted documents count as removed. Known pages that ask for a login
or may not be read are hidden until they can be read again; of a site that refuses everything, all are.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from agent.errors import UserError
from ingest.documents import formats
from ingest.documents.raw import FetchProblem
from ingest.sources.connector import REPEATED, WITHDRAWN, ListedDocument
from ingest.sources.web import webpage
from ingest.sources.web.frontier import Frontier
from ingest.sources.web.http_fetcher import HttpFetcher
from ingest.sources.web.repetitions import MIN_ADDRESSES, Repetitions
from ingest.sources.web.robots import Robots
from ingest.sources.web.site import Site, strip_variants
from ingest.sources.web.sitemap import Pages
from ingest.sources.web.visits import PendingDocuments, Visit, Visits
from ingest.sources.web.webpage import Webpage

MAX_FAILURES = 5  # in a row; then the site fails, not a page
MAX_REFUSALS = 50  # in a row, of a site that shows other pages; then it is a guard, which is not to be annoyed
MAX_ALIKE = 10  # pages in a row with the same text; then it is the site's, such as "back soon"
UNREAD_PATIENCE = timedelta(days=3)  # for a page that has never been read yet to come back
REQUESTS_PER_PAGE = 3  # on average, so that pages that are gone or have moved do not count
MORE = "#more-pages"  # ends the uri that stands for the pages beyond the limit
_NO_PAGES = tuple(
    f".{e}" for e in ("png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "mp3", "mp4", "webm", "css")
)


@dataclass(frozen=True)
class CrawlScope:
    """What of a site is wanted.

    By path within the site: which pages may be read (``enters``), and which of them are documents (``takes``). By
    address: the ``link`` that people click.
    """

    enters: Callable[[str], bool]
    takes: Callable[[str], bool]
    link: Callable[[str], str]
    max_pages: int
    max_bytes: int


class _SiteRefuses(UserError):
    """The site asks for a login, or denies access, wherever it is asked."""


class Crawl:
    """One listing of a site. ``pages`` are those of its sitemaps with their dates, empty to follow links."""

    def __init__(
        self,
        fetcher: HttpFetcher,
        site: Site,
        robots: Robots,
        scope: CrawlScope,
        *,
        pages: Pages,
        known: Mapping[str, str],
    ) -> None:
        self._fetcher = fetcher
        self._site = site
        self._robots = robots
        self._scope = scope
        self._pages = pages
        self._known = known
        self._known_fingerprints = {"", *known.values()}
        self._frontier = Frontier(self._may_request, max_pages=scope.max_pages)
        self._listed: set[str] = set()  # addresses; also of pages that are listed under another one
        self._contents: set[tuple[str, str]] = set()  # fingerprint and address without variants
        self._waiting: list[tuple[ListedDocument, str]] = []  # for the canonical page that they name
        self._n_pages = 0
        self._n_failures = 0
        self._n_refusals = 0  # in a row
        self._alike = ("", "", 0)
        self._repetitions = Repetitions()
        self._misses_links = False  # a page failed, and its links are not stored

    def run(self, visits: Visits, pending: PendingDocuments) -> Iterator[ListedDocument]:
        """Lists every document; raises :class:`UserError` when the first page or the site fails."""
        pending.clear()
        self._frontier.add(self._pages or [self._site.start])
        documents: list[ListedDocument] = []
        try:
            yield from self._list(visits, pending, documents)
        except _SiteRefuses:
            yield from documents
            if self._known:
                yield self._hide_rest()
            raise

    def _list(
        self, visits: Visits, pending: PendingDocuments, documents: list[ListedDocument]
    ) -> Iterator[ListedDocument]:
        for document in self._walk(visits, pending):
            documents.append(document)  # those before an error stay
        has_lost_links = len(documents) <= 1 and len(self._known) >= MIN_ADDRESSES
        if self._misses_links or has_lost_links:  # known pages may be linked only from one that failed
            self._frontier.add(url for url in self._known if not url.endswith(MORE))
            for document in self._walk(visits, pending):
                documents.append(document)
        documents.extend(self._without_canonical())
        yield from self._repetitions.mark(documents)
        for url, fingerprint in self._repetitions.moves(known=self._known):
            yield ListedDocument(url, self._scope.link(url), fingerprint)
        visits.end(self._frontier.requested)
        if self._frontier:
            address = f"{self._site.start}{MORE}"
            yield ListedDocument(address, self._site.start, f"{self._scope.max_pages} pages")

    def _walk(self, visits: Visits, pending: PendingDocuments) -> Iterator[ListedDocument]:
        while self._frontier and not self._is_full():
            url = self._frontier.next()
            before = visits.get(url)
            try:
                page, visit = self._read(url, before)
            except FetchProblem as problem:
                if problem.may_pass and self._hides_links(url, before, visits):
                    self._misses_links = True
                yield from self._handle_failure(url, before, problem)
                continue
            self._n_failures = self._n_refusals = 0
            if visit:
                visits.store(url, visit)
            yield from self._handle_page(url, page, visit, pending)

    def _is_full(self) -> bool:
        limit = self._scope.max_pages
        return self._n_pages >= limit or len(self._frontier.requested) >= limit * REQUESTS_PER_PAGE

    def _may_request(self, url: str) -> bool:
        if self._is_first(url) and not self._robots.allows(url):
            raise UserError(f"{url} may not be read: the site's robots.txt forbids it. Ask the site's owner.")
        path = self._site.path(url)
        is_wanted = not path.lower().endswith(_NO_PAGES) and self._scope.enters(path)
        return self._is_first(url) or (is_wanted and self._robots.allows(url))

    def _is_first(self, url: str) -> bool:
        return url == self._site.start and not self._pages

    def _read(self, url: str, before: Visit | None) -> tuple[Webpage, Visit | None]:
        """Requests a page; returns it with the visit to store. A page that has not changed comes empty."""
        conditions = before.conditions if before and before.fingerprint in self._known_fingerprints else {}
        limit = webpage.body_limit(url, max_bytes=self._scope.max_bytes)
        answer = self._fetcher.get(url, limit=limit, headers=conditions)
        if conditions and answer.status == 304:
            return Webpage(), before
        page = webpage.interpret(answer, url, self._site)
        if page.moved_to:
            return page, Visit(canonical=page.moved_to)
        if page.format is None:
            return page, None
        return page, Visit(
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            fingerprint=page.fingerprint if page.is_indexed else "",
            body=page.body,
            n_words=page.n_words,
            canonical=page.canonical,
            links=page.links,
        )

    def _handle_page(
        self, url: str, page: Webpage, visit: Visit | None, pending: PendingDocuments
    ) -> Iterator[ListedDocument]:
        if page.moved_to:
            self._repetitions.add_move(url, page.moved_to)
            self._frontier.add([page.moved_to], is_next=True)
        elif visit:
            self._n_pages += 1
            self._check_alike(url, visit)
            self._frontier.add(self._followed(visit.links))
            if visit.fingerprint and self._scope.takes(self._site.path(url)):
                yield from self._document(url, page, visit, pending)
        elif self._is_first(url):
            raise UserError(_no_first_page(url, page))

    def _followed(self, links: Iterable[str]) -> Iterator[str]:
        """Yields the links to follow; with a sitemap, which names all pages, only those to other files."""
        for url in links:
            if not self._pages or formats.find_format(url.partition("?")[0]) not in {None, "html"}:
                yield url

    def _document(
        self, url: str, page: Webpage, visit: Visit, pending: PendingDocuments
    ) -> Iterator[ListedDocument]:
        document = ListedDocument(url, self._scope.link(url), visit.fingerprint)
        self._repetitions.add(url, visit.body, visit.n_words)
        if page.format and visit.fingerprint not in self._known_fingerprints:
            pending.put(document.uri, page.raw(url, dated=self._pages.get(url)))
        if visit.canonical:
            self._frontier.add([visit.canonical], is_next=True)
            self._waiting.append((document, visit.canonical))
        else:
            yield from self._list_once(document, url)

    def _list_once(self, document: ListedDocument, url: str) -> Iterator[ListedDocument]:
        """Lists a page with several addresses under the first of them."""
        content = (document.fingerprint, strip_variants(url))
        self._listed.add(url)
        if content not in self._contents:
            self._contents.add(content)
            yield document

    def _check_alike(self, url: str, visit: Visit) -> None:
        address = strip_variants(visit.canonical or url)
        fingerprint, last_address, n = self._alike
        is_alike = bool(fingerprint) and visit.fingerprint == fingerprint
        self._alike = (visit.fingerprint, address, n + (address != last_address) if is_alike else 1)
        if self._alike[2] > MAX_ALIKE and not self._known:  # else the sync judges, and can be forced
            raise UserError(
                f"{self._site.origin} shows the same at {MAX_ALIKE} addresses in a row, the last {url}. "
                "Nothing was removed. Check that the site is up, and shows its pages without scripts or a login."
            )

    def _hides_links(self, url: str, before: Visit | None, visits: Visits) -> bool:
        """Returns whether a page that failed may have links that are not stored."""
        if before is None and not visits.is_whole:
            before = Visit(unread_since=time.time())
            visits.store(url, before)
        is_stored = before is not None and not before.unread_since
        is_given_up = before is None or time.time() - before.unread_since > UNREAD_PATIENCE.total_seconds()
        return not is_stored and (url in self._known or not is_given_up)

    def _handle_failure(self, url: str, before: Visit | None, problem: FetchProblem) -> Iterator[ListedDocument]:
        """Lists a page that failed; one that may come back unchanged, and its stored links are followed."""
        self._judge_site(url, problem)
        fingerprint = f"problem: {problem.cause}"
        if problem.may_pass:
            if before:
                self._frontier.add([before.canonical] if before.canonical else [])
                self._frontier.add(self._followed(before.links))
            fingerprint = self._known.get(url, fingerprint)
        may_be_document = before is None or before.is_document or url in self._known
        if may_be_document and self._scope.takes(self._site.path(url)):
            self._listed |= {url} & self._known.keys()  # others may not be documents
            if _is_refusal(problem) and not self._known.get(url, REPEATED).startswith((REPEATED, "problem: ")):
                yield self._hide(url, problem)
            else:
                yield ListedDocument(url, self._scope.link(url), fingerprint, keeps_hidden=problem.may_pass)

    def _judge_site(self, url: str, problem: FetchProblem) -> None:
        """Raises :class:`UserError` when it is the site that fails, or refuses, and not a page."""
        is_walled, is_refused = isinstance(problem, webpage.Walled), _is_refusal(problem)
        if self._is_first(url):
            if not is_walled or not self._known:
                self._fail(f"{url} {problem.cause}: {problem.advice}.", is_refused=is_refused)
            self._misses_links = True
        is_all_new = not self._known and not self._n_pages
        self._n_refusals = self._n_refusals + 1 if is_refused else 0
        if is_refused and self._known and self._n_pages:  # parts of the site are closed, and are hidden
            self._misses_links |= not self._pages
            limit, n_failures = MAX_REFUSALS, self._n_refusals
        else:
            self._n_failures += problem.may_pass or isinstance(problem, webpage.AccessDenied)
            self._n_failures += is_walled and is_all_new
            limit, n_failures = MAX_FAILURES, self._n_failures
        if n_failures >= limit:
            failed = f"{self._site.origin} fails: {limit} pages in a row, and the last, {url}, {problem.cause}."
            self._fail(
                failed, is_refused=self._n_refusals >= limit, advice=" Nothing was removed. Try again later."
            )

    def _fail(self, problem: str, *, is_refused: bool, advice: str = "") -> NoReturn:
        """Raises what ends a listing; says that all pages are hidden where the site refuses them."""
        if not is_refused:
            raise UserError(f"{problem}{advice}")
        if not self._known:
            raise _SiteRefuses(f"{problem}{advice}")
        raise _SiteRefuses(
            f"{problem} What is known of the site is hidden from everybody until a sync can read it again. Open "
            "it for Docent, or remove it with 'docent forget'."
        )

    def _hide(self, url: str, problem: FetchProblem) -> ListedDocument:
        """Lists a known page as it was read last, for nobody."""
        why = f"{problem.cause}, so it is hidden; {problem.advice}"
        return ListedDocument(url, self._scope.link(url), self._known[url], frozenset(), hidden_because=why)

    def _hide_rest(self) -> ListedDocument:
        """Hides every known page that was not listed before the site refused."""
        why = "is hidden, because its site lets nobody in; open it for Docent, or remove it with 'docent forget'"
        return ListedDocument("", self._site.start, WITHDRAWN, frozenset(), hidden_because=why)

    def _without_canonical(self) -> Iterator[ListedDocument]:
        """Lists pages that named another as the canonical one, which was then no document."""
        for document, canonical in self._waiting:
            if canonical not in self._listed:
                yield from self._list_once(document, document.uri)


def _is_refusal(problem: FetchProblem) -> bool:
    return isinstance(problem, webpage.AccessDenied | webpage.LoginWall)


def _no_first_page(url: str, page: Webpage) -> str:
    if page.left_for:
        return f"{url} leads to {page.left_for}, outside of it. Give that address as the location."
    return f"There is no page at {url}. Check the address."
