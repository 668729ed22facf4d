"""What the Home tab and the command work with, and what both look up."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent import observability
from agent.clock import now
from agent.errors import ReplyError, UserError
from agent.store.budgets import Budgets
from agent.store.database import Database, Transaction
from agent.types import Audience
from bot.slack.channels import configured
from bot.slack.channels.configured import Configured
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.client import SlackClient
from bot.slack.installation import origin
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.operators import Operators

KEPT_SECONDS = 60.0  # whether a channel is public


@dataclass(frozen=True)
class SyncControl:
    """Lists the declared sources with how often each is synced, and requests a sync of one: False where one runs.

    Both raise :class:`agent.errors.UserError` where ``docent.toml`` cannot be used.
    """

    list_declared: Callable[[], Mapping[str, str]]
    request: Callable[[str], bool]


@dataclass(frozen=True)
class HomeContext:
    """``models`` are the names of those that are configured, in their order; ``command`` is ``/docent``'s name.

    ``workspace`` is the one that it is of, where many have installed the app: sources that are not declared for it
    do not exist there.
    """

    database: Database
    slack: SlackClient
    audiences: AudienceResolver
    operators: Operators
    settings: SettingsCache
    syncs: SyncControl
    models: Sequence[str]
    budgets: Budgets
    command: str
    workspace: str = ""
    clock: Callable[[], datetime] = now
    _public: dict[str, tuple[float, bool]] = field(default_factory=dict, compare=False)
    _addresses: list[str] = field(default_factory=list, compare=False)  # at most one: the workspace's
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def is_of(self, team: str) -> bool:
        """Returns whether what a form or a button names is of this workspace."""
        return not self.workspace or team == self.workspace

    def load_configured(self, transaction: Transaction) -> Configured:
        """Reads what there is to choose from for a channel; no sources where ``docent.toml`` does not say which of
        them are this workspace's."""
        known = configured.load(transaction, self.models)
        if not self.workspace:
            return known
        try:
            return known.within(self.syncs.list_declared())
        except UserError as error:
            observability.log.warning("sources_unreadable", error=str(error))
            return known.within(())

    def find_audience(self, user_id: str) -> Audience | None:
        """Returns what a person is, for documents; None where Slack does not say."""
        try:
            return self.audiences.of_reader(f"user:{user_id}")
        except ReplyError as error:
            observability.log.warning("audience_unknown", error=str(error))
            return None

    def find_address(self) -> str:
        """Returns the workspace's address, which links to messages begin with; empty where Slack does not say."""
        with self._lock:
            if self._addresses:
                return self._addresses[0]
        try:
            address = str(self.slack.call("auth.test", is_repeatable=True).get("url") or "")
        except ReplyError as error:
            observability.log.info("address_unknown", error=str(error))
            return ""
        with self._lock:
            self._addresses[:] = [address]
        return address

    def is_public(self, channel: str) -> bool:
        """Returns whether all full members of the workspace, and nobody else, may read a channel."""
        until, known = self._public.get(channel, (0.0, False))
        if time.monotonic() < until:
            return known
        try:
            found = self.slack.call("conversations.info", is_repeatable=True, channel=channel)["channel"]
        except ReplyError as error:
            observability.log.info("channel_not_known", error=str(error))
            found = {}
        is_shared = any(found.get(name) for name in ("is_shared", "is_ext_shared", "is_pending_ext_shared"))
        is_open = bool(found.get("is_channel")) and not found.get("is_private") and not is_shared
        is_public = is_open and origin.is_open_to_all(found, self.workspace)
        with self._lock:
            self._public[channel] = time.monotonic() + KEPT_SECONDS, is_public
        return is_public
