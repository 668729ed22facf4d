"""What is said of PostgreSQL and Redis that are away, refuse, or are something else: a table of real servers."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from agent.errors import SettingsError
from agent.store.database import Database
from bot.outages import postgres, redis
from tests.system import free_port

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class Stranger:
    """A server that answers any first bytes with its own, and hangs up; without an answer it stays silent."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        kept = []
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._answer is None:
                kept.append(connection)
                continue
            with connection:
                connection.recv(1_000)
                connection.sendall(self._answer)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def strangers() -> Iterator[dict[str, int]]:
    """The ports of a web server, of one that says nothing, and of none."""
    web, silent = Stranger(HTTP), Stranger(None)
    yield {"web": web.port, "silent": silent.port, "none": free_port()}
    web.close()
    silent.close()


Change = Callable[[URL, dict[str, int]], URL]


def _at(name: str) -> Change:
    return lambda url, ports: url.set(port=ports[name])


def _with(**parts: Any) -> Change:
    return lambda url, ports: url.set(**parts)


POSTGRES: dict[str, tuple[Change, str, str]] = {
    "nothing listens": (_at("none"), "is not listening", "Check host and port in DATABASE_URL"),
    "a web server listens": (_at("web"), "another program answers there", "Check host and port"),
    "it says nothing": (_at("silent"), "does not answer in time", "this machine may reach it"),
    "wrong password": (
        _with(password="hunter3"),
        "rejects the user or the password",
        "the password in DATABASE_URL",
    ),
    "unknown user": (_with(username="nobody"), "rejects the user or the password", "Check the user"),
    "unknown database": (_with(database="nowhere"), "has no such user or database", "createdb"),
    "unknown host": (_with(host="no.such.host.invalid"), "cannot be resolved", "DNS"),
    "no TLS": (
        lambda url, ports: url.update_query_dict({"sslmode": "require"}),
        "could not agree on encryption",
        "sslmode",
    ),
}


@pytest.mark.parametrize("case", POSTGRES)
def test_a_database_that_cannot_be_used_is_named_with_what_to_do(
    database_url: str, strangers: dict[str, int], case: str
) -> None:
    change, why, advice = POSTGRES[case]
    url = change(make_url(database_url), strangers)
    broken = Database(url.render_as_string(hide_password=False), pool_size=1)
    with pytest.raises(SQLAlchemyError) as raised, broken.transaction() as transaction:
        transaction.execute(text("SELECT 1"))
    broken.close()
    outage = postgres.explain(raised.value, broken.url)
    assert postgres.is_outage(raised.value)
    assert f"PostgreSQL at {url.host}:{url.port}/{url.database} " in outage.text
    assert (why in outage.text, advice in outage.advice) == (True, True), outage
    assert str(url.password) not in str(outage)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "FATAL:  unsupported startup parameter in options: statement_timeout",
            "ignore_startup_parameters = options, statement_timeout",
        ),
        ('root certificate file "/x.crt" does not exist', "Check sslmode, sslrootcert, sslcert and sslkey"),
    ],
)
def test_what_a_server_with_tls_or_a_pooler_says_is_understood(message: str, said: str) -> None:
    """As PgBouncer and libpq word it: neither is at hand here."""
    error = OperationalError("", {}, Exception(message))
    assert said in postgres.explain(error, "postgresql://u:p@127.0.0.1:6432/docent").advice


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:abc/db", "postgresql://u:p@h1:5432,h2:5432/db", "db"])
def test_an_address_that_is_none_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL is not a URL; it looks like .*\?host=one:5432"):
        Database(url)
    assert postgres.place(url) == "DATABASE_URL"


def test_what_a_statement_gets_wrong_is_a_bug_and_no_outage(database: Database) -> None:
    for statement, kind in (
        ("SELECT * FROM no_such_table_ssl_timeout", ProgrammingError),
        ("INSERT INTO alembic_version SELECT version_num FROM alembic_version", IntegrityError),
    ):
        with pytest.raises(kind) as raised, database.transaction() as transaction:
            transaction.execute(text(statement))
        assert not postgres.is_outage(raised.value)


def test_a_user_without_rights_and_a_replica_are_outages(database: Database) -> None:
    for before, statement, why in (
        ("SET ROLE pg_monitor", "DELETE FROM turns", "does not let this user read or write Docent's tables"),
        ("SET TRANSACTION READ ONLY", "DELETE FROM turns", "is read-only"),
        ("SET statement_timeout = 1", "SELECT pg_sleep(1)", "takes too long to answer"),
    ):
        with database.engine.connect() as connection:
            connection.execute(text(before))
            with pytest.raises(SQLAlchemyError) as raised:
                connection.execute(text(statement))
            connection.invalidate()
        assert postgres.is_outage(raised.value), statement
        assert why in postgres.explain(raised.value, database.url).text


REDIS: dict[str, tuple[Change, str, str]] = {
    "nothing listens": (_at("none"), "is not listening", "Check host and port in REDIS_URL"),
    "a web server listens": (_at("web"), "another program answers there", "Check host and port"),
    "it says nothing": (_at("silent"), "does not answer in time", "this machine may reach it"),
    "wrong password": (_with(password="hunter3"), "rejects the user or the password", "redis://:password@host"),
    "no password": (
        lambda url, ports: URL.create("redis", host=url.host, port=url.port, database=url.database),
        "or requires one",
        "redis://:password@host",
    ),
    "empty password": (_with(password=""), "rejects the user or the password", "redis://:password@host"),
    "unknown host": (_with(host="no.such.host.invalid"), "cannot be resolved", "DNS"),
    "unknown number": (_with(database="999"), "has no database of this number", "/0"),
}


@pytest.mark.parametrize("case", REDIS)
def test_a_redis_that_cannot_be_used_is_named_with_what_to_do(
    redis_url: str, strangers: dict[str, int], case: str
) -> None:
    change, why, advice = REDIS[case]
    if make_url(redis_url).password is None and "password" in case:
        pytest.skip("this Redis takes anybody")
    url = change(make_url(redis_url), strangers)
    address = url.render_as_string(hide_password=False)
    connection = redis_py.Redis.from_url(
        address, socket_connect_timeout=1, socket_timeout=0.3, retry=Retry(NoBackoff(), 0)
    )
    with connection, pytest.raises(redis_py.RedisError) as raised:
        connection.ping()
    outage = redis.explain(raised.value, address)
    assert outage.text.startswith(f"Redis at {url.host}:{url.port} ")
    assert (why in outage.text, advice in outage.advice) == (True, True), (outage, raised.value)
    assert "hunter3" not in str(outage)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://:hunter2@cache.example/0", "cache.example:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://:x@host:port/0", "REDIS_URL"),
    ],
)
def test_a_place_is_named_without_user_and_password(url: str, place: str) -> None:
    assert redis.place(url) == place
    assert postgres.place("postgresql://me:hunter2@db.example/docent") == "db.example:5432/docent"
