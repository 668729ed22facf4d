"""What people's Slack is set to: kept in Postgres, so that every process knows which language somebody reads.

A worker learns it from the call that looks up who sees an answer, and stores it with the answer where it has
changed; no call to Slack is made for it.
"""

from sqlalchemy import text

from agent import settings
from agent.store.database import Transaction
from agent.translation import languages
from agent.translation.languages import Speech

_LOAD = text("""
SELECT locale FROM slack_locales WHERE (:workspace = '' OR workspace = :workspace) AND user_id = :user_id
ORDER BY changed_at DESC LIMIT 1
""")
_STORE = text("""
INSERT INTO slack_locales (workspace, user_id, locale) VALUES (:workspace, :user_id, :locale)
ON CONFLICT (workspace, user_id) DO UPDATE SET locale = excluded.locale, changed_at = clock_timestamp()
""")


def load(transaction: Transaction, workspace: str, user_id: str) -> str:
    """Returns a person's locale, such as ``de-DE``; empty where it is not known.

    ``workspace`` is empty where there is one alone.
    """
    return transaction.execute(_LOAD, {"workspace": workspace, "user_id": user_id}).scalar_one_or_none() or ""


def find_speech(transaction: Transaction, workspace: str, user_id: str) -> Speech:
    """Returns the language to write to a person in, who has not just asked something."""
    return choose(load(transaction, workspace, user_id))


def choose(locale: str) -> Speech:
    """Returns the same for somebody whose locale was read already."""
    return languages.choose(settings.load().language, locale)


def store(transaction: Transaction, workspace: str, user_id: str, locale: str) -> None:
    """Stores what a person's Slack is set to now."""
    transaction.execute(_STORE, {"workspace": workspace, "user_id": user_id, "locale": locale})
