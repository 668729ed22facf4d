"""``--as`` asks Slack who a person or a channel is, where there is a token, and goes by the name where not."""

from collections.abc import Iterator

import pytest

import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience
from bot.cli.library.slack_readers import make_audience
from bot.simulator import ADA, HELP, HR, VISITORS, Workspace, WorkspaceServer
from bot.simulator.stores.directory import GUEST
from ingest.access.reader_sets import one_of, store_readers


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, database: Database) -> Iterator[Workspace]:
    workspace = Workspace()
    with database.transaction() as transaction:
        store_readers(transaction, one_of([f"channel:{HR}", "guests"]))
    with WorkspaceServer(workspace) as server:
        monkeypatch.setenv("SLACK_BOT_TOKEN", workspace.app.bot_token)
        monkeypatch.setenv("SLACK_API_URL", server.api_url)
        bot.settings.load.cache_clear()
        yield workspace
    workspace.close()
    bot.settings.load.cache_clear()


@pytest.mark.usefixtures("workspace")
def test_a_person_and_a_channel_are_looked_up(database: Database) -> None:
    (ada,) = make_audience(database, [f"user:{ADA}"]).members
    assert {f"user:{ADA}", f"channel:{HR}", "everyone"} <= ada
    (guest,) = make_audience(database, [f"user:{GUEST}"]).members
    assert "guests" in guest
    assert "everyone" not in guest
    assert all(
        "everyone" not in one
        for one in make_audience(database, [f"channel:{VISITORS}"]).members
        if one & {"guests"}
    )


@pytest.mark.usefixtures("workspace")
def test_what_is_no_reader_is_told(database: Database) -> None:
    with pytest.raises(UserError, match="'somebody' does not name a reader"):
        make_audience(database, ["somebody"])


def test_without_slack_it_goes_by_the_name(
    workspace: Workspace, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.faults.error("*", "invalid_auth", times=None)
    by_name = Audience((frozenset({"everyone", f"channel:{HELP}"}),))
    assert make_audience(database, [f"channel:{HELP}"]) == by_name
    assert "so this goes by the name alone" in capsys.readouterr().err
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    bot.settings.load.cache_clear()
    assert make_audience(database, [f"channel:{HELP}"]) == by_name
    assert capsys.readouterr().err == ""
