"""Ends the questions that were open when the record was backed up from which this database was restored.

Promises that none is answered twice, and that each ends visibly once: where its answer stands in the thread, that
is left alone; else the thread is told, by a message that is found again if the worker dies meanwhile.
"""

from agent.translation.speech import mark, say
from agent.types import EndReason, TurnStatus
from bot.jobs import turn_endings
from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn
from bot.slack.inbox import Origin
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.reply_rows import Posted, ReplyRows
from bot.slack.replies.thread_messages import ThreadMessages

RESTORED = mark(
    "I was restored from a backup that was made while this question was open, so I do not know whether it was "
    "answered. If there is no answer, please ask again."
)
UNASKED = frozenset({Origin.CHANNEL, Origin.SCHEDULED})


def ends(context: WorkerContext, claimed: ClaimedTurn, reply: Reply) -> bool:
    """Ends the turn if it comes from a backup; returns whether it does. Raises
    :class:`agent.errors.ReplyError`."""
    turn, posted = claimed.turn, claimed.posted
    if not turn.is_restored:
        return False
    if posted is None or context.slack is None or turn.origin in UNASKED:
        turn_endings.end_restored(context, turn)
    elif posted.address.thread_ts is None or posted.address.only_asker:
        sentence = Answer(turn.id, say(RESTORED), has_feedback=False)
        turn_endings.end(context, turn, reply, sentence, status=TurnStatus.FAILED, reason=EndReason.RESTORED)
    else:
        turn_endings.end_restored(context, turn, answer=_tell_thread(context, claimed, posted))
    return True


def _tell_thread(context: WorkerContext, claimed: ClaimedTurn, posted: Posted) -> str | None:
    """Tells the thread unless there is an answer that the record does not know, or the sentence already; returns
    the sentence where that was said.

    Without a draft in the record, any message is an answer; with one, that draft or the next part with buttons.
    """
    assert context.slack
    messages = ThreadMessages(context.slack, posted.address, claimed.turn.id)
    known = ReplyRows(context.database, claimed.turn, posted).load_known_ts()
    part = len(posted.ts)
    has_draft = any(posted.ts)
    found = messages.find_lost(part if has_draft else 0, known)
    if not has_draft and found:
        return None
    if any(ts and messages.is_finished(ts) for ts in (*posted.ts, found)):
        return None
    sentence = say(RESTORED)
    if not found:
        messages.post(part, {"text": sentence})
    return sentence
