"""Shows an answer that one person has seen to a channel: the asker's wish, and only what all there may read.

Promises: who would see it is looked up now; where somebody of them may not read a document that the answer rests
on, or where that cannot be known, nothing is posted, and the refusal names no document. An answer is posted in a
channel once, however often it is asked for.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from agent.errors import ReplyError
from agent.store.database import Database, Transaction
from agent.text import shorten
from agent.translation.languages import SPOKEN
from agent.translation.speech import join, mark, say, say_in
from agent.turn import notices
from agent.types import Audience
from bot.slack.client import SlackClient, SlackRefused, SlackUnavailable
from bot.slack.interactions.recorded_answer import RecordedAnswer
from bot.slack.membership.audience import AudienceResolver
from bot.slack.replies import forms
from bot.slack.replies.closing.buttons import AnswerPlace
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.reply import Answer, Closing
from bot.slack.replies.text import splitting
from bot.slack.replies.text.markdown import escape
from bot.slack.tables import DeliveryRow
from ingest.access import reader_sets
from ingest.access.reader_sets import DocumentsNow

PASSAGE_TOOLS = frozenset({"search_docs", "read_document"})  # those of Docent that return nothing but passages
QUESTION_CHARS = 500
CORRECTION = "✅"  # begins the notice of an answer that somebody has written
EVENT = "docent_shared"  # marks the message: it is no reply that was lost
NOT_YOURS = mark("Only the person who asked can share an answer.")
NOT_COMPLETE = mark("There is no answer from documents to share here.")
NOT_FOR_ALL = mark(
    "I did not post this in <#{channel}>: it rests on something that not everybody there may read. "
    "Ask me there instead, and I answer from what all of them may read."
)
NOT_KNOWN = mark(
    "I did not post this in <#{channel}>: I could not look up who would see it there. Please try again."
)
NOT_A_MEMBER = mark("I did not post this in <#{channel}>: you are not a member there.")
NOT_INVITED = mark("I cannot post in <#{channel}> (Slack says “{code}”). Invite me there first, then try again.")
UNCLEAR = mark("Slack did not answer when I posted this in <#{channel}>. Please look there before you try again.")
IN_PART = mark("I posted only the beginning of this in <#{channel}>: Slack did not take the rest.")
ALREADY = mark("This answer was posted in <#{channel}> before.")
DONE = mark("I posted your question and the answer in <#{channel}>.")


def publish(
    database: Database,
    slack: SlackClient,
    audiences: AudienceResolver,
    recorded: RecordedAnswer,
    *,
    user_id: str,
    channel: str,
) -> str:
    """Posts the answer in a channel for its asker, if all there may read it; returns what to tell the asker."""
    if recorded.user_id != user_id:
        return say(NOT_YOURS)
    if not recorded.is_complete:
        return say(NOT_COMPLETE)
    try:
        audience = audiences.of_reader(f"channel:{channel}")
        is_member = audiences.is_member(channel, user_id)
    except ReplyError:
        return say(NOT_KNOWN, channel=channel)
    if not is_member:
        return say(NOT_A_MEMBER, channel=channel)
    with database.transaction() as transaction:
        documents = reader_sets.look_up(transaction, recorded.basis.document_ids, audience)
        if not _is_for_all(recorded, audience, documents):
            return say(NOT_FOR_ALL, channel=channel)
        if not _reserve(transaction, recorded, channel):
            return say(ALREADY, channel=channel)
    return _post(database, slack, recorded, channel=channel, documents=documents)


def _is_for_all(recorded: RecordedAnswer, audience: Audience, documents: DocumentsNow) -> bool:
    """Returns whether everybody of an audience may know an answer, by what it rests on."""
    has_only_passages = recorded.basis.tools <= PASSAGE_TOOLS
    may_know_tools = has_only_passages or audience.includes(recorded.basis.audience)
    return bool(audience.members) and not documents.unreadable and may_know_tools


def _post(
    database: Database, slack: SlackClient, recorded: RecordedAnswer, *, channel: str, documents: DocumentsNow
) -> str:
    posted: list[str] = []
    try:
        for ts in _post_parts(slack, channel, _build_answer(recorded, documents), lead=_make_lead(recorded)):
            posted.append(ts)
    except (SlackUnavailable, SlackRefused) as error:
        if posted:
            return say(IN_PART, channel=channel)
        if isinstance(error, SlackUnavailable) and error.may_have_happened:
            return say(UNCLEAR, channel=channel)
        _release(database, recorded, channel)
        if isinstance(error, SlackUnavailable):
            return say(NOT_KNOWN, channel=channel)
        return say(NOT_INVITED, channel=channel, code=error.code)
    return say(DONE, channel=channel)


def _build_answer(recorded: RecordedAnswer, documents: DocumentsNow) -> Answer:
    closing = Closing(documents.dates, place=AnswerPlace.THREAD)
    notice = choose_notice(recorded.notice or "")
    return Answer(recorded.turn_id, recorded.answer or "", recorded.sources, notice, closing=closing)


def choose_notice(notice: str) -> str:
    """Returns what of a notice is about the answer. The rest was said to its asker: which file of theirs was not
    read, or what they may spend.

    >>> choose_notice(f"{notices.QUOTED} I could not read layoffs.xlsx.") == notices.QUOTED
    True
    """
    if notice.startswith(CORRECTION):
        return notice
    known = (say_in(language, sentence) for sentence in notices.FOR_ALL for language in SPOKEN)
    return join([sentence for sentence in dict.fromkeys(known) if sentence in notice])


def _make_lead(recorded: RecordedAnswer) -> str:
    question = escape(shorten(clean_label(recorded.question), QUESTION_CHARS))
    return say("<@{user}> asked: *{question}*", user=recorded.user_id, question=question.replace("*", "∗"))


def _post_parts(slack: SlackClient, channel: str, answer: Answer, *, lead: str) -> Iterator[str]:
    """Posts the first part in the channel, and the others in its thread; yields the ts of each."""
    texts: Sequence[str] = splitting.split_text(answer.text)
    root: str | None = None
    for part, text in enumerate(texts):
        built = forms.build(answer, text, is_last=part == len(texts) - 1, lead="" if part else lead)
        posted = forms.send(
            built,
            lambda form, root=root: slack.call(  # type: ignore[misc]
                "chat.postMessage",
                is_repeatable=False,
                channel=channel,
                thread_ts=root,
                unfurl_links=False,
                unfurl_media=False,
                metadata={"event_type": EVENT, "event_payload": {"turn_id": str(answer.turn_id)}},
                **form,
            ),
        )
        root = root or str(posted["ts"])
        yield str(posted["ts"])


def _key(recorded: RecordedAnswer, channel: str) -> str:
    return f"shared:{recorded.turn_id}:{channel}"


def _reserve(transaction: Transaction, recorded: RecordedAnswer, channel: str) -> bool:
    """Stores that the answer is posted there; returns False where it was before."""
    statement = insert(DeliveryRow).values(key=_key(recorded, channel)).on_conflict_do_nothing()
    return transaction.execute(statement.returning(DeliveryRow.id)).one_or_none() is not None


def _release(database: Database, recorded: RecordedAnswer, channel: str) -> None:
    with database.transaction() as transaction:
        transaction.execute(delete(DeliveryRow).where(DeliveryRow.key == _key(recorded, channel)))
