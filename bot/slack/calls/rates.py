"""Slack's documented limits of each method that Docent calls.

Source: docs.slack.dev/apis/web-api/rate-limits, and the page of each method. Limits are per method, app and
workspace. Leaves out Slack's bursts above a tier, and the lower limits of apps that are sold outside of its
Marketplace: those are learned from a 429.
"""

from dataclasses import dataclass

POST = "chat.postMessage"
POST_SECONDS = 1.0  # between two messages in one channel
MINUTE = 60.0
# A call arrives later than its place says: without a margin a slow one and a quick one come too close, and
# the refusal may cost everybody a minute (150 questions in one channel: 212 s instead of 128 s).
MARGIN = 1.02
CALLS_PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}  # a tier promises as many, "and more"
COMMON_TIER = 3
TIERS = {
    "assistant.threads.setStatus": 5,
    "assistant.threads.setSuggestedPrompts": 4,
    "auth.test": 5,
    "chat.appendStream": 4,
    "chat.postEphemeral": 4,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "conversations.list": 2,
    "conversations.members": 4,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "users.info": 4,
    "users.list": 2,
    "views.open": 4,
    "views.publish": 4,
}
# What answers consist of. Of all others an answer takes few: they are counted only after Slack refused one.
COUNTED = frozenset({POST, "chat.update", "chat.startStream", "chat.appendStream", "chat.stopStream"})


@dataclass(frozen=True)
class Rate:
    """At most ``most`` calls in any ``seconds``; ``spacing_seconds`` apart for a while after Slack refused one."""

    most: int
    seconds: float
    spacing_seconds: float = 0.0


def find(method: str, *, post_burst: int) -> Rate:
    """Returns the rate of a method. Messages in one channel: ``post_burst`` at once, on average one a second."""
    if method == POST:
        return Rate(post_burst, post_burst * POST_SECONDS * MARGIN, POST_SECONDS)
    return Rate(CALLS_PER_MINUTE[TIERS.get(method, COMMON_TIER)], MINUTE * MARGIN)


def find_subject(method: str, channel: str) -> str:
    """Returns what the rate is of: a method, or its calls in one channel."""
    return f"{method}:{channel}" if method == POST else method
