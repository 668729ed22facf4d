"""What a thread shows beside its messages: a status line, a title, suggested prompts, an agent session.

Owns these four per (channel, thread). Promises that a status ends by an empty one, by any message of the app
in the thread, or after two minutes, and that its history keeps every change; all but the status is archived.
Does not draw them.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.simulator import limits

if TYPE_CHECKING:
    from bot.simulator.stores.archive import Archive
    from bot.simulator.stores.snapshot import Kept

ThreadKey = tuple[str, str]


@dataclass(frozen=True)
class Status:
    """An empty `text` is the moment it was cleared."""

    text: str
    loading_messages: tuple[str, ...] = ()
    at: float = 0.0


@dataclass
class Session:
    status: str = "active"
    title: str = ""
    history: list[str] = field(default_factory=list)


class Threads:
    def __init__(self, clock: Callable[[], float], archive: "Archive", kept: "Kept") -> None:
        self._clock, self._archive = clock, archive
        self._statuses: defaultdict[ThreadKey, list[Status]] = defaultdict(list)
        self.titles: dict[ThreadKey, str] = kept.titles
        self.prompts: dict[ThreadKey, list[dict[str, Any]]] = kept.prompts
        self.sessions: defaultdict[ThreadKey, Session] = defaultdict(Session, kept.sessions)

    def show(self, key: ThreadKey, text: str, loading_messages: tuple[str, ...] = ()) -> None:
        self._statuses[key].append(Status(text, loading_messages, self._clock()))

    def clear(self, key: ThreadKey) -> None:
        if self.status(key):
            self.show(key, "")

    def status(self, key: ThreadKey) -> str:
        history = self._statuses.get(key)
        if not history or history[-1].at + limits.STATUS_SECONDS <= self._clock():
            return ""
        return history[-1].text

    def history(self, key: ThreadKey) -> list[Status]:
        return list(self._statuses.get(key, []))

    def set_title(self, key: ThreadKey, title: str) -> None:
        self.titles[key] = title
        self._archive.keep("title", key, title)

    def suggest(self, key: ThreadKey, prompts: list[dict[str, Any]]) -> None:
        self.prompts[key] = prompts
        self._archive.keep("prompts", key, prompts)

    def set_session(self, key: ThreadKey, status: str, title: str | None = None) -> Session:
        """Without a title it keeps the one it has."""
        session = self.sessions[key]
        session.status = status
        session.history.append(status)
        self.rename_session(key, session.title if title is None else title)
        return session

    def rename_session(self, key: ThreadKey, title: str) -> None:
        self.sessions[key].title = title
        self._archive.keep("session", key, self.sessions[key])
