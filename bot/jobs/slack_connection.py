"""The clients for Slack of a process that goes on, with the limits that all processes share.

There is one for the token of the settings, or one for each workspace that has installed the app.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import redis

from agent.store.database import Database
from bot.jobs import queue
from bot.outages import redis_watch
from bot.settings import BotSettings
from bot.slack.calls.redis_limiter import TIMEOUT_SECONDS, RedisLimiter
from bot.slack.calls.web_client import KeptConnections
from bot.slack.client import LONGEST_WAIT_SECONDS, SlackClient
from bot.slack.installation import terminal, workspaces
from bot.slack.installation.tokens import InstalledToken

KNOWN_SECONDS = 30.0
MAX_KEPT = 1_000  # workspaces of which a process remembers anything

T = TypeVar("T")


class ByWorkspace(Generic[T]):
    """Makes something for each workspace when it is first needed, and keeps it. Thread-safe.

    Beyond :data:`MAX_KEPT` workspaces the one that was made first is dropped, and made anew if it is needed again.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}
        self._lock = threading.Lock()

    def __call__(self, workspace: str) -> T:
        """Returns what belongs to a workspace."""
        made = self._made.get(workspace)
        if made is not None:
            return made
        with self._lock:
            made = self._made.get(workspace)
            if made is None:
                if len(self._made) >= MAX_KEPT:
                    del self._made[next(iter(self._made))]
                made = self._made[workspace] = self._make(workspace)
            return made


class ForAWhile(Generic[T]):
    """Finds something out, and knows it for :data:`KNOWN_SECONDS`."""

    def __init__(self, find: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._known: tuple[T, float] | None = None

    def __call__(self) -> T:
        """Returns it as it is now, or was a while ago."""
        if self._known is None or self._known[1] <= self._clock():
            self._known = (self._find(), self._clock() + KNOWN_SECONDS)
        return self._known[0]


class ListNames(Protocol):
    """Lists installed workspaces by their ids."""

    def __call__(self, among: Collection[str] | None = None) -> list[str]: ...


@dataclass(frozen=True)
class SlackConnections:
    """Clients by workspace. Where one is connected by its token, its client stands for all, under the name "".

    ``list_names`` lists the installed workspaces, all of them or those ``among`` some.
    """

    open: Callable[[str], SlackClient]
    has_many: bool
    list_names: ListNames
    read_token: Callable[[str], str] | None = None  # of installed workspaces, for sources that read them

    def find_names(self, busy: Collection[str]) -> list[str]:
        """Returns the names of those workspaces that are among these; of the one of the token, "" where there are
        any."""
        if not busy:
            return []
        return self.list_names(busy) if self.has_many else [""]


def connect(
    settings: BotSettings, database: Database, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS
) -> SlackConnections:
    """Returns the clients of the settings, which have a token, or what installing by OAuth needs."""
    connection = queue.connect(settings, timeout_seconds=TIMEOUT_SECONDS)
    if not settings.has_many_workspaces:
        client = open_client(settings, longest_wait_seconds=longest_wait_seconds)
        return SlackConnections(lambda workspace: client, has_many=False, list_names=lambda among=None: [""])
    tokens, kept = terminal.open_tokens(settings, database), KeptConnections()

    def make(workspace: str) -> SlackClient:
        return SlackClient(
            InstalledToken(tokens, workspace),
            settings.slack_api_url,
            limiter=_open_limiter(settings, f"workspace:{workspace}", connection),
            connections=kept,
            longest_wait_seconds=longest_wait_seconds,
        )

    def list_installed(among: Collection[str] | None = None) -> list[str]:
        with database.transaction() as transaction:
            return workspaces.list_installed(transaction, among)

    return SlackConnections(ByWorkspace(make), has_many=True, list_names=list_installed, read_token=tokens.read)


def open_client(settings: BotSettings, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> SlackClient:
    """Returns a client with connections of its own; the settings have a bot token and a Redis."""
    assert settings.slack_bot_token
    token = settings.slack_bot_token.get_secret_value()
    connection = queue.connect(settings, timeout_seconds=TIMEOUT_SECONDS)
    limiter = _open_limiter(settings, token, connection)
    return SlackClient(token, settings.slack_api_url, limiter=limiter, longest_wait_seconds=longest_wait_seconds)


def _open_limiter(settings: BotSettings, owner: str, connection: redis.Redis) -> RedisLimiter:
    watch = redis_watch.watch(settings)
    return RedisLimiter(connection, owner, post_burst=settings.slack_burst, redis_watch=watch)
