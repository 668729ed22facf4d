"""What the web process knows of people's languages, without asking for each of them."""

from sqlalchemy import text

from agent.store.database import Database
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.membership import locales

TEAM, ADA, GRACE = "T1", "U1", "U2"


def test_a_locale_is_known_once_it_was_read_also_after_everything_was_read_anew(database: Database) -> None:
    cache = SettingsCache()
    with database.transaction() as transaction:
        locales.store(transaction, TEAM, ADA, "de-DE")
    cache.refresh(database)
    with database.transaction() as transaction:
        locales.store(transaction, TEAM, GRACE, "ja-JP")
    cache.refresh(database)
    known = [cache.locale_of(TEAM, ADA), cache.locale_of(TEAM, GRACE), cache.locale_of("T2", ADA)]
    assert known == ["de-DE", "ja-JP", ""]
    with database.transaction() as transaction:
        locales.store(transaction, TEAM, ADA, "fr-FR")
        transaction.execute(text("UPDATE slack_locales SET changed_at = now() - interval '1 day'"))
        transaction.execute(text("DELETE FROM slack_locales WHERE user_id = :user_id"), {"user_id": GRACE})
    cache._anew_at = 0.0
    cache.refresh(database)
    assert [cache.locale_of(TEAM, ADA), cache.locale_of(TEAM, GRACE)] == ["fr-FR", ""]
