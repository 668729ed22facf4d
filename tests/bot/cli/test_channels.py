"""What is set for single channels, by the command."""

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

import agent.settings
import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.cli.main import app
from bot.simulator import Workspace, WorkspaceServer


@pytest.fixture(autouse=True)
def environment(
    database: Database, workspace: Workspace, server: WorkspaceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.app.bot_token)
    monkeypatch.setenv("SLACK_API_URL", server.api_url)
    for settings in (agent.settings, bot.settings):
        settings.load.cache_clear()


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["channels", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_settings_are_changed_in_versions_and_listed(database: Database, workspace: Workspace) -> None:
    assert "Nothing is set for single channels." in run().stdout
    assert "follow-ups is always now (version 1)" in run("set", "C0HELP00001", "follow-ups", "always").stdout
    assert "follow-ups was always already" in run("set", "C0HELP00001", "follow-ups", "always").stdout
    run("set", "C0HELP00001", "respond-to-all", "on")
    run("set", "C0HELP00001", "follow-ups", "default")
    listed = run().stdout
    assert "C0HELP00001" in listed
    assert "respond-to-all on" in " ".join(listed.split())
    assert "follow-ups" not in listed
    versions = json.loads(run("history", "C0HELP00001", "--json").stdout)
    assert [(version["version"], version["stored"]) for version in versions] == [
        (3, {"respond_to_all": True}),
        (2, {"follow_ups": "always", "respond_to_all": True}),
        (1, {"follow_ups": "always"}),
    ]
    assert {version["team"] for version in versions} == {workspace.app.team_id}
    assert all(version["changed_by"].endswith("(terminal)") for version in versions)
    assert "Nothing was ever set for C0OTHER0001." in run("history", "C0OTHER0001").stdout
    with database.transaction() as transaction:
        assert transaction.scalar(text("SELECT count(*) FROM channel_settings")) == 3


def test_experts_are_people_and_groups_by_their_ids() -> None:
    said = run("set", "C0HELP00001", "experts", "U0ADA00001, S0HR,U0ADA00001").stdout
    assert "experts is U0ADA00001, S0HR now (version 1)" in said
    shown = json.loads(run("show", "C0HELP00001", "--json").stdout)
    assert shown["stored"] == {"experts": ["U0ADA00001", "S0HR"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("C0HELP00001", "follow-ups", "muted"), "Write one of: always, asker, mention, default."),
        (("C0HELP00001", "respond-to-all", "yes"), "Write one of: on, off, default."),
        (("C0HELP00001", "voice", "dry"), "It is one of: follow-ups, respond-to-all, muted"),
        (("C0HELP00001", "tone", "d" * 201), "It has 201 characters; at most 200"),
        (("C0HELP00001", "sources", "handbok"), "no documents have been read in yet"),
        (
            ("C0HELP00001", "experts", "U0ADA,Grace"),
            "'Grace' is none of them. Write ids of people and user groups",
        ),
        (("C0HELP00001", "allowed-groups", "U0ADA000001"), "Write ids of user groups"),
        (("C0HELP00001", "model", "openai/none"), "It is one of: local/extractive."),
        (("C0HELP00001", "budget-day", "1000000"), "between 0 and 100,000 dollars"),
        (("C0HELP00001", "budget-day", "NaN"), "between 0 and 100,000 dollars"),
        (("#help", "follow-ups", "always"), "is not the id of a channel"),
        (("C0HELP00001", "experts", ","), "It is empty. Write 'default' to take it out."),
    ],
)
def test_what_cannot_be_set_is_said_with_what_can(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as error:
        run("set", *arguments)
    assert said in str(error.value)


def test_without_a_token_the_workspace_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "")
    bot.settings.load.cache_clear()
    with pytest.raises(UserError, match="--team"):
        run("set", "C0HELP00001", "follow-ups", "always")
    assert "version 1" in run("set", "C0HELP00001", "follow-ups", "always", "--team", "T1").stdout


def test_everything_that_can_be_set_is_shown_with_what_counts_now(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(text("INSERT INTO syncs (id, source, origin, status, options) VALUES "
                                 "(gen_random_uuid(), 'handbook', 'clock', 'completed', '{}')"))  # fmt: skip
    values = {
        "follow-ups": "mention",
        "muted": "on",
        "ephemeral": "on",
        "sources": "handbook",
        "experts": "<@U0ADA000001>, S0HR",
        "allowed-groups": "S0HR",
        "tone": "dry",
        "instructions": "Answer in [German].",
        "model": "local/extractive",
        "budget-day": "$1",
        "budget-month": "20.5",
    }
    for name, value in values.items():
        run("set", "C0HELP00001", name, value)
    shown = " ".join(run("show", "C0HELP00001").stdout.split())
    for part in (
        "follow-ups mention",
        "U0ADA000001, S0HR",
        "“Answer in [German].”",
        "$1.00",
        "$20.50",
        "default (off)",
    ):
        assert part in shown
    assert "version 11" in shown
    stored = json.loads(run("show", "C0HELP00001", "--json").stdout)["stored"]
    assert stored["experts"] == ["U0ADA000001", "S0HR"]
    assert stored["budget_month_usd"] == "20.50"
    with database.transaction() as transaction:
        transaction.execute(text("DELETE FROM syncs"))
    assert "There is no source 'handbook' any more." in run("show", "C0HELP00001").stdout
