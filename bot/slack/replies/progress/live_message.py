"""The first message of a reply while the answer is being written: it streams, else it is edited.

States: ``waiting`` until there is something worth showing; ``streaming`` while Slack accepts pieces; ``editing``
after Slack refused or ended the stream; ``quiet`` when nothing more is shown before the final message. A failure
of Slack changes the state and is never raised.
"""

import time
from collections.abc import Callable
from enum import StrEnum

from agent import observability
from agent.errors import ReplyError
from agent.translation.speech import mark, say
from bot.slack.block_kit import StreamContent, TaskUpdate
from bot.slack.client import SlackRefused, SlackUnavailable
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer
from bot.slack.replies.reply_rows import ReplyRows, ReplyState
from bot.slack.replies.task_cards import TaskCard
from bot.slack.replies.text import splitting
from bot.slack.replies.thread_messages import STOPPED_BY_USER, STREAM_IS_LIVE, ThreadMessages

FIRST_TEXT_SECONDS = 0.15  # an answer that is complete by then is posted in one call, without a stream
FIRST_CARD_SECONDS = 1.0  # without text by then, the cards are shown, and with them Slack's Stop button
STREAM_SECONDS = 1.0  # between two pieces of a stream (Slack: 100 per minute and workspace)
EDIT_SECONDS = 2.0  # between two edits (Slack: 50 per minute and workspace)
PART = 0  # the only part that is shown before the answer is complete
BEGINS_AGAIN = mark("_You changed your question. I begin again with it …_")


class Mode(StrEnum):
    """What happens to text that arrives."""

    WAITING = "waiting"
    STREAMING = "streaming"
    EDITING = "editing"
    QUIET = "quiet"


