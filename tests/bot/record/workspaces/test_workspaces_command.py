"""The commands about installed workspaces, budgets and the app's manifest, and what the doctor says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.cli.main import app
from bot.doctor import workspaces as doctor
from bot.doctor.context import CheckContext
from bot.simulator import ADA, InstalledApp, Workspace, WorkspaceServer
from bot.slack.installation import encryption, manifest, workspaces
from bot.slack.installation.encryption import BotTokens, TokenCipher
from bot.slack.installation.workspaces import InstalledWorkspace

T1, T2 = "T0STANDIN01", "T0SECOND001"
CACHES = (agent.settings.load, bot.settings.load, ingest.settings.load)


@pytest.fixture
def keys() -> list[str]:
    return [encryption.make_key()]


@pytest.fixture
def second(workspace: Workspace) -> Workspace:
    app = InstalledApp(team_id=T2, team_name="Second", bot_token="xoxb-second", subscriptions=())
    return Workspace(app, beside=workspace)


@pytest.fixture
def server(workspace: Workspace, second: Workspace) -> Iterator[WorkspaceServer]:
    with WorkspaceServer(workspace, others=[second]) as server:
        yield server


@pytest.fixture(autouse=True)
def environment(  # noqa: PLR0917
    database: Database,
    workspace: Workspace,
    second: Workspace,
    server: WorkspaceServer,
    keys: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    config = tmp_path / "docent.toml"
    config.write_text(
        f'[sources.ours]\nlocation = "a"\nworkspaces = ["{T1}"]\n[sources.nobodys]\nlocation = "b"\n'
        '[sources.anywhere]\nlocation = "c"\nworkspaces = "all"\n'
    )
    values = {
        "DATABASE_URL": database.url,
        "SLACK_API_URL": server.api_url,
        "SLACK_CLIENT_ID": workspace.app.client_id,
        "SLACK_CLIENT_SECRET": workspace.app.client_secret,
        "SLACK_REDIRECT_URI": "https://your.host/slack/oauth_redirect",
        "DOCENT_TOKEN_KEYS": keys[0],
        "DOCENT_CONFIG": str(config),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    for load in CACHES:
        load.cache_clear()
    with database.transaction() as transaction:
        for one in (workspace, second):
            tokens = TokenCipher(keys).encrypt(one.app.team_id, BotTokens(one.app.bot_token))
            scopes = tuple(sorted(one.app.scopes))
            installed = InstalledWorkspace(
                one.app.team_id,
                None,
                one.app.team_name,
                one.app.app_id,
                one.app.bot_id,
                one.app.bot_user_id,
                scopes,
                datetime(2026, 1, 5, tzinfo=UTC),
                release="docent@1",
            )
            workspaces.store(transaction, installed, tokens)
    yield
    for load in CACHES:
        load.cache_clear()


def run(*arguments: str, input: str | None = None) -> Result:
    done = CliRunner().invoke(app, arguments, input=input)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_workspaces_are_listed_shown_removed_and_forgotten(workspace: Workspace, second: Workspace) -> None:
    listed = run("workspaces").stdout
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [T2, T1]  # by name
    assert "anywhere, ours" in listed
    assert "nobodys" not in listed
    assert json.loads(run("workspaces", "--json").stdout)[0]["sources"] == ["anywhere"]
    shown = run("workspaces", "show", T2).stdout
    assert "chat:write" in shown
    assert second.app.bot_token not in shown
    with pytest.raises(UserError, match=f"Remove it first: docent workspaces remove {T2}"):
        run("workspaces", "forget", T2, "--yes")
    with pytest.raises(UserError, match="There is no workspace T9"):
        run("workspaces", "show", "T9")
    assert "Removed from Second" in run("workspaces", "remove", T2, "--yes").stdout
    assert (second.app.is_installed, workspace.app.is_installed) == (False, True)
    assert [call.method for call in second.calls] == ["auth.revoke"]
    assert "removed_by_operator" in run("workspaces").stdout
    assert "Deleted nothing of Second" in run("workspaces", "forget", T2, "--yes").stdout
    assert T2 not in run("workspaces").stdout


def test_a_new_key_takes_the_place_of_the_old_one(
    database: Database, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = run("workspaces", "new-key").stdout.strip()
    monkeypatch.setenv("DOCENT_TOKEN_KEYS", f"{new},{keys[0]}")
    bot.settings.load.cache_clear()
    assert "The tokens of 2 workspaces are encrypted with the newest key" in run("workspaces", "rotate-key").stdout
    with database.transaction() as transaction:
        assert workspaces.load_tokens(transaction, TokenCipher([new]), T1)
    monkeypatch.setenv("DOCENT_TOKEN_KEYS", "no key")
    bot.settings.load.cache_clear()
    with pytest.raises(UserError, match="holds something that is no key") as error:
        run("workspaces", "rotate-key")
    assert "no key," not in str(error.value)


def test_a_budget_is_set_for_one_workspace_and_taken_back(database: Database) -> None:
    assert f"{T1}: workspace-month is $100 now." in run("budgets", "set", T1, "workspace-month", "100").stdout
    assert "person-day is without a limit now" in run("budgets", "set", T1, "person-day", "none").stdout
    assert "is the operator's again" in run("budgets", "set", T1, "person-day", "default").stdout
    with database.transaction() as transaction:
        from bot.slack.installation import workspace_budgets

        assert {key: float(usd or 0) for key, usd in workspace_budgets.load(transaction).items()} == {
            (T1, "workspace", "month"): 100.0
        }
    assert "Nothing was spent" in run("budgets").stdout
    for wrong, why in (
        (("set", "general", "person-day", "1"), "not the id of a workspace"),
        (("set", T1, "person-month", "1"), "no budget 'person-month'"),
        (("set", T1, "person-day", "1e9"), "no amount"),
        (("set", T1, "person-day", "nan"), "no amount"),
    ):
        with pytest.raises(UserError, match=why):
            run("budgets", *wrong)


def test_a_command_about_one_of_many_asks_which() -> None:
    with pytest.raises(
        UserError, match=rf"Name a workspace with --workspace: there are Second \({T2}\), Stand-in"
    ):
        run("report")
    assert run("report", "--workspace", T1).exit_code == 0
    with pytest.raises(UserError, match="There is no workspace T9"):
        run("report", "--workspace", "T9")


def test_the_doctor_checks_each_workspace(
    database: Database, workspace: Workspace, second: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCENT_OPERATORS", f"{T2}/{ADA}, U0NOWHERE01")
    bot.settings.load.cache_clear()
    second.app.has_home_tab = False
    second.app.scopes = set(manifest.SCOPES) - {"chat:write"}
    context = CheckContext(agent.settings.load(), bot.settings.load(), ingest.settings.load(), database=database)
    found = [(finding.state, finding.text) for finding in doctor.workspaces(context)]
    assert ("ok", f"Second ({T2}): @docent, installed by docent@1") in found
    assert any(state == "problem" and f"lacks chat:write in Second ({T2})" in text for state, text in found)
    assert [state for state, text in found if "Home tab" in text] == ["warning"]
    assert [text for _, text in found if "counts nowhere" in text and "names U0NOWHERE01, in no" in text]
    assert any(state == "problem" and "'nobodys' names no workspace" in text for state, text in found)
    workspace.uninstall()
    found = [(finding.state, finding.text) for finding in doctor.workspaces(context)]
    assert any("Stand-in" in text and "account_inactive" in text for _, text in found)
    assert workspace.app.bot_token not in str(found) or not workspace.app.bot_token


def test_a_manifest_is_applied_after_its_difference_was_shown(
    workspace: Workspace, second: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_id, shared = workspace.app.app_id, workspace.app
    with pytest.raises(UserError, match="SLACK_CONFIG_TOKEN is not set"):
        run("manifest", "--apply", app_id)
    monkeypatch.setenv("SLACK_CONFIG_TOKEN", shared.config_token)
    bot.settings.load.cache_clear()
    old = json.loads(run("manifest").stdout)
    old["oauth_config"]["scopes"]["bot"].remove("reactions:read")
    shared.manifest = {**old, "metadata": {"major_version": 1}}
    done = run("manifest", "--apply", app_id, input="n\n")
    assert '+        "reactions:read"' in done.stdout.replace(",", "")
    assert "New permissions: reactions:read. Each workspace has them once" in done.stdout
    assert "reactions:read" not in str(shared.manifest)
    assert "apps.manifest.update" not in {call.method for call in workspace.calls}
    assert f"Updated {app_id}." in run("manifest", "--apply", app_id, "--yes").stdout
    assert "reactions:read" in str(shared.manifest)
    assert shared.manifest["metadata"] == {"major_version": 1}  # what the app has besides stays
    assert "is as the manifest says already" in run("manifest", "--apply", app_id).stdout
    with pytest.raises(UserError, match="no such app of yours"):
        run("manifest", "--apply", "A9")
    shared.config_token = second.app.config_token = "xoxe.xoxp-another"
    with pytest.raises(UserError, match=r"lives for twelve hours.*tooling\.tokens\.rotate"):
        run("manifest", "--apply", app_id)
