"""A backup and its restoration, on real databases: what is the same, what is refused, what was under way."""

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import MetaData, text
from sqlalchemy.exc import OperationalError

from agent.errors import UserError
from agent.store.database import Base, Database
from agent.types import Audience
from bot.processes import environment, schema_version
from bot.record.safekeeping import backup_report
from bot.record.safekeeping.backup import archive, configuration, making, restoring, table_copies
from bot.record.safekeeping.backup.making import PlaceSettings
from bot.record.safekeeping.backup.manifest import BackupManifest
from bot.record.safekeeping.backup.restoring import Restoration
from bot.settings import BotSettings
from bot.slack.installation.encryption import BotTokens, TokenCipher
from ingest.library import Library
from tests.bot.record.safekeeping.conftest import MakeDatabase
from tests.library import sync_folder
from tests.recorded import Recorded, answered
from tests.system import HANDBOOK

VOLATILE = {"index_state", "syncs", "sync_items", "restorations", "budget_holds"}


@dataclass(frozen=True)
class Places:
    """Where a backup is made, and where it is restored."""

    database: Database
    settings: PlaceSettings
    make_database: MakeDatabase
    elsewhere: PlaceSettings
    folder: Path

    @property
    def library(self) -> Library:
        return Library(self.database, self.settings.ingest)

    def back_up(
        self,
        name: str = "backup.zip",
        *,
        of: Database | None = None,
        keys: BotSettings | None = None,
        with_index: bool = False,
    ) -> Path:
        settings = replace(self.settings, bot=keys or self.settings.bot)
        path = self.folder / name
        making.make(path, of or self.database, settings, with_index=with_index, replaces=False)
        return path

    def restore(
        self,
        path: Path,
        *,
        into: Database | None = None,
        keys: BotSettings | None = None,
        asks_again: bool = False,
    ) -> tuple[Database, Restoration]:
        """Restores a backup elsewhere, into a new database unless one is given."""
        settings = replace(self.elsewhere, bot=keys or self.elsewhere.bot)
        database = into or self.make_database()
        with archive.open_backup(path) as reader:
            return database, restoring.restore(reader, database, settings, asks_again=asks_again)

    def read_handbook(self) -> None:
        documents = self.folder / "manual"
        documents.mkdir()
        for name, content in HANDBOOK.items():
            (documents / name).write_text(content)
        sync_folder(self.library, documents, link="https://handbook.example/{path}")


@pytest.fixture
def places(
    database: Database,
    configured: PlaceSettings,
    make_database: MakeDatabase,
    elsewhere: PlaceSettings,
    tmp_path: Path,
) -> Places:
    return Places(database, configured, make_database, elsewhere, tmp_path)


def read_manifest(path: Path) -> BackupManifest:
    with archive.open_backup(path) as reader:
        return reader.manifest


