"""The circuit breaker that all workers share, in Redis. See :mod:`agent.llm.circuit_breaker`.

Without Redis every model may be called: a breaker saves time, and correctness does not depend on it.
"""

from hashlib import sha256

import redis

from agent import observability
from agent.llm.circuit_breaker import FAILURES_TO_OPEN, LONGEST_SECONDS, PROBE_SECONDS, compute_open_seconds
from bot.outages.redis_watch import RedisWatch

MEMORY_SECONDS = 900  # without a call for so long, failures are forgotten; longer than a breaker stays open
TIMEOUT_SECONDS = 0.5  # a model call must not wait for Redis


class RedisBreaker:
    """A breaker for all processes that use one Redis."""

    def __init__(
        self,
        connection: redis.Redis,
        *,
        seconds: float,
        prefix: str = "docent",
        redis_watch: RedisWatch | None = None,
    ) -> None:
        """``seconds`` is how long it stays open the first time."""
        self._redis, self._seconds, self._prefix = connection, seconds, prefix
        self._redis_watch = redis_watch

    def allows(self, model: str) -> bool:
        try:
            is_open, n_opened = self._redis.mget(self._key(model, "open"), self._key(model, "opened"))
            if self._redis_watch:
                self._redis_watch.note_back()
            if is_open is not None:
                return False
            if n_opened is None:
                return True
            probe = self._key(model, "probe")
            return bool(self._redis.set(probe, 1, nx=True, px=int(PROBE_SECONDS * 1000)))
        except redis.RedisError as error:
            return self._allow(error)

    def record_failure(self, model: str, *, opens: bool = False, seconds: float | None = None) -> None:
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(self._key(model, "failures"))
                pipe.expire(self._key(model, "failures"), MEMORY_SECONDS)
                pipe.get(self._key(model, "opened"))
                n_failures, _, n_opened = pipe.execute()
            if opens or n_opened or n_failures >= FAILURES_TO_OPEN:
                self._open(model, compute_open_seconds(self._seconds, int(n_opened or 0), seconds))
        except redis.RedisError as error:
            self._allow(error)

    def record_success(self, model: str) -> None:
        try:
            self._redis.delete(*(self._key(model, part) for part in ("failures", "open", "opened", "probe")))
        except redis.RedisError as error:
            self._allow(error)

    def release_probe(self, model: str) -> None:
        try:
            self._redis.delete(self._key(model, "probe"))
        except redis.RedisError as error:
            self._allow(error)

    def _open(self, model: str, seconds: float) -> None:
        """Opens at most once when several workers fail concurrently (``SET NX``)."""
        assert seconds <= LONGEST_SECONDS
        if self._redis.set(self._key(model, "open"), 1, nx=True, px=max(1, int(seconds * 1000))):
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(self._key(model, "opened"))
                pipe.expire(self._key(model, "opened"), MEMORY_SECONDS)
                pipe.delete(self._key(model, "probe"))
                pipe.execute()
            observability.log.warning("model_breaker_opened", model=model, seconds=seconds)

    def _key(self, model: str, part: str) -> str:
        return f"{self._prefix}:breaker:{sha256(model.encode()).hexdigest()[:16]}:{part}"

    def _allow(self, error: redis.RedisError) -> bool:
        if self._redis_watch:
            self._redis_watch.note_away(error)
        return True
