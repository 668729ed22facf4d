"""What a workspace begins with, as its archive kept it.

Owns the way from JSON back to the dataclasses of the stores, and the limit on what is kept. Promises objects equal
to those that were kept. A row of the wrong shape makes the archive move the whole file aside.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.payloads import JsonObject, ViewPayload
from bot.simulator.stores.archive import Archive, ArchiveRow, RecordKey, RecordKind
from bot.simulator.stores.directory import Channel, ChannelKind, User
from bot.simulator.stores.messages import MessageStream, SlackMessage, StreamState
from bot.simulator.stores.pending_events import FailureReason, PendingEvent
from bot.simulator.stores.response_urls import ResponseUrl
from bot.simulator.stores.threads import AgentSession, ThreadKey

IDS_PER_OPENING = 1 << 20


@dataclass
class Snapshot:
    """`messages` are in order of their ts; `deleted` has the channel of each ts."""

    users: list[User] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    messages: list[SlackMessage] = field(default_factory=list)
    deleted: dict[str, str] = field(default_factory=dict)
    titles: dict[ThreadKey, str] = field(default_factory=dict)
    prompts: dict[ThreadKey, list[JsonObject]] = field(default_factory=dict)
    sessions: dict[ThreadKey, AgentSession] = field(default_factory=dict)
    response_urls: list[ResponseUrl] = field(default_factory=list)
    homes: dict[str, ViewPayload] = field(default_factory=dict)
    events: list[PendingEvent] = field(default_factory=list)
    last_ts_us: int = 0
    n_openings: int = 0

    def ids(self) -> Iterator[int]:
        """Returns numbers for ids that no earlier run has used."""
        return itertools.count(self.n_openings * IDS_PER_OPENING + 1)

    def trim(self, most: int) -> Iterator[tuple[RecordKind, RecordKey]]:
        """Drops the oldest beyond `most` of each, messages by whole threads; yields what it dropped."""
        dropped = {message.ts for message in _beyond(self.messages, most)}
        for message in self.messages:
            if message.ts in dropped:
                yield RecordKind.MESSAGE, message.ts
                yield from self._drop_thread((message.channel, message.ts))
        self.messages = [message for message in self.messages if message.ts not in dropped]
        for ts in sorted(self.deleted, reverse=True)[most:]:
            del self.deleted[ts]
            yield RecordKind.DELETED, ts
        for url in self.response_urls[:-most]:
            yield RecordKind.RESPONSE_URL, url.id
        self.response_urls = self.response_urls[-most:]

    def _drop_thread(self, key: ThreadKey) -> Iterator[tuple[RecordKind, RecordKey]]:
        if self.titles.pop(key, None) is not None:
            yield RecordKind.TITLE, key
        if self.prompts.pop(key, None) is not None:
            yield RecordKind.PROMPTS, key
        if self.sessions.pop(key, None) is not None:
            yield RecordKind.SESSION, key


def load(archive: Archive) -> Snapshot:
    """Opens the archive and returns what is in it, within the archive's limit."""

    def read(rows: Iterable[ArchiveRow]) -> Snapshot:
        snapshot = _parse(rows)
        for kind, key in snapshot.trim(archive.max_records):
            archive.forget(kind, key)
        archive.keep(RecordKind.N_OPENINGS, "", snapshot.n_openings + 1)
        return snapshot

    return archive.open(read)


def _parse(rows: Iterable[ArchiveRow]) -> Snapshot:
    records: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
    for kind, key, body in rows:
        decoded = json.loads(key)
        records[kind][tuple(decoded) if isinstance(decoded, list) else decoded] = json.loads(body)
    messages = [_message(body) for body in records[RecordKind.MESSAGE].values()]
    return Snapshot(
        users=[User(**body) for body in records[RecordKind.USER].values()],
        channels=[_channel(body) for body in records[RecordKind.CHANNEL].values()],
        messages=sorted(messages, key=lambda message: message.ts),
        deleted=records[RecordKind.DELETED],
        titles=records[RecordKind.TITLE],
        prompts=records[RecordKind.PROMPTS],
        sessions={key: AgentSession(**body) for key, body in records[RecordKind.SESSION].items()},
        response_urls=[ResponseUrl(**body) for body in records[RecordKind.RESPONSE_URL].values()],
        homes=records[RecordKind.HOME],
        events=[_event(body) for body in records[RecordKind.EVENT].values()],
        last_ts_us=int(records[RecordKind.LAST_TS].get("", 0)),
        n_openings=int(records[RecordKind.N_OPENINGS].get("", 0)),
    )


def _channel(body: JsonObject) -> Channel:
    return Channel(**{**body, "kind": ChannelKind(body["kind"])})


def _event(body: JsonObject) -> PendingEvent:
    return PendingEvent(**{**body, "reason": FailureReason(body["reason"])})


def _message(body: JsonObject) -> SlackMessage:
    stream = body["stream"]
    if stream is not None:
        stream = MessageStream(**{**stream, "state": StreamState(stream["state"])})
    fields = {
        "blocks": tuple(body["blocks"]),
        "attachments": tuple(body["attachments"]),
        "files": tuple(body.get("files", ())),
        "reactions": {name: tuple(users) for name, users in body["reactions"].items()},
        "stream": stream,
    }
    return SlackMessage(**{**body, **fields})


def _beyond(messages: list[SlackMessage], most: int) -> Iterator[SlackMessage]:
    """Yields the threads with the oldest last messages. The newest thread stays whole, however long it is."""
    threads: defaultdict[ThreadKey, list[SlackMessage]] = defaultdict(list)
    for message in messages:
        threads[message.channel, message.thread_ts or message.ts].append(message)
    newest_first = sorted(threads.values(), key=lambda thread: thread[-1].ts, reverse=True)
    sizes = itertools.accumulate(len(thread) for thread in newest_first)
    n_threads = max(1, sum(size <= most for size in sizes))
    for thread in newest_first[n_threads:]:
        yield from thread
