"""What a thread has beside its messages: a status line, a title, suggested prompts, an agent session.

Owns these four per (channel, thread). Promises that a status ends by an empty one, by any message of the app
in the thread, or after two minutes, and that its history keeps every change; all but the status is archived.
Does not draw them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.simulator import limits
from bot.simulator.payloads import JsonObject
from bot.simulator.stores.archive import Archive, RecordKind

ThreadKey = tuple[str, str]  # the id of a channel and the ts of a root; "" for the channel's own prompts


@dataclass(frozen=True)
class ThreadStatus:
    """A status line since `at`. An empty `text` is the moment it was cleared."""

    text: str
    loading_messages: tuple[str, ...] = ()
    at: float = 0.0


@dataclass
class AgentSession:
    """The session of an agent in one thread, with every status it had."""

    status: str = "active"
    title: str = ""
    history: list[str] = field(default_factory=list)


class ThreadStore:
    """The caller of any method holds the lock."""

    def __init__(
        self,
        clock: Callable[[], float],
        archive: Archive,
        *,
        titles: dict[ThreadKey, str],
        prompts: dict[ThreadKey, list[JsonObject]],
        sessions: Mapping[ThreadKey, AgentSession],
    ) -> None:
        self._clock, self._archive = clock, archive
        self._statuses: defaultdict[ThreadKey, list[ThreadStatus]] = defaultdict(list)
        self.titles = titles
        self.prompts = prompts
        self.sessions: defaultdict[ThreadKey, AgentSession] = defaultdict(AgentSession, sessions)

    def set_status(self, key: ThreadKey, text: str, loading_messages: tuple[str, ...] = ()) -> None:
        """Shows a status line; an empty text clears it."""
        self._statuses[key].append(ThreadStatus(text, loading_messages, self._clock()))

    def clear_status(self, key: ThreadKey) -> None:
        """Clears the status line, if there is one."""
        if self.status(key):
            self.set_status(key, "")

    def status(self, key: ThreadKey) -> str:
        """Returns the status line as it shows now, "" for none."""
        history = self._statuses.get(key)
        if not history or history[-1].at + limits.STATUS_SECONDS <= self._clock():
            return ""
        return history[-1].text

    def status_history(self, key: ThreadKey) -> list[ThreadStatus]:
        """Returns every status line the thread had."""
        return list(self._statuses.get(key, []))

    def set_title(self, key: ThreadKey, title: str) -> None:
        """Gives the thread a title."""
        self.titles[key] = title
        self._archive.keep(RecordKind.TITLE, key, title)

    def set_prompts(self, key: ThreadKey, prompts: list[JsonObject]) -> None:
        """Replaces the suggested prompts."""
        self.prompts[key] = prompts
        self._archive.keep(RecordKind.PROMPTS, key, prompts)

    def set_session(self, key: ThreadKey, status: str, title: str | None = None) -> AgentSession:
        """Moves the session to a status. Without a title it keeps the one it has."""
        session = self.sessions[key]
        session.status = status
        session.history.append(status)
        self.rename_session(key, session.title if title is None else title)
        return session

    def rename_session(self, key: ThreadKey, title: str) -> None:
        """Gives the session a title."""
        self.sessions[key].title = title
        self._archive.keep(RecordKind.SESSION, key, self.sessions[key])
