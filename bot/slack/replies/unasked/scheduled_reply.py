"""The reply to a scheduled question: a message of its own in the conversation, if it says something new.

Promises that it is posted once, whatever crashes: a message that was posted and never heard of is looked for in
the conversation, by its mark. What is posted begins a thread, in which people may ask on. Where Slack does not
take it, the question is paused, and nobody gets the answer otherwise.
"""

from dataclasses import replace

from agent import observability
from agent.store import delivery
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from agent.text import shorten
from agent.translation.speech import mark, say
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.intake.scheduled import rows
from bot.slack.intake.scheduled.rows import PauseReason, ScheduledQuestion, SessionKey
from bot.slack.replies import forms
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.reply import Answer
from bot.slack.replies.reply_rows import Posted
from bot.slack.replies.text import splitting
from bot.slack.replies.text.markdown import escape
from bot.slack.replies.thread_messages import ThreadMessages
from bot.slack.replies.unasked import facts
from bot.slack.replies.unasked.facts import AnswerFacts
from bot.slack.replies.unasked.unasked_reply import UnaskedReply
from ingest.access import reader_sets

QUESTION_CHARS = 500
LEAD = mark("⏰ *{question}*\nasked {when}, as <@{user}> set it up")
SKEW_SECONDS = 60  # between this machine's clock and Slack's


class ScheduledReply(UnaskedReply):
    """A reply that nobody waits for, in a message that begins a thread."""

    def __init__(self, slack: SlackClient, database: Database, turn: Turn, posted: Posted) -> None:
        super().__init__(slack, database, turn, posted)
        key = rows.parse_session(posted.address.session)
        assert key
        self._key: SessionKey = key
        self._is_said, self._lead_line = True, ""
        self._facts: AnswerFacts | None = None
        self._stand_below(posted.ts[0] if posted.ts else None)

    @property
    def is_said(self) -> bool:
        return self._is_said

    def deliver(self, answer: Answer) -> None:
        """Posts the answer, unless the last one that was posted says the same, or the question was removed."""
        with self._database.transaction() as transaction:
            question = rows.load(transaction, self._key.id)
            cited = {source.passage.document_id for source in answer.sources}
            self._facts = facts.read(answer.text, reader_sets.load_versions(transaction, cited))
        self._is_said = bool(self._rows) or (question is not None and not self._is_known(question, answer))
        if self._is_said:
            self._lead_line = _make_lead(question) if question else ""
            super().deliver(answer)

    def finalise(self, transaction: Transaction) -> None:
        super().finalise(transaction)
        root = self._address.thread_ts
        if self._is_said and self._facts and root:
            rows.note_said(transaction, self._key.id, self._facts.to_json())
            self._rows.note_thread(transaction, root)
            delivery.begin_thread(transaction, self._turn, self._address.session_key)

    def _is_known(self, question: ScheduledQuestion, answer: Answer) -> bool:
        assert self._facts
        if question.said is None:
            return False
        return self._facts.says_the_same(question.said, is_partial=answer.is_partial)

    def _deliver_text(self, answer: Answer) -> None:
        texts = splitting.split_text(answer.text)
        for part, text in enumerate(texts):
            lead = "" if part else self._lead_line
            self._deliver_part(part, forms.build(answer, text, is_last=part == len(texts) - 1, lead=lead))
            self._stand_below(self._rows.ts(0))

    def _stand_below(self, root: str | None) -> None:
        """Posts what follows in the thread of the first message, once that is there."""
        self._address = replace(self._address, thread_ts=root, session=None if root else self._address.session)
        since = f"{self._key.due - SKEW_SECONDS:.6f}"
        self._messages = ThreadMessages(self._slack, self._address, self._turn.id, since=since)

    def _send_directly(self, answer: Answer, refusal: SlackRefused) -> None:
        """Pauses the question: the clock says so to who set it up."""
        with self._database.transaction() as transaction:
            rows.pause(transaction, self._key.id, PauseReason.REFUSED)
        observability.log.info("scheduled_question_paused", reason=PauseReason.REFUSED, code=refusal.code)


def _make_lead(question: ScheduledQuestion) -> str:
    asked = escape(shorten(clean_label(question.question), QUESTION_CHARS)).replace("*", "∗")
    return say(LEAD, question=asked, when=question.recurrence.describe(), user=question.user_id)
