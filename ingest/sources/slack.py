"""What was said in Slack: a thread is a document, and so is a message nobody replied to if it says enough.

Promises that a private channel's documents are read by that channel only, that this bot's own answers are no
documents, and that an unchanged thread costs no call. A reply that was edited is seen when its thread is read
again: with the next reply, and an hour, a day and a week after the last one.
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
from typing import Any

from pydantic import Field

from agent.errors import UserError
from ingest.documents import links
from ingest.documents.formats import Format
from ingest.documents.raw import FetchProblem, RawDocument
from ingest.durations import Duration
from ingest.sources import connector
from ingest.sources.connector import Listed
from ingest.sources.slackthreads import conversation
from ingest.sources.slackthreads.calls import SlackCalls, SlackReadError
from ingest.sources.slackthreads.conversation import Message

API_URL = "https://slack.com/api/"
PAGE = 999  # messages; the most that both methods give
CHANNELS_PAGE = 200
SETTLING = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
WINDOWS = (timedelta(days=30), timedelta(days=3), timedelta(hours=6))  # of history read at once to find a message
_GONE = {"thread_not_found", "message_not_found"}


class SlackOptions(connector.SourceOptions):
    """Without ``channels``, all public ones the bot is a member of; private ones and those shared with another
    company only where named. ``include`` and ``exclude`` are patterns of channels' names."""

    channels: tuple[str, ...] = Field(default=(), description="Names or ids")
    since: Duration = Field(default=timedelta(days=365), description="How far back; never: all there is")
    min_words: int = Field(default=8, ge=1, description="Of a message nobody replied to, to be a document")
    bots: bool = Field(default=False, description="Whether an app's message nobody replied to may be a document")
    token_env: str = Field(default="SLACK_BOT_TOKEN", description="The environment variable that holds the token")


OPTIONS = SlackOptions


def matches(location: str) -> bool:
    """``slack`` or ``slack://``."""
    return location == "slack" or location.startswith("slack://")


def open_source(options: SlackOptions, *, place: Path) -> "SlackSource":
    """The workspace of a token; raises :class:`UserError` when there is none."""
    token = os.environ.get(options.token_env, "")
    if not token:
        raise UserError(f"{options.token_env}, which is to hold Slack's bot token (xoxb-…), is not set.")
    return SlackSource(options, token, os.environ.get("SLACK_API_URL") or API_URL)


@dataclass(frozen=True)
class _Channel:
    id: str
    name: str
    is_open: bool  # to everybody in the workspace, and to nobody else


@dataclass(frozen=True)
class _Window:
    """The messages of a channel between two moments, both included, by ts."""

    channel: str
    first: float
    last: float
    messages: Mapping[str, Message]

    def covers(self, channel: str, ts: str) -> bool:
        return channel == self.channel and self.first <= float(ts) <= self.last


