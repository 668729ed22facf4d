"""Lists and reads what was written in Slack: a document is a thread, or a long enough message without replies.

Promises that a private channel's documents are read by that channel only, that this bot's own answers are no
documents, and that an unchanged thread costs no call. What was read of a channel that has become private, or is
shared with another company, is for that channel alone at once, also where it is read no more. A reply that was
edited is seen when its thread is read again: with the next reply, and an hour, a day and a week after the last.

In ``docent.toml``::

    [sources.chat]
    location = "slack"
    channels = ["help", "it-support"]
    since = "90d"
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TypedDict, cast

from pydantic import Field, field_validator

from agent.errors import ReplyError, UserError
from ingest.documents import links
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.durations import Duration
from ingest.sources import connector
from ingest.sources.connector import WITHDRAWN, ListedDocument
from ingest.sources.slackthreads import conversation, installed_tokens
from ingest.sources.slackthreads.calls import Argument, SlackCalls, SlackReadError
from ingest.sources.slackthreads.channels import Channels, ReadableChannel
from ingest.sources.slackthreads.conversation import WireMessage

API_URL = "https://slack.com/api/"
PAGE = 999  # messages; the most that both methods give
SETTLING = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
WINDOWS = (timedelta(days=30), timedelta(days=3), timedelta(hours=6))  # of history read at once to find a message
_GONE = {"thread_not_found", "message_not_found"}


class SlackOptions(connector.SourceOptions):
    """The options of a source of type ``slack``.

    Without ``channels``, every public channel the bot is a member of; private ones and those shared with another
    company only where named. ``include`` and ``exclude`` are patterns of channels' names.
    """

    channels: tuple[str, ...] = Field(default=(), description="Names or ids")
    since: Duration = Field(default=timedelta(days=365), description="How far back; never: all there is")
    min_words: int = Field(default=8, ge=1, description="Of a message nobody replied to, to be a document")
    bots: bool = Field(default=False, description="Whether an app's message nobody replied to may be a document")
    token_env: str = Field(default="SLACK_BOT_TOKEN", description="The environment variable that holds the token")

    @field_validator("workspaces")
    @classmethod
    def _check_own_workspace(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if len(ids) > 1 or "*" in ids:
            raise ValueError("what is written in one workspace is read there alone: name one")
        if any(id_.startswith("E") for id_ in ids):  # whose public channels are not for all of its workspaces
            raise ValueError("the channels of a whole organisation cannot be read, only those of one workspace")
        return ids


OPTIONS = SlackOptions


class WireProfile(TypedDict, total=False):
    """A person's profile as Slack's Web API gives it."""

    real_name: str
    display_name: str


class WireUser(TypedDict, total=False):
    """A person as Slack's Web API gives them."""

    name: str
    real_name: str
    profile: WireProfile


class WireIdentity(TypedDict, total=False):
    """Whose token this is, as ``auth.test`` says."""

    user_id: str
    bot_id: str
    url: str


@dataclass(frozen=True)
class _Window:
    """The messages of a channel between two moments, both included, by ts."""

    channel: str
    first: float
    last: float
    messages: Mapping[str, WireMessage]

    def covers(self, channel: str, ts: str) -> bool:
        return channel == self.channel and self.first <= float(ts) <= self.last


def matches(location: str) -> bool:
    """Returns whether a location is ``slack`` or begins with ``slack://``."""
    return location == "slack" or location.startswith("slack://")


def open_source(options: SlackOptions, *, cache_folder: Path) -> "SlackSource":
    """Opens the workspace of a token, or the one that is named and has installed the app.

    Raises :class:`UserError` where there is no token.
    """
    token = _find_installed(options) or os.environ.get(options.token_env, "")
    if not token:
        raise UserError(
            f"The environment variable {options.token_env} is not set. Set it to Slack's bot token (xoxb-…)."
        )
    return SlackSource(options, token, os.environ.get("SLACK_API_URL") or API_URL)


def _find_installed(options: SlackOptions) -> str | None:
    """Returns the token of the workspace that a source names, where workspaces install the app.

    A token of the environment serves such a source only where ``token_env`` names it: it may be another one's.
    """
    if not options.workspaces or "token_env" in options.model_fields_set:
        return None
    try:
        return installed_tokens.find(options.workspaces[0])
    except ReplyError as error:
        raise UserError(
            f"Slack cannot be read for '{options.name or 'slack'}': {error}. 'docent workspaces' lists those that "
            "have installed it."
        ) from error


