"""What people's Slack is set to: kept in Postgres, so that every process knows which language somebody reads.

A worker learns it from the call that looks up who sees an answer, and stores it with the answer where it has
changed; no call to Slack is made for it.
"""

from sqlalchemy import text

from agent.store.database import Transaction

_LOAD = text("SELECT locale FROM slack_locales WHERE workspace = :workspace AND user_id = :user_id")
_STORE = text("""
INSERT INTO slack_locales (workspace, user_id, locale) VALUES (:workspace, :user_id, :locale)
ON CONFLICT (workspace, user_id) DO UPDATE SET locale = excluded.locale, changed_at = clock_timestamp()
""")


def load(transaction: Transaction, workspace: str, user_id: str) -> str:
    """Returns a person's locale, such as ``de-DE``; empty where it is not known."""
    return transaction.execute(_LOAD, {"workspace": workspace, "user_id": user_id}).scalar_one_or_none() or ""


def store(transaction: Transaction, workspace: str, user_id: str, locale: str) -> None:
    """Stores what a person's Slack is set to now."""
    transaction.execute(_STORE, {"workspace": workspace, "user_id": user_id, "locale": locale})
