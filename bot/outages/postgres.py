"""What is said when PostgreSQL is away, refuses, or is not what answers at ``DATABASE_URL``."""

from collections.abc import Mapping

from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from bot.outages.diagnosis import Diagnosis, Sign, match

DEFAULT_PORT = 5432
REACH = "Check host and port in DATABASE_URL, that the server runs, and that this machine may reach it."
SIGNS: tuple[Sign, ...] = (  # of libpq's messages, and of the server's
    (
        ("permission denied", "must be owner"),
        "does not let this user read or write Docent's tables",
        "Grant the user in DATABASE_URL the rights on its database; it should own it.",
    ),
    (
        ("password authentication failed", "no password supplied", "authentication failed"),
        "rejects the user or the password",
        "Check the user and the password in DATABASE_URL.",
    ),
    (
        ("no pg_hba.conf entry",),
        "does not let this user in from this machine",
        "Allow it in the server's pg_hba.conf, or with your provider; TLS may be missing: ?sslmode=require.",
    ),
    (
        ("certificate file", "private key file", "sslmode", "channel binding"),
        "cannot be reached as the TLS options of DATABASE_URL say",
        "Check sslmode, sslrootcert, sslcert and sslkey in DATABASE_URL, and that their files exist.",
    ),
    (
        ("unsupported startup parameter",),
        "is behind a pooler that refuses the options which Docent sets for a connection",
        "Of PgBouncer: with pool_mode = transaction set DOCENT_DATABASE_POOLING=transaction; with session, write "
        "ignore_startup_parameters = options, statement_timeout into its settings.",
    ),
    (
        ("does not exist",),
        "has no such user or database",
        "Check the user, and the name at the end of DATABASE_URL; 'createdb NAME' makes a database.",
    ),
    (("refused",), "is not listening at this address", REACH),
    (
        ("resolve", "name or service", "nodename", "not known"),
        "has a host name that cannot be resolved",
        "Check the host in DATABASE_URL, and this machine's DNS.",
    ),
    (
        ("invalid response to ssl", "expected authentication request", "unexpected message from server"),
        "does not speak PostgreSQL's protocol: another program answers there",
        "Check host and port in DATABASE_URL.",
    ),
    (
        ("ssl", "certificate", "tls"),
        "could not agree on encryption (TLS)",
        "Check sslmode and sslrootcert in DATABASE_URL: ?sslmode=require, or disable where the server has no TLS.",
    ),
    (
        ("too many", "remaining connection slots", "queuepool limit"),
        "has no free connection",
        "Raise the server's max_connections, or run fewer processes.",
    ),
    (
        ("starting up", "shutting down", "in recovery", "administrator command"),
        "is starting or stopping",
        "Try again in a moment.",
    ),
    (
        ("no space left", "disk full", "could not extend file"),
        "has no space left on its disk",
        "Free some space on the server's disk.",
    ),
    (
        ("read-only transaction",),
        "is read-only: it is a replica, or was made so",
        "Point DATABASE_URL at the primary server.",
    ),
    (
        ("statement timeout", "lock timeout"),
        "takes too long to answer",
        "See what it is busy with, and try again.",
    ),
    (("timeout", "timed out", "expired"), "does not answer in time", REACH),
    (("closed the connection", "terminat", "broken pipe", "reset by peer"), "closed the connection", REACH),
)


def explain(error: Exception, url: str) -> Diagnosis:
    """Says what is wrong with the database at ``url``, of an error of SQLAlchemy or psycopg."""
    why, advice = match(_message(error), SIGNS, otherwise=("does not answer", REACH))
    return Diagnosis(f"PostgreSQL at {place(url)} {why}.", advice)


def is_outage(error: SQLAlchemyError) -> bool:
    """Returns whether an error says something about the server, and is no bug of a statement."""
    if isinstance(error, NoFreeConnection):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(error, OperationalError | InterfaceError):
        is_connecting = getattr(cause, "sqlstate", None) is None
        return is_connecting or match(_message(error), SIGNS, otherwise=("", ""))[0] != ""
    return isinstance(cause, InsufficientPrivilege | ReadOnlySqlTransaction)


def place(url: str) -> str:
    """Returns ``host:port/database``, without user and password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "DATABASE_URL"
    return f"{_host(parsed)}:{parsed.port or DEFAULT_PORT}/{parsed.database or ''}"


def _host(url: URL) -> str:
    query: Mapping[str, object] = url.query
    return str(url.host or query.get("host") or "a local socket")


def _message(error: Exception) -> str:
    """Returns what the driver said, without the statement and without SQLAlchemy's frame around it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return f"{cause} {type(cause).__name__}"
