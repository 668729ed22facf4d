"""Copies tables out of Postgres and into it, by COPY: as text, which every version of Postgres reads.

Promises bounded memory: rows go by in the blocks that Postgres sends. Rows are not understood here, so a backup of
an earlier schema is copied into tables of that schema, and migrated there.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, MetaData, Table, inspect
from sqlalchemy.exc import DBAPIError

from agent.store.database import Base
from agent.store.tables import TurnRow
from bot.record.safekeeping.backup.archive import PartWriter
from bot.slack.installation.tables import WorkspaceRow
from bot.slack.tables import ReplyRow
from ingest.tables import DocumentRow
from ingest.verified.tables import VerifiedAnswerRow

DECLARED = (TurnRow, ReplyRow, WorkspaceRow, DocumentRow, VerifiedAnswerRow)  # importing declares every table
VERSION_TABLE = "alembic_version"
FOLDER = "tables/"


def list_tables(connection: Connection) -> list[Table]:
    """Lists Docent's tables as they are in the database, those first that others refer to."""
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: name in Base.metadata.tables)
    return metadata.sorted_tables


def list_others(connection: Connection) -> list[str]:
    """Lists the tables that are none of Docent's."""
    return sorted({*inspect(connection).get_table_names()} - {*Base.metadata.tables, VERSION_TABLE})


def copy_out(connection: Connection, table: Table, part: PartWriter) -> None:
    """Copies a table's rows, of the connection's snapshot, into a part."""
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(*_name(table.name, table.columns.keys()))
    with _cursor(connection) as cursor, cursor.copy(statement) as copy:
        for block in copy:
            part.write(block)
            part.n_rows += bytes(block).count(b"\n")  # there is none in a row: COPY writes it as \n


def copy_in(connection: Connection, table: str, columns: Iterable[str], blocks: Iterable[bytes]) -> int:
    """Copies rows into a table; returns how many."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(*_name(table, columns))
    with _cursor(connection) as cursor:
        with cursor.copy(statement) as copy:
            for block in blocks:
                copy.write(block)
        return int(cursor.rowcount)


def _name(table: str, columns: Iterable[str]) -> tuple[sql.Composable, sql.Composable]:
    return sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """Opens the driver's cursor, which knows COPY, for the ``with``; its errors are raised as SQLAlchemy's."""
    driver = connection.connection.driver_connection
    assert driver
    try:
        with driver.cursor() as cursor:
            yield cursor
    except psycopg.Error as error:
        raise DBAPIError.instance("COPY", {}, error, psycopg.Error) from error
