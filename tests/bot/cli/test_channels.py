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
    versions = json.loads(run("show", "C0HELP00001", "--json").stdout)
    assert [(version["version"], version["stored"]) for version in versions] == [
        (3, {"respond_to_all": True}),
        (2, {"follow_ups": "always", "respond_to_all": True}),
        (1, {"follow_ups": "always"}),
    ]
    assert {version["team"] for version in versions} == {workspace.app.team_id}
    assert all(version["changed_by"].endswith("(terminal)") for version in versions)
    assert "Nothing was ever set for C0OTHER0001." in run("show", "C0OTHER0001").stdout
    with database.transaction() as transaction:
        assert transaction.scalar(text("SELECT count(*) FROM channel_settings")) == 3


def test_experts_are_people_and_groups_by_their_ids() -> None:
    said = run("set", "C0HELP00001", "experts", "U0ADA00001, S0HR,U0ADA00001").stdout
    assert "experts is U0ADA00001,S0HR now (version 1)" in said
    (version,) = json.loads(run("show", "C0HELP00001", "--json").stdout)
    assert version["stored"] == {"experts": ["U0ADA00001", "S0HR"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("C0HELP00001", "follow-ups", "muted"), "Write one of: always, asker, mention, default."),
        (("C0HELP00001", "respond-to-all", "yes"), "Write one of: on, off, default."),
        (
            ("C0HELP00001", "tone", "dry"),
            "It is one of: follow-ups, respond-to-all, cost-line, experts, ask-human.",
        ),
        (("#help", "follow-ups", "always"), "is not the id of a channel"),
        (
            ("C0HELP00001", "experts", "@grace"),
            "'@grace' is no id of a person or a user group. Write ids as Slack",
        ),
        (("C0HELP00001", "experts", ","), "Name 1 to 20 of them."),
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
