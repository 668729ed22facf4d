"""Answers the open questions of a session, in order: claims each turn, runs the agent, shows its events.

A job carries a session id and may come twice, late or after a crash: the lease decides. Every turn ends visibly
where it was asked; an answer that cannot be delivered now is given back and delivered later. Owns the
sentences for questions that no model sees. Leaves out retries (:mod:`bot.slack.client`) and how a turn ends
(:mod:`.turn_endings`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import Cancelled, LeaseLost, ReplyError, UserError
from agent.prompting import citations
from agent.store import earlier_turns, sessions
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.turn import history, loop
from agent.turn.config import OpeningCall
from agent.turn.events import Finished, TextDelta, TextReset, ToolFinished, ToolStarted, Waiting
from agent.types import Audience, EndReason, TurnStatus
from bot.jobs import job_pool, private_answers, queue, suggestions, turn_endings
from bot.jobs.context import WorkerContext
from bot.jobs.leases.held import Abandoned, Lease
from bot.slack.inbox import Origin
from bot.slack.membership.audience import SeenBy
from bot.slack.reading.question_reader import ReadQuestion
from bot.slack.replies import reply_rows, task_cards
from bot.slack.replies.closing.sources import Dates
from bot.slack.replies.command_reply import CommandReply
from bot.slack.replies.links.policy import LinkPolicy
from bot.slack.replies.output_filter import AnswerText, clean_label
from bot.slack.replies.reply import NOTHING_BELOW, Answer, Closing, Reply
from bot.slack.replies.reply_rows import Posted
from bot.slack.replies.task_cards import TaskCard
from bot.slack.replies.thread_reply import ThreadReply
from bot.slack.replies.unasked_reply import UnaskedReply
from ingest.index.active_index import IndexState
from ingest.index.table import IndexedHeading
from ingest.library import Library

TOO_LONG = "Your question is longer than {limit:,} characters. Please ask it in fewer."
NO_DOCUMENTS = (
    "No documents have been read in yet, so I have nothing to answer from. Whoever runs me can read some in with "
    "`docent ingest` or `docent sync`; then ask again."
)
NO_TEXT = "I have no answer that I can show. Please ask in other words."
NOT_FOR_ALL = (
    "Since you asked, it has changed who may read the documents or who can see this conversation, "
    "so I do not show the answer. Please ask again."
)
STOPPED = "Stopped."
STOPPED_NOTICE = "Stopped before the answer was complete."
GAVE_UP = "I could not answer this: I was interrupted several times. Please ask again."
GREETING_TITLES = 3
LAST_ATTEMPTS = 3  # beyond the allowed ones, for saying that the question was given up

MakeReply = Callable[[Turn], Reply]
_bound: list[WorkerContext] = []  # at most one: RQ calls a function by its name, and passes strings only


def bind(context: WorkerContext) -> None:
    """Sets what :func:`answer` works with, once per process and before its first job."""
    _bound[:] = [context]


def answer(session_id: str) -> None:
    """Runs the RQ job, in the process that called :func:`bind`::

    answering.bind(context)
    answering.answer("01890a5d-ac96-774b-bcce-b302099a8057")
    """
    work(_bound[0], UUID(session_id))


def work(context: WorkerContext, session_id: UUID, make_reply: MakeReply | None = None) -> None:
    """Answers the session's open questions until none can be claimed or the process stops.

    Raises nothing that concerns a single turn. ``make_reply`` says where answers go, if not to Slack::

        with database.transaction() as transaction:
            stored = sessions.ask(transaction, key="cli:1", user_id="me", origin="cli", question="How many days?")
        answering.work(context, stored.session_id, lambda turn: TerminalReply(sys.stdout))
    """
    while not context.leases.stopping.is_set():
        claimed_at = time.monotonic()
        with context.database.transaction() as transaction:
            claimed = _claim(context, transaction, session_id)
        if claimed is None:
            return
        lease = context.leases.add(claimed.turn.token, claimed_at=claimed_at)
        try:
            with observability.context(turn_id=str(claimed.turn.id), session_id=str(session_id)):
                _answer_turn(context, claimed, lease, make_reply)
        finally:
            context.leases.drop(lease)
        if not lease.has_next:
            return
    if context.turn_queue:
        queue.wake(context.turn_queue, [session_id])  # another worker goes on


@dataclass(frozen=True)
class _Claimed:
    """A claimed turn, and what was read in the same transaction: its reply so far, and the index's state."""

    turn: Turn
    posted: Posted | None  # None for a question from the terminal
    index: IndexState | None


