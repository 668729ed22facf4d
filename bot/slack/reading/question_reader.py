"""What a question refers to in Slack: a quoted message, forwarded and linked ones, files, and its thread.

Promises that nothing is read for an answer which not everybody who will see it may see, that what cannot be read
is said in a sentence, and that a question which came with nothing costs no call. Everything read is data: the
model gets it as a tool's result. An emoji tells only which message it stands at: what is asked, and in which
thread, is stored here once it is known.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from agent import observability
from agent.errors import ReplyError, ToolError
from agent.store import sessions
from agent.store.database import Database
from agent.store.sessions import Turn
from agent.translation.speech import join, mark, name_all, say
from agent.turn.config import AgentConfig, OpeningCall
from agent.types import Audience
from bot.slack import inbox
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.inbox import ReplyAddress
from bot.slack.membership import visibility
from bot.slack.membership.directory import SlackDirectory
from bot.slack.membership.people import UserKind
from bot.slack.reading import message_reader, permalinks
from bot.slack.reading.enclosures import Enclosures, FileKind, FileReference, QuotedMessage
from bot.slack.reading.file_reader import FileUnreadable, SlackFiles
from bot.slack.reading.message_reader import FoundMessage
from bot.slack.reading.permalinks import Permalink
from bot.slack.reading.quotation import CHARS, quote
from bot.slack.reading.thread_reader import SlackThread
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.reply_rows import Posted
from tools.attached_messages import Attached, AttachedFile, AttachedMessage, AttachedPort, How, attached_messages
from tools.extractive import follow_ups
from tools.extractive.question import unquote
from tools.thread_history import ThreadMessage, ThreadPort

SECONDS = 20  # for everything
MAX_LINKS = 3
TEXT_CHARS = 24_000  # of all files together
THREAD_LIMIT = 30  # messages, as the tool reads unless it is asked for more
SEARCHED_CHARS = 1_000  # of what is searched for

CANNOT_READ = mark("I cannot read {what}: only text, and text files.")
NOT_READ = mark("I could not read {what}. Whoever runs me can see with `docent doctor` what I lack.")
NO_MESSAGE = mark("I could not read the message: it is gone, or I may not see it.")
NOT_SEEN = mark(
    "I left out {what}: I am not in its conversation, or not everybody who sees this answer may see it."
)
LEFT_OUT = mark("I looked at the first {n} of what you attached.")
KINDS = {
    FileKind.TEXT: mark("the file {name}"),
    FileKind.PICTURE: mark("the picture {name}"),
    FileKind.VOICE: mark("the voice clip {name}"),
    FileKind.VIDEO: mark("the video {name}"),
    FileKind.OTHER: mark("the file {name}"),
}
ASK_IN_TEXT = mark("Please write your question as text.")


@dataclass(frozen=True)
class ReadQuestion:
    """A question with what it refers to.

    ``notice`` says what was not read. ``conversations`` are those of the messages that were looked up for all who
    will see the answer. It ``is_void`` where nobody asks anything any more, and is answered in another session,
    which is to be woken, where it was ``moved_to`` that.
    """

    question: str
    attached: Attached = field(default_factory=Attached)
    thread: Sequence[ThreadMessage] = ()
    notice: str = ""
    conversations: frozenset[str] = frozenset()
    is_void: bool = False
    moved_to: UUID | None = None

    def read_attached(self) -> Attached:
        """Returns what came with the question: it is the tool's :class:`AttachedPort`."""
        return self.attached

    def equip(self, agent: AgentConfig) -> AgentConfig:
        """Returns what to work with: the tool for what came with the question, where something did."""
        if self.thread:
            port = agent.resources.get(ThreadPort)
            agent = replace(agent, resources={**agent.resources, ThreadPort: _ReadThread(port, self.thread)})
        if not self.attached:
            return agent
        tools = {**agent.tools, attached_messages.name: attached_messages}
        return replace(agent, tools=tools, resources={**agent.resources, AttachedPort: self})

    def plan(
        self, plan_opening_calls: Callable[[str], Sequence[OpeningCall]]
    ) -> Callable[[str], Sequence[OpeningCall]]:
        """Returns the plan of the calls before the model is asked, with those that read what this refers to."""
        said = [self.thread[0].text] if self.thread else []
        said += [message.text for message in self.attached.messages[:1]]
        calls = [OpeningCall("thread_history", {"limit": THREAD_LIMIT})] if self.thread else []
        calls += [OpeningCall(attached_messages.name, {})] if self.attached else []

        def plan(question: str) -> Sequence[OpeningCall]:
            asked = unquote(permalinks.remove(question) or question)
            query = follow_ups.rewrite(asked, said) if said else asked
            return [*calls, *plan_opening_calls(query[:SEARCHED_CHARS])]

        return plan if calls or _is_searched_otherwise(self.question) else plan_opening_calls


