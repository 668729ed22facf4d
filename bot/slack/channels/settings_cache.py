"""What is set for channels and threads, as a process knows it: read every few seconds, and by no acknowledgement.

Promises that asking it needs no query. What another process has changed is known here within seconds; while
Postgres does not answer, what was known last counts. Only what has changed is read, and everything anew once in a
while: a workspace or a person may have been forgotten.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store.database import Database
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import ChannelSettings, ChannelVersion, FollowUps

REFRESH_SECONDS = 3.0
ANEW_SECONDS = 300.0
MAX_THREADS = 20_000  # those that were changed last
MAX_PEOPLE = 50_000  # whose locale is known here: 10 MB
OVERLAP_SECONDS = 30  # a change counts from its own time, and is seen once its transaction has ended

_LOAD = text("""
SELECT (SELECT jsonb_agg(jsonb_build_array(team, channel, settings)) FROM (
            SELECT DISTINCT ON (team, channel) team, channel, settings - ARRAY['tone', 'instructions'] AS settings
            FROM channel_settings WHERE (team, channel) IN (
                SELECT team, channel FROM channel_settings WHERE changed_at >= to_timestamp(:since_or_ever))
            ORDER BY team, channel, version DESC) AS latest),
       (SELECT jsonb_agg(jsonb_build_array(key, follow_ups) ORDER BY changed_at) FROM (
            SELECT key, follow_ups, changed_at FROM thread_settings WHERE changed_at >= to_timestamp(:since)
            ORDER BY changed_at DESC LIMIT :limit) AS changed),
       (SELECT jsonb_agg(jsonb_build_array(workspace, user_id, locale)) FROM (
            SELECT workspace, user_id, locale FROM slack_locales WHERE changed_at >= to_timestamp(:since_or_ever)
            ORDER BY changed_at DESC LIMIT :people) AS people),
       extract(epoch FROM clock_timestamp())
""")


@dataclass
class SettingsCache:
    """Knows what counts where; ``defaults`` is what the operator set for all channels. Thread-safe."""

    defaults: ChannelSettings = field(default_factory=ChannelSettings)
    max_threads: int = MAX_THREADS
    _channels: Mapping[tuple[str, str], ChannelSettings] = field(default_factory=dict)
    _threads: "OrderedDict[str, str]" = field(default_factory=OrderedDict)
    _locales: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _since: float = 0.0
    _anew_at: float = 0.0  # time.monotonic() seconds
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    def of_channel(self, team: str, channel: str) -> ChannelSettings:
        """Returns what counts in a channel; its tone and instructions are left out."""
        return self._channels.get((team, channel), self.defaults)

    def of_thread(self, key: str, team: str, channel: str) -> FollowUps:
        """Returns who is answered in a thread, by its session's key; in a muted channel nobody is."""
        settings = self.of_channel(team, channel)
        if settings.muted:
            return FollowUps.MUTED
        chosen = self._threads.get(key, "")
        return FollowUps(chosen) if chosen in set(FollowUps) else settings.follow_ups

    def locale_of(self, team: str, user_id: str) -> str:
        """Returns what a person's Slack is set to; empty where it is not known."""
        return self._locales.get((team, user_id), "")

    def note_channel(self, version: ChannelVersion) -> None:
        """Knows at once what this process has stored."""
        settings = channel_settings.apply(version.stored, self.defaults)
        with self._lock:
            self._channels = {**self._channels, (version.team, version.channel): settings}

    def note_thread(self, key: str, follow_ups: FollowUps | None) -> None:
        """Knows at once what this process has stored; None: as in the channel."""
        self._keep([(key, follow_ups or "")])

    def refresh(self, database: Database) -> int:
        """Reads what has changed; leaves everything as it was where Postgres does not answer. Returns of how many
        channels something was read."""
        is_anew = time.monotonic() >= self._anew_at
        since = 0.0 if is_anew else self._since
        try:
            with database.transaction() as transaction:
                values = {"since_or_ever": since, "since": self._since, "limit": self.max_threads}
                values["people"] = MAX_PEOPLE
                channels, threads, people, now = transaction.execute(_LOAD, values).one()
        except SQLAlchemyError as error:
            observability.log.warning("settings_not_read", error_type=type(error).__name__)
            return 0
        known = {
            (team, channel): channel_settings.apply(stored, self.defaults)
            for team, channel, stored in channels or ()
        }
        if known or is_anew:
            with self._lock:
                self._channels = known if is_anew else {**self._channels, **known}
        self._keep([(str(key), str(follow_ups)) for key, follow_ups in threads or ()])
        if people or is_anew:
            locales = {(str(team), str(user)): str(locale) for team, user, locale in people or ()}
            self._locales = locales if is_anew else dict([*self._locales.items(), *locales.items()][-MAX_PEOPLE:])
        self._since = float(now) - OVERLAP_SECONDS
        if is_anew:
            self._anew_at = time.monotonic() + ANEW_SECONDS
        return len(known)

    def watch(
        self, database: Database, *, seconds: float = REFRESH_SECONDS, beside: Callable[[], None] = lambda: None
    ) -> None:
        """Goes on refreshing, in a thread of its own, until :meth:`close`; calls ``beside`` each time."""

        def run() -> None:
            while not self._closing.wait(seconds):
                try:
                    self.refresh(database)
                    beside()
                except Exception as error:  # noqa: BLE001  what was known counts, and the next look may find more
                    observability.report(error, event="settings_not_read")

        threading.Thread(target=run, name="channel-settings", daemon=True).start()

    def close(self) -> None:
        """Ends the watch."""
        self._closing.set()

    def _keep(self, threads: list[tuple[str, str]]) -> None:
        with self._lock:
            for key, follow_ups in threads:
                self._threads[key] = follow_ups
                self._threads.move_to_end(key)
            while len(self._threads) > self.max_threads:
                self._threads.popitem(last=False)
