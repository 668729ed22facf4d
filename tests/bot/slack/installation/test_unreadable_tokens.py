"""Tokens that no key of the settings reads: their workspace waits for the operator, and no other one does."""

from datetime import timedelta

import pytest

import bot.settings
from agent.clock import now
from agent.errors import UserError
from bot.simulator import ADA, HELP
from bot.slack.installation import encryption, terminal, workspaces
from bot.slack.installation.encryption import BotTokens, TokenCipher
from bot.slack.installation.rotation import Rotation, RotationSchedule
from bot.slack.installation.tokens import TokenUnreadable
from ingest.sources import slack
from ingest.sources.slack import SlackOptions
from ingest.sources.slackthreads import installed_tokens
from tests.bot.slack.installation.two_workspaces import FIRST, KEY, SECOND, TwoWorkspaces

QUESTION = "What is the pelican rule?"
SOON = "UPDATE workspaces SET expires_at = now() + interval '1 minute' RETURNING 1"


@pytest.fixture
def lost(two: TwoWorkspaces) -> TwoWorkspaces:
    """The key of the second workspace's token is gone."""
    other = TokenCipher([encryption.make_key()]).encrypt(SECOND, BotTokens("xoxb-1", "xoxe-1"))
    two.query("UPDATE workspaces SET tokens = :tokens WHERE id = :id RETURNING 1", id=SECOND, tokens=other)
    return two


def test_a_question_waits_until_its_workspaces_key_is_back(two: TwoWorkspaces) -> None:
    two.read_in("both", "The pelican rule says that pelicans come first.", workspaces=[FIRST, SECOND])
    ((kept,),) = two.query("SELECT tokens FROM workspaces WHERE id = :id", id=SECOND)
    other = TokenCipher([encryption.make_key()]).encrypt(SECOND, BotTokens("xoxb-1"))
    store = "UPDATE workspaces SET tokens = :tokens WHERE id = :id RETURNING 1"
    two.query(store, id=SECOND, tokens=other)
    ts = two.second.person(ADA).mention(HELP, QUESTION)
    (asked,) = two.wait_for(lambda: two.query("SELECT session_id FROM turns"))
    for _ in range(2):
        two.query("UPDATE turns SET run_after = now() RETURNING 1")
        two.work(asked.session_id)
        (turn,) = two.query("SELECT reason, run_after > now() AS is_postponed FROM turns")
        assert (turn.reason, turn.is_postponed) == (None, True)
    assert two.model.requests == []  # nothing is paid for that cannot be said
    assert "rule" in two.ask(FIRST, ADA, HELP, QUESTION).plain
    two.query(store, id=SECOND, tokens=kept)
    two.query("UPDATE turns SET run_after = now() RETURNING 1")
    two.work(asked.session_id)
    (answer,) = [one for one in two.second.thread(HELP, ts) if one.user == two.second.app.bot_user_id]
    assert "rule" in answer.plain


def test_it_keeps_no_other_token_from_being_renewed(two: TwoWorkspaces) -> None:
    for workspace in (two.first, two.second):
        workspace.app.rotates_tokens = True
        two.install(workspace.app.team_id)
    two.query(SOON)
    other = TokenCipher([encryption.make_key()]).encrypt(FIRST, BotTokens("xoxb-1", "xoxe-1"))
    broken = "UPDATE workspaces SET tokens = :tokens, expires_at = now() WHERE id = :id RETURNING 1"
    two.query(broken, id=FIRST, tokens=other)  # the first that is due
    rotation = Rotation(two.database, TokenCipher([KEY]), bot.settings.load())
    thread = RotationSchedule(two.database, rotation).tick()
    assert thread
    thread.join(60)
    (row,) = two.query("SELECT expires_at FROM workspaces WHERE id = :id", id=SECOND)
    assert row.expires_at - now() > timedelta(hours=11)


def test_its_workspace_can_be_removed_here(lost: TwoWorkspaces) -> None:
    client = terminal.open_client(bot.settings.load(), lost.database, SECOND)
    with pytest.raises(TokenUnreadable, match="Add that key again") as error:
        client.call("auth.revoke", is_repeatable=True)  # which 'docent workspaces remove' says, and goes on
    assert error.value.is_transient
    with lost.database.transaction() as transaction:
        assert workspaces.remove(transaction, SECOND, workspaces.RemovalReason.OPERATOR)


@pytest.mark.parametrize("workspaces", [[FIRST, SECOND], ["*"], ["E0STANDIN01"]])
def test_slack_is_read_one_workspace_at_a_time(workspaces: list[str]) -> None:
    with pytest.raises(ValueError, match="one workspace"):
        SlackOptions(type="slack", workspaces=tuple(workspaces))


def test_a_source_reads_no_workspace_but_its_own(lost: TwoWorkspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of another one, which stayed in the environment, does not stand in for one that is missing."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", lost.first.app.bot_token)
    installed_tokens.register(terminal.open_tokens(bot.settings.load(), lost.database).read)
    for workspace, why in ((SECOND, "Add that key again"), ("T0NOBODY001", "is not installed")):
        with pytest.raises(UserError, match=why):
            slack.open_source(SlackOptions(type="slack", workspaces=(workspace,)), cache_folder=lost.folder)