class LiveMessage:
    """Shows text and cards as they come. ``clock`` returns seconds, as ``time.monotonic``."""

    def __init__(
        self, messages: ThreadMessages, rows: ReplyRows, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._messages, self._rows, self._clock = messages, rows, clock
        # The message of a resumed turn is replaced at its end: its stream may be dead, or half of it may be there.
        self.mode = Mode.QUIET if rows else Mode.WAITING
        self._is_resumed = bool(rows)
        self.may_be_streaming = bool(rows)
        self._text = ""  # everything to show so far
        self._streamed = ""  # the part of it that the live stream certainly shows
        self._edited = ""  # the content of the last edit
        self._shown = ""  # the text of the last piece or edit that Slack took
        self._cards: dict[str, TaskCard] = {}
        self._streamed_cards: dict[str, TaskCard] = {}
        self._made_at = clock()
        self._first_text_at: float | None = None
        self._next_at = 0.0
        self._lead = ""  # an edit's content while there is neither text nor a card

    def show_card(self, card: TaskCard) -> None:
        """Adds or replaces a card."""
        self._cards[card.id] = card
        self.refresh()

    def show_text(self, text: str) -> None:
        """Adds text."""
        self._text += text
        self._first_text_at = self._first_text_at or self._clock()
        self.refresh()

    def reset_text(self) -> None:
        """Drops the text. A stream cannot take back what it shows: the next text is added below it."""
        streamed = self._streamed.rstrip() if self.mode == Mode.STREAMING else ""
        self._text = f"{streamed}\n\n" if streamed else ""

    def begin_again(self) -> None:
        """Drops everything: another question is asked. What the message shows gives way to a sentence about that,
        and then to edits, because a stream cannot take back what it shows."""
        self._text = self._shown = ""
        self._cards, self._first_text_at, self._made_at = {}, None, self._clock()
        self._is_resumed = False
        if self._rows.ts(PART):
            self.mode, self._lead = Mode.EDITING, say(BEGINS_AGAIN)
            for _ in range(2):  # Slack may first say that the stream has ended
                self._next_at = 0.0
                self.refresh()
        elif self._rows:  # a message that was never heard of: it is looked for, and replaced, at the end
            self.mode = Mode.QUIET

    def refresh(self) -> None:
        """Shows what is new, if it is time to."""
        now = self._clock()
        if not self._is_due(now):
            return
        try:
            self._show_news()
            self._next_at = now + (EDIT_SECONDS if self.mode == Mode.EDITING else STREAM_SECONDS)
        except SlackUnavailable as error:
            # Tried again with the next piece, unless the call may have worked: then the stream's content is
            # unknown.
            self._next_at = now + max(error.retry_after_seconds, STREAM_SECONDS)
            if error.may_have_happened:
                self.mode = Mode.QUIET
        except SlackRefused as error:
            self._react_to_refusal(error)
            self._next_at = now + EDIT_SECONDS

    def get_shown_text(self) -> str | None:
        """Returns the text that the person sees; None for the message of an earlier attempt, which is unknown."""
        return None if self._is_resumed else self._shown.strip()

    def complete(self, answer: Answer, text: str) -> bool:
        """Ends a live stream with the whole answer; returns False if the message must be replaced instead."""
        ts = self._rows.ts(PART)
        if self.mode != Mode.STREAMING or ts is None or not text.startswith(self._streamed):
            return False
        try:
            self._messages.complete_stream(ts, self._news(text), blocks.build_closing(answer))
        except ReplyError as error:
            observability.log.info("stream_not_ended", error=str(error))
            return False
        return True

    def _is_due(self, now: float) -> bool:
        if self.mode == Mode.QUIET or now < self._next_at or len(self._text) > splitting.PART_LIMIT:
            return False
        if self.mode == Mode.EDITING:
            return self._draft() != self._edited
        if self.mode == Mode.STREAMING:
            return self._text.strip() != self._streamed.strip() or self._cards != self._streamed_cards
        has_text = self._first_text_at is not None and now - self._first_text_at >= FIRST_TEXT_SECONDS
        return has_text or (bool(self._cards) and now - self._made_at >= FIRST_CARD_SECONDS)

    def _show_news(self) -> None:
        if self.mode == Mode.EDITING:
            self._edit()
            return
        text, cards = self._text, dict(self._cards)
        if self.mode == Mode.WAITING:
            self._start_stream(text)
        else:
            ts = self._rows.ts(PART)
            assert ts
            self._messages.append_to_stream(ts, self._news(text))
        self._streamed, self._streamed_cards = text, cards
        self._shown = text

    def _start_stream(self, text: str) -> None:
        self.may_be_streaming = True  # from the moment Slack is asked, unless it surely did nothing
        ts = self._post_first(lambda: self._messages.start_stream(self._news(text)))
        self._rows.record(PART, ts, ReplyState.STREAMING)
        self.mode = Mode.STREAMING

    def _post_first(self, post: Callable[[], str]) -> str:
        """Announces the message and posts it; returns its ``ts``."""
        self._rows.announce(PART)
        try:
            return post()
        except SlackUnavailable as error:
            if not error.may_have_happened:
                self._rows.withdraw(PART)
                self.may_be_streaming = bool(self._rows)
            raise

    def _news(self, text: str) -> StreamContent:
        """Returns what the stream does not show yet of ``text`` and the cards."""
        more = text[len(self._streamed) :]
        updates: list[TaskUpdate] = [
            card.to_chunk(is_first=id_ not in self._streamed_cards)
            for id_, card in self._cards.items()
            if card != self._streamed_cards.get(id_)
        ]
        if not updates:
            return {"markdown_text": more or None}
        return {"chunks": [*updates, {"type": "markdown_text", "text": more}] if more else [*updates]}

    def _edit(self) -> None:
        """Replaces the message by the text so far; posts it first if the stream never began."""
        draft = self._draft()
        message = blocks.build_draft(draft)
        if ts := self._rows.ts(PART):
            if self.may_be_streaming:
                self._messages.try_to_stop_stream(ts)
                self.may_be_streaming = False
            self._messages.update_draft(ts, message)
        else:
            ts = self._post_first(lambda: self._messages.post_draft(message))
            self._rows.record(PART, ts, ReplyState.POSTED)
        self._edited, self._shown = draft, self._text

    def _draft(self) -> str:
        """Returns the content of an edit: the text so far, else the last card."""
        if self._text:
            return self._text + " …"
        return f"_{list(self._cards.values())[-1].title} …_" if self._cards else self._lead

    def _react_to_refusal(self, error: SlackRefused) -> None:
        observability.log.info("stream_refused", code=error.code)
        self.may_be_streaming = error.code == STREAM_IS_LIVE
        is_hopeless = self.mode == Mode.EDITING and not self.may_be_streaming
        self.mode = Mode.QUIET if is_hopeless or error.code == STOPPED_BY_USER else Mode.EDITING
