"""Who may call Slack when: the same rules in one process and, through Redis, in all."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import redis
from structlog.testing import capture_logs

from bot.outages.redis_watch import RedisWatch
from bot.slack.calls import limiter, rates
from bot.slack.calls.limiter import CallLimiter, LocalLimiter
from bot.slack.calls.redis_limiter import AWAY_SECONDS, RedisLimiter
from tests.counting_redis import CountingRedis
from tests.proxy import Proxy

TOKEN = "xoxb-1"
BURST = 60
FOREVER = 1_000_000.0
QUIET = "conversations.info"  # not counted


@dataclass
class Places:
    """Two limiters that share their places, as two workers do, and the places as milliseconds of one clock."""

    one: CallLimiter
    other: CallLimiter
    load: Callable[[str], list[int]]  # those of a subject, the latest first

    def take(self, method: str = rates.POST, channel: str = "C1", *, by: CallLimiter | None = None) -> int:
        (by or self.one).reserve(method, channel, longest_seconds=FOREVER)
        return self.load(rates.find_subject(method, channel))[0]


@pytest.fixture(params=["local", "redis"])
def places(request: pytest.FixtureRequest, redis_url: str) -> Places:
    if request.param == "local":
        shared = LocalLimiter(post_burst=BURST, clock=lambda: 100.0)
        return Places(shared, shared, lambda subject: [round(at * 1000) for at in shared._calls[subject].places])
    connection = redis.from_url(redis_url)

    def load(subject: str) -> list[int]:
        (key,) = connection.keys(f"docent:slack:{'?' * 16}:{subject}")
        return [int(place) for place in connection.lrange(key, 0, -1)]

    one, other = (RedisLimiter(redis.from_url(redis_url), TOKEN, post_burst=BURST) for _ in range(2))
    return Places(one, other, load)


def test_a_channel_takes_a_burst_and_then_one_message_a_second_from_all_workers(places: Places) -> None:
    burst = [places.take(by=by) for by in (places.one, places.other) for _ in range(BURST // 2)]
    assert burst[-1] - burst[0] < 30_000  # nobody waited
    assert [places.take(by=places.other) - at for at in burst[:3]] == [61_200] * 3
    assert places.one.reserve(rates.POST, "C2", longest_seconds=0) == 0


@pytest.mark.parametrize(("method", "most"), [("chat.startStream", 20), ("chat.update", 50)])
def test_a_method_is_called_as_often_a_minute_as_its_tier_says_in_all_channels(
    places: Places, method: str, most: int
) -> None:
    first = [places.take(method, f"C{n}") for n in range(most)]
    assert places.take(method, "C1") - first[0] == 61_200


def test_a_place_that_is_too_far_off_is_not_kept(places: Places) -> None:
    burst = [places.take() for _ in range(BURST)]
    assert places.one.reserve(rates.POST, "C1", longest_seconds=1) > 1
    assert places.take() - burst[0] == 61_200


def test_what_slack_asks_one_to_wait_all_wait_and_then_come_one_by_one(places: Places) -> None:
    before = places.take()
    places.one.note_limited(rates.POST, "C1", 30)
    after = [places.take(by=places.other) for _ in range(3)]
    assert after[0] - before >= 30_000
    assert [at - after[0] for at in after] == [0, 1_000, 2_000]
    assert places.other.reserve(rates.POST, "C2", longest_seconds=0) == 0


def test_a_shorter_pause_does_not_end_a_longer_one(places: Places) -> None:
    before = places.take()
    for seconds in (300, 1):
        places.one.note_limited(rates.POST, "C1", seconds)
    assert places.take() - before >= 300_000


def test_who_waited_calls_unless_slack_has_told_somebody_to_wait_since(places: Places) -> None:
    places.take()
    assert places.one.reserve(rates.POST, "C1", longest_seconds=FOREVER, has_waited=True) == 0
    assert len(places.load(f"{rates.POST}:C1")) == 1
    places.other.note_limited(rates.POST, "C1", 300)
    assert places.one.reserve(rates.POST, "C1", longest_seconds=FOREVER, has_waited=True) > 0
    assert len(places.load(f"{rates.POST}:C1")) == 2


def test_what_is_not_counted_costs_nothing_until_slack_limits_it_and_then_all_know(redis_url: str) -> None:
    connections = [CountingRedis(connection_pool=redis.ConnectionPool.from_url(redis_url)) for _ in range(2)]
    one, other = (RedisLimiter(connection, TOKEN, post_burst=BURST) for connection in connections)
    assert one.reserve(QUIET, "C1", longest_seconds=0) == 0
    assert connections[0].n_commands == 0
    other.note_limited(QUIET, "C1", 300)
    one.reserve(rates.POST, "C1", longest_seconds=0)  # answers are posted all the time
    asked = connections[0].n_commands
    assert one.reserve(QUIET, "C1", longest_seconds=0) > 0
    assert other.reserve(QUIET, "C2", longest_seconds=0) > 0
    assert one.reserve(rates.POST, "C1", longest_seconds=0) == 0
    assert connections[0].n_commands == asked + 2  # one each


def test_tokens_do_not_share_places(redis_url: str) -> None:
    one, other = (RedisLimiter(redis.from_url(redis_url), token, post_burst=1) for token in ("a", "b"))
    waits = [one.reserve(rates.POST, "C1", longest_seconds=FOREVER) for _ in range(100)]
    assert waits[-1] > 0
    assert other.reserve(rates.POST, "C1", longest_seconds=FOREVER) == 0


def test_without_redis_each_process_keeps_its_own_places_and_it_is_logged_once(redis_url: str) -> None:
    proxy, now = Proxy(redis_url), [100.0]
    kept = RedisLimiter(
        redis.from_url(proxy.url),
        TOKEN,
        post_burst=BURST,
        redis_watch=RedisWatch(proxy.url),
        clock=lambda: now[0],
    )
    with capture_logs() as logs:
        assert kept.reserve(rates.POST, "C1", longest_seconds=0) == 0
        proxy.go_away()
        for _ in range(BURST):
            assert kept.reserve(rates.POST, "C1", longest_seconds=0) == 0
        assert kept.reserve(rates.POST, "C1", longest_seconds=0) == pytest.approx(61.2)
        kept.note_limited(QUIET, "", 30)
        assert kept.reserve(QUIET, "", longest_seconds=0) == 30
        proxy.come_back()
        now[0] += AWAY_SECONDS + 1
        assert kept.reserve(rates.POST, "C1", longest_seconds=0) == 0
    proxy.close()
    assert [entry["event"] for entry in logs] == ["redis_away", "redis_back"]


def test_a_process_forgets_channels_in_which_nothing_is_posted_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "MAX_SUBJECTS", 3)
    now = [100.0]
    kept = LocalLimiter(post_burst=BURST, clock=lambda: now[0])
    kept.note_limited(rates.POST, "C0", 1_000)
    for channel in ("C1", "C2"):
        kept.reserve(rates.POST, channel, longest_seconds=0)
    now[0] += 62
    kept.reserve(rates.POST, "C3", longest_seconds=0)
    assert set(kept._calls) == {f"{rates.POST}:C0", f"{rates.POST}:C3"}