def _claim(context: WorkerContext, transaction: Transaction, session_id: UUID) -> _Claimed | None:
    turn = sessions.claim(
        transaction, session_id, owner=context.owner, lease_seconds=context.settings.lease_seconds
    )
    if turn is None:
        return None
    posted = reply_rows.load(transaction, turn.id) if context.slack or context.audiences else None
    if posted and context.audiences:
        context.audiences.refresh(transaction)
    return _Claimed(turn, posted, context.library.read_state(transaction) if context.library else None)


def _answer_turn(context: WorkerContext, claimed: _Claimed, lease: Lease, make_reply: MakeReply | None) -> None:
    """Handles every error of the turn. If nothing can be written any more, the lease runs out and is claimed."""
    turn = claimed.turn
    try:
        if turn.attempt > context.settings.max_attempts + LAST_ATTEMPTS:  # even giving up failed again and again
            error = UserError("the turn ended every worker that took it")
            turn_endings.end_unseen(context, turn, error, EndReason.INTERRUPTED)
            return
        _answer_or_fail(context, claimed, lease, make_reply)
    except LeaseLost:
        observability.log.warning("lease_lost", attempt=turn.attempt)
    except ReplyError as error:
        turn_endings.postpone_ending(context, turn, error)
    except (SQLAlchemyError, RedisError) as error:
        observability.report(error, event="turn_left_to_the_sweep")


def _answer_or_fail(context: WorkerContext, claimed: _Claimed, lease: Lease, make_reply: MakeReply | None) -> None:
    reply: Reply | None = None
    turn = claimed.turn
    try:
        reply = make_reply(turn) if make_reply else _make_slack_reply(context, turn, claimed.posted)
        _answer(context, claimed, lease, reply)
    except (LeaseLost, SQLAlchemyError):
        raise
    except Abandoned:
        turn_endings.give_back(context, turn)
    except ReplyError as error:
        turn_endings.postpone_delivery(context, turn, error)
    except Exception as error:  # noqa: BLE001  a turn ends here, visibly
        turn_endings.fail(context, turn, reply, error)


def _answer(context: WorkerContext, claimed: _Claimed, lease: Lease, reply: Reply) -> None:
    turn = claimed.turn
    if turn.is_withdrawn or _is_unwanted(context, claimed):
        turn_endings.end_withdrawn(context, turn, reply)
        return
    asked = _read_question(context, claimed)
    if asked.moved_to:
        if context.turn_queue:
            queue.wake(context.turn_queue, [asked.moved_to])
        return
    if asked.is_void:
        turn_endings.end_withdrawn(context, turn, reply)
        return
    turn = replace(turn, question=asked.question)
    claimed = replace(claimed, turn=turn)
    reply.note_question(turn.question)
    if not turn.question.strip():
        sentence = _sentence(turn, asked.notice or _greet(context, claimed))
        turn_endings.end(context, turn, reply, sentence, reason=EndReason.GREETING)
        return
    if len(turn.question) > (limit := context.settings.max_question_chars):
        sentence = _sentence(turn, TOO_LONG.format(limit=limit))
        turn_endings.end(context, turn, reply, sentence, status=TurnStatus.FAILED, reason=EndReason.TOO_LONG)
        return
    seen_by = _find_audience(context, claimed)
    turn = replace(turn, audience=seen_by.audience)
    agent, index = asked.equip(context.agent), None
    if context.library and claimed.index:
        index = context.library.status(claimed.index)
        agent = replace(agent, resources={**agent.resources, Library: context.library.at(claimed.index)})
    of_index = {"embedding_model": index.embedding_model, "index_version": index.version} if index else {}
    metadata = {**context.run_metadata, **of_index}
    final = _FinalCheck(context, replace(claimed, turn=turn), asked, reply)
    run = loop.TurnRun(turn, agent, lease.check, metadata=metadata, on_final=final.look)
    final.list_documents = run.list_documents
    if run.recorder.messages and _has_lost_readers(context, turn, claimed.turn.audience):
        if seen_by.error and seen_by.error.is_transient:  # perhaps nobody has come in: that will be known later
            raise seen_by.error
        turn_endings.end(context, turn, reply, _sentence(turn, NOT_FOR_ALL), reason=EndReason.NO_EVIDENCE)
        return
    if context.lacks_documents(index) and not run.recorder.messages:
        run.recorder.flush()
        turn_endings.end(context, turn, reply, _sentence(turn, NO_DOCUMENTS), reason=EndReason.NO_EVIDENCE)
        return
    if turn.attempt > context.settings.max_attempts and not run.is_answered:
        run.recorder.flush()
        turn_endings.end(
            context, turn, reply, _sentence(turn, GAVE_UP), status=TurnStatus.FAILED, reason=EndReason.INTERRUPTED
        )
        return
    links = LinkPolicy(context.load_link_hosts(), lambda: [turn.question, *run.evidence()])
    notice = " ".join(filter(None, [asked.notice, seen_by.notice]))
    text = AnswerText(run.source, links, fits_tables=claimed.posted is not None)
    progress = _Progress(text, final, notice)
    try:
        _run(
            context, replace(claimed, turn=turn), run, reply, progress, plan=asked.plan(context.plan_opening_calls)
        )
    except Cancelled:
        answer = _keep_shown(turn, run, reply, progress)
        turn_endings.end(context, turn, reply, answer, status=TurnStatus.CANCELLED, reason=EndReason.STOPPED)


