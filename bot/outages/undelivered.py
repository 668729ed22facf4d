"""Why an answer is not where it was asked for, and what the operator can do about it."""

from collections.abc import Mapping
from types import MappingProxyType

from agent.types import EndReason
from bot.outages.diagnosis import Diagnosis

_GONE = ("thread_not_found", "message_not_found", "cannot_reply_to_message", "thread_locked")
_FORBIDDEN = (
    "accesslimited",
    "is_inactive",
    "messages_tab_disabled",
    "no_permission",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
)
REASONS: Mapping[str, EndReason] = MappingProxyType(
    {
        "is_archived": EndReason.CHANNEL_ARCHIVED,
        "not_in_channel": EndReason.BOT_REMOVED,
        "channel_not_found": EndReason.BOT_REMOVED,  # of a private channel, Slack says no more
        "restricted_action_thread_locked": EndReason.THREAD_GONE,
        **dict.fromkeys(_GONE, EndReason.THREAD_GONE),
        **dict.fromkeys(_FORBIDDEN, EndReason.POSTING_FORBIDDEN),
    }
)
DIAGNOSES: Mapping[EndReason, Diagnosis] = MappingProxyType(
    {
        EndReason.CHANNEL_ARCHIVED: Diagnosis(
            "the channel was archived", "Nothing is to be done, unless people still ask there: then unarchive it."
        ),
        EndReason.BOT_REMOVED: Diagnosis(
            "the bot is no longer in the channel, or the channel is gone", "Invite it again, where it is wanted."
        ),
        EndReason.THREAD_GONE: Diagnosis(
            "the thread was deleted or locked", "Nothing is to be done: people can ask again in a new thread."
        ),
        EndReason.POSTING_FORBIDDEN: Diagnosis(
            "the workspace does not let the app post there",
            "Let it, in the channel's posting permissions, or tell people where it may answer.",
        ),
        EndReason.TOKEN_REFUSED: Diagnosis(
            "Slack refused the token for longer than answers wait",
            "Install the app again, set SLACK_BOT_TOKEN anew and restart the processes.",
        ),
        EndReason.SLACK_AWAY: Diagnosis(
            "Slack could not be reached for longer than answers wait",
            "Check the network, HTTPS_PROXY and https://slack-status.com.",
        ),
        EndReason.UNDELIVERABLE: Diagnosis(
            "Slack refused them", "'docent sessions list --reason undeliverable' has them, each with Slack's code."
        ),
    }
)


def find_reason(code: str) -> EndReason:
    """Returns what one of Slack's codes means, where it refused an answer for good."""
    return REASONS.get(code, EndReason.UNDELIVERABLE)
