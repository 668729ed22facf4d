"""Does what people and experts click: after the acknowledgement, on threads of the web process.

Everything is stored before; what is not done because the process ends, the clock does (:mod:`.unfinished`).
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import ReplyError
from agent.store import earlier_turns
from agent.store.database import Database, Transaction
from agent.translation.speech import mark, say
from bot.slack.block_kit import Message, View
from bot.slack.client import SlackClient
from bot.slack.interactions import recorded_answer, response_url, show_how
from bot.slack.interactions.background import AWAY, FAILED, ContextPool
from bot.slack.interactions.clicked_message import ClickedMessage
from bot.slack.interactions.experts import correction_form, corrections, expertise, reviews
from bot.slack.interactions.experts.corrections import Corrections
from bot.slack.interactions.experts.request_posts import RequestPosts
from bot.slack.membership.directory import SlackDirectory
from ingest.verified import answers
from ingest.verified.answers import VerifiedStatus

THREADS = 4
ONLY_EXPERTS = mark(
    "Only the experts of this channel and operators can correct answers. Tell one of them what is wrong: {experts}"
)
NO_LONGER = mark(
    "Only the experts of this channel and operators can correct answers, and you are none of them any more."
)
NO_EXPERTS = mark("Only operators can correct answers here: nobody is set as an expert for this channel.")


class ExpertDesk:
    """Works on clicks in one workspace. ``operators`` may do what experts may.

    Where many workspaces have installed the app, it knows the answers of one ``workspace`` alone; ``pool`` is one
    that several share.
    """

    def __init__(
        self,
        database: Database,
        slack: SlackClient,
        directory: SlackDirectory,
        operators: Collection[str] = (),
        *,
        workspace: str = "",
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self._database, self._slack, self._directory = database, slack, directory
        self._operators, self._workspace = frozenset(operators), workspace
        self._requests = RequestPosts(database, slack)
        self._corrections = Corrections(database, slack, directory, workspace)
        self._pool = pool or ContextPool(THREADS, thread_name_prefix="expert-desk")

    def show_request(self, id_: UUID, clicked: ClickedMessage, refused: str) -> None:
        """Shows a request for a person as it is now; who clicked hears ``refused`` where Slack refuses that."""
        self._submit(lambda: self._show_request(id_, clicked, refused))

    def complete(self, answer_id: UUID) -> None:
        """Shows what an expert has written, and lets it be used."""
        self._submit(lambda: self._corrections.complete(answer_id))

    def tell(self, clicked: ClickedMessage, text: str, *, replaces: bool = False) -> None:
        """Tells the person who clicked something, for their eyes only; or puts it in the message's place."""
        if clicked.response_url:
            self._submit(lambda: self._tell(clicked, {"text": text}, replaces=replaces))

    def find_refusal(self, place: Mapping[str, Any], user_id: str) -> str:
        """Returns why a person may not correct what stands there; empty where they may. Raises
        :class:`agent.errors.ReplyError` where Slack does not say who is in a group."""
        with self._database.transaction() as transaction:
            self._directory.refresh(transaction)
            experts = self._load_experts(transaction, place)
        if self._may_correct(experts, user_id):
            return ""
        return say(NO_LONGER) if experts else say(NO_EXPERTS)

    def open_correction(self, turn_id: UUID, clicked: ClickedMessage) -> None:
        """Opens the form for an expert; tells others who the experts are."""
        self._submit(lambda: self._open_correction(turn_id, clicked), clicked)

    def open_review(self, answer_id: UUID, clicked: ClickedMessage) -> None:
        """Opens the form for the author of a verified answer."""
        self._submit(lambda: self._open_review(answer_id, clicked), clicked)

    def close(self) -> None:
        """Drops what has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _show_request(self, id_: UUID, clicked: ClickedMessage, refused: str) -> None:
        if not self._requests.show(id_) and clicked.response_url:
            self._tell(clicked, {"text": refused})

    def _open_correction(self, turn_id: UUID, clicked: ClickedMessage) -> None:
        with self._database.transaction() as transaction:
            self._directory.refresh(transaction)
            recorded = recorded_answer.load(transaction, turn_id)
            place = corrections.load_place(transaction, turn_id)
            workspace, asker = (recorded.workspace, recorded.user_id) if recorded else ("", "")
            question = earlier_turns.load_standalone(transaction, turn_id, workspace=workspace, user_id=asker)
            earlier = answers.load_of_turn(transaction, turn_id)
            experts = self._load_experts(transaction, place) if place else ()
        if recorded is None or place is None or self._workspace not in ("", recorded.workspace):
            self._tell(clicked, {"text": say(show_how.GONE)})
            return
        if not self._may_correct(experts, clicked.user_id):
            said = say(ONLY_EXPERTS, experts=expertise.mention(experts)) if experts else say(NO_EXPERTS)
            self._tell(clicked, {"text": said})
            return
        answer = recorded.answer if recorded.cited else ""  # else it says that nothing was found
        view = correction_form.build(
            question=earlier.question if earlier else question or recorded.question,
            answer=earlier.answer if earlier else answer or "",
            turn_id=turn_id,
        )
        self._open(clicked, view)

    def _open_review(self, answer_id: UUID, clicked: ClickedMessage) -> None:
        with self._database.transaction() as transaction:
            answer = answers.load(transaction, [answer_id]).get(answer_id)
        if answer is None or answer.status is VerifiedStatus.WITHDRAWN:
            self._tell(clicked, {"text": reviews.GONE})
        elif not answer.is_by(clicked.user_id, self._workspace):
            self._tell(clicked, {"text": reviews.NOT_YOURS})
        else:
            view = correction_form.build(question=answer.question, answer=answer.answer, answer_id=answer.id)
            self._open(clicked, view)

    def _load_experts(self, transaction: Transaction, place: Mapping[str, Any]) -> tuple[str, ...]:
        team, channel = str(place.get("team") or ""), str(place.get("channel") or "")
        return expertise.load_settings(transaction, team=team, channel=channel).experts

    def _may_correct(self, experts: tuple[str, ...], user_id: str) -> bool:
        return user_id in self._operators or expertise.is_expert(self._directory, experts, user_id)

    def _open(self, clicked: ClickedMessage, view: View) -> None:
        self._slack.try_once("views.open", trigger_id=clicked.trigger_id, view=view)

    def _tell(self, clicked: ClickedMessage, message: Message, *, replaces: bool = False) -> None:
        thread_ts = None if replaces else clicked.thread_ts or None
        response_url.post(clicked.response_url, message, replaces=replaces, thread_ts=thread_ts)

    def _submit(self, work: Callable[[], None], clicked: ClickedMessage | None = None) -> None:
        self._pool.submit(self._run, work, clicked)

    def _run(self, work: Callable[[], None], clicked: ClickedMessage | None) -> None:
        """Does the work; what Slack or Postgres keeps from being done, the clock does later."""
        try:
            work()
            return
        except (ReplyError, SQLAlchemyError) as error:
            observability.log.info("click_not_done", error=str(error))
            said = say(AWAY)
        except Exception as error:  # noqa: BLE001  a click ends here
            said = say(FAILED, id=observability.report(error, event="click_failed"))
        if clicked and clicked.response_url:
            self._say(clicked, said)

    def _say(self, clicked: ClickedMessage, said: str) -> None:
        try:
            self._tell(clicked, {"text": said})
        except ReplyError as error:
            observability.report(error, event="click_not_answered")
