"""Whether a person is answered in a channel: where it names user groups, their members are."""

import time

from agent.translation.speech import mark, say
from agent.types import EndReason
from bot.jobs import turn_endings
from bot.jobs.answers import slack_replies
from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn
from bot.slack.inbox import Origin
from bot.slack.membership.audience import SECONDS
from bot.slack.replies.reply import Answer, Reply

NOT_ALLOWED = mark(
    "In this channel I answer only members of certain user groups, and you are in none of them. You can ask me in "
    "a direct message, or in another channel."
)


def refuses(context: WorkerContext, claimed: ClaimedTurn, reply: Reply) -> bool:
    """Ends the turn of somebody who is not answered in the channel, who is told alone; returns whether it did.

    Of a scheduled question nothing is said: at its next time the clock tells who set it up. Raises
    :class:`agent.errors.ReplyError` where Slack does not say who is in a group.
    """
    turn, reason = claimed.turn, EndReason.NOT_ALLOWED
    if _is_allowed(context, claimed):
        return False
    if turn.origin == Origin.SCHEDULED:
        turn_endings.end_silently(context, turn, reply, reason=reason)
        return True
    alone = slack_replies.make(context, turn, claimed.posted, only_asker=True)
    turn_endings.end(context, turn, alone, Answer(turn.id, say(NOT_ALLOWED), has_feedback=False), reason=reason)
    return True


def _is_allowed(context: WorkerContext, claimed: ClaimedTurn) -> bool:
    if claimed.posted is None or context.audiences is None:
        return True
    allowed = context.settings_of(claimed.posted).allowed_groups
    if not allowed:
        return True
    return context.audiences.is_in_group(claimed.turn.user_id, allowed, time.monotonic() + SECONDS)
