"""The reply to one question in its thread: each part of the answer is posted once, whatever crashes.

A row is committed before Slack is asked for a message, and its ``ts`` later. A resumed turn therefore knows that a
message may exist, searches the thread for it and adopts it. The final text replaces whatever the message shows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent import observability
from agent.errors import ReplyError
from agent.retry import Retries, RetryPolicy
from agent.store import delivery
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.replies import direct_message, forms
from bot.slack.replies.closing import attachments
from bot.slack.replies.closing.attachments import TableFile
from bot.slack.replies.progress.live_message import LiveMessage, Mode
from bot.slack.replies.progress.status_line import StatusLine
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.reply_rows import Posted, ReplyRows, ReplyState
from bot.slack.replies.task_cards import TaskCard
from bot.slack.replies.text import splitting
from bot.slack.replies.thread_messages import MESSAGE_NOT_FOUND, STREAM_IS_LIVE, ThreadMessages

IN_NEXT_MESSAGE = mark("The answer is in my next message.")
NOT_IN_THREAD = mark("I could not post this where you asked, in <#{channel}> (Slack says `{code}`).")
WAITS_FOR_SLACK = mark("has the answer, and waits until Slack lets me post it")
SENT_DIRECTLY = "; the asker got the answer as a direct message"
POSTS = RetryPolicy(n_attempts=3, backoff_seconds=0)  # the calls to Slack pause themselves


class ThreadReply(Reply):
    """A reply in a Slack thread."""

    def __init__(
        self,
        slack: SlackClient,
        database: Database,
        turn: Turn,
        posted: Posted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slack, self._database, self._turn, self._address = slack, database, turn, posted.address
        self._messages = ThreadMessages(slack, posted.address, turn.id)
        self._rows = ReplyRows(database, turn, posted)
        self._live = LiveMessage(self._messages, self._rows, clock)
        self._status = StatusLine(self._messages, clock)
        self._has_lead = False  # in the text that is shown
        self.note_question(turn.question)

    def note_question(self, question: str) -> None:
        self._turn = replace(self._turn, question=question)
        self._lead = direct_message.quote_question(question) if self._address.quotes_question else ""

    def show_status(self, text: str) -> None:
        if self._live.mode != Mode.STREAMING:  # the cards say it, and Slack has one place for both
            self._status.show(text)

    def show_card(self, card: TaskCard) -> None:
        self._live.show_card(card)
        self._note_stream()

    def show_text(self, text: str) -> None:
        self._live.show_text(text if self._has_lead else self._lead + text)
        self._has_lead = True
        self._note_stream()

    def reset_text(self) -> None:
        self._live.reset_text()
        self._has_lead = False

    def begin_again(self) -> None:
        self._rows.note_text_stored()
        if self._rows.is_new:  # nothing was posted yet: the next answer may be shown as it comes
            self._rows.withdraw(0)
        self._live.begin_again()
        self._has_lead = False

    def refresh(self) -> None:
        self._live.refresh()
        self._note_stream()
        self._status.refresh()

    def get_shown_text(self) -> str | None:
        shown = self._live.get_shown_text()
        return shown.removeprefix(self._lead.strip()).strip() if shown else shown

    def retract(self) -> None:
        try:
            for part in range(len(self._rows)):
                if ts := self._rows.ts(part) or self._adopt_lost(part):
                    if self._live.may_be_streaming:
                        self._messages.stop_stream(ts)
                    self._messages.delete(ts)
            self._messages.set_status("")
        except ReplyError as error:  # the thread may be gone with its question
            observability.log.info("reply_not_retracted", error=str(error))

    def prepare(self, transaction: Transaction) -> None:
        self._rows.announce_with_text(transaction)

    def finalise(self, transaction: Transaction) -> None:
        self._rows.finalise(transaction)

    def deliver(self, answer: Answer) -> None:
        """Delivers the answer; where the thread does not take it, sends it to the asker and raises the refusal."""
        self._rows.note_text_stored()
        try:
            self._deliver_in_thread(answer)
        except SlackRefused as error:
            if not error.is_transient:
                self._send_directly(answer, error)
            raise
        except SlackUnavailable as error:
            if error.retry_after_seconds:
                self._show_waiting()
            raise
        self._status.clear()

    def _show_waiting(self) -> None:
        self._status.show(say(WAITS_FOR_SLACK), is_urgent=True)

    def _note_stream(self) -> None:
        """Shows no status beside a stream, with whose first piece Slack has cleared it."""
        if self._live.mode == Mode.STREAMING:
            self._status.note_cleared()

    def _send_directly(self, answer: Answer, refusal: SlackRefused) -> None:
        """Sends the answer to the asker, once, and stores that."""
        with self._database.transaction() as transaction:
            is_sent = delivery.has_error(transaction, self._turn)
        if self._address.is_direct or is_sent:
            return
        place = say(NOT_IN_THREAD, channel=self._address.channel, code=refusal.code)
        lead = f"{place} {direct_message.repeat_question(self._turn.question)}"
        try:
            direct_message.send(self._slack, self._address.user_id, answer, lead=lead)
        except ReplyError as error:
            observability.report(error, event="asker_not_told")
            return
        with self._database.transaction() as transaction:
            delivery.note_error(transaction, self._turn, f"{refusal}{SENT_DIRECTLY}")

    def _deliver_in_thread(self, answer: Answer) -> None:
        files: Sequence[TableFile] = ()
        if answer.long_tables and not self._has_files(answer):
            files, problem = attachments.upload(self._slack, answer)
            answer = answer.add_notice(problem or say(attachments.IN_FILE))
        self._deliver_text(answer)
        if files:
            channel, thread_ts = self._address.channel, self._address.thread_ts
            if problem := attachments.share(self._slack, files, channel=channel, thread_ts=thread_ts):
                self._messages.post(len(self._rows), {"text": problem})

    def _has_files(self, answer: Answer) -> bool:
        """Returns whether an earlier attempt at the turn has shared the answer's files."""
        return self._turn.attempt > 1 and self._messages.has_files(attachments.list_names(answer))

    def _deliver_text(self, answer: Answer) -> None:
        texts = splitting.split_text(self._lead + answer.text)
        if len(texts) == 1 and self._live.complete(answer, texts[0]):
            return
        for part, text in enumerate(texts):
            self._deliver_part(part, forms.build(answer, text, is_last=part == len(texts) - 1))
        for part in range(len(texts), len(self._rows)):  # of the answer to the question as it was before an edit
            self._remove_part(part)

    def _deliver_part(self, part: int, message: Sequence[Message]) -> None:
        """Delivers the first of the message's forms that Slack takes, into the part's message if there is one."""
        ts = self._rows.ts(part)
        if ts is None and part < len(self._rows) and not self._rows.is_new:
            ts = self._adopt_lost(part)
        if ts and self._replace(ts, message):
            return
        if ts and self._adopt_lost(part):  # a worker that died had posted it anew
            return
        self._rows.announce(part)
        self._post_once(part, message)

    def _remove_part(self, part: int) -> None:
        if ts := self._rows.ts(part) or self._adopt_lost(part):
            try:
                self._messages.delete(ts)
            except SlackRefused as error:
                observability.log.info("part_not_removed", code=error.code)

    def _adopt_lost(self, part: int) -> str | None:
        """Looks for a message that was posted but never heard of, and stores it as this part's."""
        ts = self._messages.find_lost(part, self._rows.load_known_ts())
        if ts:
            self._rows.record(part, ts, ReplyState.POSTED)
        return ts

    def _replace(self, ts: str, message: Sequence[Message]) -> bool:
        """Gives the message its final content, after ending its stream if there is one.

        Returns False where Slack does not let it be changed any more: the part must be posted anew.
        """
        if self._live.may_be_streaming:
            self._messages.stop_stream(ts)
        try:
            self._update(ts, message)
        except SlackRefused as error:
            if error.code in forms.PLACE_REFUSED:
                raise
            observability.log.info("message_not_replaced", code=error.code)
            if error.code not in forms.MESSAGE_REFUSED:  # what it would say: it may be too long for an update
                self._point_below(ts)
            return error.code == MESSAGE_NOT_FOUND  # somebody deleted it, who needs no replacement
        return True

    def _point_below(self, ts: str) -> None:
        """Takes the unfinished text out of a message whose answer is posted anew below it."""
        try:
            self._messages.update(ts, {"text": say(IN_NEXT_MESSAGE)})
        except SlackRefused as error:
            observability.log.info("message_not_replaced", code=error.code)

    def _update(self, ts: str, message: Sequence[Message]) -> None:
        try:
            forms.send(message, lambda form: self._messages.update(ts, form))
        except SlackRefused as error:
            if error.code != STREAM_IS_LIVE:
                raise
            self._messages.stop_stream(ts)
            forms.send(message, lambda form: self._messages.update(ts, form))

    def _post_once(self, part: int, message: Sequence[Message]) -> None:
        """Posts the part; after an unclear failure, searches the thread for it before trying again."""
        retries, is_unclear = Retries(POSTS), False
        while True:
            try:
                ts = forms.send(message, lambda form: self._messages.post(part, form))
                self._rows.record(part, ts, ReplyState.POSTED)
                self._status.note_cleared()
                return
            except SlackUnavailable as error:
                if error.may_have_happened and self._adopt_lost(part):
                    return
                is_unclear |= error.may_have_happened
                if not (error.may_have_happened and retries.wait()):
                    if not is_unclear:
                        self._rows.withdraw(part)
                    raise
