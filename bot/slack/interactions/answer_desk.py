"""Does what was clicked below an answer: after the acknowledgement, on threads of the web process.

Promises that the person is told what came of it, also where it failed. A process that ends finishes what it can
(:func:`.background.finish`); the click can be repeated, and posts nothing twice.
"""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError
from agent.store.database import Database
from agent.translation.speech import say
from bot.slack.block_kit import Message, View
from bot.slack.client import SlackClient
from bot.slack.interactions import background, publication, recorded_answer, response_url, show_how
from bot.slack.interactions.background import ContextPool
from bot.slack.interactions.feedback import feedback_form, source_reports
from bot.slack.interactions.feedback.source_reports import CitedDocument
from bot.slack.interactions.forms import PublishOrder
from bot.slack.interactions.notifications import NOTE
from bot.slack.interactions.recorded_answer import RecordedAnswer
from bot.slack.membership.audience import AudienceResolver
from ingest.access import reader_sets

THREADS = 4
END_SECONDS, LOOK_SECONDS = 5.0, 0.1


class AnswerDesk:
    """Works on clicks. ``operators`` are the ids of people who may see how any answer came about.

    Where many workspaces have installed the app, it knows the answers of one ``workspace`` alone; ``pool`` is one
    that several share.
    """

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        audiences: AudienceResolver,
        operators: Collection[str] = (),
        *,
        workspace: str = "",
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self._database, self._slack, self._audiences = database, slack, audiences
        self._operators, self._workspace = frozenset(operators), workspace
        self._pool = pool or ContextPool(THREADS, thread_name_prefix="answer-desk")

    def show_how(self, turn_id: UUID, user_id: str, *, url: str, thread_ts: str | None = None) -> None:
        """Shows the person how an answer came about, if they asked or are an operator."""
        self._submit(
            lambda message: response_url.post(url, message, thread_ts=thread_ts),
            lambda: self._explain(turn_id, user_id),
        )

    def share(self, turn_id: UUID, user_id: str, *, channel: str, url: str) -> None:
        """Posts an answer that its asker alone has seen in the channel where they asked."""
        self._submit(
            lambda message: response_url.post(url, message),
            lambda: {"text": self._publish(turn_id, user_id, channel)},
        )

    def publish(self, order: PublishOrder, user_id: str) -> None:
        """Posts the answer to a direct message in a channel, and says in the thread what came of it."""

        def tell(message: Message) -> None:
            self._slack.call(
                "chat.postMessage",
                is_repeatable=False,
                channel=order.channel,
                thread_ts=order.thread_ts,
                metadata=NOTE,
                **message,
            )

        self._submit(tell, lambda: {"text": self._publish(order.turn_id, user_id, order.target)})

    def open_form(self, trigger_id: str, view: View) -> None:
        """Opens a form; Slack allows it for three seconds after the click."""
        self._pool.submit(self._open_form, trigger_id, view)

    def open_feedback_form(self, trigger_id: str, turn_id: UUID) -> None:
        """Opens the form that asks what was wrong, with the sources that the answer cites."""
        self._pool.submit(self._open_feedback_form, trigger_id, turn_id)

    def close(self) -> None:
        """Drops what has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _explain(self, turn_id: UUID, user_id: str) -> Message:
        recorded = self._load(turn_id)
        if recorded is None:
            return {"text": say(show_how.GONE)}
        if user_id != recorded.user_id and user_id not in self._operators:
            return {"text": say(show_how.ONLY_ASKER)}
        with self._database.transaction() as transaction:
            steps = recorded_answer.load_steps(transaction, turn_id)
        texts = recorded_answer.read_texts(steps)
        return show_how.build(recorded, steps, texts, unreadable=self._find_unreadable(recorded, user_id))

    def _find_unreadable(self, recorded: RecordedAnswer, user_id: str) -> frozenset[str] | None:
        """Returns which documents of an answer the person may not read now; None where Slack does not say."""
        try:
            audience = self._audiences.of_reader(f"user:{user_id}")
        except ReplyError as error:
            observability.log.warning("audience_unknown", error=str(error))
            return None
        with self._database.transaction() as transaction:
            documents = {passage.passage.document_id for passage in recorded.passages}
            return reader_sets.find_unreadable(transaction, documents, audience)

    def _publish(self, turn_id: UUID, user_id: str, channel: str) -> str:
        recorded = self._load(turn_id)
        if recorded is None:
            return say(show_how.GONE)
        said = publication.publish(
            self._database, self._slack, self._audiences, recorded, user_id=user_id, channel=channel
        )
        observability.log.info("answer_shared", is_posted=said == say(publication.DONE, channel=channel))
        return said

    def _load(self, turn_id: UUID) -> RecordedAnswer | None:
        """Loads a turn; waits for its end, which is stored a moment after its answer can be seen."""
        until = time.monotonic() + END_SECONDS
        while True:
            with self._database.transaction() as transaction:
                recorded = recorded_answer.load(transaction, turn_id)
            if recorded and self._workspace and recorded.workspace != self._workspace:
                return None
            if recorded is None or recorded.finished_at or time.monotonic() > until:
                return recorded
            time.sleep(LOOK_SECONDS)

    def _submit(self, tell: Callable[[Message], None], work: Callable[[], Message]) -> None:
        self._pool.submit(background.perform, work, tell)

    def _open_feedback_form(self, trigger_id: str, turn_id: UUID) -> None:
        cited: Sequence[CitedDocument] = ()
        try:
            with self._database.transaction() as transaction:
                cited = source_reports.list_cited(transaction, turn_id, self._workspace)
        except SQLAlchemyError as error:  # the form asks what was wrong without them
            observability.log.warning("sources_not_read", error_type=type(error).__name__)
        self._open_form(trigger_id, feedback_form.build_view(turn_id, cited))

    def _open_form(self, trigger_id: str, view: View) -> None:
        try:
            self._slack.try_once("views.open", trigger_id=trigger_id, view=view)
        except ReplyError as error:
            observability.log.info("form_not_opened", error=str(error))
