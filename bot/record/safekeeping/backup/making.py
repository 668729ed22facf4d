"""Makes a backup while Docent runs: all tables in one snapshot, and on request the index of the same moment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from agent.clock import now
from agent.errors import UserError
from agent.store.database import Database
from agent.store.tables import IS_OPEN
from bot.processes import schema_version
from bot.processes.schema_version import SchemaState
from bot.record.safekeeping.backup import archive, configuration, index_copy, table_copies
from bot.record.safekeeping.backup.archive import BackupWriter
from bot.record.safekeeping.backup.manifest import FORMAT, BackedUpIndex, BackupManifest
from bot.settings import BotSettings
from ingest.index.active_index import ActiveIndex
from ingest.settings import IngestSettings
from ingest.sync.agreement.tagged_table import TaggedTable

DISTRIBUTION = "docent-answers"
CONFIG_PART = "docent.toml"
# The last one: Postgres would end a connection for which it has rows that nobody reads for a few seconds, as while
# a disk far away stands still.
_NO_LIMITS = tuple(
    text(f"SET LOCAL {name} = 0")
    for name in ("statement_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout")
)
_INDEX = text("SELECT table_name, embedding_model FROM index_state WHERE address = :address")
_COUNT_OPEN = text(f"SELECT count(*) FROM turns WHERE {IS_OPEN}")
_ENCRYPTED = text("SELECT count(*) FROM workspaces WHERE tokens IS NOT NULL")


@dataclass(frozen=True)
class PlaceSettings:
    """The settings that a backup or a restoration works with."""

    bot: BotSettings
    ingest: IngestSettings


def make(
    path: Path, database: Database, settings: PlaceSettings, *, with_index: bool, replaces: bool
) -> BackupManifest:
    """Makes a backup; questions and syncs go on meanwhile. Returns what it contains.

    Raises :class:`UserError` where the file cannot be written, and for a database that is newer than this release
    or has no schema.
    """
    revision = schema_version.read_revision(database)
    if schema_version.compare(revision) in (SchemaState.EMPTY, SchemaState.NEWER) or revision is None:
        raise UserError(f"There is nothing to back up. {schema_version.describe_problem(revision)}")
    active = ActiveIndex(database, settings.ingest)
    with archive.create(path, replaces=replaces) as writer, ExitStack() as stack:
        if with_index:
            connection, table = stack.enter_context(_open_both(database, active))
        else:
            connection, table = stack.enter_context(_open_snapshot(database)), None
        return _write(writer, connection, table, active=active, settings=settings, revision=revision)


@contextmanager
def _open_snapshot(database: Database) -> Iterator[Connection]:
    """Opens a transaction that sees one moment, for as long as it takes."""
    isolated = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with database.engine.connect().execution_options(**isolated) as connection, connection.begin():
        for statement in _NO_LIMITS:
            connection.execute(statement)
        connection.execute(text("SELECT 1 FROM alembic_version"))  # the snapshot begins here
        yield connection


@contextmanager
def _open_both(database: Database, active: ActiveIndex) -> Iterator[tuple[Connection, TaggedTable]]:
    """Opens a snapshot and the version of the index that belongs to it: syncs wait until both are there."""
    with ExitStack() as stack:
        with active.writer.alone():
            table = stack.enter_context(index_copy.keep_version(active))
            connection = stack.enter_context(_open_snapshot(database))
        yield connection, table


def _write(
    writer: BackupWriter,
    connection: Connection,
    table: TaggedTable | None,
    *,
    active: ActiveIndex,
    settings: PlaceSettings,
    revision: str,
) -> BackupManifest:
    taken_at = now()
    others = table_copies.list_others(connection)
    for one in table_copies.list_tables(connection):
        columns = tuple(one.columns.keys())
        with writer.part(f"{table_copies.FOLDER}{one.name}", columns=columns) as part:
            table_copies.copy_out(connection, one, part)
    with writer.part(CONFIG_PART) as part:
        config = configuration.read_config(settings.ingest.config)
        part.write(config.encode())
    if table is not None:
        with writer.part(index_copy.PART) as part:
            index_copy.copy_out(connection, table, part)
    values, names = configuration.read_settings(config)
    return writer.finish(
        BackupManifest(
            format=FORMAT,
            release=f"Docent {version(DISTRIBUTION)}",
            revision=revision,
            taken_at=taken_at,
            index=_describe_index(connection, active, is_included=table is not None),
            settings=values,
            secrets=tuple(names),
            token_keys=tuple(configuration.fingerprint_keys(settings.bot)),
            n_encrypted=_count_encrypted(connection),
            n_open=connection.scalar(_COUNT_OPEN) or 0,
            left_out=tuple(others),
        )
    )


def _describe_index(connection: Connection, active: ActiveIndex, *, is_included: bool) -> BackedUpIndex:
    row = connection.execute(_INDEX, {"address": active.address}).one_or_none()
    table, model = row or ("", "")
    return BackedUpIndex(address=active.address, table=table, embedding_model=model, is_included=is_included)


def _count_encrypted(connection: Connection) -> int:
    try:
        with connection.begin_nested():
            return connection.scalar(_ENCRYPTED) or 0
    except ProgrammingError:  # the schema of a release before there were installed workspaces
        return 0