def has_more(turn: Turn, posted: Posted) -> bool:
    """Returns whether a question refers to something that has to be read in Slack."""
    return bool(posted.enclosed or permalinks.find(turn.question) or _has_thread(turn, posted))


def _has_thread(turn: Turn, posted: Posted) -> bool:
    """Returns whether messages stand before the question in its thread that are not in a record yet."""
    address = posted.address
    is_in_thread = address.thread_ts not in (None, address.ts) and not posted.has_earlier
    return is_in_thread and not turn.has_record


class _ReadThread:
    """A thread that was just read, and Slack for whoever wants more of it."""

    def __init__(self, port: object, messages: Sequence[ThreadMessage]) -> None:
        self._port, self._read = port, messages

    def messages(
        self, session_key: str, limit: int, deadline: float, audience: Audience
    ) -> Sequence[ThreadMessage]:
        """Returns the thread's last messages; see :class:`tools.thread_history.ThreadPort`."""
        if limit <= THREAD_LIMIT + 1 or not isinstance(self._port, SlackThread):
            return self._read[-limit:]
        return self._port.messages(session_key, limit, deadline, audience)


@dataclass
class _Reading:
    """What has been read of one question so far, and what has not, by the sentence that says so."""

    deadline: float
    find_audience: Callable[[], Audience]
    messages: list[AttachedMessage] = field(default_factory=list)
    files: list[AttachedFile] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)
    conversations: set[str] = field(default_factory=set)
    unread: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, sentence: str, what: str = "") -> None:
        """Notes a sentence about ``what`` was left out, or one that is complete."""
        known = self.unread.setdefault(sentence, [])
        if what and what not in known:
            known.append(what)

    def describe(self) -> str:
        return join(
            [say(sentence, what=name_all(what)) if what else sentence for sentence, what in self.unread.items()]
        )


