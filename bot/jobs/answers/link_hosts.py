"""Which hosts links in answers may lead to: the operator's, the declared sources', the documents' own.

Where many workspaces have installed the app, those of sources and documents that are read in the workspace of the
answer: another one's would tell that it has them.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent import observability
from agent.errors import UserError
from bot.slack.replies.links import addresses
from bot.slack.replies.links.policy import LinkHosts
from ingest import source_config
from ingest.access import reader_sets
from ingest.library import Library

KEPT_SECONDS = 60  # the hosts of 100,000 documents take Postgres about 50 ms


@dataclass(frozen=True)
class _Host:
    name: str
    is_read_in: Callable[[str], bool]  # a workspace


class AllowedHosts:
    """Reads the hosts again after a minute; shared by the threads of a process. ``named`` are the operator's."""

    def __init__(
        self, library: Library, named: Iterable[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._library, self._named, self._clock = library, list(named), clock
        self._lock = threading.Lock()
        self._hosts: Sequence[_Host] = ()
        self._of_workspaces: dict[str, LinkHosts] = {}
        self._expires_at = clock()

    def load(self, workspace: str = "") -> LinkHosts:
        """Returns the hosts as they are now, or were up to a minute ago: those of one of many workspaces, where it
        is named."""
        with self._lock:
            if self._clock() >= self._expires_at:
                self._hosts = [*self._list_declared(), *self._list_of_documents()]
                self._of_workspaces.clear()
                self._expires_at = self._clock() + KEPT_SECONDS
            if workspace not in self._of_workspaces:
                names = {host.name for host in self._hosts if not workspace or host.is_read_in(workspace)}
                self._of_workspaces[workspace] = LinkHosts([*self._named, *names])
            return self._of_workspaces[workspace]

    def _list_declared(self) -> Iterator[_Host]:
        try:
            tables = source_config.sources(self._library.settings.config)
        except UserError as error:  # the command and the doctor say it; answers go on
            observability.log.warning("sources_unreadable", error=str(error))
            return
        for table in tables.values():
            if name := addresses.read_host(str(table.get("link") or "").partition("{")[0]):
                places = frozenset(source_config.list_workspaces(table))
                yield _Host(name, lambda id_, places=places: bool(places & {id_, source_config.EVERY}))  # type: ignore[misc]

    def _list_of_documents(self) -> Iterator[_Host]:
        for authority, readers in self._library.list_hosts():
            if name := addresses.read_host(f"https://{authority}"):
                yield _Host(name, lambda id_, readers=readers: reader_sets.are_in(id_, readers))  # type: ignore[misc]