def dump(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, as text."""
    metadata = MetaData()
    with database.engine.connect() as connection:
        metadata.reflect(connection)
        return {
            table.name: sorted(str(tuple(row)) for row in connection.execute(table.select()))
            for table in metadata.sorted_tables
            if table.name not in VOLATILE
        }


def query(database: Database, statement: str, **values: object) -> list[Any]:
    with database.transaction() as transaction:
        return list(transaction.execute(text(statement), values).all())


def execute(database: Database, statement: str, **values: object) -> None:
    with database.transaction() as transaction:
        transaction.execute(text(statement), values)


def test_a_disk_that_stands_still_ends_no_backup(database: Database) -> None:
    """Rows that nobody reads for a few seconds are else a client that is gone, to Postgres."""
    with making._open_snapshot(database) as connection:
        assert connection.scalar(text("SHOW tcp_user_timeout")) == "0"
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
    with database.transaction() as transaction:
        assert transaction.scalar(text("SHOW tcp_user_timeout")) != "0"


def test_what_is_restored_is_what_was_backed_up(places: Places) -> None:
    places.read_handbook()
    odd = 'Tab\t, \\N, \\., a "quote", a line\nbreak, ü 🌍 and \x7f?'
    answered(places.database, odd).rate(-1, "not\tgood \\ at all")
    answered(places.database, "How many?", key="slack:T1:C1:2.2")
    path = places.back_up(with_index=True)
    other, done = places.restore(path)
    turns = read_manifest(path).find("tables/turns")
    assert turns
    assert turns.n_rows == 2
    assert dump(other) == dump(places.database)
    assert (done.n_indexed, done.index_problem) == (4, "")
    assert query(other, "SELECT address FROM index_state") == [(places.elsewhere.ingest.index_address,)]
    then, now = (
        [passage.text for passage in one.search("annual leave", audience=Audience()).passages]
        for one in (places.library, Library(other, places.elsewhere.ingest))
    )
    assert then == now != []


def test_rights_are_restored_with_documents_and_index(places: Places) -> None:
    documents = places.folder / "secret"
    documents.mkdir()
    (documents / "pay.md").write_text("# Pay\n\nThe salary bands begin at 40,000 euros.\n")
    sync_folder(places.library, documents, readers=["group:S0HR"])
    path = places.back_up(with_index=True)
    other, _ = places.restore(path)
    there = Library(other, places.elsewhere.ingest)
    hr = Audience((frozenset({"everyone", "group:S0HR"}),))
    assert not there.search("salary bands", audience=Audience()).passages
    assert there.search("salary bands", audience=hr).passages


def test_without_the_index_the_next_sync_makes_it_again(places: Places) -> None:
    places.read_handbook()
    path = places.back_up()
    other, done = places.restore(path)
    manifest = read_manifest(path)
    assert "'docent sync' makes it again" in "\n".join(backup_report.describe_made(path, manifest))
    assert "Run 'docent sync'" in "\n".join(backup_report.list_todo(manifest, done, {}))
    there = Library(other, places.elsewhere.ingest)
    report = sync_folder(there, places.folder / "manual", link="https://handbook.example/{path}")
    assert (report.n_added, report.n_changed) == (0, 4)
    assert there.search("annual leave", audience=Audience()).passages


def test_questions_go_on_while_a_backup_is_made_and_it_shows_one_moment(places: Places) -> None:
    """Every turn of the backup has all that its transaction stored with it, and none is half there."""
    stopping, asked = threading.Event(), list[int]()

    def ask() -> None:
        while not stopping.is_set():
            answered(places.database, key=f"slack:T1:C1:{len(asked)}.1")
            asked.append(1)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for n in range(3):
            places.back_up(f"{n}.zip")
    finally:
        stopping.set()
        asking.join()
    assert asked
    for n in range(3):
        other, _ = places.restore(places.folder / f"{n}.zip")
        assert query(other, "SELECT count(*) FROM turns WHERE status = 'completed' AND answer IS NULL") == [(0,)]
        assert query(
            other,
            "SELECT count(*) FROM turns WHERE status = 'completed' AND NOT EXISTS "
            "(SELECT FROM model_calls WHERE turn_id = turns.id AND status = 'completed')",
        ) == [(0,)]


def test_all_of_docents_tables_are_copied_and_others_are_named(places: Places) -> None:
    database = places.make_database()
    environment.migrate(database.url)
    with database.engine.connect() as connection:
        names = {table.name for table in table_copies.list_tables(connection)}
        assert table_copies.list_others(connection) == []
    assert names == set(Base.metadata.tables)
    execute(database, "CREATE TABLE other_app (id int)")
    assert read_manifest(places.back_up(of=database)).left_out == ("other_app",)


def test_a_database_that_is_not_empty_is_left_as_it_is(places: Places) -> None:
    answered(places.database)
    path = places.back_up()
    before = dump(places.database)
    with pytest.raises(UserError, match=r"not empty.*Nothing was changed"):
        places.restore(path, into=places.database)
    assert dump(places.database) == before


def test_an_empty_database_that_was_migrated_already_is_filled(places: Places) -> None:
    answered(places.database)
    other = places.make_database()
    environment.migrate(other.url)
    places.restore(places.back_up(), into=other)
    assert dump(other) == dump(places.database)


def test_a_database_into_which_a_running_process_writes_is_refused(places: Places) -> None:
    """What is not committed yet is seen by nobody, and would be dropped with the tables."""
    path, other = places.back_up(), places.make_database()
    is_inserted, is_over = threading.Event(), threading.Event()
    environment.migrate(other.url)
    insertion = text("INSERT INTO reader_sets VALUES ('a', '[\"everyone\"]')")

    def insert() -> None:
        with other.engine.begin() as connection:
            connection.execute(insertion)
            is_inserted.set()
            while not (query(other, "SELECT FROM pg_locks WHERE NOT granted") or is_over.wait(0.01)):
                pass

    inserting = threading.Thread(target=insert)
    inserting.start()
    is_inserted.wait()
    try:
        with pytest.raises(UserError, match="not empty: there is something in reader_sets"):
            places.restore(path, into=other)
    finally:
        is_over.set()
        inserting.join()
    assert query(other, "SELECT access_id FROM reader_sets") == [("a",)]


def test_a_table_that_cannot_be_copied_is_an_error_of_the_database(places: Places) -> None:
    with places.database.engine.connect() as holding, places.database.engine.connect() as copying:
        holding.execute(text("LOCK TABLE turns IN ACCESS EXCLUSIVE MODE"))
        copying.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with (
            archive.create(places.folder / "backup.zip") as writer,
            pytest.raises(OperationalError, match="lock timeout"),
            writer.part("tables/turns") as part,
        ):
            table_copies.copy_out(copying, Base.metadata.tables["turns"], part)


def test_a_backup_of_an_earlier_release_is_migrated(places: Places) -> None:
    """Revision 0017 knows no languages of documents."""
    early = places.make_database()
    with early.engine.begin() as connection:
        command.upgrade(environment.make_alembic_config(connection=connection), "0017")
        connection.execute(text("INSERT INTO reader_sets VALUES ('a', '[\"everyone\"]')"))
        connection.execute(
            text(
                "INSERT INTO documents (id, source, uri, url, title, content_hash, access_id) "
                "VALUES (gen_random_uuid(), 's', 'u', 'u', 'Leave', 'h', 'a')"
            )
        )
    path = places.back_up(of=early)
    assert read_manifest(path).revision == "0017"
    other, _ = places.restore(path)
    assert schema_version.read_revision(other) == schema_version.head()
    assert query(other, "SELECT title, language FROM documents") == [("Leave", "")]


def test_a_backup_of_a_newer_release_is_refused_with_a_sentence(places: Places) -> None:
    path = places.folder / "newer.zip"
    manifest = read_manifest(places.back_up())
    with archive.create(path) as writer:
        writer.finish(manifest.model_copy(update={"revision": "9999", "release": "Docent 9.0"}))
    other = places.make_database()
    with pytest.raises(UserError, match=r"Docent 9\.0 at revision 9999; this release knows up to"):
        places.restore(path, into=other)
    assert schema_version.read_revision(other) is None


def test_a_restoration_that_fails_leaves_nothing_behind(places: Places) -> None:
    """A backup whose checksums hold and whose rows fit no table, as a bug would write it."""
    answered(places.database)
    whole, broken = places.back_up("whole.zip"), places.folder / "broken.zip"
    with archive.open_backup(whole) as reader, archive.create(broken) as writer:
        for one in reader.manifest.parts:
            with writer.part(one.name, columns=one.columns) as part:
                part.n_rows = one.n_rows
                for piece in reader.read(one):
                    part.write(piece.replace(b"completed", b"strange--") if "turns" in one.name else piece)
        writer.finish(reader.manifest)
    other = places.make_database()
    with pytest.raises(UserError, match="Postgres refuses 'turns'"):
        places.restore(broken, into=other)
    assert schema_version.read_revision(other) is None
    places.restore(whole, into=other)
    assert dump(other) == dump(places.database)


def test_a_database_without_a_schema_cannot_be_backed_up(places: Places) -> None:
    with pytest.raises(UserError, match="nothing to back up"):
        places.back_up(of=places.make_database())
    assert list(places.folder.iterdir()) == []


# What was under way


def test_what_was_under_way_ends_and_its_money_counts(places: Places) -> None:
    """A question in the terminal is answered by nobody: it ends. Its call that never came back counts as held."""
    turn = Recorded.begin(places.database)
    turn.ask([turn.open()], None)
    execute(places.database, "INSERT INTO syncs (id, source, options, origin, status) "
            "VALUES (gen_random_uuid(), 'wiki', '{}', 'clock', 'reading')")  # fmt: skip
    path = places.back_up()
    assert read_manifest(path).n_open == 1
    other, done = places.restore(path)
    assert (done.questions.n_left, done.questions.n_ended) == (0, 1)
    (row,) = query(other, "SELECT status, reason, lease_token, cost_usd, reserved_usd FROM turns")
    assert (row.status, row.reason, row.lease_token) == ("failed", "restored", None)
    assert (float(row.cost_usd), float(row.reserved_usd)) == (0.01, 0.0)
    assert query(other, "SELECT status, cost_usd::float FROM model_calls") == [("failed", 0.01)]
    assert query(other, "SELECT status FROM syncs") == [("interrupted",)]
    assert query(other, "SELECT n_open FROM restorations") == [(1,)]
    assert query(places.database, "SELECT status FROM turns") == [
        ("running",)
    ]  # nothing of the original was touched


def in_slack(database: Database, **given: Any) -> Recorded:
    """An open question that was asked in Slack."""
    turn = Recorded.begin(database, **given)
    execute(database, "INSERT INTO deliveries (id, key, turn_id, place) VALUES (gen_random_uuid(), :key, :id, "
            "'{\"channel\": \"C1\", \"team_id\": \"T1\"}')", key=str(turn.id), id=turn.id)  # fmt: skip
    return turn


def test_a_question_of_slack_waits_for_a_worker_that_looks_for_its_answer(places: Places) -> None:
    in_slack(places.database)
    old = in_slack(places.database, key="slack:T1:C1:2.2").age(10)
    path = places.back_up()
    other, done = places.restore(path)
    assert (done.questions.n_left, done.questions.n_ended) == (1, 1)
    states = {row.id: (row.status, row.reason) for row in query(other, "SELECT id, status, reason FROM turns")}
    assert states.pop(old.id) == ("failed", "restored")
    assert [*states.values()] == [("queued", "restored")]
    again, done = places.restore(path, asks_again=True)
    assert (done.questions.n_left, done.questions.n_ended) == (2, 0)
    assert query(again, "SELECT DISTINCT status, reason FROM turns") == [("queued", None)]


# Secrets


@pytest.fixture
def secret_settings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    values = {
        "SLACK_BOT_TOKEN": "xoxb-111-secretsecret",
        "OPENAI_API_KEY": "sk-secretsecretsecret",
        "DOCENT_TOKEN_KEYS": Fernet.generate_key().decode(),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCENT_MODEL", "openai/gpt-5-mini")
    monkeypatch.setenv("DOCENT_MODEL_API_BASE", "https://me:hunter2hunter2@models.example/v1")
    return [*values.values(), "hunter2hunter2"]


def test_no_secret_is_in_a_backup_and_their_names_are(places: Places, secret_settings: list[str]) -> None:
    places.settings.ingest.config.write_text(
        '[sources.wiki]\nlocation = "https://me:hunter2hunter2@wiki.example/w.git"\n'
    )
    with archive.open_backup(places.back_up()) as reader:
        manifest = reader.manifest
        contents = [manifest.model_dump_json(), *(b"".join(reader.read(one)).decode() for one in manifest.parts)]
    assert not [secret for secret in secret_settings for content in contents if secret in content]
    assert {"SLACK_BOT_TOKEN", "OPENAI_API_KEY", "DOCENT_TOKEN_KEYS"} <= set(manifest.secrets)
    assert manifest.settings["DOCENT_MODEL"] == "openai/gpt-5-mini"
    assert "wiki.example" in contents[[part.name for part in manifest.parts].index(making.CONFIG_PART) + 1]


def test_what_was_set_there_and_is_not_here_is_told(places: Places, secret_settings: list[str]) -> None:
    path = places.back_up()
    (_, done), manifest = places.restore(path), read_manifest(path)
    first = backup_report.list_todo(manifest, done, {"OPENAI_API_KEY": "sk-other"})[0]
    assert "SLACK_BOT_TOKEN" in first
    assert "DOCENT_MODEL" in first
    assert "OPENAI_API_KEY" not in first
    assert "Set what was set" not in backup_report.list_todo(manifest, done, os.environ)[0]


def test_what_declares_the_sources_is_asked_for_where_it_is_missing(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_TOKEN", "ghp-secretsecretsecret")
    declared = '[sources.wiki]\nlocation = "https://wiki.example/w.git"\ntoken_env = "WIKI_TOKEN"\n'
    places.settings.ingest.config.write_text(declared)
    path = places.back_up()
    manifest = read_manifest(path)
    assert "WIKI_TOKEN" in manifest.secrets
    _, done = places.restore(path)
    assert "no " + str(places.elsewhere.ingest.config) not in "\n".join(
        backup_report.list_todo(manifest, done, {})
    )
    places.settings.ingest.config.unlink()
    _, done = places.restore(path)
    todo = "\n".join(backup_report.list_todo(manifest, done, {}))
    assert f"There is no {places.elsewhere.ingest.config}" in todo
    assert "WIKI_TOKEN" in todo


def test_tokens_stay_encrypted_and_the_key_that_opens_them_is_named(places: Places) -> None:
    key, other_key = (Fernet.generate_key().decode() for _ in range(2))
    tokens = TokenCipher([key]).encrypt("T1", BotTokens("xoxb-1-abc"))
    execute(places.database, "INSERT INTO workspaces (id, tokens) VALUES ('T1', :tokens)", tokens=tokens)
    with_key, without = (BotSettings(token_keys=SecretStr(one)) for one in (key, other_key))
    path = places.back_up(keys=with_key)
    manifest = read_manifest(path)
    (fingerprint,) = configuration.fingerprint_keys(with_key)
    assert f"fingerprint {fingerprint}" in "\n".join(backup_report.describe_made(path, manifest))
    assert key not in manifest.model_dump_json()
    _, done = places.restore(path, keys=without)
    assert done.unreadable == ("T1",)
    assert fingerprint in "\n".join(backup_report.list_todo(manifest, done, {}))
    _, done = places.restore(path, keys=with_key)
    assert done.unreadable == ()
