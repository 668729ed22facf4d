"""Answers the open questions of a session, in order: claims each turn, runs the agent, shows its events.

A job carries a session id and may come twice, late or after a crash: the lease decides. Every turn ends visibly
where it was asked; an answer that cannot be delivered now is given back and delivered later. Owns the
sentences for questions that no model sees. Leaves out retries (:mod:`bot.slack.client`) and how a turn ends
(:mod:`.turn_endings`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import Cancelled, LeaseLost, QuestionEdited, ReplyError, UserError
from agent.store import revisions, sessions
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.translation import speech
from agent.translation.speech import join, mark, say
from agent.turn import loop
from agent.turn.config import OpeningCall
from agent.turn.events import Finished, TextDelta, TextReset, ToolFinished, ToolStarted, Waiting
from agent.types import EndReason, TurnStatus
from bot.jobs import job_pool, queue, turn_endings
from bot.jobs.answers import closings, passing_on, restored, slack_replies, watching
from bot.jobs.answers.progress import STOPPED, AnswerProgress
from bot.jobs.context import WorkerContext
from bot.jobs.leases import interruption
from bot.jobs.leases.held import Abandoned, Lease
from bot.jobs.readers import allowed_groups, final_check, private_answers
from bot.jobs.readers.final_check import ClaimedTurn, FinalCheck
from bot.slack.inbox import Origin
from bot.slack.installation.tokens import NotInstalled
from bot.slack.interactions.experts.unanswered import UnansweredRequest
from bot.slack.membership.audience import SeenBy
from bot.slack.reading import question_reader
from bot.slack.reading.question_reader import ReadQuestion
from bot.slack.replies import reply_rows
from bot.slack.replies.links.policy import LinkPolicy
from bot.slack.replies.output_filter import AnswerText, clean_label
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.task_cards import TaskCard
from ingest.library import Library, LibraryStatus

TOO_LONG = mark("Your question is longer than {limit:,} characters. Please ask it in fewer.")
NO_DOCUMENTS = mark(
    "No documents have been read in yet, so I have nothing to answer from. Whoever runs me can read some in with "
    "`docent ingest` or `docent sync`; then ask again."
)
NO_TEXT = mark("I have no answer that I can show. Please ask in other words.")
NOT_FOR_ALL = mark(
    "Since you asked, it has changed who may read the documents or who can see this conversation, "
    "so I do not show the answer. Please ask again."
)
FIRST_STATUS = mark("is looking into it…")
GAVE_UP = mark("I could not answer this: I was interrupted several times. Please ask again.")
GREETING_TITLES = 3
LAST_ATTEMPTS = 3  # beyond the allowed ones, for saying that the question was given up

MakeReply = Callable[[Turn], Reply]
_bound: list[WorkerContext] = []  # at most one: RQ calls a function by its name, and passes strings only


def bind(context: WorkerContext) -> None:
    """Sets what :func:`answer` works with, once per process and before its first job."""
    _bound[:] = [context]


def answer(session_id: str) -> None:
    """Runs the RQ job, in a process that called :func:`bind`: ``answer("01890a5d-ac96-774b-bcce-b302099a8057")``.

    Whoever finds Postgres away passes the wake-up on, see :mod:`bot.jobs.answers.passing_on`.
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
        try:
            with context.database.transaction() as transaction:
                claimed = _claim(context, transaction, session_id)
        except SQLAlchemyError as error:
            passing_on.pass_wake_on(context, session_id, error)
            return
        if claimed is None:
            return
        lease = context.leases.add(claimed.turn.token, claimed_at=claimed_at)
        tags = {"workspace": claimed.turn.workspace} if claimed.turn.workspace else {}
        spoken = speech.speak(context.choose_speech(claimed.turn.question, claimed.posted))
        try:
            with observability.context(turn_id=str(claimed.turn.id), session_id=str(session_id), **tags), spoken:
                _answer_turn(context, claimed, lease, make_reply)
        finally:
            context.leases.drop(lease)
        if not lease.has_next:
            return
    if context.turn_queue:
        queue.wake(context.turn_queue, [session_id])  # another worker goes on


