"""What becomes of a correction: it takes the place of the answer in its thread, and is used from then on.

What an expert wrote is stored before their form closes. Everything here may be done again, after a crash by
another process: the message is given the same content, who asked is told once, and only then the answer is used.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agent import observability
from agent.prompting import citations
from agent.store import locks
from agent.store.database import Database, Transaction
from agent.translation import speech
from agent.translation.languages import SPOKEN
from agent.translation.speech import mark, say, say_in
from agent.types import EVERYONE, WORKSPACE, EndReason
from bot.slack.block_kit import Message
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import Origin, ReplyAddress
from bot.slack.interactions import marked_posts, recorded_answer
from bot.slack.interactions.publication import CORRECTION, PASSAGE_TOOLS
from bot.slack.interactions.recorded_answer import RecordedAnswer
from bot.slack.membership import locales
from bot.slack.membership.directory import SlackDirectory
from bot.slack.replies import forms
from bot.slack.replies.closing import ages
from bot.slack.replies.closing.buttons import AnswerPlace, HumanHelp
from bot.slack.replies.links import addresses
from bot.slack.replies.links.policy import LinkHosts, LinkPolicy
from bot.slack.replies.output_filter import OutputFilter, clean_label
from bot.slack.replies.reply import Answer, Closing
from bot.slack.replies.text import splitting
from bot.slack.replies.text.markdown import escape
from ingest.access import reader_sets
from ingest.access.reader_sets import Readers
from ingest.verified import answers
from ingest.verified.answers import VerifiedAnswer, VerifiedStatus

SECONDS = 20  # for what is looked up in Slack
SOMEBODY = mark("an expert")  # whose name Slack does not tell
EVENT = "docent_correction"
BEGINS_A_THREAD = frozenset({Origin.MENTION, Origin.REACTION, Origin.CHANNEL})
CORRECTED = mark("Corrected by {name} on {day}. Whoever asks this again gets this answer.")
ANSWERED = mark("Answered by {name} on {day}. Whoever asks this again gets this answer.")
TOLD = mark("<@{asker}> {name} has corrected the answer above.")
TOLD_HERE = mark(
    "<@{asker}> {name} has corrected the answer above, which Slack does not let me change. It is now:"
)


@dataclass(frozen=True)
class _Given:
    """The answer that was given: its record, where it stands, and its messages there."""

    recorded: RecordedAnswer
    address: ReplyAddress
    messages: Sequence[str]
    has_menu: bool


@dataclass(frozen=True)
class _Found:
    """What Slack tells of the place: who reads it, who is in it, and how the author is called."""

    readers: Readers
    members: Readers
    author_name: str


@dataclass(frozen=True)
class Corrections:
    """Completes what was written, in one workspace: ``workspace``, where many have installed the app."""

    database: Database
    slack: SlackClient
    directory: SlackDirectory
    workspace: str = ""

    def complete(self, answer_id: UUID) -> None:
        """Shows a written answer and lets it be used, once; raises :class:`agent.errors.ReplyError`."""
        with locks.acquire(self.database, f"verified:{answer_id}"):
            with self.database.transaction() as transaction:
                self.directory.refresh(transaction)
                answer = answers.load(transaction, [answer_id]).get(answer_id)
                given = _load_given(transaction, answer.turn_id) if answer and answer.turn_id else None
                asker = given.recorded.user_id if given else ""
                spoken = locales.find_speech(transaction, answer.team if answer else "", asker)
            if answer is None or answer.status is not VerifiedStatus.PENDING:
                return
            if self.workspace not in ("", answer.team):
                return
            with speech.speak(spoken):
                found = self._place(self._look_up(answer))
                url = self._show(answer, given, found) if given else answer.url
                self._activate(answer, given, found, url)
            observability.log.info("answer_verified", has_message=bool(given), version=answer.version)

    def _activate(self, answer: VerifiedAnswer, given: _Given | None, found: _Found, url: str) -> None:
        documents = _list_documents(answer, given.recorded) if given else frozenset()
        known = _list_known(given.recorded) - documents if given else frozenset()
        is_known = answer.own_readers is not None if given is None else not _has_more(given.recorded)
        with self.database.transaction() as transaction:
            is_active = answers.activate(
                transaction,
                answer,
                readers=found.readers if is_known else found.members,
                members=found.members,
                documents=documents,
                known=known,
                url=url,
                author_name=found.author_name,
            )
            if is_active and given:
                shown = _make_answer(answer, given, found.author_name)
                values = {"id": given.recorded.turn_id, "answer": shown.text, "notice": shown.notice}
                transaction.execute(_KEEP, values)
                _withdraw_replaced(transaction, answer, given)

    def _look_up(self, answer: VerifiedAnswer) -> _Found:
        """Looks up who reads the place where the answer stands; raises :class:`ReplyError`."""
        deadline = time.monotonic() + SECONDS
        name = clean_label(self.directory.names([answer.author], deadline).get(answer.author, "")) or say(SOMEBODY)
        channel, asker = str(answer.place.get("channel") or ""), str(answer.place.get("asker") or "")
        if answer.turn_id is None and answer.own_readers is not None:  # its thread was forgotten
            return _Found(answer.own_readers, answer.own_readers, name)
        if answer.place.get("is_direct"):
            alone = reader_sets.one_of({f"user:{asker}"})
            return _Found(alone, alone, name)
        place = self.directory.find_channel(channel, deadline)
        own = reader_sets.one_of({f"channel:{channel}"})
        if place is None or not place.is_public:  # or Slack does not show it any more
            return _Found(own, own, name)
        people = self.directory.people(place.members, deadline)
        others = (place.members & people.readers) - people.holders(EVERYONE)
        # A channel is named only where it has guests: it is looked up for whoever asks elsewhere.
        named = {EVERYONE, f"channel:{channel}"} if others or place.is_shared else {EVERYONE}
        return _Found(reader_sets.one_of(named), own, name)

    def _place(self, found: _Found) -> _Found:
        """Returns the readers with the workspace that they are of: another one has others under their ids."""
        if not self.workspace:
            return found
        here = reader_sets.one_of({f"{WORKSPACE}{self.workspace}"})
        readers, members = (reader_sets.narrow(one, here) for one in (found.readers, found.members))
        return _Found(readers, members, found.author_name)

    def _show(self, answer: VerifiedAnswer, given: _Given, found: _Found) -> str:
        """Replaces the messages of the answer and tells who asked; returns where it stands."""
        channel, recorded = given.address.channel, given.recorded
        shown = self._add_dates(_make_answer(answer, given, found.author_name), given)
        is_replaced = self._replace(shown, given)
        if answer.author != recorded.user_id or not is_replaced:
            self._tell(answer, shown, given, found, is_replaced=is_replaced)
        ts = next(iter(given.messages), given.address.thread_ts)
        return self._find_link(channel, ts)

    def _tell(
        self, answer: VerifiedAnswer, shown: Answer, given: _Given, found: _Found, *, is_replaced: bool
    ) -> None:
        """Tells who asked, once; says the answer anew where its message could not be changed."""
        lead = TOLD if is_replaced else TOLD_HERE
        said = say(lead, asker=given.recorded.user_id, name=escape(found.author_name))
        told: Sequence[Message] = [{"text": said}]
        if not is_replaced:
            told = forms.build(shown, shown.text, is_last=True, lead=said)
        payload = {"answer_id": str(answer.id), "version": answer.version}
        try:
            marked_posts.post(
                self.slack,
                told,
                channel=given.address.channel,
                thread_ts=given.address.thread_ts,
                mark={"event_type": EVENT, "event_payload": payload},
                sought_since=answer.verified_at,
            )
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("asker_not_told", code=error.code)

    def _replace(self, shown: Answer, given: _Given) -> bool:
        """Gives the first message the new text and deletes the others; returns False where Slack refuses."""
        if not given.messages:
            return False
        first, *others = given.messages
        try:
            forms.send(
                forms.build(shown, shown.text, is_last=True),
                lambda form: self.slack.call(
                    "chat.update", is_repeatable=True, channel=given.address.channel, ts=first, **form
                ),
            )
            for ts in others:
                self._delete(given.address.channel, ts)
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.warning("answer_not_replaced", code=error.code)
            return False
        return True

    def _delete(self, channel: str, ts: str) -> None:
        try:
            self.slack.call("chat.delete", is_repeatable=True, channel=channel, ts=ts)
        except SlackRefused as error:
            if error.is_transient:
                raise
            observability.log.info("part_not_deleted", code=error.code)

    def _find_link(self, channel: str, ts: str | None) -> str:
        try:
            told = self.slack.call("chat.getPermalink", is_repeatable=True, channel=channel, message_ts=ts)
        except SlackRefused as error:
            if error.is_transient:
                raise
            return ""
        return str(told["permalink"])

    def _add_dates(self, shown: Answer, given: _Given) -> Answer:
        """Returns the answer with the dates of its sources, of those that its readers may still read."""
        ids = {source.passage.document_id for source in shown.sources}
        with self.database.transaction() as transaction:
            now = reader_sets.look_up(transaction, ids, given.recorded.basis.audience)
        sources = [source for source in shown.sources if source.passage.document_id not in now.unreadable]
        help_ = HumanHelp(can_correct=True)
        return Answer(
            shown.turn_id,
            shown.text,
            sources,
            shown.notice,
            has_menu=shown.has_menu,
            closing=Closing(now.dates, place=given.address.place, help=help_),
        )


def list_surroundings() -> list[tuple[str, str]]:
    """Lists what stands before and behind an author's name below an answer, in each language.

    >>> list_surroundings()[0]
    ('Corrected by ', ' on ')
    """
    written = [say_in(language, said) for said in (CORRECTED, ANSWERED) for language in SPOKEN]
    parts = [re.split(r"\{name\}", sentence) for sentence in written]
    return [(before.rpartition("}")[2], after.partition("{")[0]) for before, after in parts]


def _make_answer(answer: VerifiedAnswer, given: _Given, author_name: str) -> Answer:
    """Makes what is shown of a correction, without dates: its links work, nothing in it notifies anybody."""
    by_number = {passage.n: passage for passage in given.recorded.passages}
    hosts = LinkHosts(filter(None, (addresses.read_host(one.text) for one in addresses.find(answer.answer))))
    links = LinkPolicy(hosts, lambda: [answer.answer])
    text_ = OutputFilter(by_number.get, links).filter(citations.normalise(answer.answer, by_number))
    cited = citations.find_cited(answer.answer, by_number)
    said = CORRECTED if given.recorded.cited else ANSWERED
    return Answer(
        given.recorded.turn_id,
        splitting.split_text(text_)[0],
        [by_number[n] for n in cited],
        f"{CORRECTION} {say(said, name=author_name, day=ages.name_day(answer.verified_at))}",
        has_menu=given.has_menu,
    )


def _list_documents(answer: VerifiedAnswer, recorded: RecordedAnswer) -> frozenset[str]:
    """Returns the documents that a correction rests on: those that it cites, and those that were cited in what it
    corrects, whose words it may still have."""
    by_number = {passage.n: passage for passage in recorded.passages}
    numbers = {*recorded.cited, *citations.find_cited(answer.answer, by_number)}
    return frozenset(by_number[n].passage.document_id for n in numbers if n in by_number)


def _list_known(recorded: RecordedAnswer) -> frozenset[str]:
    """Returns all that the corrected answer was made from, whether or not it cites it: words of an answer that the
    correction still has may come from any of these. One that found nothing has no such words."""
    return frozenset() if recorded.reason == EndReason.NO_EVIDENCE else recorded.basis.document_ids


def _has_more(recorded: RecordedAnswer) -> bool:
    """Returns whether the corrected answer may have words from more than documents, such as a message that was
    attached: only those who are in its place themselves are known to be allowed to know them."""
    return recorded.reason != EndReason.NO_EVIDENCE and not recorded.basis.tools <= PASSAGE_TOOLS


_GIVEN = text("""
SELECT place, seq, origin, ARRAY(SELECT ts FROM replies WHERE turn_id = :id AND ts IS NOT NULL ORDER BY part)
FROM turns JOIN deliveries ON deliveries.turn_id = turns.id WHERE turns.id = :id
""")
# Follow-ups in the thread are to know the right answer; what the model wrote stays in its transcript.
_KEEP = text("UPDATE turns SET answer = :answer, notice = :notice WHERE id = :id")
_REPLACED = text("""
UPDATE verified_answers SET status = 'withdrawn' WHERE id <> :id AND status = 'active'
AND id = ANY(:cited) AND place ->> 'channel' = :channel AND place ->> 'team' = :team
""")


def _load_given(transaction: Transaction, turn_id: UUID) -> _Given | None:
    recorded = recorded_answer.load(transaction, turn_id)
    row = transaction.execute(_GIVEN, {"id": turn_id}).one_or_none()
    if recorded is None or row is None or not row[0]:
        return None
    place, seq, origin, messages = row
    return _Given(recorded, ReplyAddress(**place), messages, seq == 1 and origin in BEGINS_A_THREAD)


def _withdraw_replaced(transaction: Transaction, answer: VerifiedAnswer, given: _Given) -> None:
    """Takes the verified answers of the same channel out of use that the corrected answer was given from."""
    cited = answers.parse_ids(source.passage.document_id for source in given.recorded.sources)
    values = {"id": answer.id, "cited": cited, "channel": given.address.channel, "team": answer.team}
    transaction.execute(_REPLACED, values)


# Of an answer that was written that long ago and is not used yet.
IS_PENDING = "status = 'pending' AND verified_at < now() - make_interval(secs => :seconds)"
_PENDING = text(f"""
SELECT id FROM verified_answers
WHERE {IS_PENDING} AND (:workspace = '' OR place ->> 'team' = :workspace) ORDER BY id
""")


def list_pending(transaction: Transaction, *, seconds: float, workspace: str = "") -> list[UUID]:
    """Lists the answers that were written that long ago and are not used yet; those of one workspace, where many
    have installed the app."""
    return list(transaction.scalars(_PENDING, {"seconds": seconds, "workspace": workspace}))


def load_place(transaction: Transaction, turn_id: UUID) -> Mapping[str, Any] | None:
    """Returns where a turn was asked, as it is stored with its correction; None where that is not known."""
    row = transaction.execute(_GIVEN, {"id": turn_id}).one_or_none()
    if row is None or not row[0]:
        return None
    address = ReplyAddress(**row[0])
    if address.place not in (AnswerPlace.THREAD, AnswerPlace.DIRECT):
        return None
    return {
        "team": address.team_id,
        "channel": address.channel,
        "thread_ts": address.thread_ts,
        "asker": address.user_id,
        "is_direct": address.is_direct,
    }
