"""The reply to one question: one message in the thread, whatever crashes, and everything of it.

A row ``starting`` is committed before Slack is asked for a message, and its ts after; so a resumed turn knows
that a message may exist, looks for it in the thread, and adopts it. Text streams while it comes; where Slack
refuses or ends the stream, the message is edited instead. The final text replaces whatever stands there.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import text as sql

from agent import observability
from agent.clock import new_id
from agent.errors import ReplyError
from agent.retry import Retries, RetryPolicy
from agent.store import sessions
from agent.store.database import Database, Transaction
from agent.store.sessions import Turn
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import blocks
from bot.slack.replies.blocks import Answer
from bot.slack.replies.task_cards import TaskCard

FIRST_TEXT_SECONDS = 0.15  # an answer that is whole by then is posted in one call, without a stream
FIRST_STEP_SECONDS = 1.0  # no text by then: the steps are shown, and with them Slack's Stop button
STREAM_SECONDS = 1.0  # between two pieces of a stream (Slack: 100 per minute and workspace)
EDIT_SECONDS = 2.0  # between two edits (Slack: 50 per minute and workspace)
REPLIES_PAGE = 200
POSTS = RetryPolicy(n_attempts=3, backoff_seconds=0)  # the calls to Slack pause themselves
STREAM_LIVES = "streaming_state_conflict"
STOPPED_BY_USER = "stopped_by_user"
LAYOUT_REFUSED = {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
METADATA_EVENT = "docent_reply"


class Reply(Protocol):
    """Where an answer goes: a thread, the asker of a command, a terminal."""

    def status(self, text: str) -> None:
        """Says what is being done; never raises."""

    def step(self, step: TaskCard) -> None:
        """A step begins or has ended; never raises."""

    def wait(self) -> None:
        """Nothing is new, but time has passed; never raises."""

    def show(self, text: str) -> None:
        """More of the text, safe to show; a Slack that fails is no error here."""

    def reset(self) -> None:
        """The text so far was not the answer."""

    def deliver(self, answer: Answer) -> None:
        """The final answer, once; raises :class:`ReplyError`."""


@dataclass
class _Row:
    part: int
    ts: str | None


class ThreadReply:
    """A reply in a Slack thread."""

    def __init__(
        self,
        slack: SlackClient,
        database: Database,
        turn: Turn,
        place: ReplyAddress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slack, self._database, self._turn, self._place, self._clock = slack, database, turn, place, clock
        with database.transaction() as transaction:
            self._rows = _rows(transaction, turn)
        # A resumed turn's message is adopted and updated at the end: its stream may be dead or half there.
        self._mode = "quiet" if self._rows else "waiting"
        self._may_stream = bool(self._rows)  # whether our message may be a live stream
        self._text = ""  # everything to be shown so far
        self._streamed = ""  # what the live stream surely shows
        self._edited = ""  # what the last edit showed
        self._steps: dict[str, TaskCard] = {}
        self._shown_steps: dict[str, TaskCard] = {}
        self._made_at = clock()
        self._first_text_at: float | None = None
        self._next_at = 0.0

    def status(self, text: str) -> None:
        if self._mode == "streaming":  # the cards say it, and Slack has one place for both
            return
        try:
            self._slack.try_once(
                "assistant.threads.setStatus",
                channel_id=self._place.channel,
                thread_ts=self._place.thread_ts,
                status=text,
            )
        except ReplyError as error:
            observability.log.debug("status_not_shown", error=str(error))

    def step(self, step: TaskCard) -> None:
        self._steps[step.id] = step
        self._refresh()

    def wait(self) -> None:
        self._refresh()

    def show(self, text: str) -> None:
        self._text += text
        self._first_text_at = self._first_text_at or self._clock()
        self._refresh()

    def reset(self) -> None:
        # A stream cannot take back what it showed: what follows stands below it, and the final text replaces all.
        shown = self._streamed.rstrip() if self._mode == "streaming" else ""
        self._text = f"{shown}\n\n" if shown else ""

    def deliver(self, answer: Answer) -> None:
        texts = blocks.parts(answer.text)
        for part, text in enumerate(texts):
            is_last = part == len(texts) - 1
            is_shown = part == 0 and is_last and self._mode == "streaming" and text.startswith(self._streamed)
            if not (is_shown and self._stop_stream(answer, text)):
                self._deliver_part(part, blocks.build_message(answer, text, is_last=is_last))

    def _refresh(self) -> None:
        """Shows what is new, if it is time to."""
        now = self._clock()
        if not self._is_due(now):
            return
        try:
            self._show_more()
            self._next_at = now + (EDIT_SECONDS if self._mode == "editing" else STREAM_SECONDS)
        except SlackUnavailable as away:
            # Tried again with the next piece; what may have arrived makes the stream unsure.
            self._next_at = now + max(away.retry_after_seconds, STREAM_SECONDS)
            if away.may_have_happened:
                self._mode = "quiet"
        except SlackRefused as refused:
            observability.log.info("stream_refused", code=refused.code)
            self._may_stream = refused.code == STREAM_LIVES
            is_hopeless = self._mode == "editing" and not self._may_stream
            self._mode = "quiet" if is_hopeless or refused.code == STOPPED_BY_USER else "editing"
            self._next_at = now + EDIT_SECONDS

    def _is_due(self, now: float) -> bool:
        if self._mode == "quiet" or now < self._next_at or len(self._text) > blocks.PART_LIMIT:
            return False
        if self._mode == "editing":
            return self._draft() != self._edited
        if self._mode == "streaming":
            return self._text.strip() != self._streamed.strip() or self._steps != self._shown_steps
        has_text = self._first_text_at is not None and now - self._first_text_at >= FIRST_TEXT_SECONDS
        return has_text or (bool(self._steps) and now - self._made_at >= FIRST_STEP_SECONDS)

    def _show_more(self) -> None:
        if self._mode == "waiting":
            self._start_stream()
        elif self._mode == "streaming":
            text, steps = self._text, dict(self._steps)
            self._slack.try_once(
                "chat.appendStream", channel=self._place.channel, ts=self._rows[0].ts, **self._news(text)
            )
            self._streamed, self._shown_steps = text, steps
        elif self._mode == "editing":
            self._edit()

    def _news(self, text: str) -> dict[str, Any]:
        """What a stream does not show yet, as arguments: text alone, or text and cards as chunks."""
        more = text[len(self._streamed) :]
        cards = [
            step.chunk(is_first=id not in self._shown_steps)
            for id, step in self._steps.items()
            if step != self._shown_steps.get(id)
        ]
        if not cards:
            return {"markdown_text": more or None}
        return {"chunks": cards + ([{"type": "markdown_text", "text": more}] if more else [])}

    def _draft(self) -> str:
        """What an edit shows: the text so far, or the last step while there is none."""
        if self._text:
            return self._text + " …"
        return f"_{list(self._steps.values())[-1].title} …_" if self._steps else ""

    def _start_stream(self) -> None:
        self._announce(0)
        text, steps = self._text, dict(self._steps)
        self._may_stream = True  # from the moment Slack is asked, whatever it answers
        started = self._slack.try_once(
            "chat.startStream",
            channel=self._place.channel,
            thread_ts=self._place.thread_ts,
            recipient_team_id=self._place.asker_team_id or self._place.team_id,
            recipient_user_id=self._place.user_id,
            **self._news(text),
        )
        self._found(0, started["ts"], "streaming")
        self._mode, self._streamed, self._shown_steps = "streaming", text, steps

    def _edit(self) -> None:
        """Shows the text so far in our message; posts it first where the stream never began."""
        draft = self._draft()
        shown = {"blocks": [{"type": "markdown", "text": draft}], "text": blocks.to_plain_text(draft)}
        if self._rows and self._rows[0].ts:
            if self._may_stream:
                self._slack.try_once("chat.stopStream", channel=self._place.channel, ts=self._rows[0].ts)
                self._may_stream = False
            self._slack.try_once("chat.update", channel=self._place.channel, ts=self._rows[0].ts, **shown)
        else:
            self._announce(0)
            self._found(0, self._post(0, shown, self._slack.try_once), "posted")
        self._edited = draft

    def _stop_stream(self, answer: Answer, text: str) -> bool:
        """Ends the stream with the rest of the text; False when that is not sure and an update must follow."""
        try:
            self._slack.call(
                "chat.stopStream",
                is_repeatable=False,
                channel=self._place.channel,
                ts=self._rows[0].ts,
                **self._news(text),
                blocks=blocks.build_closing(answer) or None,
            )
        except ReplyError as error:
            observability.log.info("stream_not_ended", error=str(error))
            return False
        return True

    def _deliver_part(self, part: int, message: dict[str, Any]) -> None:
        row = self._rows[part] if part < len(self._rows) else None
        if row and row.ts is None and (ts := self._orphan(part)):
            self._found(part, ts, "posted")
        if row and row.ts:
            self._replace(row.ts, message)
        else:
            self._announce(part)
            self._post_surely(part, message)

    def _replace(self, ts: str, message: dict[str, Any]) -> None:
        """Ends the message's stream, if one lives, and gives it its final content."""
        if self._may_stream:
            self._end_stream(ts)
        try:
            self._accepted(message, lambda **m: self._update(ts, m))
        except SlackRefused as refused:
            if refused.code == STREAM_LIVES:
                self._end_stream(ts)
                self._accepted(message, lambda **m: self._update(ts, m))
            elif refused.code != "message_not_found":  # somebody deleted it: nothing to replace
                raise

    def _end_stream(self, ts: str) -> None:
        try:
            self._slack.call("chat.stopStream", is_repeatable=True, channel=self._place.channel, ts=ts)
        except SlackRefused as refused:
            observability.log.debug("no_live_stream", code=refused.code)

    def _update(self, ts: str, message: dict[str, Any]) -> dict[str, Any]:
        return self._slack.call("chat.update", is_repeatable=True, channel=self._place.channel, ts=ts, **message)

    def _accepted(self, message: dict[str, Any], call: Callable[..., Any]) -> Any:
        """Sends a message; one whose layout Slack refuses is sent again as plain Markdown."""
        try:
            return call(**message)
        except SlackRefused as refused:
            if refused.code not in LAYOUT_REFUSED:
                raise
            observability.report(refused, event="layout_refused")
            return call(markdown_text=blocks.to_markdown(message["blocks"]))

    def _post_surely(self, part: int, message: dict[str, Any]) -> None:
        """Posts once: after an unclear failure the thread is searched before another try."""
        retries = Retries(POSTS)
        while True:
            try:
                ts: str | None = self._accepted(message, lambda **m: self._post(part, m, self._post_carefully))
            except SlackUnavailable as away:
                ts = self._orphan(part) if away.may_have_happened else None
                if ts is None and not (away.may_have_happened and retries.wait()):
                    raise
            if ts:
                self._found(part, ts, "posted")
                return

    def _post_carefully(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self._slack.call(method, is_repeatable=False, **arguments)

    def _post(self, part: int, message: dict[str, Any], call: Callable[..., dict[str, Any]]) -> str:
        posted = call(
            "chat.postMessage",
            channel=self._place.channel,
            thread_ts=self._place.thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            metadata={"event_type": METADATA_EVENT, "event_payload": self._mark(part)},
            **message,
        )
        return str(posted["ts"])

    def _mark(self, part: int) -> dict[str, Any]:
        return {"turn_id": str(self._turn.id), "part": part}

    def _orphan(self, part: int) -> str | None:
        """A message of ours in the thread that no row knows: posted, but never heard of again."""
        with self._database.transaction() as transaction:
            known = _known_ts(transaction, self._place.channel)
        cursor: str | None = None
        while True:
            try:
                page = self._thread(cursor)
            except SlackRefused as refused:  # a missing scope, say: better an answer twice than none
                observability.report(refused, event="thread_not_searched")
                return None
            for message in page.get("messages", ()):
                if message["ts"] not in known and self._could_be(message, part):
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None

    def _thread(self, cursor: str | None) -> dict[str, Any]:
        return self._slack.call(
            "conversations.replies",
            is_repeatable=True,
            channel=self._place.channel,
            ts=self._place.thread_ts,
            oldest=self._place.ts,
            include_all_metadata=True,
            limit=REPLIES_PAGE,
            cursor=cursor,
        )

    def _could_be(self, message: dict[str, Any], part: int) -> bool:
        if float(message["ts"]) <= float(self._place.ts or 0) or not self._slack.is_own(message):
            return False
        metadata = message.get("metadata") or {}
        if metadata.get("event_type") == METADATA_EVENT:
            return bool(metadata.get("event_payload") == self._mark(part))
        return part == 0  # a stream carries no metadata, and only a first part is streamed

    def _announce(self, part: int) -> None:
        if part < len(self._rows):
            return
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            _insert(transaction, self._turn, part, self._place)
        self._rows.append(_Row(part, None))

    def _found(self, part: int, ts: str, state: str) -> None:
        with self._database.transaction() as transaction:
            sessions.verify_lease(transaction, self._turn)
            transaction.execute(_FOUND, {"turn_id": self._turn.id, "part": part, "ts": ts, "state": state})
        self._rows[part].ts = ts


_ROWS = sql("SELECT part, ts FROM replies WHERE turn_id = :turn_id ORDER BY part")
_KNOWN = sql("SELECT ts FROM replies WHERE channel = :channel AND ts IS NOT NULL")
_INSERT = sql("""
INSERT INTO replies (id, turn_id, part, channel, thread_ts, state)
VALUES (:id, :turn_id, :part, :channel, :thread_ts, 'starting')
""")
_FOUND = sql("""
UPDATE replies SET ts = :ts, state = :state, updated_at = now() WHERE turn_id = :turn_id AND part = :part
""")
_FINAL = sql("UPDATE replies SET state = 'final', updated_at = now() WHERE turn_id = :turn_id")


def finalise(transaction: Transaction, turn: Turn) -> None:
    """Notes that every part is in its final state; in the transaction that ends the turn."""
    transaction.execute(_FINAL, {"turn_id": turn.id})


def _rows(transaction: Transaction, turn: Turn) -> list[_Row]:
    return [_Row(row[0], row[1]) for row in transaction.execute(_ROWS, {"turn_id": turn.id})]


def _known_ts(transaction: Transaction, channel: str) -> set[str]:
    return {row[0] for row in transaction.execute(_KNOWN, {"channel": channel})}


def _insert(transaction: Transaction, turn: Turn, part: int, place: ReplyAddress) -> None:
    values = {"id": new_id(), "turn_id": turn.id, "part": part}
    transaction.execute(_INSERT, values | {"channel": place.channel, "thread_ts": place.thread_ts})