def _claim(context: WorkerContext, transaction: Transaction, session_id: UUID) -> ClaimedTurn | None:
    turn = sessions.claim(
        transaction, session_id, owner=context.owner, lease_seconds=context.settings.lease_seconds
    )
    if turn is None:
        return None
    posted = reply_rows.load(transaction, turn.id) if context.reads_slack or context.audiences else None
    if posted and (audiences := context.find_audiences(posted)):
        audiences.refresh(transaction)
    # A set's own documents are known to a database of their own: they are asked for where they are searched.
    is_here = context.library is not None and context.library.database is context.database
    state = context.library.read_state(transaction) if context.library and is_here else None
    return ClaimedTurn(turn, posted, state)


def _answer_turn(context: WorkerContext, claimed: ClaimedTurn, lease: Lease, make_reply: MakeReply | None) -> None:
    """Handles every error of the turn. If nothing can be written any more, the lease runs out and is claimed."""
    turn = claimed.turn
    try:
        if turn.attempt > context.settings.max_attempts + LAST_ATTEMPTS:  # even giving up failed again and again
            error = UserError("the turn ended every worker that took it")
            turn_endings.end_unseen(context, turn, error, EndReason.INTERRUPTED)
            return
        if claimed.posted:
            context = context.at(claimed.posted)
        _answer_or_fail(context, claimed, lease, make_reply)
    except NotInstalled:
        turn_endings.end_uninstalled(context, turn)
    except LeaseLost:
        turn_endings.note_lost(turn)
    except QuestionEdited:  # while the turn was ended otherwise
        turn_endings.give_back(context, turn)
    except ReplyError as error:
        turn_endings.postpone_ending(context, turn, error)
    except (SQLAlchemyError, RedisError) as error:
        observability.report(error, event="turn_left_to_the_sweep")


def _answer_or_fail(
    context: WorkerContext, claimed: ClaimedTurn, lease: Lease, make_reply: MakeReply | None
) -> None:
    reply: Reply | None = None
    turn = claimed.turn
    try:
        reply = make_reply(turn) if make_reply else slack_replies.make(context, turn, claimed.posted)
        while True:
            try:
                _answer_or_stop(context, claimed, lease, reply)
                return
            except QuestionEdited:
                claimed = _begin_again(context, claimed, lease, reply)
    except (LeaseLost, QuestionEdited, SQLAlchemyError):
        raise
    except Abandoned:
        turn_endings.give_back(context, turn)
    except NotInstalled:
        raise
    except ReplyError as error:
        turn_endings.postpone_delivery(context, turn, error)
    except Exception as error:  # noqa: BLE001  a turn ends here, visibly
        turn_endings.fail(context, turn, reply, error)


def _begin_again(context: WorkerContext, claimed: ClaimedTurn, lease: Lease, reply: Reply) -> ClaimedTurn:
    """Returns the turn with the question as the person has changed it, of whose answer nothing is there yet."""
    reply.begin_again()
    with context.database.transaction() as transaction:
        question = revisions.begin_again(transaction, claimed.turn)
    if question is None:  # to be claimed as it is now
        raise Abandoned("the turn was stopped while it was to begin again")
    context.leases.hold_again(lease)
    observability.log.info("turn_begins_again")
    turn = replace(claimed.turn, question=question, has_record=False, is_edited=False)
    return replace(claimed, turn=turn)


def _answer_or_stop(context: WorkerContext, claimed: ClaimedTurn, lease: Lease, reply: Reply) -> None:
    try:
        _answer(context, claimed, lease, reply)
    except Cancelled:  # before there was anything to show
        turn, stopped = claimed.turn, _sentence(claimed.turn, say(STOPPED))
        turn_endings.end(context, turn, reply, stopped, status=TurnStatus.CANCELLED, reason=EndReason.STOPPED)


