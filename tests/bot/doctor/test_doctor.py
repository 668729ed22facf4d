"""The doctor and this machine, Postgres, Redis, the index: well, ill, gone, and never answering."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.doctor import documents, examination, machine, sentry, sources, stores
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, mask
from bot.processes import schema_version
from ingest.library import Library
from tests.library import sync_folder
from tests.system import HANDBOOK, System, free_port


@pytest.fixture
def context(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[CheckContext]:
    """Somebody whose servers are well."""
    context = CheckContext(
        kernel=agent.settings.AgentSettings(home=tmp_path),
        bot=bot.settings.BotSettings(),
        library=ingest.settings.IngestSettings(home=tmp_path),
        database_url=database_url,
        redis_url=redis_url,
    )
    yield context
    if context.database:
        context.database.close()
    if context.redis:
        context.redis.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener.getsockname()[1]


# Postgres


def test_a_database_at_this_release_is_well(context: CheckContext, database: Database) -> None:
    (finding,) = stores.database(context)
    assert finding.state == "ok"
    assert f"at revision {schema_version.head()}" in finding.text
    assert abs(context.drifts["Postgres"]) < machine.DATE_HEADER_SECONDS


@pytest.mark.parametrize(
    ("revision", "said"),
    [("9999", "deploy the newer release"), ("0000", "run 'docent migrate'"), (None, "is empty")],
)
def test_a_database_at_another_revision_says_who_is_to_do_what(
    context: CheckContext, database: Database, revision: str | None, said: str
) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM alembic_version"))
        if revision:
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": revision})
    try:
        (finding,) = stores.database(context)
    finally:
        with database.transaction() as transaction:
            transaction.execute(text("DELETE FROM alembic_version"))
            transaction.execute(text("INSERT INTO alembic_version VALUES (:r)"), {"r": schema_version.head()})
    assert finding.state == "problem"
    assert said in finding.text
    assert [f.state for f in documents.documents(context)] == ["skipped"]


def test_what_keeps_postgres_from_answering_is_told_in_words(context: CheckContext, silent: int) -> None:
    real = context.database_url or ""
    for url, said in (
        (f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/x", "is not listening"),
        (f"postgresql://ada:hunter2@127.0.0.1:{silent}/x", "does not answer in time"),
        (real.replace("docent_test_", "no_such_"), "has no such user or database"),
        (real.replace("docent:", "docent:wrong"), "rejects the user or the password"),
    ):
        context.database_url = url
        (finding,) = stores.database(context)
        assert finding.state == "problem"
        assert said in finding.text
        assert "hunter2" not in str(finding)


# Redis


def test_redis_that_evicts_is_warned_of(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        before = connection.config_get("maxmemory-policy")["maxmemory-policy"]
        connection.config_set("maxmemory-policy", "allkeys-lru")
        try:
            ok, warning = stores.redis(context)
        finally:
            connection.config_set("maxmemory-policy", str(before))
    assert (ok.state, warning.state) == ("ok", "warning")
    assert "allkeys-lru" in warning.text
    assert "CONFIG SET maxmemory-policy noeviction" in warning.advice


def test_redis_that_keeps_everything_is_well(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        before = connection.config_get("maxmemory-policy")["maxmemory-policy"]
        connection.config_set("maxmemory-policy", "noeviction")
        try:
            findings = list(stores.redis(context))
        finally:
            connection.config_set("maxmemory-policy", str(before))
    assert [finding.state for finding in findings] == ["ok"]
    assert "MB used" in findings[0].text


def test_redis_that_forbids_info_and_config_is_not_called_ill(context: CheckContext) -> None:
    with Redis.from_url(context.redis_url or "") as connection:
        connection.acl_setuser("guest", enabled=True, passwords=["+hunter2"], categories=["+@all"], keys=["*"])
        connection.execute_command("ACL", "SETUSER", "guest", "-info", "-config")
        try:
            at = connection.connection_pool.connection_kwargs
            context.redis_url = f"redis://guest:hunter2@127.0.0.1:{at['port']}/0"
            findings = list(stores.redis(context))
        finally:
            connection.acl_deluser("guest")
    assert [finding.state for finding in findings] == ["ok", "warning"]
    assert "does not report its maxmemory-policy" in findings[1].text
    assert "hunter2" not in str(findings)


def test_what_keeps_redis_from_answering_is_told_in_words(context: CheckContext, silent: int) -> None:
    parts = (context.redis_url or "").rpartition("@")[2]
    for url, said in (
        (f"redis://127.0.0.1:{free_port()}/0", "is not listening"),
        (f"redis://127.0.0.1:{silent}/0", "does not answer in time"),
        (f"redis://:wrong@{parts}", "rejects the user or the password"),
    ):
        context.redis_url = url
        (finding,) = stores.redis(context)
        assert finding.state == "problem"
        assert said in finding.text
    assert [finding.state for finding in stores.workers(context)] == ["skipped"]


def test_running_workers_are_named_by_their_machine(world: System, context: CheckContext) -> None:
    world.start("worker")
    list(stores.redis(context))
    expected = f"1 running, on {socket.gethostname()} (here)"
    world.wait_for(lambda: [finding.text for finding in stores.workers(context)] == [expected])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@127.0.0.1/x", False),
        ("postgresql://u@localhost/x", False),
        ("postgresql://u@[::1]/x", False),
        ("postgresql:///x", False),
        ("postgres://u@db.internal:5432/x", True),
        ("postgresql://u@10.0.0.7/x", True),
    ],
)
def test_a_database_elsewhere_is_told_from_one_here(url: str, expected: bool) -> None:
    assert stores.is_remote(url) is expected


# Documents and index


@pytest.fixture
def read_in(context: CheckContext, database: Database, tmp_path: Path) -> CheckContext:
    """Somebody context has read a handbook in."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    sync_folder(Library(database, context.library), str(folder))
    context.database = Database(database.url)
    return context


