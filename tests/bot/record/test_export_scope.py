"""Which channels an export takes for public, and which tools it takes results of."""

import pytest

import bot.settings
from bot.record import export_scope
from bot.simulator import HELP, Workspace
from bot.slack.client import SlackClient


def test_a_channel_is_public_where_slack_says_so(workspace: Workspace, slack: SlackClient) -> None:
    channel = workspace.directory.find_channel(HELP).id
    assert export_scope.is_public(slack, channel)
    assert not export_scope.is_public(slack, "C0UNKNOWN01")
    workspace.faults.error("conversations.info", "missing_scope")
    assert not export_scope.is_public(slack, channel)


def test_without_slack_no_channel_is_public_and_only_passages_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    bot.settings.load.cache_clear()
    scope = export_scope.build(None)
    assert not scope.is_public("C1")
    assert {"search_docs", "read_document"} <= set(scope.tools)
    assert "thread_history" not in scope.tools