class SlackSource:
    """A workspace; a document's uri is its channel's id and the ts of the thread's first message. Thread-safe."""

    def __init__(
        self,
        options: SlackOptions,
        token: str,
        api_url: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = options.name or "slack"
        self._options = options
        self._calls = SlackCalls(token, api_url, options.token_env, sleep)
        self._channels = Channels(self._calls)
        self._clock = clock
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._sees_names = True
        self._channel_names: dict[str, str] = {}
        self._window = _Window("", 0, 0, {})

    def list(self, known: Mapping[str, str]) -> Iterator[ListedDocument]:
        """Lists every document, channel by channel, newest first."""
        self._window = _Window("", 0, 0, {})  # what another sync has read is outdated
        channels: Sequence[ReadableChannel] = ()
        failure: SlackReadError | None = None
        try:
            channels = [*self._channels.choose(self._options.channels, takes=self._options.takes)]
        except SlackReadError as error:
            failure = error
        try:
            yield from self._withdraw(known, channels)
            if failure:
                raise failure
            for channel in channels:
                yield from self._list_channel(channel)
        except SlackReadError as error:
            raise UserError(f"Cannot read Slack: {failure or error}") from None

    def _withdraw(self, known: Mapping[str, str], channels: Sequence[ReadableChannel]) -> Iterator[ListedDocument]:
        """Lists what was read of channels that only their members may read now, be they read on or not."""
        chosen = {channel.id: channel.is_open for channel in channels}
        known_channels = sorted({uri.partition("/")[0] for uri in known})
        closed = {channel for channel in known_channels if chosen.get(channel) is False}
        closed.update(self._channels.find_closed(channel for channel in known_channels if channel not in chosen))
        for channel in sorted(closed):
            yield ListedDocument(f"{channel}/", "", WITHDRAWN, _members(channel))

    def _list_channel(self, channel: ReadableChannel) -> Iterator[ListedDocument]:
        readers = None if channel.is_open else _members(channel.id)
        for message in self._history(channel.id, oldest=self._oldest()):
            if self._is_document(message):
                uri = f"{channel.id}/{message['ts']}"
                yield ListedDocument(
                    uri,
                    self._url(uri),
                    self._fingerprint(uri, message),
                    readers,
                    path=f"{channel.name}/thread",
                )

    def fetch(self, uri: str) -> RawDocument:
        """Reads a thread as it is now; raises :class:`FetchProblem` when it was deleted or cannot be read."""
        channel, _, ts = uri.partition("/")
        try:
            messages = [message for message in self._thread(channel, ts) if self._is_evidence(message)]
            if not messages:
                raise FetchProblem("was deleted", "the next sync removes it", may_pass=True)
            content = conversation.to_markdown(messages, self._person_name)
            title = conversation.make_title(self._channel_name(channel), messages, self._person_name)
        except SlackReadError as error:
            raise FetchProblem(error.cause, error.advice, may_pass=True) from None
        return RawDocument(
            content.encode(), Format.MARKDOWN, title, max(map(conversation.last_changed_at, messages))
        )

    @cached_property
    def _me(self) -> WireIdentity:
        return cast(WireIdentity, self._calls.call("auth.test"))

    def _oldest(self) -> str:
        seconds = self._options.since.total_seconds()
        return f"{self._clock() - seconds:.6f}" if seconds else "0"

    def _history(self, channel: str, **bounds: Argument) -> Iterator[WireMessage]:
        pages = self._calls.pages("conversations.history", "messages", channel=channel, limit=PAGE, **bounds)
        return (cast(WireMessage, message) for message in pages)

    def _is_document(self, message: WireMessage) -> bool:
        is_reply = message.get("thread_ts", message["ts"]) != message["ts"]  # also sent to the channel
        is_deleted = message.get("subtype") == "tombstone"  # the first message of a thread that has replies
        if is_reply or not (is_deleted or conversation.has_text(message)):
            return False
        if self._has_replies(message):
            return True
        may_be_app = self._options.bots or not message.get("bot_id")
        is_long = conversation.count_words(message) >= self._options.min_words
        return self._is_evidence(message) and not self._asks_bot(message) and may_be_app and is_long

    def _has_replies(self, message: WireMessage) -> bool:
        """Returns whether anybody but the bot, and the person who asked it, replied.

        A question that only the bot answered must not become evidence.
        """
        users = set(message.get("reply_users") or ())
        if int(message.get("reply_users_count") or len(users)) > len(users):
            return True  # Slack names only a few of them
        asking = {message.get("user")} if self._asks_bot(message) else set()
        return bool(users - asking - {self._me.get("user_id"), self._me.get("bot_id")})

    def _asks_bot(self, message: WireMessage) -> bool:
        return f"<@{self._me.get('user_id')}" in str(message.get("text"))

    def _is_evidence(self, message: WireMessage) -> bool:
        ids = {message.get("user"), message.get("bot_id")} - {None}
        is_own = not ids.isdisjoint({self._me.get("user_id"), self._me.get("bot_id")})
        return conversation.has_text(message) and not is_own

    def _fingerprint(self, uri: str, message: WireMessage) -> str:
        """Hashes what shows a change; with the uri, because two messages of the same words are two documents."""
        names = ("text", "blocks", "attachments", "subtype", "edited", "reply_count", "latest_reply")
        facts = [message.get(name) for name in names] + [file.get("id") for file in message.get("files") or ()]
        age_seconds = self._clock() - float(message.get("latest_reply") or self._clock())
        n_settled = sum(age_seconds >= step.total_seconds() for step in SETTLING)
        content = json.dumps([uri, n_settled, facts], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def _url(self, uri: str) -> str:
        if self._options.link:
            return links.expand(self._options.link, uri)
        channel, _, ts = uri.partition("/")
        return f"{str(self._me.get('url', '')).rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"

    def _thread(self, channel: str, ts: str) -> Sequence[WireMessage]:
        """Returns the messages of a thread; asks for replies only where the first message has any."""
        first = self._first_message(channel, ts)
        if first is None:
            return []
        if not first.get("reply_count"):
            return [first]
        by_ts: dict[str, WireMessage] = {}  # the first message comes again with every page
        try:
            pages = self._calls.pages("conversations.replies", "messages", channel=channel, ts=ts, limit=PAGE)
            for message in pages:
                by_ts[str(message["ts"])] = cast(WireMessage, message)
        except SlackReadError as error:
            if error.code not in _GONE:
                raise
        return [by_ts[moment] for moment in sorted(by_ts)]

    def _first_message(self, channel: str, ts: str) -> WireMessage | None:
        with self._lock:
            if not self._window.covers(channel, ts):
                self._window = self._read_window(channel, ts)
            return self._window.messages.get(ts)

    def _read_window(self, channel: str, ts: str) -> _Window:
        """Reads history from a moment on, for the longest of :data:`WINDOWS` that one page holds."""
        bounds: dict[str, Argument] = {}
        for span in WINDOWS:
            last = f"{float(ts) + span.total_seconds():.6f}"
            bounds = {"oldest": ts, "latest": last, "inclusive": True}
            page = self._calls.call("conversations.history", channel=channel, limit=PAGE, **bounds)
            if not page.get("has_more"):
                return _to_window(channel, ts, cast(Sequence[WireMessage], page.get("messages") or ()))
        return _to_window(channel, ts, self._history(channel, **bounds))

    def _channel_name(self, channel: str) -> str:
        if channel not in self._channel_names:
            self._channel_names[channel] = str(self._channels.info(channel).get("name") or channel)
        return self._channel_names[channel]

    def _person_name(self, user: str) -> str:
        """Returns a person's name, or their id where the app may not ask or the person is unknown here."""
        if user not in self._names and self._sees_names:
            try:
                profile = cast(WireUser, self._calls.call("users.info", user=user)["user"])
                self._names[user] = _display_name(profile) or user
            except SlackReadError as error:
                if not error.code:
                    raise
                self._sees_names = error.code != "missing_scope"
                self._names[user] = user
        return self._names.get(user, user)


def _members(channel: str) -> frozenset[str]:
    return frozenset({f"channel:{channel}"})


def _to_window(channel: str, ts: str, messages: Iterable[WireMessage]) -> _Window:
    """Ends the window at its newest message: more messages may follow that one."""
    by_ts = {str(message["ts"]): message for message in messages}
    return _Window(channel, float(ts), max(map(float, by_ts), default=float(ts)), by_ts)


def _display_name(user: WireUser) -> str:
    profile = user.get("profile") or WireProfile()
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((str(name) for name in names if name), "")
