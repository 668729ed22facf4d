"""What is logged of a Redis that goes and comes back: twice, however often it is tried."""

import logging
import threading

import pytest
import redis
from rq import Queue
from structlog.testing import capture_logs

from bot.jobs.job_pool import JobPool
from bot.jobs.redis_breaker import RedisBreaker
from bot.jobs.rq_worker import ThreadedWorker
from bot.outages.redis_watch import RedisWatch
from tests.proxy import Proxy

URL = "redis://:hunter2@cache.example:6380/0"


def test_an_outage_is_logged_when_it_begins_and_when_it_ends() -> None:
    times = iter([10.0, 73.5])
    watch = RedisWatch(URL, clock=lambda: next(times))
    error = redis.ConnectionError("Error 111 connecting to cache.example:6380. Connection refused.")
    with capture_logs() as logs:
        watch.note_back()
        for _ in range(5):
            watch.note_away(error)
        for _ in range(3):
            watch.note_back()
    away, back = logs
    assert (away["event"], away["address"]) == ("redis_away", "cache.example:6380")
    assert "is not listening at this address" in away["problem"]
    assert (back["event"], back["address"], back["seconds_away"]) == ("redis_back", "cache.example:6380", 63.5)
    assert "hunter2" not in str(logs)


def test_threads_that_notice_together_log_once() -> None:
    watch = RedisWatch(URL)
    with capture_logs() as logs:
        threads = [
            threading.Thread(target=watch.note_away, args=(redis.TimeoutError("Timeout"),)) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [entry["event"] for entry in logs] == ["redis_away"]


def test_a_breaker_tells_the_watch(redis_url: str) -> None:
    proxy = Proxy(redis_url)
    watch = RedisWatch(proxy.url)
    breaker = RedisBreaker(redis.from_url(proxy.url), seconds=1, redis_watch=watch)
    with capture_logs() as logs:
        assert breaker.allows("openai/x")
        proxy.go_away()
        assert [breaker.allows("openai/x") for _ in range(3)] == [True] * 3
        proxy.come_back()
        assert breaker.allows("openai/x")
    proxy.close()
    assert [entry["event"] for entry in logs] == ["redis_away", "redis_back"]


def test_a_worker_says_nothing_of_its_own_and_goes_on(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    proxy = Proxy(redis_url)
    stopping, is_away, is_back = threading.Event(), threading.Event(), threading.Event()

    class Watch(RedisWatch):
        def note_away(self, error: redis.RedisError) -> None:
            super().note_away(error)
            is_away.set()

        def note_back(self) -> None:
            super().note_back()
            if is_away.is_set():
                is_back.set()

    watch = Watch(proxy.url)

    def listen() -> None:
        while not stopping.is_set():
            try:
                queue = Queue("watched", connection=redis.from_url(proxy.url))
                ThreadedWorker(queue, JobPool(1), stopping, watch).work(logging_level="WARNING")
            except redis.RedisError as error:
                watch.note_away(error)
            stopping.wait(0.05)

    listener = threading.Thread(target=listen, daemon=True)
    with caplog.at_level(logging.WARNING):
        listener.start()
        proxy.go_away()
        assert is_away.wait(30)
        proxy.come_back()
        assert is_back.wait(30)
        stopping.set()
        listener.join(30)
    proxy.close()
    assert [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()] == []
