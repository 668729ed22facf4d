"""Whether a person is answered in a channel: where it names user groups, their members are."""

import time

from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn
from bot.slack.membership.audience import SECONDS

NOT_ALLOWED = (
    "In this channel I answer only members of certain user groups, and you are in none of them. You can ask me in "
    "a direct message, or in another channel."
)


def find_refusal(context: WorkerContext, claimed: ClaimedTurn) -> str:
    """Returns why the question is not answered; empty where it is.

    Raises :class:`agent.errors.ReplyError` where Slack does not say who is in a group.
    """
    if claimed.posted is None or context.audiences is None:
        return ""
    allowed = context.settings_of(claimed.posted).allowed_groups
    if not allowed:
        return ""
    is_member = context.audiences.is_in_group(claimed.turn.user_id, allowed, time.monotonic() + SECONDS)
    return "" if is_member else NOT_ALLOWED
