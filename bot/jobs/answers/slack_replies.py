"""Makes the reply to a question of Slack, by how and where it was asked."""

from agent import observability
from agent.errors import ReplyError
from agent.store.sessions import Turn
from agent.translation.speech import say
from bot.jobs.context import WorkerContext
from bot.slack.channels import thread_menu
from bot.slack.inbox import Origin
from bot.slack.replies.command_reply import CommandReply
from bot.slack.replies.reply import Reply
from bot.slack.replies.reply_rows import Posted
from bot.slack.replies.thread_reply import ThreadReply
from bot.slack.replies.unasked.scheduled_reply import ScheduledReply
from bot.slack.replies.unasked.unasked_reply import UnaskedReply


def make(context: WorkerContext, turn: Turn, posted: Posted | None, *, only_asker: bool = False) -> Reply:
    """Makes the reply; one for ``only_asker`` is seen by nobody else, wherever it was asked.

    Raises :class:`ReplyError` where it is not known any more where that was.
    """
    if posted is None or context.slack is None:
        raise ReplyError("nobody waits for this turn's answer any more", is_transient=False)
    if turn.origin == Origin.SCHEDULED:
        return ScheduledReply(context.slack, context.database, turn, posted)
    if posted.address.thread_ts is None or posted.address.only_asker or only_asker:
        return CommandReply(context.slack, posted.address, turn.question)
    kind = UnaskedReply if turn.origin == Origin.CHANNEL else ThreadReply
    return kind(context.slack, context.database, turn, posted)


def tell_muted(context: WorkerContext, posted: Posted | None) -> None:
    """Tells who put an emoji on a message of a muted thread why nothing comes of it."""
    assert context.slack
    assert posted
    address = posted.address
    place = {"channel": address.channel, "user": address.user_id, "thread_ts": address.thread_ts}
    try:
        context.slack.try_once("chat.postEphemeral", text=say(thread_menu.MUTED), **place)
    except ReplyError as error:
        observability.log.info("muted_not_told", error=str(error))
