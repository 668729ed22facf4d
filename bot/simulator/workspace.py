"""The workspace: all parts of the simulated Slack, put together.

Owns the composition, and the short ways by which tests read back. Promises that every method may be called from
any thread, that `ts` values are unique and increase, and that what it returns does not change afterwards. Keeps
everything as long as the process lives; with an archive also past its end, however it ended.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bot.simulator.delivery.events import EventBuilder
from bot.simulator.delivery.faults import Faults
from bot.simulator.delivery.outbox import Delivery, Outbox
from bot.simulator.delivery.publisher import EventPublisher
from bot.simulator.delivery.sockets import SocketHub
from bot.simulator.limits import RateLimiter
from bot.simulator.messaging.messenger import Messenger
from bot.simulator.messaging.responder import Responder
from bot.simulator.payloads import JsonObject
from bot.simulator.people.interactions import Interactions
from bot.simulator.people.person import People, Person
from bot.simulator.stores import snapshot
from bot.simulator.stores.api_call import ApiCall
from bot.simulator.stores.archive import Archive
from bot.simulator.stores.changes import Changes, FlushingLock
from bot.simulator.stores.directory import Channel, Directory, User, populate
from bot.simulator.stores.files import FileStore
from bot.simulator.stores.installations import Installations
from bot.simulator.stores.installed_app import InstalledApp
from bot.simulator.stores.message_store import MessageStore
from bot.simulator.stores.messages import SlackMessage
from bot.simulator.stores.pending_events import FailureReason, PendingEvents
from bot.simulator.stores.response_urls import ResponseUrls
from bot.simulator.stores.threads import ThreadStatus, ThreadStore
from bot.simulator.stores.timestamps import Timestamps
from bot.simulator.stores.views import ViewStore
from bot.simulator.timing import Timing

T = TypeVar("T")


class Workspace:
    """One simulated Slack workspace with one installed app."""

    def __init__(
        self,
        app: InstalledApp | None = None,
        *,
        timing: Timing | None = None,
        archive: Archive | Path | None = None,
        is_populated: bool = True,
        is_rate_limited: bool = False,
        beside: "Workspace | None" = None,
    ) -> None:
        """Stands `beside` another workspace of the same app, if one is given: both are served by one server.

        `archive` is a file in which the next workspace finds everything again, whether this one was closed or
        killed. `is_populated`: begins with a small company."""
        self.app = app = app or InstalledApp()
        self.timing = timing = timing or Timing()
        self.archive = archive if isinstance(archive, Archive) else Archive(archive)
        kept = snapshot.load(self.archive)
        self.changes = Changes(self.archive.flush)
        self.directory = Directory(app.user(), self.archive)
        if is_populated:
            populate(self.directory, app.team_id, app.bot_user_id)
        self.directory.restore(kept.users, kept.channels)
        self.calls: list[ApiCall] = []
        self.installations: Installations = beside.installations if beside else Installations(timing.clock)
        self.installations.apps.append(app)
        self._beside = beside
        self.rate_limiter = RateLimiter(is_enforced=is_rate_limited, clock=timing.clock)
        self._add_stores(kept)
        self._add_delivery(kept)
        self._add_people()

    def _add_stores(self, kept: snapshot.Snapshot) -> None:
        clock, archive = self.timing.clock, self.archive
        self.timestamps = Timestamps(archive, kept.last_ts_us)
        self.messages = MessageStore(
            self.directory,
            timestamps=self.timestamps,
            timing=self.timing,
            archive=archive,
            changes=self.changes,
            snapshot=kept,
        )
        self.threads = ThreadStore(
            clock, archive, titles=kept.titles, prompts=kept.prompts, sessions=kept.sessions
        )
        self.response_urls = ResponseUrls(self.app.team_id, clock, archive, kept.response_urls)
        self.files = FileStore(self.app.team_id, clock)
        self.views = ViewStore(self.app, clock, archive, ids=kept.ids(), homes=kept.homes)

    def _add_delivery(self, kept: snapshot.Snapshot) -> None:
        app, changes = self.app, self.changes
        self.faults = Faults()
        self.sockets: SocketHub = (
            self._beside.sockets
            if self._beside  # an app's connections get what happens in every workspace
            else SocketHub(app.app_id, self.faults, changes, ack_seconds=self.timing.ack_seconds)
        )
        self.pending_events = PendingEvents(self.archive, changes, kept.events)
        self.outbox = Outbox(app, self.pending_events, self.sockets, changes, timing=self.timing)
        self.faults.on_pause += [self.sockets.drop, self.outbox.hold]
        self.faults.on_resume.append(self.outbox.release)
        self.events = EventBuilder(app, self.directory, self.timestamps)
        self.publisher = EventPublisher(app, self.events, self.outbox)

    def _add_people(self) -> None:
        self.messenger = Messenger(
            self.app,
            directory=self.directory,
            messages=self.messages,
            threads=self.threads,
            events=self.events,
            publisher=self.publisher,
            changes=self.changes,
        )
        self.responder = Responder(
            self.app,
            directory=self.directory,
            messages=self.messages,
            messenger=self.messenger,
            response_urls=self.response_urls,
        )
        interactions = Interactions(
            self.app,
            directory=self.directory,
            messages=self.messages,
            views=self.views,
            response_urls=self.response_urls,
            timestamps=self.timestamps,
            changes=self.changes,
            events=self.events,
            publisher=self.publisher,
            outbox=self.outbox,
            messenger=self.messenger,
            responder=self.responder,
        )
        self.people = People(
            self.app.bot_user_id,
            domain=self.app.domain,
            directory=self.directory,
            messages=self.messages,
            messenger=self.messenger,
            interactions=interactions,
            timestamps=self.timestamps,
            changes=self.changes,
            files=self.files,
        )

    # People and channels

    def person(self, user_id: str) -> Person:
        """Returns a person who acts; raises `WorkspaceError`."""
        return self.people.find(user_id)

    def add_user(self, user: User) -> Person:
        """Adds a user, or replaces the one with this id."""
        with self.lock:
            self.directory.add_user(user)
            return self.person(user.id)

    def add_channel(self, channel: Channel) -> None:
        """Adds a channel; with the bot's id among `members` the app is in it. One of the archive stays as it
        was."""
        with self.lock:
            self.directory.add_channel(channel)

    def join(self, name_or_id: str, user_id: str) -> None:
        """Lets a person join a channel."""
        with self.lock:
            self.messenger.add_member(self.directory.find_channel(name_or_id), user_id)

    def leave(self, name_or_id: str, user_id: str) -> None:
        """Lets a person leave a channel."""
        with self.lock:
            channel = self.directory.find_channel(name_or_id)
            if user_id in channel.members:
                self.publisher.publish(self.events.membership("member_left_channel", channel, user_id), channel)
                channel.members.remove(user_id)
                self.directory.save_channel(channel)
            self.changes.notify()

    def change_user(self, user: User) -> None:
        """Adds a person, or gives them another role or profile, and tells the app."""
        with self.lock:
            event = self.events.user_changed(user, is_new=user.id not in self.directory.users)
            self.directory.add_user(user)
            self.publisher.publish(event, None)
            self.changes.notify()

    def unfurl(self, ts: str, attachment: JsonObject) -> None:
        """Unfolds a link of a message, of which Slack tells as of a change that nobody made."""
        with self.lock:
            message = self.messages.find(ts)
            self.messenger.update(message, attachments=(*message.attachments, attachment))

    def set_group(self, group_id: str, user_ids: list[str]) -> None:
        """Makes a user group or changes who is in it, and tells the app."""
        with self.lock:
            event = self.events.group_changed(group_id, user_ids, is_new=group_id not in self.directory.groups)
            self.directory.groups[group_id] = user_ids
            self.publisher.publish(event, None)
            self.changes.notify()

    def uninstall(self) -> None:
        """Takes the app out of the workspace and tells it, as an administrator does or a revoked token."""
        with self.lock:
            self.app.uninstall()
            for event in (self.events.tokens_revoked(), self.events.uninstalled()):
                self.publisher.publish_end(event)
            self.changes.notify()

    def set_access(self, *, has_access: bool) -> None:
        """Takes the app of the organisation out of this workspace, or puts it in again, and tells it."""
        with self.lock:
            self.app.has_access = has_access
            self.publisher.publish_access(self.events.access_changed())
            self.changes.notify()

    def share(self, name_or_id: str, *, is_shared: bool = True) -> None:
        """Shares a channel with another company or ends that, and tells the app."""
        with self.lock:
            channel = self.directory.find_channel(name_or_id)
            channel.is_ext_shared = is_shared
            self.directory.save_channel(channel)
            self.publisher.publish(self.events.shared(channel), channel)
            self.changes.notify()

    # Reading back

    @property
    def lock(self) -> FlushingLock:
        """The lock around all stores."""
        return self.changes.lock

    def message(self, ts: str) -> SlackMessage:
        """Returns any message or ephemeral; raises `WorkspaceError`."""
        return self.messages.find(ts)

    def thread(self, channel: str, ts: str) -> list[SlackMessage]:
        """Returns the root first, then its replies in order; nothing when there is no such root."""
        return self.messages.thread(channel, ts)

    def history(self, channel: str) -> list[SlackMessage]:
        """Returns every message of a channel, replies too, oldest first."""
        return self.messages.history(channel)

    def ephemerals(self, user_id: str) -> list[SlackMessage]:
        """Returns the ephemerals that this person sees."""
        return self.messages.ephemerals(user_id)

    def status(self, channel: str, thread_ts: str) -> str:
        """Returns the status line of a thread, "" for none; `channel` is an id."""
        with self.lock:
            return self.threads.status((channel, thread_ts))

    def status_history(self, channel: str, thread_ts: str) -> list[ThreadStatus]:
        """Returns every status line the thread had; `channel` is an id."""
        with self.lock:
            return self.threads.status_history((channel, thread_ts))

    def calls_of(self, method: str) -> list[ApiCall]:
        """Returns the calls of one Web API method."""
        with self.lock:
            return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to tell the app something."""
        with self.lock:
            return list(self.outbox.records)

    def wait_for(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:
        """Returns the first truthy value of `predicate`, tried after each change; raises `TimeoutError`."""
        return self.changes.wait_for(predicate, timeout, self._summarize)

    # Running it

    def redeliver(
        self, event_id: str, *, retry_num: int = 1, reason: FailureReason = FailureReason.HTTP_TIMEOUT
    ) -> Delivery:
        """Delivers a past event once more, now, and waits for its end."""
        return self.outbox.redeliver(event_id, retry_num=retry_num, reason=reason)

    def set_base_url(self, url: str) -> None:
        """Tells the parts that make URLs where the server listens."""
        self.response_urls.base_url = self.sockets.base_url = self.files.base_url = url

    def close(self) -> None:
        """Ends the archive. Later changes are not kept; undelivered events are, for the next time."""
        with self.lock:
            self.archive.close()

    def _summarize(self) -> str:
        records, calls = self.outbox.records, self.calls
        n_failed = sum(1 for delivery in records if not delivery.is_acked)
        last = ", ".join(f"{call.method} {call.error or call.fault or 'ok'}" for call in calls[-6:])
        return f"{len(records)} deliveries ({n_failed} not acked), {len(calls)} calls, last: {last}"
