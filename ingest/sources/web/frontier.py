"""Queues the addresses of a site that are still to be requested, each once.

Promises to end on endless sites: it accepts a limited number of addresses, and of variants of one path.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable

MAX_VARIANTS = 50  # of one path by its query: calendars, lists in every order
ADDRESSES_PER_PAGE = 20  # queued for each page that is wanted


class Frontier:
    """A queue of addresses; ``may_request`` tells which addresses are accepted at all."""

    def __init__(self, may_request: Callable[[str], bool], *, max_pages: int) -> None:
        self._may_request = may_request
        self._max_addresses = max_pages * ADDRESSES_PER_PAGE
        self._waiting: deque[str] = deque()
        self._seen: set[str] = set()
        self._n_variants: Counter[str] = Counter()
        self.requested: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, urls: Iterable[str], *, is_next: bool = False) -> None:
        """Queues those that are new; ``is_next`` puts one first that replaces the page just requested."""
        for url in urls:
            if url in self._seen or len(self._seen) >= self._max_addresses:
                continue
            self._seen.add(url)
            path, has_query, _ = url.partition("?")
            self._n_variants[path] += bool(has_query)
            if self._n_variants[path] > MAX_VARIANTS or not self._may_request(url):
                continue
            if is_next:
                self._waiting.appendleft(url)
            else:
                self._waiting.append(url)

    def next(self) -> str:
        """Takes the next address from the queue, and records it as requested."""
        url = self._waiting.popleft()
        self.requested.add(url)
        return url