class QuestionReader:
    """Reads what questions of one workspace refer to."""

    def __init__(
        self,
        slack: SlackClient,
        directory: SlackDirectory,
        thread: SlackThread,
        database: Database,
        files: SlackFiles,
    ) -> None:
        self._slack, self._directory, self._thread = slack, directory, thread
        self._database, self._files = database, files

    def read(self, turn: Turn, posted: Posted, find_audience: Callable[[], Audience]) -> ReadQuestion:
        """Reads what a claimed question refers to; stores what it asks where nobody wrote that.

        ``find_audience`` looks up who will see the answer: of our own earlier answers only what they may know is
        read.

        Raises :class:`agent.errors.ReplyError` where an emoji's message cannot be looked up now.
        """
        address, enclosed = posted.address, posted.enclosed
        if not has_more(turn, posted):
            return ReadQuestion(turn.question)
        links = permalinks.find(turn.question)[:MAX_LINKS]
        reading = _Reading(time.monotonic() + SECONDS, find_audience)
        quoted = enclosed.quoted
        if quoted and not turn.question:
            found = self._find_quoted(turn, posted, quoted, reading)
            if isinstance(found, ReadQuestion):
                return found
            quoted, enclosed = found
        self._read_messages(address, quoted, enclosed, links, reading)
        self._read_files(enclosed.files, reading)
        if enclosed.n_more:
            reading.leave_out(say(LEFT_OUT, n=len(enclosed.files) + len(enclosed.forwarded)))
        thread = self._read_thread(turn, address, reading) if _has_thread(turn, posted) else []
        question = turn.question or self._quote(turn, quoted, reading, thread)
        attached = Attached(reading.messages, reading.files, reading.people)
        notice = _ask_in_text(question, reading.describe())
        return ReadQuestion(question, attached, thread, notice, frozenset(reading.conversations))

    def may_all_still_see(self, asked: ReadQuestion, address: ReplyAddress) -> bool:
        """Returns whether everybody who would see the answer now may see the messages that it was made from."""
        reading = _Reading(time.monotonic() + SECONDS, Audience)
        return all(self._may_all_see(address, id_, reading) for id_ in sorted(asked.conversations))

    def _find_quoted(
        self, turn: Turn, posted: Posted, quoted: QuotedMessage, reading: _Reading
    ) -> ReadQuestion | tuple[QuotedMessage, Enclosures]:
        """Looks up the message of an emoji, and moves the question into its thread."""
        address = posted.address
        if address.thread_ts is None:  # of a shortcut, which came with it
            return quoted, posted.enclosed
        if self._is_app(address.user_id, reading.deadline):
            return ReadQuestion("", is_void=True)
        try:
            found = message_reader.read(self._slack, quoted.channel, quoted.ts, reading.deadline)
        except SlackRefused as error:
            observability.log.info("message_unreadable", code=error.code)
            return ReadQuestion("", notice=say(NO_MESSAGE))
        if not found or self._slack.is_own(found[0].payload):
            return ReadQuestion("", is_void=True)
        message = found[0]
        if message.thread_ts != address.thread_ts:
            with self._database.transaction() as transaction:
                asked = quote(message.text)
                moved_to = inbox.move(transaction, turn, address, thread_ts=message.thread_ts, question=asked)
            return ReadQuestion("", moved_to=moved_to)
        return replace(quoted, text=message.text, user=message.user), replace(message.enclosed, quoted=quoted)

    def _is_app(self, user_id: str, deadline: float) -> bool:
        try:
            return self._directory.people({user_id}, deadline).by_id[user_id].kind is UserKind.APP
        except SlackRefused as error:  # without users:read nobody can be told from an app
            observability.log.info("person_unknown", code=error.code)
            return False

    def _read_messages(
        self,
        address: ReplyAddress,
        quoted: QuotedMessage | None,
        enclosed: Enclosures,
        links: Sequence[Permalink],
        reading: _Reading,
    ) -> None:
        if quoted and len(quoted.text) > CHARS:  # else the question has all of it
            self._add(reading, "quoted", [(quoted.user, quoted.ts, quoted.text)])
        forwarded = {one.key for one in enclosed.forwarded}
        for one in enclosed.forwarded:
            # What Slack delivered into a place that the asker alone sees, they have seen.
            is_seen = address.is_private or self._may_all_see(address, one.channel, reading)
            if is_seen and one.text:
                self._add(reading, "forwarded", [(one.user, one.ts, one.text)])
            else:
                reading.leave_out(NOT_SEEN, say("a forwarded message"))
        for link in links:
            if link.key not in forwarded:
                self._read_linked(address, link, reading)

    def _read_linked(self, address: ReplyAddress, link: Permalink, reading: _Reading) -> None:
        found: list[FoundMessage] = []
        try:
            if self._is_here(address, link, reading) and self._may_all_see(address, link.channel, reading):
                found = message_reader.read(self._slack, link.channel, link.ts, reading.deadline)
                found = self._leave_out_unknown(link.channel, found, reading)
        except ReplyError as error:
            observability.log.info("link_unreadable", error=str(error))
        if found:
            self._add(reading, "linked", [(one.user, one.ts, one.text) for one in found if one.text])
        else:
            reading.leave_out(NOT_SEEN, say("a linked message"))

    def _is_here(self, address: ReplyAddress, link: Permalink, reading: _Reading) -> bool:
        """Returns whether a link leads to a message of this workspace; or to one of the channel of the question,
        which another company shares and knows by an address of its own."""
        if permalinks.is_own(self._slack, link, reading.deadline):
            return True
        return link.channel == address.channel and (
            self._directory.channel(link.channel, reading.deadline).is_shared
        )

    def _leave_out_unknown(
        self, channel: str, found: Sequence[FoundMessage], reading: _Reading
    ) -> list[FoundMessage]:
        """Returns the messages without answers of our own that rest on what somebody of the audience may not
        read: they stand where everybody may look, but were not for everybody."""
        own = {one.ts for one in found if self._slack.is_own(one.payload)}
        if own:
            own -= self._thread.find_known(channel, found[0].thread_ts, reading.find_audience())
        return [one for one in found if one.ts not in own]

    def _may_all_see(self, address: ReplyAddress, channel: str, reading: _Reading) -> bool:
        try:
            may_see = visibility.may_all_see(self._directory, address, channel, reading.deadline)
            reading.conversations |= {channel} if may_see else set()
            return may_see
        except ReplyError as error:
            observability.log.info("visibility_unknown", error=str(error))
            return False

    def _add(self, reading: _Reading, how: How, said: Sequence[tuple[str, str, str]]) -> None:
        names = self._directory.names({user for user, *_ in said if user}, reading.deadline)
        reading.people |= names
        reading.messages += [
            AttachedMessage(how, names.get(user, user) or "somebody", message_reader.format_time(ts), text)
            for user, ts, text in said
        ]

    def _read_files(self, files: Sequence[FileReference], reading: _Reading) -> None:
        room = TEXT_CHARS
        for file in files:
            if file.kind is not FileKind.TEXT:
                reading.leave_out(CANNOT_READ, say(KINDS[file.kind], name=clean_label(file.name)))
                continue
            try:
                if time.monotonic() >= reading.deadline:
                    raise FileUnreadable("no time is left")
                read = self._files.read(file)
            except FileUnreadable as error:
                observability.log.info("file_unreadable", why=str(error))
                reading.leave_out(NOT_READ, say(KINDS[FileKind.OTHER], name=clean_label(file.name)))
                continue
            text = read.text[:room]
            room -= len(text)
            reading.files.append(AttachedFile(file.name, text, read.is_cut or len(text) < len(read.text)))

    def _read_thread(self, turn: Turn, address: ReplyAddress, reading: _Reading) -> list[ThreadMessage]:
        """Returns what stood in the thread before the question; nothing where it cannot be read."""
        try:
            limit = THREAD_LIMIT + 2
            messages = self._thread.messages(turn.session_key, limit, reading.deadline, turn.audience)
        except ToolError as error:
            observability.log.info("thread_unreadable", error=str(error))
            reading.leave_out(NOT_READ, say("this thread"))
            return []
        asked_at = message_reader.format_time(address.ts) if address.ts else ""
        before = [message for message in messages if message.said_at <= asked_at]
        is_own = bool(before) and before[-1].said_at == asked_at and before[-1].who == address.user_id
        return before[:-1] if is_own else before

    def _quote(
        self, turn: Turn, quoted: QuotedMessage | None, reading: _Reading, thread: Sequence[ThreadMessage]
    ) -> str:
        """Returns the question that nobody wrote, as a quotation of what it is about, and stores it."""
        topics = [quoted.text] if quoted and quoted.text.strip() else _list_topics(reading, thread)
        question = quote(next(iter(topics), ""))
        if question:
            with self._database.transaction() as transaction:
                return sessions.restate(transaction, turn, question)
        return question


def _list_topics(reading: _Reading, thread: Sequence[ThreadMessage]) -> Iterator[str]:
    yield from (message.text for message in reading.messages if message.text.strip())
    yield from (file.text for file in reading.files if file.text.strip())
    yield from (message.text for message in thread if not message.is_docent)


def _ask_in_text(question: str, notice: str) -> str:
    return notice if question or not notice else join([notice, say(ASK_IN_TEXT)])


def _is_searched_otherwise(question: str) -> bool:
    """Returns whether it is a quotation or has links to messages, which are not searched for."""
    return question.startswith(">") or bool(permalinks.find(question))
