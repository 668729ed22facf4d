"""Every command where something it needs is away or wrong: one line, the words of the doctor, and no password."""

import socket
from pathlib import Path

import pytest

from agent.store.database import Database
from bot.doctor import slack as doctor_slack
from bot.doctor import stores
from bot.doctor.context import CheckContext
from bot.doctor.finding import mask
from bot.settings import BotSettings
from bot.simulator import InstalledApp, Workspace, WorkspaceServer
from tests.command import Docent, Done
from tests.system import ForkServer, free_port

SECRET = "hunter2"
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef"}
SOCKET = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
ON_THE_DATABASE = (
    *("ask hello", "search hello", "documents", "sync", "ingest .", "forget x", "reindex", "migrate", "clock"),
    *("sessions list", "sessions show 1", "sessions export --since 1d", "sessions prune --older-than 3d", "usage"),
    *("web", "worker", "eval questions.jsonl"),
)


@pytest.fixture
def docent(zygote: ForkServer, database_url: str, tmp_path: Path) -> Docent:
    (tmp_path / "questions.jsonl").write_text('{"question": "How many days?", "relevant": ["leave.md"]}\n')
    (tmp_path / "docent.toml").write_text("[sources.pages]\nlocation = 'pages'\n")
    return Docent(zygote, tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:9"})


def _said(done: Done) -> str:
    """What it said at its end; exit code, tracebacks and secrets are the same for all."""
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert SECRET not in done.err + done.out
    assert "Something went wrong" not in done.err
    return "\n".join(
        line.removeprefix("docent: ") for line in done.err.splitlines() if line.startswith("docent: ")
    )


@pytest.mark.parametrize("command", ON_THE_DATABASE)
def test_a_database_that_is_away_is_told_by_every_command_as_by_the_doctor(
    docent: Docent, command: str, context: CheckContext
) -> None:
    url = f"postgresql://me:{SECRET}@127.0.0.1:{free_port()}/docent"
    context.database_url = url
    (finding,) = stores.database(context)
    assert _said(docent(*command.split(), DATABASE_URL=url, **SLACK)) == f"{finding.text} {finding.advice}"


def test_a_port_that_is_taken_is_named(docent: Docent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = SLACK | {"DOCENT_HOST": "127.0.0.1", "PORT": port}
        assert _said(docent("web", **env)).startswith(f"Port {port} of 127.0.0.1 is taken: another program")
        assert _said(docent("web", "--port", port, **env | {"PORT": "0"})).startswith(f"Port {port} of 127.0.0.1")
        assert "make demo PORT=3200" in _said(docent("demo", "--no-browser", "--port", port))
    assert "DOCENT_HOST" in _said(docent("web", **env | {"DOCENT_HOST": "192.0.2.1"}))
    assert "cannot be resolved" in _said(docent("web", **env | {"DOCENT_HOST": "no.such.host.invalid"}))


def test_slack_that_is_away_or_refuses_is_told_as_by_the_doctor(docent: Docent, context: CheckContext) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/api/"
    with WorkspaceServer(Workspace(InstalledApp(None))) as server:
        for url, app_token in ((nowhere, "xapp-1"), (server.api_url, "xapp-unknown")):
            env = SOCKET | {"SLACK_APP_TOKEN": app_token, "SLACK_API_URL": url, "PORT": "0"}
            said = _said(docent("web", **env))
            context.bot = BotSettings.model_validate({"SLACK_API_URL": url, "SLACK_APP_TOKEN": app_token})
            (finding,) = doctor_slack.socket(context)
            told = f"{finding.text} {finding.advice}"
            assert said == told.replace(f"SLACK_APP_TOKEN {mask(app_token)}", "SLACK_APP_TOKEN")


def test_a_folder_that_cannot_be_written_is_named(docent: Docent) -> None:
    for command in ("ask hello", "documents", "demo --no-browser"):
        said = _said(docent(*command.split(), DATABASE_URL="", REDIS_URL="", DOCENT_HOME="/proc/nowhere"))
        assert said.startswith("Cannot write to /proc/nowhere"), said
        assert said.endswith("Set DOCENT_HOME to a folder you can write to.")


def test_an_index_that_is_no_folder_is_named(docent: Docent, database: Database, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a folder")
    said = _said(docent("search", "hello", DOCENT_INDEX_URI=str(tmp_path / "index")))
    assert said == (
        f"The index at {tmp_path}/index is no folder. Set DOCENT_INDEX_URI to a folder, or to s3://bucket/path."
    )
    env = {"AWS_ENDPOINT": f"http://127.0.0.1:{free_port()}", "AWS_REGION": "us-east-1"}
    env |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ALLOW_HTTP": "true"}
    said = _said(docent("search", "hello", DOCENT_INDEX_URI="s3://nobody/index", **env))
    assert said.startswith(
        "The bucket of the index at s3://nobody/index cannot be reached. Check DOCENT_INDEX_URI"
    )


def test_a_model_that_cannot_be_asked_is_told_below_the_quoted_answer(docent: Docent, database: Database) -> None:
    (docent.folder / "pages").mkdir()
    (docent.folder / "pages" / "leave.md").write_text("# Leave\n\nYou may carry over 5 days of annual leave.")
    assert docent("ingest", "pages").code == 0
    port = free_port()
    for env, said in (
        ({"DOCENT_MODEL": "openai/gpt-5-mini", "OPENAI_API_KEY": ""}, "OPENAI_API_KEY is not set. Set it in"),
        (
            {
                "DOCENT_MODEL": "openai/gpt-5-mini",
                "OPENAI_API_KEY": SECRET,
                "DOCENT_MODEL_API_BASE": f"http://me:{SECRET}@127.0.0.1:{port}/v1",
                "DOCENT_MODEL_RETRIES": "0",
            },
            f"the provider cannot be reached at http://127.0.0.1:{port}/v1",
        ),
        ({"DOCENT_MODEL": "nobody-knows", "DOCENT_MODEL_PRICES": "free"}, "knows no provider for 'nobody-knows'"),
    ):
        done = docent("ask", "How many days of annual leave may I carry over?", **env)
        assert (done.code, "5 days" in done.out) == (0, True)
        last = done.err.splitlines()[-1]
        assert last.startswith(f"docent: {env['DOCENT_MODEL']}: "), done.err
        assert said in last
        assert SECRET not in done.err
