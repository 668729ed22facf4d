"""``docent report``: all for the operator, but no text of what was asked in private."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

import agent.settings
import bot.settings
from bot.cli.main import app
from bot.simulator import ADA, HR, WorkspaceServer
from bot.slack.inbox import Origin
from ingest.documents.upkeep import Upkeep
from tests.bot.record.reports.conftest import AskedWorkspace, asked
from tests.recorded import Recorded

__all__ = ["asked"]  # the fixture
Run = Callable[..., str]


@pytest.fixture
def run(
    asked: AskedWorkspace, server: WorkspaceServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SLACK_API_URL", server.api_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", asked.workspace.app.bot_token)

    def run_(*arguments: str) -> str:
        _forget_settings()
        result = CliRunner().invoke(app, ["report", *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    yield run_
    _forget_settings()


def _forget_settings() -> None:
    agent.settings.load.cache_clear()
    bot.settings.load.cache_clear()


def test_the_operator_sees_all_documents_and_counts_what_was_asked_in_private(
    asked: AskedWorkspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No question was asked in this time." in run()
    pay = asked.document("Pay", readers=[f"channel:{HR}"], upkeep=Upkeep(ADA, expires="2020-01-31"))
    ts = asked.ask("How do I expense a taxi?")
    asked.ask("Who is paid what?", channel=HR)
    asked.ask("May I be pregnant?", channel="D0ADA000001", origin=Origin.DIRECT)
    asked.ask("How much is it?", cited=[pay], down=[ADA])
    asked_here = Recorded.begin(asked.database, "Where is the sauna?", key="cli:1", channel=None)
    asked_here.end(None, reason="no_evidence")

    lines = run().splitlines()
    assert "3 questions were asked; the documents did not answer 2." in lines
    assert "Not answered and asked in private, so not shown: 2." in lines
    assert "  “How do I expense a taxi?”  ·  once" in lines
    assert any(line.endswith(f"/p{ts.replace('.', '')}") for line in lines)
    assert f"      docent sessions show {asked_here.turn.session_id}" in lines
    assert "  Pay (https://handbook.example/pay)  ·  1 👎 on 1 answer" in lines
    assert not [line for line in lines if "paid" in line or "pregnant" in line]

    told = json.loads(run("--since", "2d", "--json"))
    assert (told["n_asked"], told["n_unanswered"], told["n_private"]) == (3, 2, 2)
    assert [one["text"] for one in told["unanswered"]] == ["Where is the sauna?", "How do I expense a taxi?"]
    (stale,) = told["stale"]
    assert (stale["title"], stale["owner_slack"], stale["n_down"]) == ("Pay", ADA, 1)
    assert stale["problem"].startswith("expired ")

    monkeypatch.delenv("SLACK_BOT_TOKEN")  # then no channel is known to be public
    told = json.loads(run("--json"))
    assert (told["n_asked"], told["n_private"], len(told["unanswered"])) == (1, 3, 1)