def test_documents_and_their_index_are_well(read_in: CheckContext) -> None:
    (counted,) = documents.documents(read_in)
    (index,) = documents.index(read_in)
    assert (counted.state, index.state) == ("ok", "ok")
    assert counted.text.startswith("4 ingested, ")
    assert read_in.documents
    assert f"{read_in.documents.n_chunks} chunks, embedded by 'static'" in index.text


def test_documents_that_could_not_be_read_are_counted(read_in: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE documents SET problem = 'is empty' WHERE title = 'Leave'"))
    _, warning = documents.documents(read_in)
    assert (warning.state, warning.text[:2]) == ("warning", "1 ")


def test_without_documents_the_next_step_is_named(context: CheckContext, database: Database) -> None:
    list(stores.database(context))
    (finding,) = documents.documents(context)
    assert (finding.state, finding.advice) == ("warning", "Run 'docent ingest PATH'.")
    assert [f.state for f in documents.index(context)] == ["skipped"]


def test_an_index_that_lies_on_another_machine(read_in: CheckContext, tmp_path: Path) -> None:
    list(documents.documents(read_in))
    read_in.library = ingest.settings.IngestSettings(index_uri=str(tmp_path / "elsewhere"))
    (missing,) = documents.index(read_in)
    assert missing.state == "problem"
    assert "DOCENT_INDEX_URI=s3://" in missing.advice
    assert not (tmp_path / "elsewhere").exists()


def test_an_index_that_another_machine_has_gone_past(read_in: CheckContext, database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("UPDATE documents SET n_chunks = n_chunks + 1"))
    list(documents.documents(read_in))
    (finding,) = documents.index(read_in)
    assert finding.state == "warning"
    assert "the database knows" in finding.text


def test_an_index_of_another_embedding_model(read_in: CheckContext, tmp_path: Path) -> None:
    list(documents.documents(read_in))
    read_in.library = ingest.settings.IngestSettings(
        home=tmp_path, embedding_model="openai/text-embedding-3-small"
    )
    well, warning = documents.index(read_in)
    assert well.state == "ok"
    assert warning.state == "warning"
    assert "docent reindex" in warning.advice


def test_sources_that_cannot_be_used_are_named(read_in: CheckContext, tmp_path: Path) -> None:
    config = tmp_path / "docent.toml"
    read_in.library = ingest.settings.IngestSettings(home=tmp_path, config=config)
    assert [finding.state for finding in sources.sources(read_in)] == ["ok"]
    config.write_text("[sources.pages]\nlocation='pages'\n[sources.gone]\nlocation='gone'\n[sources.odd]\nlink=1")
    found = list(sources.sources(read_in))
    assert [finding.state for finding in found] == ["ok", "problem", "problem"]
    assert "There is no folder" in found[1].text
    assert "[sources.odd]" in found[2].text
    config.write_text("[sources.pages\n")
    (broken,) = sources.sources(read_in)
    assert broken.state == "problem"


def test_a_sync_that_ended_badly_is_told(read_in: CheckContext, database: Database, tmp_path: Path) -> None:
    for page in (tmp_path / "pages").iterdir():
        page.unlink()
    with pytest.raises(UserError):
        sync_folder(Library(database, read_in.library), str(tmp_path / "pages"))
    *_, warning = sources.sources(read_in)
    assert warning.state == "warning"
    assert "stopped: No documents were found" in warning.text


def test_a_shared_database_beside_a_folder_of_one_machine(read_in: CheckContext) -> None:
    list(documents.documents(read_in))
    read_in.database_url = "postgresql://ada@db.internal/docent"
    read_in.worker_hosts = ["attic", "cellar"]
    _, warning = documents.index(read_in)
    assert warning.state == "warning"
    assert "Workers run on attic, cellar." in warning.text
    assert "s3://" in warning.advice


@pytest.mark.parametrize(
    ("ago", "said"), [(0, "just now"), (50, "50 minutes"), (300, "5 hours"), (9999, "7 days")]
)
def test_how_long_ago_they_were_read(context: CheckContext, ago: int, said: str) -> None:
    from agent.clock import now

    assert said in documents._ago(now() - timedelta(minutes=ago))


# The machine


def test_a_home_that_cannot_be_written_to() -> None:
    (finding,) = machine.home(Path("/proc/nowhere"))
    assert finding.state == "problem"
    assert "DOCENT_HOME" in finding.advice


def test_a_home_is_not_made_by_asking(tmp_path: Path) -> None:
    (finding,) = machine.home(tmp_path / "new" / "home")
    assert finding.state in ("ok", "warning")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("drifts", "state", "said"),
    [
        ({"Slack": 0.8, "Postgres": -0.1}, "ok", "agrees with that of Slack and Postgres"),
        ({"Slack": 9.0}, "warning", "is 9 s ahead of that of Slack"),
        ({"Slack": 0.0, "Postgres": -70.0}, "problem", "is 70 s behind that of Postgres"),
        ({}, "skipped", ""),
    ],
)
def test_a_clock_that_is_wrong(context: CheckContext, drifts: dict[str, float], state: str, said: str) -> None:
    context.drifts = drifts
    (finding,) = machine.clock(context)
    assert finding.state == state
    assert said in finding.text


