"""Reads what a site's robots.txt allows, after RFC 9309."""

from collections.abc import Callable
from dataclasses import dataclass

from protego import Protego

from agent.errors import UserError
from ingest.documents.raw import FetchProblem
from ingest.sources.web.http_fetcher import HttpFetcher
from ingest.sources.web.site import Site

AGENT = "Docent"
MAX_BYTES = 500 * 1024  # the least that RFC 9309 asks to be read; no more is
MAX_DELAY_SECONDS = 10  # between requests; a site that asks for more would never be read to its end


@dataclass(frozen=True)
class Robots:
    """The rules of a site. ``delay_seconds`` is the pause it asks for, within bounds; 0 without one."""

    allows: Callable[[str], bool]
    delay_seconds: float = 0.0
    sitemaps: tuple[str, ...] = ()


def fetch(fetcher: HttpFetcher, site: Site) -> Robots:
    """Fetches a site's rules; a site without the file allows everything.

    Raises :class:`UserError` when the server fails: until it answers, nothing is allowed.
    """
    url = f"{site.origin}/robots.txt"
    try:
        answer = fetcher.follow(url, limit=lambda status, _: MAX_BYTES if status == 200 else 0)
    except FetchProblem as problem:
        raise UserError(f"{url} {problem.cause}: {problem.advice}.") from None
    if answer.status >= 500 or answer.status == 429:
        raise UserError(
            f"{url} answers with status {answer.status}, so nothing of the site may be read now. "
            "Try again later, or repair the site."
        )
    if answer.status != 200:
        return Robots(lambda _: True)
    rules = Protego.parse(answer.body.decode(errors="replace"))
    delay = float(rules.crawl_delay(AGENT) or 0)
    return Robots(
        allows=lambda url: bool(rules.can_fetch(url, AGENT)),
        delay_seconds=min(max(delay, 0.0), MAX_DELAY_SECONDS),
        sitemaps=tuple(rules.sitemaps),
    )
