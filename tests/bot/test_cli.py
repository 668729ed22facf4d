"""The command line as a new user meets it: embedded servers, a folder of documents, a question."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import HANDBOOK, QUESTION, ROOT

Docent = Callable[..., subprocess.CompletedProcess[str]]
EXPECTED_KEYS = {"answer", "sources", "reason", "n_steps", "cost_usd", "turn_id", "status", "notice"}


@pytest.fixture(scope="module")
def docent(tmp_path_factory: pytest.TempPathFactory) -> Docent:
    """Runs ``docent`` in a home folder with spaces and letters beyond ASCII, and no settings."""
    home = tmp_path_factory.mktemp("ein Zuhause für Docent")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCENT_", "SLACK_", "OPENAI_"))}

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("docent"), *arguments]
        return subprocess.run(
            command, cwd=home, capture_output=True, text=True, check=False, env=clean | {"COLUMNS": "200"} | env
        )

    pages = home / "pages"
    pages.mkdir()
    for name, content in HANDBOOK.items():
        (pages / name).write_text(content)
    return run


def test_from_documents_to_an_answer_and_its_record(docent: Docent) -> None:
    first = docent("ingest", "pages", "--link", "https://handbook.example/{path}")
    assert "4 added" in first.stdout, first.stderr
    again = docent("ingest", "pages", "--link", "https://handbook.example/{path}")
    assert "0 added, 0 changed, 4 unchanged" in again.stdout

    found = docent("search", "hotel price")
    assert "https://handbook.example/travel" in found.stdout

    spoken = docent("ask", QUESTION)
    assert "5 days" in spoken.stdout
    assert "https://handbook.example/leave" in spoken.stdout
    assert "No language model is configured" in spoken.stdout

    answered = docent("ask", QUESTION, "--json")
    outcome = json.loads(answered.stdout)
    assert set(outcome) == EXPECTED_KEYS
    assert (outcome["reason"], outcome["status"], outcome["cost_usd"]) == ("answered", "completed", 0)
    assert set(outcome["sources"][0]) == {"n", "title", "url", "document_id", "score"}
    assert f"[{outcome['sources'][0]['n']}]" in outcome["answer"]

    listed = docent("sessions", "list")
    assert QUESTION[:50] in listed.stdout
    shown = docent("sessions", "show", outcome["turn_id"][:13])
    assert "search_docs" in shown.stdout
    story = json.loads(docent("sessions", "show", outcome["turn_id"], "--json").stdout)
    (turn,) = story["turns"]
    assert turn["model_calls"][0]["request"]["messages"]
    assert turn["tool_calls"][0]["result"]["passages"]
    full = docent("sessions", "show", outcome["turn_id"], "--full").stdout
    assert turn["model_calls"][0]["request"]["messages"][0]["content"].splitlines()[0] in full

    assert "local/extractive" in docent("usage", "--by", "model").stdout
    assert json.loads(docent("usage", "--json").stdout)["total"]["n_questions"] == 2

    exported = docent("sessions", "export", "--since", "1d")
    assert (exported.returncode, exported.stdout) == (0, "")
    assert "No answer was rated" in exported.stderr

    would = docent("sessions", "prune", "--older-than", "0d", "--dry-run")
    assert "Would delete 2 turns, 2 sessions" in would.stdout
    assert "Deleted nothing" in docent("sessions", "prune", DOCENT_RETENTION_DAYS="30").stdout
    assert "Deleted 2 turns, 2 sessions" in docent("sessions", "prune", "--older-than", "0d").stdout
    assert "No sessions yet" in docent("sessions", "list").stdout


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
        (["ask", "x"], {"DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}, "Postgres does not answer"),
        (["ask", "x"], {"DOCENT_TOOLS": "no/such"}, "DOCENT_TOOLS: there is no folder"),
        (["web"], {}, "SLACK_BOT_TOKEN"),
        (["worker"], {}, "SLACK_BOT_TOKEN"),
        (["ask", "x"], {"DOCENT_HOME": "/proc/nowhere"}, "DOCENT_HOME"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(
    docent: Docent, arguments: list[str], env: dict[str, str], said: str
) -> None:
    done = docent(*arguments, **env)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) <= 3  # click adds two lines of usage


def test_a_question_before_any_document_says_what_to_do(docent: Docent, tmp_path: Path) -> None:
    done = docent("search", "leave", DOCENT_HOME=str(tmp_path / "new"))
    assert done.returncode == 2
    assert "docent ingest" in done.stderr


def test_the_real_handbook_answers_with_240_hours(docent: Docent, eval_dir: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "handbook")
    pages = str(eval_dir / "handbook_18f" / "pages")
    assert docent("ingest", pages, "--link", "https://handbook.example/{path}", DOCENT_HOME=home).returncode == 0
    question = "How many hours of annual leave can I carry over into next year?"
    outcome = json.loads(docent("ask", question, "--json", DOCENT_HOME=home).stdout)
    assert "240" in outcome["answer"]
    assert any(source["url"].endswith("travel-and-leave/leave") for source in outcome["sources"])


def test_the_example_settings_name_only_settings_that_exist() -> None:
    from agent.settings import Settings as Kernel
    from bot.settings import Settings as Bot
    from ingest.settings import Settings as Library

    known = {"OPENAI_API_KEY"}
    for kind in (Kernel, Bot, Library):
        for name, field in kind.model_fields.items():
            known.add(f"DOCENT_{name.upper()}")
            known.update(getattr(field.validation_alias, "choices", ()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {line.lstrip("#").split("=")[0] for line in lines if "=" in line and not line.startswith("# ")}
    assert named <= known
