"""The states of installations under way: each is good once, for ten minutes, and stored as its hash only."""

import hashlib
import logging
import secrets
from datetime import timedelta

from slack_sdk.oauth.state_store import OAuthStateStore
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from agent.clock import now
from agent.store.database import Database
from bot.slack.installation.tables import OAuthStateRow

LIFETIME = timedelta(minutes=10)
_log = logging.getLogger("docent.oauth")


class StateStore(OAuthStateStore):
    """Slack's SDK's interface over our table; shared by all web processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def logger(self) -> logging.Logger:
        """Returns the SDK's log."""
        return _log

    def issue(self, *args: object, **kwargs: object) -> str:
        """Makes a state, and deletes those that are over."""
        state = secrets.token_urlsafe(32)
        row = {"state_hash": _hash(state), "expires_at": now() + LIFETIME}
        with self._database.transaction() as transaction:
            transaction.execute(delete(OAuthStateRow).where(OAuthStateRow.expires_at <= now()))
            transaction.execute(insert(OAuthStateRow).values(row))
        return state

    def consume(self, state: str) -> bool:
        """Uses a state up; returns whether it was good."""
        used = delete(OAuthStateRow).where(
            OAuthStateRow.state_hash == _hash(state), OAuthStateRow.expires_at > now()
        )
        with self._database.transaction() as transaction:
            return transaction.execute(used.returning(OAuthStateRow.state_hash)).one_or_none() is not None


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
