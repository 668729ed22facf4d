"""The tokens of installed workspaces, as a process knows them: decrypted when one is needed, and not for long.

Promises that a token is not used for longer than :data:`KEPT_SECONDS` after another process has replaced or
removed it, and no longer at all once Slack refuses it. One that expires is renewed in time by the clock, or else
here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent import observability
from agent.clock import now
from agent.errors import ReplyError, SettingsError
from agent.store.database import Database
from bot.slack.installation import workspaces

if TYPE_CHECKING:
    from bot.slack.installation.encryption import TokenCipher

KEPT_SECONDS = 20.0
LEAST_LEFT = timedelta(minutes=2)  # of a token's life; with less it is renewed before it is used


class NoToken(ReplyError):
    """There is no token for a workspace that can be used: nothing can be looked up or said there."""


class NotInstalled(NoToken):
    """The app is not in this workspace, or no longer: nothing can be posted there, and no other try helps."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"the app is not installed in workspace {workspace}", is_transient=False)
        self.workspace = workspace


class TokenUnreadable(NoToken):
    """No key of the settings decrypts a workspace's token. The operator can mend it: answers wait until then."""

    def __init__(self, why: SettingsError) -> None:
        super().__init__(str(why).rstrip("."), is_transient=True)


@dataclass(frozen=True)
class _KnownToken:
    token: str
    expires_at: datetime | None
    until: float  # clock seconds


class InstalledTokens:
    """Reads tokens from Postgres, and remembers them for a moment. Shared by threads.

    ``renew`` makes a new token for a workspace whose token expires.
    """

    def __init__(
        self,
        database: Database,
        cipher: "TokenCipher",
        renew: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._cipher, self._renew, self._clock = database, cipher, renew, clock
        self._known: dict[str, _KnownToken] = {}
        self._unreadable: set[str] = set()  # workspaces of which the operator was told that
        self._lock = threading.Lock()

    def read(self, workspace: str) -> str:
        """Returns the token; raises :class:`NotInstalled` or :class:`TokenUnreadable`."""
        with self._lock:
            known = self._known.get(workspace)
        if known is None or known.until <= self._clock() or _is_over(known.expires_at):
            known = self._load(workspace)
            if _is_over(known.expires_at):
                self._renew(workspace)
                known = self._load(workspace)
        return known.token

    def is_renewed(self, workspace: str, refused: str) -> bool:
        """Returns whether another token than the refused one is stored; raises as :meth:`read` does."""
        return self._load(workspace).token != refused

    def _load(self, workspace: str) -> _KnownToken:
        with self._lock:
            self._known.pop(workspace, None)
        try:
            with self._database.transaction() as transaction:
                stored = workspaces.load_tokens(transaction, self._cipher, workspace)
        except SettingsError as error:
            self._tell(workspace, error)
            raise TokenUnreadable(error) from error
        if stored is None:
            raise NotInstalled(workspace)
        tokens, expires_at = stored
        known = _KnownToken(tokens.bot, expires_at, self._clock() + KEPT_SECONDS)
        with self._lock:
            self._known[workspace] = known
            self._unreadable.discard(workspace)
        return known

    def _tell(self, workspace: str, error: SettingsError) -> None:
        """Tells the operator, once for each time that a token becomes unreadable."""
        with self._lock:
            is_known = workspace in self._unreadable
            self._unreadable.add(workspace)
        if not is_known:
            observability.report(error, event="token_unreadable")
            observability.log.error("answers_wait", workspace=workspace, problem=str(error))


@dataclass(frozen=True)
class InstalledToken:
    """The token of one installed workspace; see :class:`bot.slack.client.BotToken`."""

    tokens: InstalledTokens
    workspace: str

    @property
    def name(self) -> str:
        """Returns what an operator knows it by."""
        return f"The token of workspace {self.workspace}"

    def read(self) -> str:
        """Returns the token as it is now; raises :class:`NotInstalled`."""
        return self.tokens.read(self.workspace)

    def is_renewed(self, refused: str) -> bool:
        """Looks whether another token stands in the place of one that Slack refuses."""
        return self.tokens.is_renewed(self.workspace, refused)


def _is_over(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at - now() < LEAST_LEFT
