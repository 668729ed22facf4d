"""The workspace: everything Slack would keep, and one lock around it.

Owns messages, ephemerals, response URLs, views, recorded calls and deliveries, and the wiring of the parts.
Promises that every method may be called from any thread, that `ts` values are unique and increase, and that
what it hands out does not change afterwards. Keeps everything as long as the process lives; with an archive
also past its end, however it ended.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bot.simulator.delivery import events
from bot.simulator.delivery.faults import Faults
from bot.simulator.delivery.outbox import Deliveries, Delivery
from bot.simulator.delivery.sockets import Sockets
from bot.simulator.errors import WorkspaceError
from bot.simulator.limits import RateTiers
from bot.simulator.people.person import Person
from bot.simulator.stores import directory as places
from bot.simulator.stores.archive import Archive, Lock
from bot.simulator.stores.call_log import Call
from bot.simulator.stores.directory import Channel, ChannelKind, Directory, User
from bot.simulator.stores.message_store import Store
from bot.simulator.stores.messages import Json, Message
from bot.simulator.stores.response_urls import ResponseUrls
from bot.simulator.stores.threads import Status, Threads
from bot.simulator.stores.views import Views

T = TypeVar("T")

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "users:read",
    "users:read.email",
)
COMMANDS = {"/ask": "Ask a question; only you see the answer"}
RETRY_DELAYS = (0.0, 60.0, 300.0)  # seconds; Slack: nearly at once, after a minute, after five


class Workspace:
    def __init__(
        self,
        *,
        team_id: str = places.TEAM,
        app_id: str = "A0STANDIN01",
        bot_id: str = "B0STANDIN01",
        bot_user_id: str = "U0STANDIN01",
        bot_name: str = "docent",
        bot_token: str = "xoxb-stand-in",
        app_token: str = "xapp-stand-in",
        signing_secret: str = "stand-in-signing-secret",
        request_url: str | None = None,
        scopes: Sequence[str] = SCOPES,
        subscriptions: Sequence[str] = events.SUBSCRIPTIONS,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        ack_seconds: float = 3.0,
        stream_seconds: float = 300.0,
        is_rate_limited: bool = False,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        archive: Path | None = None,
        is_populated: bool = True,
        story: Callable[[dict[str, str]], list[Json]] | None = None,
        examples: Sequence[str] = (),
        commands: Mapping[str, str] = COMMANDS,
    ) -> None:
        """`request_url` set: events go there over HTTP; None: over Socket Mode. `clock` ages streams, statuses,
        triggers, response URLs and rate limits; timestamps and signatures always use the real time. `archive`
        is a file in which the next workspace finds everything again, whether this one was closed or killed. For
        the page: `story` tells what the app recorded of a thread (`channel`, `thread_ts`) or of a person's
        commands (`channel`, `user`), turn by turn; `examples` are questions to start with; `commands` explains
        each."""
        self.team_id, self.app_id, self.bot_id, self.bot_user_id = team_id, app_id, bot_id, bot_user_id
        self.bot_token, self.app_token, self.signing_secret = bot_token, app_token, signing_secret
        self.verification_token = "stand-in-verification-token"
        self.request_url = request_url
        self.scopes, self.subscriptions = set(scopes), set(subscriptions)
        self.stream_seconds = stream_seconds
        self.clock = clock
        self.story, self.examples, self.commands = story, tuple(examples), dict(commands)
        self.url = ""  # of the server, once there is one
        self.archive = Archive(archive)
        kept = self.archive.open()
        self.lock = Lock(self.archive.flush)
        self._changed = threading.Condition(self.lock.inner)
        self.revision = 0
        self.watchers: set[Callable[[], None]] = set()  # called after each change, from any thread
        self.calls: list[Call] = []
        bot = User(bot_user_id, bot_name, bot_name.title(), team_id, is_bot=True)
        self.directory = Directory(bot, keep_dm=self.archive.keep_channel)
        if is_populated:
            places.populate(self.directory)
        self.directory.restore(kept.users, kept.channels)
        self._kept_channels = {channel.id for channel in kept.channels}
        self.store = Store(self, kept)
        self.threads = Threads(clock, self.archive, kept)
        self.faults = Faults(seed=seed, on_pause=self._hold, on_resume=self._release)
        self.tiers = RateTiers(is_enforced=is_rate_limited, clock=clock)
        self.response_urls = ResponseUrls(self, kept)
        self.views = Views(self, kept)
        self.sockets = Sockets(self, ack_seconds=ack_seconds)
        self.outbox = Deliveries(self, kept, retry_delays=retry_delays, ack_seconds=ack_seconds)

    # People and places

    def person(self, user_id: str) -> Person:
        if user_id not in self.directory.users:
            raise WorkspaceError(f"no user {user_id!r} in this workspace")
        return Person(self, user_id)

    def add_user(self, user_id: str, name: str, **facts: Any) -> Person:
        """`facts` are further fields of `User`: real_name, is_restricted, deleted, tz, team_id and so on."""
        with self.lock:
            real_name = facts.pop("real_name", name.title())
            facts.setdefault("team_id", self.team_id)
            user = self.directory.add_user(User(user_id, name, real_name, **facts))
            self.archive.keep("user", user_id, user)
            return self.person(user_id)

    def add_channel(
        self,
        channel_id: str,
        name: str,
        *,
        kind: ChannelKind = "public",
        members: Sequence[str] = (),
        **facts: Any,
    ) -> str:
        """Add the bot's id to `members` to have the app in it. A channel of the archive stays as it was left."""
        with self.lock:
            if channel_id not in self._kept_channels:
                channel = Channel(channel_id, name, kind, list(members), **facts)
                self.archive.keep_channel(self.directory.add_channel(channel))
            return channel_id

    def join(self, channel: str, user_id: str) -> None:
        with self.lock:
            place = self.directory.find_channel(channel)
            if user_id not in place.members:
                place.members.append(user_id)
                self.archive.keep_channel(place)
                self._emit_membership("member_joined_channel", place, user_id)
            self.changed()

    def leave(self, channel: str, user_id: str) -> None:
        with self.lock:
            place = self.directory.find_channel(channel)
            if user_id in place.members:
                self._emit_membership("member_left_channel", place, user_id)
                place.members.remove(user_id)
                self.archive.keep_channel(place)
            self.changed()

    def bot_profile(self) -> Json:
        bot = self.directory.bot
        return {
            "id": self.bot_id,
            "app_id": self.app_id,
            "user_id": bot.id,
            "name": bot.name,
            "icons": {},
            "deleted": False,
            "updated": places.CREATED,
            "team_id": self.team_id,
        }

    # Reading back

    def message(self, ts: str) -> Message:
        """Any message or ephemeral by its ts; raises `WorkspaceError`."""
        return self.store.message(ts)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The root first, then its replies in order; empty when there is no such root."""
        return self.store.thread(channel, ts)

    def history(self, channel: str) -> list[Message]:
        """Every message of a channel, replies too, oldest first."""
        return self.store.history(channel)

    def ephemerals(self, user_id: str) -> list[Message]:
        return self.store.ephemerals(user_id)

    def status(self, channel: str, thread_ts: str) -> str:
        with self.lock:
            return self.threads.status((channel, thread_ts))

    def status_history(self, channel: str, thread_ts: str) -> list[Status]:
        with self.lock:
            return self.threads.history((channel, thread_ts))

    def calls_of(self, method: str) -> list[Call]:
        with self.lock:
            return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        with self.lock:
            return list(self.outbox.records)

    def wait_for(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:
        """The first truthy value of `predicate`, tried after each change; raises `TimeoutError`."""
        with self._changed:
            deadline = time.monotonic() + timeout
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    if value := predicate():
                        return value
                    raise TimeoutError(f"not within {timeout} s; {self._summary()}")
            return value

    def redeliver(self, event_id: str, *, retry_num: int = 1, reason: str = "http_timeout") -> Delivery:
        """Deliver a past event once more, now, and wait for how that ended."""
        return self.outbox.redeliver(event_id, retry_num=retry_num, reason=reason)

    def close(self) -> None:
        """End the archive. What happens afterwards is not kept; undelivered events are, for the next time."""
        with self.lock:
            self.archive.close()

    # Writing, for the parts of this package; the caller holds the lock

    def changed(self) -> None:
        self.revision += 1
        self._changed.notify_all()
        for wake in tuple(self.watchers):
            wake()

    def emit(self, event: Json, channel: Channel | None) -> None:
        """Sends the event if the app subscribes to it and may see the channel."""
        if channel is not None and self.bot_user_id not in channel.members:
            return
        if events.subscription(event) in self.subscriptions:
            self.outbox.send_event(events.envelope(self, event, channel))

    def _emit_membership(self, kind: str, channel: Channel, user_id: str) -> None:
        event = {
            "type": kind,
            "user": user_id,
            "channel": channel.id,
            "channel_type": "C" if channel.kind == "public" else "G",
            "team": self.team_id,
            "event_ts": self.store.new_ts(),
        }
        self.emit(event, channel)

    def _hold(self) -> None:
        self.sockets.drop()
        self.outbox.hold()

    def _release(self) -> None:
        self.outbox.release()

    def _summary(self) -> str:
        n_failed = sum(1 for delivery in self.outbox.records if not delivery.is_acked)
        last = ", ".join(f"{call.method} {call.error or call.fault or 'ok'}" for call in self.calls[-6:])
        return (
            f"{len(self.outbox.records)} deliveries ({n_failed} not acked), {len(self.calls)} calls, last: {last}"
        )
