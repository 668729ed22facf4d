"""What a workspace begins with, as its archive kept it.

Owns the way from JSON back to the dataclasses of this package, and what is dropped so that there is no end of
growth. Promises objects equal to those that were kept. A row that does not fit raises `KeyError`, `TypeError`,
`ValueError` or `AttributeError`. Does not read files.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.simulator.delivery.outbox import Undelivered
from bot.simulator.stores.directory import Channel, User
from bot.simulator.stores.messages import Json, Message, Stream
from bot.simulator.stores.response_urls import ResponseUrl
from bot.simulator.stores.threads import Session, ThreadKey

Kind = Literal[
    "user",
    "channel",
    "message",
    "gone",
    "title",
    "prompts",
    "session",
    "response_url",
    "home",
    "event",
    "last_ts",
    "n_openings",
]
Key = str | ThreadKey
Row = tuple[str, str, str]  # a kind, and as JSON a key and a body
IDS_PER_OPENING = 1 << 20


@dataclass
class Kept:
    """`messages` are in order of their ts; `gone` has the channel of each ts."""

    users: list[User] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)
    titles: dict[ThreadKey, str] = field(default_factory=dict)
    prompts: dict[ThreadKey, list[Json]] = field(default_factory=dict)
    sessions: dict[ThreadKey, Session] = field(default_factory=dict)
    response_urls: list[ResponseUrl] = field(default_factory=list)
    homes: dict[str, Json] = field(default_factory=dict)
    events: list[Undelivered] = field(default_factory=list)
    last_ts_us: int = 0
    n_openings: int = 0

    def ids(self) -> Iterator[int]:
        """Numbers for ids that no earlier run has given away."""
        return itertools.count(self.n_openings * IDS_PER_OPENING + 1)

    def trim(self, most: int) -> Iterator[tuple[Kind, Key]]:
        """Drops the oldest beyond `most` of each, messages by whole threads; says what it dropped."""
        dropped = {message.ts for message in _beyond(self.messages, most)}
        for message in self.messages:
            if message.ts in dropped:
                yield "message", message.ts
                yield from self._drop_thread((message.channel, message.ts))
        self.messages = [message for message in self.messages if message.ts not in dropped]
        for ts in sorted(self.gone, reverse=True)[most:]:
            del self.gone[ts]
            yield "gone", ts
        for url in self.response_urls[:-most]:
            yield "response_url", url.id
        self.response_urls = self.response_urls[-most:]

    def _drop_thread(self, key: ThreadKey) -> Iterator[tuple[Kind, Key]]:
        of_threads: dict[Kind, dict[ThreadKey, Any]] = {
            "title": self.titles,
            "prompts": self.prompts,
            "session": self.sessions,
        }
        for kind, facts in of_threads.items():
            if facts.pop(key, None) is not None:
                yield kind, key


def read(rows: Iterable[Row]) -> Kept:
    """Of rows in the order in which they were first kept."""
    found: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
    for kind, key, body in rows:
        decoded = json.loads(key)
        found[kind][tuple(decoded) if isinstance(decoded, list) else decoded] = json.loads(body)
    return Kept(
        users=[User(**body) for body in found["user"].values()],
        channels=[Channel(**body) for body in found["channel"].values()],
        messages=sorted(map(_message, found["message"].values()), key=lambda message: message.ts),
        gone=found["gone"],
        titles=found["title"],
        prompts=found["prompts"],
        sessions={key: Session(**body) for key, body in found["session"].items()},
        response_urls=[ResponseUrl(**body) for body in found["response_url"].values()],
        homes=found["home"],
        events=[Undelivered(**body) for body in found["event"].values()],
        last_ts_us=int(found["last_ts"].get("", 0)),
        n_openings=int(found["n_openings"].get("", 0)),
    )


def _message(body: Json) -> Message:
    stream = body["stream"]
    shapes: Json = {
        "blocks": tuple(body["blocks"]),
        "attachments": tuple(body["attachments"]),
        "reactions": {name: tuple(users) for name, users in body["reactions"].items()},
        "stream": Stream(**stream) if stream is not None else None,
    }
    return Message(**{**body, **shapes})


def _beyond(messages: list[Message], most: int) -> Iterator[Message]:
    """The threads that nobody wrote in for longest. The newest one stays whole, however long it is."""
    threads: defaultdict[ThreadKey, list[Message]] = defaultdict(list)
    for message in messages:
        threads[message.channel, message.thread_ts or message.ts].append(message)
    newest_first = sorted(threads.values(), key=lambda thread: thread[-1].ts, reverse=True)
    sizes = itertools.accumulate(len(thread) for thread in newest_first)
    n_threads = max(1, sum(size <= most for size in sizes))
    for thread in newest_first[n_threads:]:
        yield from thread
