"""Renews tokens that expire, where the app has token rotation on: with the refresh token that came with each.

Promises one renewal at a time per workspace, over all processes, with no transaction open while Slack is asked: a
refresh token serves once. What Slack answered is stored before anybody uses it.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

from slack_sdk import WebClient
from slack_sdk.errors import SlackTokenRotationError
from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.token_rotation import TokenRotator
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.clock import now
from agent.errors import SettingsError
from agent.store import locks
from agent.store.database import Database
from bot.settings import BotSettings
from bot.slack.client import TIMEOUT_SECONDS
from bot.slack.installation import workspaces
from bot.slack.installation.encryption import BotTokens, TokenCipher

EARLY = timedelta(hours=2)  # before a token ends, which lives for twelve hours
CHECK_SECONDS = 60.0


class Rotation:
    """Renews the tokens of workspaces."""

    def __init__(self, database: Database, cipher: TokenCipher, settings: BotSettings) -> None:
        assert settings.slack_client_secret
        self._database, self._cipher = database, cipher
        client = WebClient(base_url=settings.slack_api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        secret = settings.slack_client_secret.get_secret_value()
        self._rotator = TokenRotator(client_id=settings.slack_client_id, client_secret=secret, client=client)

    def renew(self, workspace: str) -> None:
        """Renews a workspace's token unless it lives for long, or another process is renewing it.

        A failure is reported; the token serves on for as long as it lives.
        """
        with locks.try_acquire(self._database, f"rotation:{workspace}") as is_ours:
            if not is_ours:
                return
            with self._database.transaction() as transaction:
                stored = workspaces.load_tokens(transaction, self._cipher, workspace)
            if stored is None or stored[1] is None or stored[1] - now() > EARLY or not stored[0].refresh:
                return
            fresh = self._ask(workspace, *stored)
            if fresh is None:
                return
            with self._database.transaction() as transaction:
                workspaces.replace_tokens(transaction, self._cipher, workspace, *fresh)
            observability.log.info("token_renewed", workspace=workspace)

    def _ask(
        self, workspace: str, tokens: BotTokens, expires_at: datetime | None
    ) -> tuple[BotTokens, datetime] | None:
        assert expires_at
        bot = Bot(
            team_id=workspace,
            bot_token=tokens.bot,
            bot_id="",
            bot_user_id="",
            bot_refresh_token=tokens.refresh,
            bot_token_expires_at=int(expires_at.timestamp()),
            installed_at=time.time(),
        )
        early_minutes = int(EARLY.total_seconds() // 60) + 1
        try:
            rotated = self._rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=early_minutes)
        except (SlackTokenRotationError, OSError, ValueError) as error:
            observability.report(error, event="token_not_renewed")
            observability.log.warning(
                "workspace_token_expires",
                workspace=workspace,
                expires_at=expires_at.isoformat(timespec="seconds"),
                advice="Where it goes on, install the app there anew.",
            )
            return None
        if rotated is None or not rotated.bot_token or rotated.bot_token_expires_at is None:
            return None
        until = datetime.fromtimestamp(float(rotated.bot_token_expires_at), UTC)
        return BotTokens(rotated.bot_token, rotated.bot_refresh_token or ""), until


class RotationSchedule:
    """The clock's part: renews in time what expires, on a thread of its own."""

    def __init__(self, database: Database, rotation: Rotation) -> None:
        self._database, self._rotation = database, rotation
        self._next_check_at = 0.0  # time.monotonic() seconds
        self._thread: threading.Thread | None = None

    def tick(self) -> threading.Thread | None:
        """Begins to renew, if it is time to and nothing is being renewed; returns the thread."""
        if (self._thread and self._thread.is_alive()) or time.monotonic() < self._next_check_at:
            return None
        self._next_check_at = time.monotonic() + CHECK_SECONDS
        self._thread = threading.Thread(target=self._run, name="rotation", daemon=True)
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        try:
            with self._database.transaction() as transaction:
                due = workspaces.list_expiring(transaction, now() + EARLY)
            for workspace in due:
                self._renew(workspace)
        except SQLAlchemyError as error:
            observability.report(error, event="tokens_not_renewed")

    def _renew(self, workspace: str) -> None:
        """Renews one workspace's token; what keeps that from being done keeps no other from its own."""
        try:
            self._rotation.renew(workspace)
        except SettingsError as error:  # no key decrypts what is stored of it
            observability.report(error, event="tokens_not_renewed")
