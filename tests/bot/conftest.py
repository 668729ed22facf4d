"""The simulated workspace over HTTP, and a client for it that does not sleep."""

from collections.abc import Iterator

import pytest

from bot.simulator import InstalledApp, Workspace, WorkspaceServer
from bot.slack.client import SlackClient


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    workspace = Workspace(InstalledApp(subscriptions=()))
    yield workspace
    workspace.close()


@pytest.fixture
def server(workspace: Workspace) -> Iterator[WorkspaceServer]:
    with WorkspaceServer(workspace) as server:
        yield server


@pytest.fixture
def slack(workspace: Workspace, server: WorkspaceServer) -> SlackClient:
    return SlackClient(workspace.app.bot_token, server.api_url, sleep=lambda seconds: None)