class SlackSource:
    """A source; a document's uri is its channel's id and the ts of the thread's first message. Thread-safe."""

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
        self._clock = clock
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._sees_names = True
        self._channels: dict[str, str] = {}
        self._window = _Window("", 0, 0, {})

    def list(self, known: Mapping[str, str]) -> Iterator[Listed]:
        """Every document, channel by channel, from the newest on."""
        self._window = _Window("", 0, 0, {})  # what another sync has read is outdated
        try:
            for channel in self._chosen():
                readers = None if channel.is_open else frozenset({f"channel:{channel.id}"})
                for message in self._history(channel.id, oldest=self._oldest()):
                    if self._is_document(message):
                        uri = f"{channel.id}/{message['ts']}"
                        yield Listed(uri, self._url(uri), self._fingerprint(uri, message), readers)
        except SlackReadError as failed:
            raise UserError(f"Cannot read Slack: {failed}") from None

    def fetch(self, uri: str) -> RawDocument:
        """A thread as it is now."""
        channel, _, ts = uri.partition("/")
        try:
            messages = [one for one in self._thread(channel, ts) if self._is_evidence(one)]
            if not messages:
                raise FetchProblem("was deleted", "it leaves with the next sync", may_pass=True)
            content = conversation.markdown(messages, self._name)
            title = conversation.title(self._channel_name(channel), messages, self._name)
        except SlackReadError as failed:
            raise FetchProblem(failed.cause, failed.advice, may_pass=True) from None
        return RawDocument(content.encode(), Format.MARKDOWN, title, max(map(conversation.said_at, messages)))

    @cached_property
    def _me(self) -> dict[str, Any]:
        return self._calls.call("auth.test")

    def _oldest(self) -> str:
        back = self._options.since.total_seconds()
        return f"{self._clock() - back:.6f}" if back else "0"

    def _chosen(self) -> Iterator[_Channel]:
        if self._options.channels:
            found = self._named()
        else:
            shared = self._calls.pages(
                "users.conversations", "channels", limit=CHANNELS_PAGE, types="public_channel"
            )
            found = [channel for channel in map(_channel, shared) if channel.is_open]
        chosen = [channel for channel in found if self._options.takes(f"{channel.name}/thread")]
        if not chosen:
            raise SlackReadError(
                "the bot is in none of its channels", "/invite it to them, or name channels it is in"
            )
        yield from {channel.id: channel for channel in chosen}.values()

    def _named(self) -> Sequence[_Channel]:
        """By name only among those the bot is in; private ones are asked for when the others do not suffice."""
        wanted = [name.strip().removeprefix("#") for name in self._options.channels]
        by_name: dict[str, dict[str, Any]] = {}
        for types in ("public_channel", "private_channel"):
            if all(_is_id(name) or name in by_name for name in wanted):
                break
            shared = self._calls.pages("users.conversations", "channels", limit=CHANNELS_PAGE, types=types)
            by_name |= {str(one.get("name")): one for one in shared}
        return [self._one(name, by_name.get(name)) for name in wanted]

    def _one(self, name: str, found: dict[str, Any] | None) -> _Channel:
        if found is None and not _is_id(name):
            raise SlackReadError(
                f"the bot is in no channel '#{name}'", f"check its name, or /invite the bot to #{name}"
            )
        wire = found or self._info(name)
        if wire.get("is_im") or wire.get("is_mpim"):
            raise SlackReadError(
                f"{name} is a conversation of a few people", "name channels only; it will not be read"
            )
        if found is None and not wire.get("is_member"):
            raise SlackReadError(f"the bot is not in #{wire.get('name')}", f"/invite it to #{wire.get('name')}")
        return _channel(wire)

    def _info(self, channel: str) -> dict[str, Any]:
        if channel.startswith("D"):
            return {"is_im": True}
        return dict(self._calls.call("conversations.info", channel=channel)["channel"])

    def _history(self, channel: str, **bounds: Any) -> Iterator[Message]:
        return self._calls.pages("conversations.history", "messages", channel=channel, limit=PAGE, **bounds)

    def _is_document(self, message: Message) -> bool:
        is_reply = message.get("thread_ts", message["ts"]) != message["ts"]  # also sent to the channel
        is_left = message.get("subtype") == "tombstone"  # a first message that was deleted, with replies
        if is_reply or not (is_left or conversation.is_spoken(message)):
            return False
        if self._has_replies(message):
            return True
        is_wanted = self._options.bots or not message.get("bot_id")
        says_enough = conversation.n_words(message) >= self._options.min_words
        return self._is_evidence(message) and not self._is_asked(message) and is_wanted and says_enough

    def _has_replies(self, message: Message) -> bool:
        """Of somebody else than this bot, or whoever asks it: a question that it answered is no evidence."""
        shown = set(message.get("reply_users") or ())
        if int(message.get("reply_users_count") or len(shown)) > len(shown):
            return True  # Slack names a few of them
        asking = {message.get("user")} if self._is_asked(message) else set()
        return bool(shown - asking - {self._me.get("user_id"), self._me.get("bot_id")})

    def _is_asked(self, message: Message) -> bool:
        return f"<@{self._me.get('user_id')}" in str(message.get("text"))

    def _is_evidence(self, message: Message) -> bool:
        ids = {message.get("user"), message.get("bot_id")} - {None}
        is_own = not ids.isdisjoint({self._me.get("user_id"), self._me.get("bot_id")})
        return conversation.is_spoken(message) and not is_own

    def _fingerprint(self, uri: str, message: Message) -> str:
        """With the uri, because two messages of the same words are not the same document."""
        names = ("text", "blocks", "attachments", "subtype", "edited", "reply_count", "latest_reply")
        facts = [message.get(name) for name in names] + [file.get("id") for file in message.get("files") or ()]
        age_seconds = self._clock() - float(message.get("latest_reply") or self._clock())
        n_settled = sum(age_seconds >= step.total_seconds() for step in SETTLING)
        told = json.dumps([uri, n_settled, facts], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def _url(self, uri: str) -> str:
        if self._options.link:
            return links.expand(self._options.link, uri)
        channel, _, ts = uri.partition("/")
        return f"{str(self._me.get('url', '')).rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}"

    def _thread(self, channel: str, ts: str) -> Sequence[Message]:
        """The replies are asked for only where there are any; the first message comes with many others."""
        first = self._found(channel, ts)
        if first is None:
            return []
        if not first.get("reply_count"):
            return [first]
        by_ts: dict[str, Message] = {}  # the first message comes again with every page
        try:
            for one in self._calls.pages("conversations.replies", "messages", channel=channel, ts=ts, limit=PAGE):
                by_ts[one["ts"]] = one
        except SlackReadError as failed:
            if failed.code not in _GONE:
                raise
        return [by_ts[moment] for moment in sorted(by_ts)]

    def _found(self, channel: str, ts: str) -> Message | None:
        with self._lock:
            if not self._window.covers(channel, ts):
                self._window = self._read(channel, ts)
            return self._window.messages.get(ts)

    def _read(self, channel: str, ts: str) -> _Window:
        """What was said from a moment on, for as long as one page holds."""
        bounds: dict[str, Any] = {}
        for span in WINDOWS:
            last = f"{float(ts) + span.total_seconds():.6f}"
            bounds = {"oldest": ts, "latest": last, "inclusive": True}
            page = self._calls.call("conversations.history", channel=channel, limit=PAGE, **bounds)
            if not page.get("has_more"):
                return _window(channel, ts, page.get("messages") or ())
        return _window(channel, ts, self._history(channel, **bounds))

    def _channel_name(self, channel: str) -> str:
        if channel not in self._channels:
            self._channels[channel] = str(self._info(channel).get("name") or channel)
        return self._channels[channel]

    def _name(self, user: str) -> str:
        """A person's name; their id where the app may not ask, or the person is unknown here."""
        if user not in self._names and self._sees_names:
            try:
                self._names[user] = _called(self._calls.call("users.info", user=user)["user"]) or user
            except SlackReadError as failed:
                if not failed.code:
                    raise
                self._sees_names = failed.code != "missing_scope"
                self._names[user] = user
        return self._names.get(user, user)


def _window(channel: str, ts: str, messages: Iterable[Message]) -> _Window:
    """To the newest message and no further: another may come."""
    by_ts = {str(one["ts"]): one for one in messages}
    return _Window(channel, float(ts), max(map(float, by_ts), default=float(ts)), by_ts)


def _is_id(name: str) -> bool:
    """Names of channels are in lower case."""
    return name[:1] in {"C", "G", "D"} and name.isalnum() and name == name.upper()


def _channel(wire: Mapping[str, Any]) -> _Channel:
    is_shared = wire.get("is_ext_shared") or wire.get("is_pending_ext_shared")
    is_open = not (wire.get("is_private") or wire.get("is_group") or is_shared)
    return _Channel(str(wire["id"]), str(wire.get("name") or wire["id"]), is_open)


def _called(user: Mapping[str, Any]) -> str:
    profile = user.get("profile") or {}
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((str(name) for name in names if name), "")
