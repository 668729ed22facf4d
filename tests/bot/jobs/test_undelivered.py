"""Slack refuses an answer for good, one row each: a typed end, bounded tries, settled money, the asker told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.settings import AgentSettings
from agent.store.database import Database
from agent.store.sessions import StoredQuestion
from bot.doctor import deliveries
from bot.doctor.context import CheckContext
from bot.jobs import answering
from bot.jobs.context import WorkerContext
from bot.outages.undelivered import DIAGNOSES
from bot.settings import BotSettings
from bot.simulator import ADA, HELP, FaultRule, Workspace
from bot.slack import inbox
from bot.slack.client import RETRIES, SlackClient
from bot.slack.inbox import Origin, ReplyAddress
from ingest.settings import IngestSettings
from tests.scripted_model import ScriptedModel

Change = Callable[[Workspace], object]


@dataclass(frozen=True)
class Row:
    """What becomes of Slack while the answer is made, and how the turn ends.

    ``is_told``: the asker gets the answer as a direct message. ``is_late``: it has waited as long as it may.
    """

    name: str
    change: Change
    reason: str
    is_told: bool = True
    is_late: bool = False


def archive(workspace: Workspace) -> None:
    workspace.directory.find_channel(HELP).is_archived = True


def remove(workspace: Workspace) -> None:
    workspace.directory.find_channel(HELP).members.remove(workspace.app.bot_user_id)


def refuse(code: str, *, place: str | None = HELP) -> Change:
    """Slack refuses messages in the channel, or every call where there is no ``place``."""

    def change(workspace: Workspace) -> None:
        channel = workspace.directory.find_channel(place).id if place else ""
        rule = FaultRule("error", "chat.postMessage" if place else "*", code=code)
        rule.when = lambda args: args.get("channel", "") == channel or not place
        workspace.faults.add(rule)

    return change


def go_away(workspace: Workspace) -> None:
    workspace.faults.pause("503")


def row(code: str, reason: str) -> Row:
    return Row(code, refuse(code), reason)


ROWS = [
    Row("archived", archive, "channel_archived"),
    Row("removed", remove, "bot_removed"),
    row("is_archived", "channel_archived"),
    row("not_in_channel", "bot_removed"),
    row("channel_not_found", "bot_removed"),
    row("thread_not_found", "thread_gone"),
    row("message_not_found", "thread_gone"),
    row("cannot_reply_to_message", "thread_gone"),
    row("thread_locked", "thread_gone"),
    row("restricted_action", "posting_forbidden"),
    row("restricted_action_read_only_channel", "posting_forbidden"),
    row("a_code_from_next_year", "undeliverable"),
    *(
        Row(code, refuse(code, place=None), "token_refused", is_told=False, is_late=True)
        for code in ("token_revoked", "account_inactive", "invalid_auth", "missing_scope")
    ),
    Row("away", go_away, "slack_away", is_told=False, is_late=True),
]


@pytest.fixture
def examined(database: Database, tmp_path: Path) -> CheckContext:
    """What ``docent doctor`` checks the deliveries with."""
    return CheckContext(
        AgentSettings(home=tmp_path), BotSettings(), IngestSettings(home=tmp_path), database=database
    )


def ask(database: Database, workspace: Workspace) -> StoredQuestion:
    ts = workspace.person(ADA).mention(HELP, "How many days?")
    channel = workspace.directory.find_channel(HELP).id
    address = ReplyAddress(workspace.app.team_id, channel, ADA, ts=ts, thread_ts=ts)
    stored = inbox.store(
        database, inbox.NewQuestion(key=ts, address=address, origin=Origin.MENTION, question="How many days?")
    )
    assert isinstance(stored, StoredQuestion)
    return stored


def run(database: Database, statement: str) -> list[tuple[object, ...]]:
    with database.transaction() as transaction:
        return [tuple(row) for row in transaction.execute(text(statement))]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_answer_that_slack_does_not_take_ends_its_turn(  # noqa: PLR0917
    row: Row,
    context: WorkerContext,
    workspace: Workspace,
    slack: SlackClient,
    model: ScriptedModel,
    examined: CheckContext,
) -> None:
    database = context.database
    context = replace(context, slack=slack)
    stored = ask(database, workspace)
    run(database, "UPDATE turns SET reserved_usd = 2 RETURNING id")
    row.change(workspace)
    answering.work(context, stored.session_id)
    if row.is_late:
        assert run(database, "SELECT status, lease_token FROM turns") == [("running", None)]
        assert "1 answer waits for Slack" in " ".join(found.text for found in deliveries.deliveries(examined))
        run(database, "UPDATE turns SET run_after = now(), created_at = now() - interval '25 hours' RETURNING id")
        answering.work(context, stored.session_id)
    columns = "status, reason, reserved_usd, lease_token"
    assert run(database, f"SELECT {columns} FROM turns") == [("failed", row.reason, 0, None)]
    assert len(model.requests) == 1
    tries = [call for call in workspace.calls_of("chat.postMessage") if call.args["channel"].startswith("C")]
    assert 1 <= len(tries) <= 2 * RETRIES.n_attempts
    told = [m.plain for m in workspace.history(workspace.person(ADA).dm) if m.user != ADA]
    assert len(told) == row.is_told
    assert all("5 days" in message and "How many days?" in message for message in told)
    (finding,) = deliveries.deliveries(examined)
    assert (finding.state, row.reason in finding.text) == ("warning", True)
    answering.work(context, stored.session_id)  # a wake-up that came late
    assert len(workspace.calls_of("conversations.open")) == row.is_told


def test_doctor_explains_each_of_these_ends_and_is_content_without_any(
    examined: CheckContext,
) -> None:
    assert {row.reason for row in ROWS} == {str(reason) for reason in DIAGNOSES}
    (finding,) = deliveries.deliveries(examined)
    assert finding.state == "ok"
    examined.database = None
    (finding,) = deliveries.deliveries(examined)
    assert finding.state == "skipped"
