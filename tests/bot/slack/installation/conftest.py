"""Docent between two workspaces that have every id in common."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agent.settings
import bot.settings
from agent.store.database import Database
from bot.simulator import WorkspaceServer
from ingest import settings as ingest_settings
from tests.bot.slack.installation import two_workspaces
from tests.bot.slack.installation.two_workspaces import FIRST, KEY, SECOND, TwoWorkspaces
from tests.scripted_model import ScriptedModel

Build = Callable[..., TwoWorkspaces]
CACHES = (bot.settings.load, ingest_settings.load, agent.settings.load)


@pytest.fixture
def build(database: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Makes them; what is given is of the first workspace's app, or a setting in capital letters."""
    built: list[TwoWorkspaces] = []
    servers: list[WorkspaceServer] = []

    def make(**given: Any) -> TwoWorkspaces:
        url = two_workspaces.pick_url()
        of_app = {name: value for name, value in given.items() if not name.isupper()}
        first, second = two_workspaces.make_workspaces(url, **of_app)
        server = WorkspaceServer(first, others=[second])
        servers.append(server.__enter__())
        model = ScriptedModel(two_workspaces.say).__enter__()
        env = {
            "REDIS_URL": redis_url,
            "SLACK_CLIENT_ID": first.app.client_id,
            "SLACK_CLIENT_SECRET": first.app.client_secret,
            "SLACK_REDIRECT_URI": f"{url}/slack/oauth_redirect",
            "SLACK_SIGNING_SECRET": first.app.signing_secret,
            "SLACK_API_URL": server.api_url,
            "DOCENT_TOKEN_KEYS": KEY,
            "DOCENT_INDEX_URI": str(tmp_path / "index"),
            "DOCENT_HOME": str(tmp_path / "home"),
            "OPENAI_API_KEY": "sk-test",
            **{name: value for name, value in given.items() if name.isupper()},
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        for load in CACHES:
            load.cache_clear()
        two = TwoWorkspaces(database, first, second, server, tmp_path, model, url)
        two.start()
        built.append(two)
        return two

    yield make
    for two in built:
        two.close()
        two.model.__exit__(None, None, None)
    for server in servers:
        server.__exit__(None, None, None)
    for two in built:
        two.first.close()
        two.second.close()
    for load in CACHES:
        load.cache_clear()


@pytest.fixture
def two(build: Build) -> TwoWorkspaces:
    """Both have installed the app."""
    made = build()
    for team in (FIRST, SECOND):
        assert made.install(team)[0] == 200
    return made
