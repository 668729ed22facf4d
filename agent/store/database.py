"""Postgres: one engine per process, and the only place that commits.

Promises short waits: connect 1 s, statement 2 s by default, so that a dead database is noticed while the caller
can still report it. Creates no table: Alembic does.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from sqlalchemy import CursorResult, Executable, MetaData, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from agent import settings
from agent.errors import SettingsError

CONNECT_TIMEOUT_SECONDS = 1
STATEMENT_TIMEOUT_SECONDS = 2
LOST_PEER_MS = 8_000
KEEPALIVES = {"idle": 5, "interval": 2, "count": 2}  # seconds, seconds, probes
# The same of Postgres' end: a machine that lost its power would else keep its locks for two hours.
_OF_SERVER = {"tcp_user_timeout": LOST_PEER_MS, **{f"tcp_keepalives_{name}": n for name, n in KEEPALIVES.items()}}
READ_ONLY = "25006"  # PostgreSQL's error code of a write on a replica, as a demoted primary is one
IDLE_SECONDS = 1.0  # a connection that was used since is taken to be alive

Transaction = Session  # SQLAlchemy's "session" is one transaction here; our sessions are conversations


_SET_OPTIONS = text("SELECT set_config('statement_timeout', :timeout, true), set_config('timezone', :zone, true)")


class Base(DeclarativeBase):
    """The parent of every row class; it names constraints so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """An engine with Docent's timeouts; ``transaction()`` is the only way to write."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        connect_timeout_seconds: int = CONNECT_TIMEOUT_SECONDS,
        statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
        pooling: str | None = None,
    ) -> None:
        """``pooling`` is "session" or "transaction", by default as in the settings: what a pooler between keeps.

        Where it keeps no session, options are set in each transaction, and nothing is prepared on the server.
        """
        self.url = normalise_url(url)
        self.keeps_sessions = (pooling or settings.load().database_pooling) == "session"
        self._options = {"timeout": str(int(statement_timeout_seconds * 1000)), "zone": "UTC"}
        of_session = {"statement_timeout": self._options["timeout"], "timezone": "UTC", **_OF_SERVER}
        options = " ".join(f"-c {name}={value}" for name, value in of_session.items())
        self.engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_use_lifo=True,  # the same few work, and what Postgres keeps for each of the others stays small
            pool_timeout=connect_timeout_seconds + statement_timeout_seconds,
            pool_recycle=1800,
            hide_parameters=True,  # a parameter may be a question; errors travel to Sentry
            connect_args={
                "connect_timeout": connect_timeout_seconds,
                # A server that vanished without closing is noticed in seconds, not when TCP gives up.
                "tcp_user_timeout": LOST_PEER_MS,
                **{f"keepalives_{name}": n for name, n in KEEPALIVES.items()},
                "application_name": "docent",
                **({"options": options} if self.keeps_sessions else {"prepare_threshold": None}),
            },
        )
        event.listen(self.engine, "checkin", _note_use)
        event.listen(self.engine, "handle_error", _leave_demoted)
        event.listen(self.engine, "checkout", self._ping_if_idle)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Opens a short transaction: it commits at the end of the ``with``, and rolls back on an error.

        Example::

            with database.transaction() as transaction:
                transaction.execute(update(TurnRow).where(TurnRow.id == turn_id).values(cancel_requested=True))
        """
        with Transaction(self.engine, expire_on_commit=False) as transaction, transaction.begin():
            if not self.keeps_sessions:
                transaction.execute(_SET_OPTIONS, self._options)
            yield transaction

    def _ping_if_idle(
        self, connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        """Has another connection taken where one that lay idle is dead.

        SQLAlchemy's ``pool_pre_ping`` asks before every transaction, of which an answer has six within a moment.
        """
        if time.monotonic() - record.info.get("used_at", math.inf) < IDLE_SECONDS:
            return
        dialect = self.engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    def close(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()


def _note_use(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _leave_demoted(context: ExceptionContext) -> None:
    """Has every connection opened anew where one leads to a server that takes no writes.

    After a failover the address may lead to another server; what is open to the demoted one would stay open.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def normalise_url(url: str) -> str:
    """Accepts ``postgres://`` and ``postgresql://``, as hosts set them, and names the driver."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter of a port that is no number
        raise SettingsError(
            "DATABASE_URL is not a URL; it looks like postgresql://user:password@host:5432/docent, with several "
            "servers like postgresql://user:password@/docent?host=one:5432&host=two:5432"
        ) from None
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise SettingsError(f"DATABASE_URL names the database '{parsed.drivername}'; Docent needs postgresql://")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def is_commit_unknown(error: SQLAlchemyError) -> bool:
    """Returns whether a transaction may have been committed all the same: its connection broke in the commit.

    A connection that could not be opened, and a statement that failed, leave nothing behind.
    """
    return isinstance(error, DBAPIError) and error.connection_invalidated and error.statement is None


def is_away(error: SQLAlchemyError) -> bool:
    """Returns whether the server was away, or took no writes: what failed works when it is back."""
    if not isinstance(error, DBAPIError):
        return False
    is_connecting = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
    return error.connection_invalidated or is_connecting


def count_rows(transaction: Transaction, statement: Executable, values: Mapping[str, object] | None = None) -> int:
    """Executes an INSERT, UPDATE or DELETE; returns the number of its rows."""
    result = cast("CursorResult[object]", transaction.execute(statement, values))
    return result.rowcount
