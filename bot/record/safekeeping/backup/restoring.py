"""Restores a backup into an empty database: all of it in one transaction, or nothing.

The schema is built as it was when the backup was made, filled, and migrated to this release. The index, where the
backup has it, is written afterwards: one that is not complete is read in again by the next sync.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import errors
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from agent.errors import DocentError, SettingsError, UserError
from agent.store import locks
from agent.store.database import Base, Database
from bot.processes import environment, schema_version
from bot.processes.schema_version import SchemaState
from bot.record.safekeeping.backup import in_flight, index_copy, table_copies
from bot.record.safekeeping.backup.archive import BackupReader
from bot.record.safekeeping.backup.in_flight import OpenQuestions
from bot.record.safekeeping.backup.making import CONFIG_PART, PlaceSettings
from bot.record.safekeeping.backup.manifest import BackupManifest
from bot.slack.installation.encryption import open_cipher
from ingest.index.active_index import ActiveIndex

# What a home may have before anybody has asked or read anything in.
OF_A_FRESH_HOME = frozenset({"index_state", "deployment", "index_mirrors"})
LOCK_TIMEOUT = "5s"
_NO_LIMITS = (text("SET LOCAL statement_timeout = 0"), text("SET LOCAL idle_in_transaction_session_timeout = 0"))
_FORGET_INDEXES = text("DELETE FROM index_state")
_STORE_INDEX = text("""
INSERT INTO index_state (address, table_name, embedding_model) VALUES (:address, :table, :model)
""")
_TOKENS = text("SELECT id, tokens FROM workspaces WHERE tokens IS NOT NULL ORDER BY id")


@dataclass(frozen=True)
class Restoration:
    """What was restored. ``index_problem`` says why the index is not complete; ``unreadable`` are the workspaces
    whose tokens no key of the settings opens. ``lacks_config`` is where the file that declares the sources should
    be, if the backup has it alone."""

    n_rows: int
    questions: OpenQuestions
    n_indexed: int
    index_problem: str
    unreadable: tuple[str, ...]
    lacks_config: Path | None


def restore(
    reader: BackupReader, database: Database, settings: PlaceSettings, *, asks_again: bool = False
) -> Restoration:
    """Restores a backup, after it was read through once; raises :class:`UserError`, and changes nothing, where the
    backup is damaged or newer than this release, or the database is not empty."""
    manifest = reader.manifest
    _require_known(manifest)
    reader.verify()
    active = ActiveIndex(database, settings.ingest)
    with _explain_rights(), database.engine.connect() as connection, connection.begin():
        for statement in _NO_LIMITS:
            connection.execute(statement)
        locks.lock(connection, locks.MIGRATIONS)
        _require_empty(connection)
        _build(connection, manifest.revision)
        n_rows = _fill(connection, reader)
        _migrate(connection, "head")
        questions = in_flight.settle(
            connection,
            taken_at=manifest.taken_at,
            release=manifest.release,
            asks_again=asks_again,
            hours=settings.bot.delivery_hours,
        )
        _store_index(connection, manifest, active.address)
        unreadable = _find_unreadable(connection, settings)
    n_indexed, problem = _load_index(reader, active)
    return Restoration(
        n_rows, questions, n_indexed, problem, unreadable, _find_lacking(manifest, settings.ingest.config)
    )


def _require_known(manifest: BackupManifest) -> None:
    if schema_version.compare(manifest.revision) == SchemaState.NEWER:
        raise UserError(
            f"The backup was made by {manifest.release} at revision {manifest.revision}; this release knows up to "
            f"{schema_version.head()}. Restore it with that release or a newer one. Nothing was changed."
        )


def _require_empty(connection: Connection) -> None:
    """Raises :class:`UserError` where the database has anything that would be mixed with the backup.

    Locks its tables first: what a running process has not committed yet would be seen by nobody, and dropped.
    """
    there = [name for name in inspect(connection).get_table_names() if name in Base.metadata.tables]
    if there:
        names = ", ".join(map(connection.dialect.identifier_preparer.quote, there))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    filled = [name for name in there if name not in OF_A_FRESH_HOME and _has_rows(connection, name)]
    if filled:
        raise UserError(
            f"The database is not empty: there is something in {', '.join(sorted(filled)[:3])}. A backup is "
            "restored into an empty one, so that nothing is mixed or lost. Set DATABASE_URL to a new database, or "
            "DOCENT_HOME to a new folder. Nothing was changed."
        )
    if table_copies.VERSION_TABLE in inspect(connection).get_table_names():
        revision = connection.scalar(text(f"SELECT version_num FROM {table_copies.VERSION_TABLE}"))
        if schema_version.compare(revision) == SchemaState.NEWER:
            raise UserError(str(schema_version.describe_problem(revision)))


def _has_rows(connection: Connection, table: str) -> bool:
    name = connection.dialect.identifier_preparer.quote(table)
    return bool(connection.scalar(text(f"SELECT EXISTS (SELECT FROM {name})")))


def _build(connection: Connection, revision: str) -> None:
    """Builds an empty schema of a revision, whatever empty one is there."""
    from alembic import command

    config = environment.make_alembic_config(connection=connection, lock_timeout=LOCK_TIMEOUT)
    if table_copies.VERSION_TABLE in inspect(connection).get_table_names():
        command.downgrade(config, "base")
    command.upgrade(config, revision)


def _migrate(connection: Connection, revision: str) -> None:
    from alembic import command

    command.upgrade(environment.make_alembic_config(connection=connection, lock_timeout=LOCK_TIMEOUT), revision)


def _fill(connection: Connection, reader: BackupReader) -> int:
    """Copies every table in, those first that others refer to; returns how many rows there are."""
    n_rows = 0
    for part in reader.manifest.parts:
        if not part.name.startswith(table_copies.FOLDER):
            continue
        table = part.name.removeprefix(table_copies.FOLDER)
        try:
            n_copied = table_copies.copy_in(connection, table, part.columns, reader.read(part))
        except (DataError, ProgrammingError, IntegrityError) as error:
            if isinstance(error.orig, errors.InsufficientPrivilege):
                raise
            raise UserError(
                f"{reader.path} does not fit its own schema: Postgres refuses '{table}' "
                f"({type(error.orig).__name__}). Nothing was changed. Take another backup."
            ) from error
        if n_copied != part.n_rows:
            raise UserError(f"{reader.path} is damaged: '{table}' has {n_copied} rows, not {part.n_rows}.")
        n_rows += n_copied
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    return n_rows


def _store_index(connection: Connection, manifest: BackupManifest, address: str) -> None:
    """Stores which table of this place's index is searched: the one of the backup under the same name."""
    connection.execute(_FORGET_INDEXES)
    index = manifest.index
    if index.table:
        values = {"address": address, "table": index.table, "model": index.embedding_model}
        connection.execute(_STORE_INDEX, values)


