"""The places of limited calls for all processes that use one Redis, one round trip each.

Time is Redis' own, so clocks of machines may differ. Without Redis each process keeps its own places: correctness
does not depend on them, because Slack refuses what is too much and nothing is lost then.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import cast

import redis

from bot.outages.redis_watch import RedisWatch
from bot.slack.calls import rates
from bot.slack.calls.limiter import CAREFUL_SECONDS, LocalLimiter

TIMEOUT_SECONDS = 0.5  # a call to Slack must not wait for Redis
AWAY_SECONDS = 5.0  # without asking a Redis that did not answer, which may cost the timeout each time
Arguments = list[str | int | float | bytes | bytearray | memoryview]

# KEYS: places, the latest first (ms since 1970); until when calls are paused; methods that Slack limits now, with
# until when. ARGV: most, its window, the spacing, the longest wait (all ms); whether a place was waited for.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window, spacing, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local paused = tonumber(redis.call('GET', KEYS[2]))
local wait = 0
if ARGV[5] == '0' or (paused and paused > now) then
    local at = math.max(now, paused or 0)
    local last = tonumber(redis.call('LINDEX', KEYS[1], 0))
    if last then at = math.max(at, last + (paused and spacing or 0)) end
    local first = tonumber(redis.call('LINDEX', KEYS[1], most - 1))
    if first then at = math.max(at, first + window) end
    wait = at - now
    if wait <= longest then
        redis.call('LPUSH', KEYS[1], string.format('%.0f', at))
        redis.call('LTRIM', KEYS[1], 0, most - 1)
        redis.call('PEXPIRE', KEYS[1], wait + math.max(window, spacing))
    end
end
local answer = redis.call('ZRANGEBYSCORE', KEYS[3], now, '+inf')
table.insert(answer, 1, wait)
return answer
"""

# KEYS: until when calls are paused; methods that Slack limits now. ARGV: the method, its pause and the careful
# time after it (ms).
_NOTE_LIMITED = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local careful = tonumber(ARGV[3])
local paused = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.0f', paused), 'PX', paused - now + careful)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], string.format('%.0f', paused + careful), ARGV[1])
redis.call('PEXPIRE', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] - now)
return redis.call('ZRANGE', KEYS[2], 0, -1)
"""


class RedisLimiter:
    """Gives places to the calls of one ``owner``, in all processes. Thread-safe.

    That is a token, or the workspace whose token changes from time to time.
    """

    def __init__(
        self,
        connection: redis.Redis,
        owner: str,
        *,
        post_burst: int,
        prefix: str = "docent",
        redis_watch: RedisWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reserve = connection.register_script(_RESERVE)
        self._note_limited = connection.register_script(_NOTE_LIMITED)
        self._prefix = f"{prefix}:slack:{sha256(owner.encode()).hexdigest()[:16]}"
        self._post_burst, self._redis_watch, self._clock = post_burst, redis_watch, clock
        self._local = LocalLimiter(post_burst=post_burst, clock=clock)
        self._limited: frozenset[str] = frozenset()  # methods, as Redis said last
        self._away_until = 0.0

    def reserve(self, method: str, channel: str, *, longest_seconds: float, has_waited: bool = False) -> float:
        """See :class:`.limiter.CallLimiter`. Asks Redis only for what is counted or limited now."""
        if self._clock() < self._away_until:
            return self._local.reserve(method, channel, longest_seconds=longest_seconds, has_waited=has_waited)
        if method not in rates.COUNTED and method not in self._limited:
            return 0.0
        rate = rates.find(method, post_burst=self._post_burst)
        window_ms, spacing_ms = int(rate.seconds * 1000), int(rate.spacing_seconds * 1000)
        subject = rates.find_subject(method, channel)
        keys = [f"{self._prefix}:{subject}", f"{self._prefix}:paused:{subject}", f"{self._prefix}:limited"]
        arguments: Arguments = [rate.most, window_ms, spacing_ms, int(longest_seconds * 1000), int(has_waited)]
        try:
            wait_ms, *limited = cast(list[object], self._reserve(keys, arguments))
        except redis.RedisError as error:
            self._note_away(error)
            return self._local.reserve(method, channel, longest_seconds=longest_seconds, has_waited=has_waited)
        self._note_answer(limited)
        return int(str(wait_ms)) / 1000

    def note_limited(self, method: str, channel: str, retry_after_seconds: float) -> None:
        """See :class:`.limiter.CallLimiter`."""
        self._local.note_limited(method, channel, retry_after_seconds)
        if self._clock() < self._away_until:
            return
        keys = [
            f"{self._prefix}:paused:{rates.find_subject(method, channel)}",
            f"{self._prefix}:limited",
        ]
        arguments: Arguments = [method, int(retry_after_seconds * 1000), int(CAREFUL_SECONDS * 1000)]
        try:
            self._note_answer(cast(list[object], self._note_limited(keys, arguments)))
        except redis.RedisError as error:
            self._note_away(error)

    def _note_answer(self, limited: list[object]) -> None:
        self._limited = frozenset(name.decode() if isinstance(name, bytes) else str(name) for name in limited)
        if self._redis_watch:
            self._redis_watch.note_back()

    def _note_away(self, error: redis.RedisError) -> None:
        self._away_until = self._clock() + AWAY_SECONDS
        if self._redis_watch:
            self._redis_watch.note_away(error)