@dataclass
class _Progress:
    """What an answer has come to so far: its text, what is said of who reads it, its steps by their card's id."""

    text: AnswerText
    final: "_FinalCheck"
    audience_notice: str = ""
    steps: dict[str, TaskCard] = field(default_factory=dict)

    def open_card(self, event: ToolStarted) -> TaskCard:
        """Adds the card of a call that begins."""
        card = task_cards.open_card(len(self.steps) + 1, event)
        return self.steps.setdefault(card.id, card)

    def close_card(self, card: TaskCard, event: ToolFinished) -> TaskCard:
        """Replaces the card of a call that has ended."""
        self.steps[card.id] = task_cards.close_card(card, event)
        return self.steps[card.id]


def _is_unwanted(context: WorkerContext, claimed: _Claimed) -> bool:
    """Returns whether it is a message that nobody addressed to the bot, where such are not answered any more, or
    an emoji in a muted thread: which thread its message stands in is known only now."""
    if claimed.turn.origin == Origin.REACTION and claimed.posted:
        return claimed.posted.is_muted
    if claimed.turn.origin != Origin.CHANNEL or claimed.posted is None:
        return False
    return not context.settings_of(claimed.posted).respond_to_all


def _read_question(context: WorkerContext, claimed: _Claimed) -> ReadQuestion:
    if context.questions is None or claimed.posted is None:  # asked in the terminal
        return ReadQuestion(claimed.turn.question)
    return context.questions.read(claimed.turn, claimed.posted, lambda: _find_audience(context, claimed).audience)


def _greet(context: WorkerContext, claimed: _Claimed) -> str:
    """Returns what is said to a message without words: with documents that all who see it may read."""
    titles: Sequence[str] = ()
    if context.library and not context.suggestions.examples:
        audience = _find_audience(context, claimed).audience
        listing = context.library.list_documents(audience=audience, limit=GREETING_TITLES)
        titles = [clean_label(entry.title) for entry in listing.documents]
    return context.suggestions.greet(titles)


def _find_audience(context: WorkerContext, claimed: _Claimed) -> SeenBy:
    """Returns who will see the turn's answer now, and what to say of that below it."""
    if context.audiences is None or claimed.posted is None:  # asked in the terminal
        return SeenBy(claimed.turn.audience)
    return context.audiences.resolve(claimed.posted.address)


def _has_lost_readers(context: WorkerContext, turn: Turn, before: Audience) -> bool:
    """Returns whether what was read, for the audience ``before``, is not for all who would see the answer now."""
    with context.database.transaction() as transaction:
        basis = replace(earlier_turns.load_basis(transaction, turn.id), audience=before)
        (is_known,) = history.find_known(
            transaction,
            [basis],
            turn.audience,
            find_unreadable=context.agent.find_unreadable,
            passage_tools=context.agent.passage_tools,
        )
    return not is_known


class _FinalCheck:
    """Tells whether somebody has come in, or lost a right, while the answer was made who may not see it.

    What Postgres knows of that is read in the transaction that stores the answer, with no further commit.
    """

    def __init__(self, context: WorkerContext, claimed: _Claimed, asked: ReadQuestion, reply: Reply) -> None:
        self._context, self._claimed, self._asked, self._reply = context, claimed, asked, reply
        self.list_documents: Callable[[], frozenset[str]] = frozenset  # that the answer rests on
        self._is_unreadable: bool | None = None  # None where the text was stored by an earlier attempt
        self.dates: Dates = {}  # of the documents

    def look(self, transaction: Transaction) -> None:
        """Reads what has changed, and stores that the answer is about to be delivered."""
        context, turn = self._context, self._claimed.turn
        self._reply.prepare(transaction)
        if not (context.audiences and self._claimed.posted):  # in the terminal nobody can come in
            return
        context.audiences.refresh(transaction)
        documents = context.look_up_documents(transaction, self.list_documents(), turn.audience)
        self._is_unreadable, self.dates = bool(documents.unreadable), documents.dates

    def fails(self) -> bool:
        """Returns whether the answer is not for all who would see it now."""
        if not (self._context.audiences and self._claimed.posted):
            return False
        turn, seen_by = self._claimed.turn, _find_audience(self._context, self._claimed)
        if seen_by.error:  # what was known when it began is the best there is
            return bool(self._is_unreadable)
        questions, address = self._context.questions, self._claimed.posted.address
        if questions and not questions.may_all_still_see(self._asked, address):
            return True
        if (
            self._is_unreadable is not None
            and not self._claimed.turn.has_record
            and seen_by.audience == turn.audience
        ):
            return self._is_unreadable
        return _has_lost_readers(self._context, replace(turn, audience=seen_by.audience), turn.audience)


