"""The command line as a new user meets it: embedded servers, a folder of documents, a question."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.store.database import Database
from tests.command import Docent
from tests.system import HANDBOOK, QUESTION, ROOT, ForkServer

Installed = Callable[..., subprocess.CompletedProcess[str]]
EXPECTED_KEYS = {"answer", "sources", "reason", "n_steps", "cost_usd", "turn_id", "status", "notice"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Runs ``docent`` in a home folder with spaces and letters beyond ASCII, and no settings."""
    home = tmp_path_factory.mktemp("ein Zuhause für Docent")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCENT_", "SLACK_", "OPENAI_"))}

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("docent")), *arguments]
        return subprocess.run(
            command, cwd=home, capture_output=True, text=True, check=False, env=clean | {"COLUMNS": "200"} | env
        )

    _write_handbook(home)
    return run


@pytest.fixture
def docent(zygote: ForkServer, database: Database, database_url: str, tmp_path: Path) -> Docent:
    _write_handbook(tmp_path)
    return Docent(zygote, tmp_path, {"DATABASE_URL": database_url})


def test_from_nothing_to_an_answer(installed: Installed) -> None:
    first = installed("ingest", "pages", "--link", "https://handbook.example/{path}")
    assert "4 added" in first.stdout, first.stderr
    spoken = installed("ask", QUESTION)
    assert "5 days" in spoken.stdout
    assert "https://handbook.example/leave" in spoken.stdout
    assert "No language model is configured" in spoken.stdout


