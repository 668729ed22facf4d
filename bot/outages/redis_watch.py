"""Whether Redis answers, as the threads of this process see it: logged when that changes, not at every try."""

import threading
import time
from collections.abc import Callable
from functools import cache

import redis

from agent import observability
from bot.outages import redis as outages
from bot.settings import BotSettings


class RedisWatch:
    """Logs when Redis goes and when it is back, with its address, without its password. Shared by threads."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._away_since: float | None = None
        self._lock = threading.Lock()

    def note_away(self, error: redis.RedisError) -> None:
        """Notes that a command failed; logs the first of an outage."""
        with self._lock:
            is_known = self._away_since is not None
            self._away_since = self._clock() if self._away_since is None else self._away_since
        if not is_known:
            outage = outages.explain(error, self._url)
            address = outages.place(self._url)
            observability.log.warning("redis_away", address=address, problem=outage.text, advice=outage.advice)

    def note_back(self) -> None:
        """Notes that a command worked; logs the first after an outage, for everybody who was told of that."""
        if self._away_since is None:
            return
        with self._lock:
            since, self._away_since = self._away_since, None
        if since is not None:
            seconds = round(self._clock() - since, 1)
            observability.log.warning("redis_back", address=outages.place(self._url), seconds_away=seconds)


def watch(settings: BotSettings) -> RedisWatch:
    """Returns this process's watch on the Redis of the settings."""
    assert settings.redis_url
    return _watch(settings.redis_url.get_secret_value())


@cache
def _watch(url: str) -> RedisWatch:
    return RedisWatch(url)
