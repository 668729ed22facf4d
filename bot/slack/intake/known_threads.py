"""The threads in which somebody asked lately, so that chatter in threads needs no Postgres.

Promises that whoever is known as an asker stays one, whatever happens to Postgres: their follow-up is then stored
or not acknowledged. Everybody else is looked up, because another process may have stored their question; while
Postgres does not answer they count as chatter, and that is noted as a doubt: :mod:`.catch_up` is then to look for
what was meant for the bot.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.store.database import Database

MAX_ASKERS = 50_000  # about 10 MB
LOADED_DAYS = 14
PAUSE_SECONDS = 5.0  # in which Postgres is not asked again after it did not answer

ANYBODY = ""  # in the place of a person: somebody has asked in the thread

# A message that was answered unasked, and was not because nothing was found, has begun no conversation.
_BEGINS = "(origin <> 'channel' OR answer IS NOT NULL)"
_ASKERS = text(f"""
SELECT key, user_id FROM turns JOIN sessions ON sessions.id = turns.session_id
WHERE turns.created_at > now() - make_interval(days => :days) AND key LIKE 'slack:%' AND {_BEGINS}
GROUP BY key, user_id ORDER BY max(turns.created_at) DESC LIMIT :limit
""")
_HAS_ASKED = text(f"""
SELECT 1 FROM turns JOIN sessions ON sessions.id = turns.session_id
WHERE key = :key AND (user_id = :user_id OR :user_id = '{ANYBODY}') AND {_BEGINS} LIMIT 1
""")


class KnownThreads:
    """Knows who asked in which thread: the session's key and the person. Thread-safe."""

    def __init__(self, *, max_askers: int = MAX_ASKERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_askers, self._clock = max_askers, clock
        self._askers: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()
        self._paused_until = -1.0
        self._has_doubts = False

    def load(self, database: Database) -> None:
        """Loads the latest askers; leaves them out where Postgres does not answer."""
        try:
            with database.transaction() as transaction:
                rows = transaction.execute(_ASKERS, {"days": LOADED_DAYS, "limit": self._max_askers}).all()
        except SQLAlchemyError as error:
            observability.log.warning("threads_not_loaded", error_type=type(error).__name__)
            return
        for key, user_id in reversed(rows):
            self.add(key, user_id)

    def add(self, key: str, user_id: str) -> None:
        """Remembers an asker; to be called after the commit."""
        with self._lock:
            self._askers[key, user_id] = None
            self._askers.move_to_end((key, user_id))
            if len(self._askers) > self._max_askers:
                self._askers.popitem(last=False)

    def has_asked(self, database: Database, key: str, user_id: str = ANYBODY) -> bool:
        """Returns whether the person, or anybody, asked in the thread before; False where that cannot be found out
        now."""
        if (key, user_id) in self._askers:
            return True
        if self._clock() < self._paused_until:
            self.note_doubt()
            return False
        try:
            with database.transaction() as transaction:
                row = transaction.execute(_HAS_ASKED, {"key": key, "user_id": user_id}).one_or_none()
        except SQLAlchemyError as error:
            self._paused_until = self._clock() + PAUSE_SECONDS
            self.note_doubt()
            observability.log.warning("threads_unknown", error_type=type(error).__name__)
            return False
        if row:
            self.add(key, user_id)
        return row is not None

    def note_doubt(self) -> None:
        """Notes that a message was taken for chatter which may have been a question."""
        self._has_doubts = True

    def take_doubts(self) -> bool:
        """Returns whether there were such messages since this was asked last."""
        has_doubts, self._has_doubts = self._has_doubts, False
        return has_doubts