def _answer(context: WorkerContext, claimed: ClaimedTurn, lease: Lease, reply: Reply) -> None:
    """Answers a turn; raises :class:`QuestionEdited` where it is to be answered with another wording."""
    turn, context = claimed.turn, context.within(claimed.posted)
    if turn.is_edited and not turn.is_withdrawn:
        raise QuestionEdited("the question was changed before it was claimed")
    if turn.is_withdrawn or _is_unwanted(context, claimed):
        if turn.origin == Origin.REACTION and not turn.is_withdrawn:
            slack_replies.tell_muted(context, claimed.posted)
        turn_endings.end_withdrawn(context, turn, reply)
        return
    if restored.ends(context, claimed, reply) or allowed_groups.refuses(context, claimed, reply):
        return
    asked = _read_question(context, claimed, lease, reply)
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
    if _asks_nothing(context, claimed, asked, reply):
        return
    reply.show_status(say(FIRST_STATUS))
    seen_by = interruption.wait(lambda: final_check.find_audience(context, claimed), lease.check)
    if seen_by.error and final_check.must_wait(turn, seen_by.error):
        raise seen_by.error
    speech.switch(context.choose_speech(turn.question, claimed.posted, seen_by.locale))
    turn = replace(turn, audience=seen_by.audience)
    agent, index = asked.equip(context.agent), None
    if context.library and claimed.index:
        index = context.library.status(claimed.index)
        agent = replace(agent, resources={**agent.resources, Library: context.library.at(claimed.index)})
    of_index = {"embedding_model": index.embedding_model, "index_version": index.version} if index else {}
    metadata = {**context.run_metadata, **of_index}
    final = FinalCheck(context, replace(claimed, turn=turn), asked, reply, locale=seen_by.locale)
    run = loop.TurnRun(turn, agent, lease.check, metadata=metadata, on_final=final.look)
    final.list_documents = run.list_documents
    if _ends_early(context, claimed, run, reply, seen_by=seen_by, index=index):
        return
    links = LinkPolicy(context.load_link_hosts(), lambda: [turn.question, *run.evidence()])
    notice = join([asked.notice, seen_by.notice])
    text = AnswerText(run.source, links, fits_tables=claimed.posted is not None)
    progress = AnswerProgress(text, final, notice)
    try:
        _run(
            context, replace(claimed, turn=turn), run, reply, progress, plan=asked.plan(context.plan_opening_calls)
        )
    except Cancelled:
        answer = progress.keep_shown(turn, run, reply)
        turn_endings.end(context, turn, reply, answer, status=TurnStatus.CANCELLED, reason=EndReason.STOPPED)


def _asks_nothing(context: WorkerContext, claimed: ClaimedTurn, asked: ReadQuestion, reply: Reply) -> bool:
    """Ends the turn of a question that is empty or too long; returns whether it is."""
    turn = claimed.turn
    if not turn.question.strip():
        sentence = _sentence(turn, asked.notice or _greet(context, claimed))
        turn_endings.end(context, turn, reply, sentence, reason=EndReason.GREETING)
        return True
    if len(turn.question) > (limit := context.settings.max_question_chars):
        sentence = _sentence(turn, say(TOO_LONG, limit=limit))
        turn_endings.end(context, turn, reply, sentence, status=TurnStatus.FAILED, reason=EndReason.TOO_LONG)
        return True
    return False


def _ends_early(
    context: WorkerContext,
    claimed: ClaimedTurn,
    run: loop.TurnRun,
    reply: Reply,
    *,
    seen_by: SeenBy,
    index: LibraryStatus | None,
) -> bool:
    """Ends a turn without asking a model, or passes it on; returns whether it did. ``claimed`` has the former
    audience."""
    turn = replace(claimed.turn, audience=seen_by.audience)
    if run.recorder.messages and final_check.has_lost_readers(context, turn, claimed.turn.audience):
        if seen_by.error and seen_by.error.is_transient:  # perhaps nobody has come in: that will be known later
            raise seen_by.error
        turn_endings.end(context, turn, reply, _sentence(turn, say(NOT_FOR_ALL)), reason=EndReason.NO_EVIDENCE)
        return True
    if context.lacks_documents(index) and not run.recorder.messages:
        run.recorder.flush()
        turn_endings.end(context, turn, reply, _sentence(turn, say(NO_DOCUMENTS)), reason=EndReason.NO_EVIDENCE)
        return True
    if turn.attempt > context.settings.max_attempts and not run.is_answered:
        run.recorder.flush()
        turn_endings.end(
            context,
            turn,
            reply,
            _sentence(turn, say(GAVE_UP)),
            status=TurnStatus.FAILED,
            reason=EndReason.INTERRUPTED,
        )
        return True
    return passing_on.passes_on(context, claimed)