def _find_unreadable(connection: Connection, settings: PlaceSettings) -> tuple[str, ...]:
    """Lists the workspaces whose tokens cannot be decrypted here."""
    rows = connection.execute(_TOKENS).all()
    if not rows:
        return ()
    return tuple(id_ for id_, tokens in rows if not _can_decrypt(id_, tokens, settings))


def _can_decrypt(workspace: str, tokens: str, settings: PlaceSettings) -> bool:
    try:
        open_cipher(settings.bot).decrypt(workspace, tokens)
    except SettingsError:
        return False
    return True


def _find_lacking(manifest: BackupManifest, config: Path) -> Path | None:
    part = manifest.find(CONFIG_PART)
    return config.absolute() if part and part.n_bytes and not config.exists() else None


def _load_index(reader: BackupReader, active: ActiveIndex) -> tuple[int, str]:
    """Writes the index of the backup; returns how many documents it has, and why it could not be written."""
    part = reader.manifest.find(index_copy.PART)
    if part is None or not part.n_rows:
        return 0, ""
    try:
        if active.current().index.exists():
            return 0, (
                f"There is an index at {active.address} already, so that of the backup was not written over it."
            )
        return index_copy.load(active, reader.read(part)), ""
    except DocentError as error:
        return 0, str(error)


@contextmanager
def _explain_rights() -> Iterator[None]:
    """Raises :class:`UserError` where the role may not make tables, or one is in use."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, ProgrammingError) and isinstance(error.orig, errors.InsufficientPrivilege):
            raise UserError(
                "The database does not let this role make tables. Restore with the role that owns the schema, as "
                "for 'docent migrate'. Nothing was changed."
            ) from error
        if isinstance(error.orig, errors.LockNotAvailable):
            raise UserError(
                "The database is in use: stop web, worker and clock, and restore again. Nothing was changed."
            ) from error
        raise