def _run(
    context: WorkerContext,
    claimed: _Claimed,
    run: loop.TurnRun,
    reply: Reply,
    progress: _Progress,
    *,
    plan: Callable[[str], Sequence[OpeningCall]],
) -> None:
    """Runs the agent and shows its events; the last one completes the turn."""
    cards: dict[str, TaskCard] = {}  # by the id of the running call
    for event in run.events(plan):
        if isinstance(event, Waiting):
            job_pool.note_waiting()
        match event:
            case TextDelta(piece):
                if safe := progress.text.feed(piece):
                    reply.show_text(safe)
            case TextReset():
                progress.text.reset()
                reply.reset_text()
            case ToolStarted(call_id):
                reply.show_status(event.labels.status)
                cards[call_id] = progress.open_card(event)
                reply.show_card(cards[call_id])
            case ToolFinished(call_id):
                reply.show_card(progress.close_card(cards[call_id], event))
            case Waiting():
                reply.refresh()
            case Finished():
                if progress.final.fails():
                    reply.reset_text()
                    sentence = _sentence(claimed.turn, NOT_FOR_ALL)
                    turn_endings.end(context, claimed.turn, reply, sentence, reason=EndReason.NO_EVIDENCE)
                    return
                text = progress.text.filter(event.text) or NO_TEXT
                turn_endings.complete(
                    context,
                    claimed.turn,
                    reply,
                    event,
                    text,
                    closing=_close(context, claimed, run, event, progress),
                    long_tables=progress.text.long_tables,
                    notice=progress.audience_notice,
                    is_withdrawn=run.recorder.is_withdrawn,
                )
                if claimed.posted and event.reason is not EndReason.SMALL_TALK:
                    private_answers.offer(context, claimed.turn, claimed.posted.address)


def _close(
    context: WorkerContext, claimed: _Claimed, run: loop.TurnRun, finished: Finished, progress: _Progress
) -> Closing:
    """Returns what stands below an answer from documents; nothing below another one."""
    if not finished.sources:
        return NOTHING_BELOW
    dates = progress.final.dates
    if not dates:  # the text was stored by an earlier attempt, or nobody in Slack sees it
        with context.database.transaction() as transaction:
            ids = {source.passage.document_id for source in finished.sources}
            dates = context.look_up_documents(transaction, ids, claimed.turn.audience).dates
    if claimed.posted is None:
        return Closing(dates)
    headings: Sequence[IndexedHeading] = ()
    if context.library and claimed.index:
        library, cited = context.library.at(claimed.index), suggestions.list_cited(finished.sources)
        headings = library.list_headings(cited, audience=claimed.turn.audience)
    address = claimed.posted.address
    return Closing(
        dates,
        context.describe_cost(run.recorder.transcript) if context.settings_of(claimed.posted).cost_line else "",
        suggestions.suggest(finished.sources, headings, claimed.turn.question),
        address.place,
        claimed.turn.session_key,
    )


def _keep_shown(turn: Turn, run: loop.TurnRun, reply: Reply, progress: _Progress) -> Answer:
    """Returns what the person saw when they pressed Stop: that text and no more, its sources, the steps."""
    shown = reply.get_shown_text()
    text = progress.text.flush() if shown is None else shown
    by_number = {source.n: source for source in run.recorder.sources}
    return Answer(
        turn.id,
        text or STOPPED,
        [by_number[n] for n in citations.find_cited(text, by_number)],
        STOPPED_NOTICE if text else "",
        has_feedback=False,
        steps=[task_cards.stop_card(card) for card in progress.steps.values()],
    )


def _sentence(turn: Turn, text: str) -> Answer:
    """Returns an answer of fixed words, which nobody is asked to rate."""
    return Answer(turn.id, text, has_feedback=False)


def _make_slack_reply(context: WorkerContext, turn: Turn, posted: Posted | None) -> Reply:
    if posted is None or context.slack is None:
        raise ReplyError("nobody waits for this turn's answer any more", is_transient=False)
    if posted.address.thread_ts is None:
        return CommandReply(context.slack, posted.address, turn.question)
    kind = UnaskedReply if turn.origin == Origin.CHANNEL else ThreadReply
    return kind(context.slack, context.database, turn, posted)
