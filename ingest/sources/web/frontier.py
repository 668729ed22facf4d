"""The addresses of a site that are still to be asked for, in order, each once.

Promises to end on sites that do not: it takes in only so many addresses, and only so many variants of one path.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable

MAX_VARIANTS = 50  # of one path by its query: calendars, lists in every order
ADDRESSES_PER_PAGE = 20  # kept in line for each page that is wanted


class Frontier:
    """``may_ask`` tells which addresses are taken in at all."""

    def __init__(self, may_ask: Callable[[str], bool], *, max_pages: int) -> None:
        self._may_ask = may_ask
        self._max_addresses = max_pages * ADDRESSES_PER_PAGE
        self._waiting: deque[str] = deque()
        self._met: set[str] = set()
        self._n_variants: Counter[str] = Counter()
        self.asked: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def meet(self, urls: Iterable[str], *, is_next: bool = False) -> None:
        """Puts those in line that are new; ``is_next`` for one that stands for the page just asked for."""
        for url in urls:
            if url in self._met or len(self._met) >= self._max_addresses:
                continue
            self._met.add(url)
            path, has_query, _ = url.partition("?")
            self._n_variants[path] += bool(has_query)
            if self._n_variants[path] > MAX_VARIANTS or not self._may_ask(url):
                continue
            if is_next:
                self._waiting.appendleft(url)
            else:
                self._waiting.append(url)

    def next(self) -> str:
        """The next address, which from now on has been asked for."""
        url = self._waiting.popleft()
        self.asked.add(url)
        return url
