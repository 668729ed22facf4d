"""Which hosts links in answers may lead to: the operator's, the declared sources', the documents' own."""

import threading
import time
from collections.abc import Callable, Iterable

from agent import observability
from agent.errors import UserError
from bot.slack.replies.links import addresses
from bot.slack.replies.links.policy import LinkHosts
from ingest import source_config
from ingest.library import Library

KEPT_SECONDS = 60  # the hosts of 100,000 documents take Postgres about 50 ms


class AllowedHosts:
    """Reads the hosts again after a minute; shared by the threads of a process. ``named`` are the operator's."""

    def __init__(
        self, library: Library, named: Iterable[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._library, self._named, self._clock = library, list(named), clock
        self._lock = threading.Lock()
        self._hosts, self._expires_at = LinkHosts(), clock()

    def load(self) -> LinkHosts:
        """Returns the hosts as they are now, or were up to a minute ago."""
        with self._lock:
            if self._clock() >= self._expires_at:
                documents = filter(None, map(_read_host, self._library.list_hosts()))
                self._hosts = LinkHosts([*self._named, *self._list_declared(), *documents])
                self._expires_at = self._clock() + KEPT_SECONDS
            return self._hosts

    def _list_declared(self) -> list[str]:
        try:
            tables = source_config.sources(self._library.settings.config)
        except UserError as error:  # the command and the doctor say it; answers go on
            observability.log.warning("sources_unreadable", error=str(error))
            return []
        links = [str(table.get("link") or "").partition("{")[0] for table in tables.values()]
        return list(filter(None, map(addresses.read_host, links)))


def _read_host(authority: str) -> str | None:
    return addresses.read_host(f"https://{authority}")
