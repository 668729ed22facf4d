"""Slack's numbers, and its rate limits when they are switched on.

Owns the documented limits and the sliding-minute counters. Promises that a tier never lets more than its
calls through in any minute. Does not model the burst tolerance Slack grants on top, nor limits per workspace
size. Source: docs.slack.dev/reference (Block Kit, methods) and docs.slack.dev/apis/web-api/rate-limits.
"""

from collections import defaultdict, deque
from collections.abc import Callable

BLOCKS_PER_MESSAGE = 50
BLOCKS_PER_VIEW = 100
CHARS_PER_MARKDOWN = 12_000  # one markdown_text, one markdown chunk, and all markdown blocks of a message together
CHARS_PER_MESSAGE_BLOCKS = 13_200  # undocumented; measured in github.com/slackapi/bolt-js/issues/2509
ROWS_PER_TABLE = 100
COLUMNS_PER_TABLE = 20
CHARS_PER_MESSAGE_TABLES = 10_000  # the cells of all tables of a message together
CHARS_PER_POST = 40_000  # cut off there, with a warning
CHARS_PER_UPDATE = 4_000
CHARS_PER_CHUNK_TITLE = 256
METADATA_BYTES = 16_384  # Slack documents the error, not the size; its messages are capped at 16 kB of JSON
LOADING_MESSAGES = 10
SUGGESTED_PROMPTS = 4
SESSION_TITLE_CHARS = 200
VIEW_BYTES = 250_000
VIEW_TITLE_CHARS = 24
VIEW_METADATA_CHARS = 3_000
ID_CHARS = 255  # callback_id, block_id, action_id

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60.0
TRIGGER_SECONDS = 3.0
STATUS_SECONDS = 120.0
UPLOAD_SECONDS = 60 * 60.0
UPLOAD_BYTES = 1_000_000_000
SOCKETS_PER_APP = 10

CALLS_PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}
PER_CHANNEL = 0  # the tier of chat.postMessage: about one message a second in each channel
POSTS_PER_CHANNEL_MINUTE = 60
MINUTE = 60.0


class RateLimiter:
    """Counts calls per method, and posts per channel, over the last minute."""

    def __init__(self, *, is_enforced: bool, clock: Callable[[], float]) -> None:
        self._is_enforced = is_enforced
        self._clock = clock
        self._times: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def admit(self, method: str, tier: int, channel: str) -> int:
        """Returns the seconds to wait before trying again; 0 lets the call through and counts it."""
        if not self._is_enforced:
            return 0
        most = POSTS_PER_CHANNEL_MINUTE if tier == PER_CHANNEL else CALLS_PER_MINUTE[tier]
        times = self._times[(method, channel if tier == PER_CHANNEL else "")]
        now = self._clock()
        while times and times[0] <= now - MINUTE:
            times.popleft()
        if len(times) >= most:
            return max(1, int(times[0] + MINUTE - now) + 1)
        times.append(now)
        return 0
