"""The client for Slack of a process that goes on, with the limits that all processes share."""

from bot.jobs import queue
from bot.outages import redis_watch
from bot.settings import BotSettings
from bot.slack.calls.redis_limiter import TIMEOUT_SECONDS, RedisLimiter
from bot.slack.client import LONGEST_WAIT_SECONDS, SlackClient


def open_client(settings: BotSettings, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS) -> SlackClient:
    """Returns a client with connections of its own; the settings have a bot token and a Redis."""
    assert settings.slack_bot_token
    token = settings.slack_bot_token.get_secret_value()
    limiter = RedisLimiter(
        queue.connect(settings, timeout_seconds=TIMEOUT_SECONDS),
        token,
        post_burst=settings.slack_burst,
        redis_watch=redis_watch.watch(settings),
    )
    return SlackClient(token, settings.slack_api_url, limiter=limiter, longest_wait_seconds=longest_wait_seconds)