@pytest.mark.parametrize(
    ("dsn", "state"),
    [("nonsense", "problem"), ("https://sentry.example/1", "problem"), ("http://k@127.0.0.1:{}/1", "")],
)
def test_sentrys_address(context: CheckContext, dsn: str, state: str, silent: int) -> None:
    for port, expected in ((silent, "ok"), (free_port(), "warning")):
        context.kernel = agent.settings.AgentSettings(SENTRY_DSN=dsn.format(port))  # type: ignore[call-arg]
        (finding,) = sentry.sentry(context)
        assert finding.state == (state or expected)


def test_secrets_are_masked() -> None:
    assert mask("xoxb-123-456-abcdefghijklabcd") == "xoxb-…abcd"
    assert mask("xoxb-short") == "xoxb-…"
    assert mask("0123456789abcdef0123456789abcdef") == "…"


# The whole


def test_a_check_that_hangs_or_has_a_bug_leaves_the_others_alone() -> None:
    def hangs() -> Iterator[Finding]:
        yield Finding("x", "ok", "so far")
        time.sleep(60)

    def breaks() -> Iterator[Finding]:
        raise RuntimeError("hunter2")
        yield

    first, late = examination._within(0.2, "x", hangs)
    assert (first.state, late.state) == ("ok", "problem")
    (broken,) = examination._within(5, "y", breaks)
    assert broken.state == "problem"
    assert "RuntimeError" in broken.text
    assert "hunter2" not in broken.text


def test_the_doctor_with_nothing_configured(tmp_path: Path) -> None:
    done = _docent(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Slack is not connected." in done.stdout
    assert "make demo" in done.stdout
    assert done.stdout.rstrip().endswith("1 warning.")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_with_everything_wrong(tmp_path: Path, silent: int) -> None:
    wrong = {
        "DOCENT_MAX_STEPS": "many",
        "DOCENT_MAX_STEP": "1",
        "DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{silent}/x",
        "REDIS_URL": f"redis://:hunter2@127.0.0.1:{silent}/0",
        "SLACK_BOT_TOKEN": "xoxb-1-2-hunter2hunter2hunter2",
        "SLACK_API_URL": f"http://127.0.0.1:{silent}/api/",
    }
    done = _docent(tmp_path, "--json", **wrong)
    assert done.returncode == 1
    assert "hunter2hunter2" not in done.stdout + done.stderr
    said = json.loads(done.stdout)
    states = {(finding["name"], finding["state"]) for finding in said["findings"]}
    assert {
        ("settings", "problem"),
        ("settings", "warning"),
        ("database", "problem"),
        ("redis", "problem"),
    } <= states
    assert {("slack", "problem"), ("events", "problem"), ("embeddings", "ok"), ("index", "skipped")} <= states
    assert said["counts"]["problem"] == sum(1 for f in said["findings"] if f["state"] == "problem")
    assert all(finding["text"].count("\n") == 0 for finding in said["findings"])


def _docent(folder: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    ours = ("DOCENT_", "SLACK_", "SENTRY_", "OPENAI_", "DATABASE_", "REDIS_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [Path(sys.executable).with_name("docent"), "doctor", *options],
        cwd=folder,
        env=clean | env,
        capture_output=True,
        text=True,
        check=False,
    )