def test_from_documents_to_an_answer_and_its_record(docent: Docent) -> None:
    assert "4 added" in docent("ingest", "pages", "--link", "https://handbook.example/{path}").out
    again = docent("ingest", "pages", "--link", "https://handbook.example/{path}")
    assert "0 added, 0 changed, 4 unchanged" in again.out
    assert "https://handbook.example/travel" in docent("search", "hotel price").out

    outcome = docent("ask", QUESTION, "--json").json
    assert set(outcome) == EXPECTED_KEYS
    assert (outcome["reason"], outcome["status"], outcome["cost_usd"]) == ("answered", "completed", 0)
    assert set(outcome["sources"][0]) == {"n", "title", "url", "document_id", "score"}
    assert f"[{outcome['sources'][0]['n']}]" in outcome["answer"]

    assert QUESTION[:50] in docent("sessions", "list").out
    assert "search_docs" in docent("sessions", "show", outcome["turn_id"][:13]).out
    (turn,) = docent("sessions", "show", outcome["turn_id"], "--json").json["turns"]
    assert turn["model_calls"][0]["request"]["messages"]
    assert turn["tool_calls"][0]["result"]["passages"]
    full = docent("sessions", "show", outcome["turn_id"], "--full").out
    assert turn["model_calls"][0]["request"]["messages"][0]["content"].splitlines()[0] in full

    assert "local/extractive" in docent("usage", "--by", "model").out
    assert docent("usage", "--json").json["total"]["n_questions"] == 1

    exported = docent("sessions", "export", "--since", "1d")
    assert (exported.code, exported.out) == (0, "")
    assert "No answer was rated" in exported.err

    would = docent("sessions", "prune", "--older-than", "0d", "--dry-run")
    assert "Would delete 1 turn, 1 session" in would.out
    assert "Deleted nothing" in docent("sessions", "prune", DOCENT_RETENTION_DAYS="30").out
    assert "Deleted 1 turn, 1 session" in docent("sessions", "prune", "--older-than", "0d").out
    assert "No sessions yet" in docent("sessions", "list").out


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (["ingest", "no/such/folder"], {}, "no/such/folder"),
        (["ask", "  "], {}, "question is empty"),
        (["sessions", "show", "nonsense"], {}, "not an id"),
        (["sessions", "show", "00000000"], {}, "docent sessions list"),
        (["frobnicate"], {}, "No such command"),
        (["sessions", "export", "--since", "yesterday"], {}, "2026-05-31 or 7d"),
        (["sessions", "export", "--since", "2d", "--until", "3d"], {}, "--since must be before --until"),
        (["sessions", "export", "--since", "1d", "--format", "xml"], {}, "xml"),
        (["sessions", "export", "--since", "1d", "--output", "no/such/folder/x"], {}, "no/such/folder/x"),
        (["sessions", "prune"], {}, "DOCENT_RETENTION_DAYS"),
        (["sessions", "prune", "--older-than", "2026-05-31"], {}, "such as 90d"),
        (["sessions", "list"], {"DOCENT_RETENTION_DAYS": "0"}, "RETENTION_DAYS"),
        (["usage", "--since", "30"], {}, "'30'"),
        (["usage", "--by", "weather"], {}, "weather"),
        (["ask", "x"], {"DOCENT_MAX_STEPS": "many"}, "MAX_STEPS"),
        (["ask", "x"], {"DATABASE_URL": "mysql://x"}, "postgresql://"),
        (["ask", "x"], {"DOCENT_MODEL": "openai/own"}, "DOCENT_MODEL_PRICES=openai/own="),
        (["ask", "x"], {"DOCENT_MODEL_PRICES": "cheap", "DOCENT_MODEL": "openai/own"}, "'cheap' is not usable"),
        (["ask", "x"], {"DOCENT_TIME_ZONE": "Mars"}, "time zone"),
        (
            ["ask", "x"],
            {"DATABASE_URL": "postgresql://x@127.0.0.1:9/x"},
            "PostgreSQL at 127.0.0.1:9/x is not listening at this address. Check host and port in DATABASE_URL",
        ),
        (["ask", "x"], {"DOCENT_TOOLS": "no/such"}, "DOCENT_TOOLS: there is no folder"),
        (["web"], {}, "SLACK_BOT_TOKEN"),
        (["worker"], {}, "SLACK_BOT_TOKEN"),
        (["ask", "x"], {"DOCENT_HOME": "/proc/nowhere", "DATABASE_URL": ""}, "DOCENT_HOME"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(
    docent: Docent, arguments: list[str], env: dict[str, str], said: str
) -> None:
    done = docent(*arguments, **env)
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert len([line for line in done.err.splitlines() if line.strip()]) <= 3  # click adds two lines of usage


def test_a_question_before_any_document_says_what_to_do(docent: Docent) -> None:
    done = docent("search", "leave")
    assert (done.code, "docent ingest" in done.err) == (2, True)


def test_what_is_said_of_the_commands_loads_nothing_heavy() -> None:
    heavy = {
        "sqlalchemy",
        "rich",
        "litellm",
        "lancedb",
        "numpy",
        "slack_sdk",
        "redis",
        "pydantic_settings",
        "alembic",
    }
    program = f"import sys, bot.cli.main; print(sorted({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_quoting_the_documents_loads_no_litellm_and_no_rest_client() -> None:
    program = (
        "import sys, time\n"
        "from agent.llm import client\n"
        "from agent.llm.local_provider import register\n"
        "from agent.llm.request import Completion, Model, Request\n"
        "from ingest.index import lancedb_runtime\n"
        "lancedb_runtime.warm_up()\n"
        "register(lambda *_: {'role': 'assistant', 'content': 'Quoted.'})\n"
        "completion = Completion()\n"
        "request = Request(Model('local/extractive'), (), (), None, 10)\n"
        "policy, deadline = client.CallPolicy(), time.monotonic() + 9\n"
        "said = ''.join(client.stream(request, completion, deadline=deadline, policy=policy))\n"
        "names = {'litellm', 'lance_namespace_urllib3_client.api'} & {*sys.modules}\n"
        "print(said, completion.finish_reason, completion.message['content'], sorted(names))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Quoted. stop Quoted. []"


def test_the_version_is_the_distributions_and_commands_come_in_the_order_of_need(docent: Docent) -> None:
    assert docent("--version").out == f"docent {importlib.metadata.version('docent-answers')}\n"
    out = docent("--help").out
    assert 'docent ask "How many days of annual leave can I carry over?"' in out
    listed = [line.split()[0] for line in out.partition("Commands:")[2].strip().splitlines()]
    assert listed[:4] == ["demo", "ingest", "ask", "search"]
    assert sorted(listed) == sorted({*listed})


def test_a_question_before_any_document_says_how_to_read_some_in(docent: Docent) -> None:
    done = docent("ask", "How many days?")
    assert (done.code, done.out) == (2, "")
    assert "docent: No documents have been read in yet" in done.err
    assert "Run 'docent ingest PATH'" in done.err
    assert "No sessions yet" in docent("sessions", "list").out


def test_a_slow_command_says_at_once_what_it_does(docent: Docent) -> None:
    assert docent("ask", "How many days?").err.splitlines()[0] == "Opening the documents …"
    assert docent("ingest", "pages").err.splitlines() == ["Reading pages …"]
    assert docent("ask", "How many days?", "--json").err == ""


def test_the_real_handbook_answers_with_240_hours(docent: Docent, eval_dir: Path) -> None:
    pages = str(eval_dir / "handbook_18f" / "pages")
    assert docent("ingest", pages, "--link", "https://handbook.example/{path}").code == 0
    question = "How many hours of annual leave can I carry over into next year?"
    outcome = docent("ask", question, "--json").json
    assert "240" in outcome["answer"]
    assert any(source["url"].endswith("travel-and-leave/leave") for source in outcome["sources"])


def test_the_example_settings_name_only_settings_that_exist() -> None:
    from agent.settings import AgentSettings as Kernel
    from bot.settings import BotSettings as Bot
    from ingest.settings import IngestSettings as Library

    known = {"OPENAI_API_KEY"}
    for kind in (Kernel, Bot, Library):
        for name, field in kind.model_fields.items():
            known.add(f"DOCENT_{name.upper()}")
            known.update(getattr(field.validation_alias, "choices", ()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.lstrip("#").split("=")[0] for line in lines if "=" in line and not line.startswith("# ")}
    assert named <= known


def _write_handbook(folder: Path) -> None:
    (folder / "pages").mkdir()
    for name, content in HANDBOOK.items():
        (folder / "pages" / name).write_text(content)