def _is_unwanted(context: WorkerContext, claimed: ClaimedTurn) -> bool:
    """Returns whether it is a message that nobody addressed to the bot, where such are not answered any more, an
    emoji in a muted thread, because which thread its message stands in is known only now, or a scheduled question
    of a channel that was muted since it was asked."""
    if claimed.turn.origin == Origin.REACTION and claimed.posted:
        return claimed.posted.is_muted
    if claimed.turn.origin == Origin.SCHEDULED and claimed.posted:
        return context.settings_of(claimed.posted).muted
    if claimed.turn.origin != Origin.CHANNEL or claimed.posted is None:
        return False
    settings = context.settings_of(claimed.posted)
    return settings.muted or not settings.respond_to_all


def _read_question(context: WorkerContext, claimed: ClaimedTurn, lease: Lease, reply: Reply) -> ReadQuestion:
    turn, posted, reader = claimed.turn, claimed.posted, context.questions
    if reader is None or posted is None:  # asked in the terminal
        return ReadQuestion(turn.question)
    if turn.question and question_reader.has_more(turn, posted):
        reply.show_status(say(FIRST_STATUS))

    def read() -> ReadQuestion:
        return reader.read(turn, posted, lambda: final_check.find_audience(context, claimed).audience)

    return interruption.wait(read, lease.check)


def _greet(context: WorkerContext, claimed: ClaimedTurn) -> str:
    """Returns what is said to a message without words: with documents that all who see it may read."""
    titles: Sequence[str] = ()
    if context.library and not context.suggestions.examples:
        audience = final_check.find_audience(context, claimed).audience
        listing = context.library.list_documents(audience=audience, limit=GREETING_TITLES)
        titles = [clean_label(entry.title) for entry in listing.documents]
    return context.suggestions.greet(titles)


def _run(
    context: WorkerContext,
    claimed: ClaimedTurn,
    run: loop.TurnRun,
    reply: Reply,
    progress: AnswerProgress,
    *,
    plan: Callable[[str], Sequence[OpeningCall]],
) -> None:
    """Runs the agent and shows its events; the last one completes the turn."""
    cards: dict[str, TaskCard] = {}  # by the id of the running call
    for event in watching.watch(claimed.turn, run.events(plan)):
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
                reply.show_status(say(event.labels.status))
                cards[call_id] = progress.open_card(event)
                reply.show_card(cards[call_id])
            case ToolFinished(call_id):
                reply.show_card(progress.close_card(cards[call_id], event))
            case Waiting():
                reply.refresh()
            case Finished():
                if progress.final.fails():
                    reply.reset_text()
                    sentence = _sentence(claimed.turn, say(NOT_FOR_ALL))
                    turn_endings.end(context, claimed.turn, reply, sentence, reason=EndReason.NO_EVIDENCE)
                    return
                text = progress.text.filter(event.text) or say(NO_TEXT)
                closing = closings.build(context, claimed, run, event, progress)
                unanswered = UnansweredRequest.make(claimed.turn, claimed.posted, closing.help)
                turn_endings.complete(
                    context,
                    claimed.turn,
                    reply,
                    event,
                    text,
                    closing=closing,
                    on_end=unanswered.store,
                    long_tables=progress.text.long_tables,
                    notice=progress.audience_notice,
                    is_revised=run.recorder.is_revised,
                )
                is_asked = claimed.turn.origin != Origin.SCHEDULED
                if claimed.posted and is_asked and event.reason is not EndReason.SMALL_TALK:
                    unanswered.show(context.database, context.slack)
                    private_answers.offer(context, claimed.turn, claimed.posted.address)


def _sentence(turn: Turn, text: str) -> Answer:
    """Returns an answer of fixed words, which nobody is asked to rate."""
    return Answer(turn.id, text, has_feedback=False)
