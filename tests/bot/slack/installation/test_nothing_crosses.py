"""Two workspaces that have every id in common: what is of one is never found, answered, paid or forgotten in the
other."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import product

import pytest

import bot.settings
from agent.clock import now
from agent.errors import UserError
from agent.store.budgets import Budgets
from agent.types import ONE_OF_MANY, Audience
from bot.record import export, personal_data, usage
from bot.record.export import ExportFilter, ExportScope
from bot.record.reports import notices, weekly
from bot.record.reports.report import make_report
from bot.record.reports.scope import ReportScope
from bot.record.workspaces import workspace_data
from bot.simulator import ADA, GRACE, GUEST, HELP, HR, LINUS, PARTNER, PARTNERS, VISITORS
from bot.slack.channels import channel_settings
from bot.slack.inbox import ReplyAddress
from bot.slack.installation import terminal, workspace_budgets
from bot.slack.intake.catch_up import CatchUp
from bot.slack.intake.history import History
from tests.bot.slack.installation.two_workspaces import FIRST, SECOND, TwoWorkspaces

QUESTION = "What is the pelican rule?"
RULE = "The pelican rule says that pelicans come first."
# By title: the workspaces that its source names, and its readers.
DOCUMENTS: dict[str, tuple[list[str], str]] = {
    "first-hr": ([FIRST], f"channel:{HR}"),
    "second-hr": ([SECOND], f"channel:{HR}"),
    "first-ada": ([FIRST], f"user:{ADA}"),
    "second-ada": ([SECOND], f"user:{ADA}"),
    "first-group": ([FIRST], "group:S1"),
    "second-group": ([SECOND], "group:S1"),
    "first-all": ([FIRST], "everyone"),
    "second-guests": ([SECOND], "guests"),
    "both": ([FIRST, SECOND], "everyone"),
    "anywhere": (["*"], "everyone"),
    "nowhere": ([], "everyone"),
    "nowhere-hr": ([], f"channel:{HR}"),
}
PLACES = [
    (person, channel)
    for person in (ADA, GRACE, LINUS, GUEST, PARTNER)
    for channel in (HELP, HR, PARTNERS, VISITORS)
]


def list_readable(two: TwoWorkspaces, team: str, members: set[str], channel: str) -> set[str]:
    """What all of these people of a workspace may read, worked out from what the stand-in holds."""
    directory = two.workspace(team).directory

    def holds(person: str, principal: str) -> bool:
        user, (kind, _, id_) = directory.users[person], principal.partition(":")
        if kind == "user":
            return person == id_
        if kind == "channel":
            return person in directory.channels[id_].members
        if kind == "group":
            return person in directory.groups.get(id_, ())
        if user.team_id != team:
            return False
        return user.is_restricted if kind == "guests" else not user.is_restricted

    return {
        title
        for title, (places, principal) in DOCUMENTS.items()
        if (team in places or "*" in places) and all(holds(person, principal) for person in members)
    }


@pytest.fixture
def apart(two: TwoWorkspaces) -> TwoWorkspaces:
    """Who is in a channel and in a group differs between the two."""
    two.second.leave(HR, ADA)
    two.second.join(HR, LINUS)
    two.first.set_group("S1", [ADA])
    two.second.set_group("S1", [GRACE, LINUS])
    for title, (places, reader) in DOCUMENTS.items():
        two.read_in(title, f"{RULE} It is the rule of {title}.", workspaces=places, readers=[reader])
    return two


def test_only_what_names_the_workspace_is_found_there(apart: TwoWorkspaces) -> None:
    two, n_found = apart, 0
    for team, (person, channel), kind in product((FIRST, SECOND), PLACES, ("channel", "dm", "command")):
        workspace = two.workspace(team)
        users, members = workspace.directory.users, workspace.directory.channels[channel].members
        if person not in members or users[person].team_id not in (team, users[PARTNER].team_id):
            continue
        address = ReplyAddress(
            team,
            f"D{person[1:]}" if kind == "dm" else channel,
            person,
            thread_ts=None if kind == "command" else "1.1",
            is_direct=kind == "dm",
        )
        audiences = two.worker.open_workspace(team).audiences
        with two.database.transaction() as transaction:
            audiences.refresh(transaction)
            two.library.read_state(transaction)
        audience = audiences.resolve(address).audience
        assert all({ONE_OF_MANY, f"workspace:{team}"} <= member for member in audience.members)
        readers = {person} if kind != "channel" else {id_ for id_ in members if not users[id_].is_bot}
        wanted = list_readable(two, team, readers, channel)
        if kind == "channel" and workspace.directory.channels[channel].is_ext_shared:
            wanted = set()  # somebody of another company may look in
        assert two.find(QUESTION, audience) == wanted, (team, person, channel, kind)
        n_found += bool(wanted)
    assert n_found > 10


def test_where_slack_does_not_say_who_is_there_nothing_of_the_other_is_found_either(apart: TwoWorkspaces) -> None:
    two = apart
    for team in (FIRST, SECOND):
        two.workspace(team).faults.error("conversations.info", "missing_scope")
        audiences = two.worker.open_workspace(team).audiences
        with two.database.transaction() as transaction:
            two.library.read_state(transaction)
        seen_by = audiences.resolve(ReplyAddress(team, HR, ADA, thread_ts="1.1"))
        assert seen_by.error
        assert two.find(QUESTION, seen_by.audience) == {"first-hr" if team == FIRST else "second-hr"}


def test_the_operator_at_the_terminal_reads_what_is_for_everyone_in_any_workspace(apart: TwoWorkspaces) -> None:
    from bot.cli.library import slack_readers

    everywhere = {"first-all", "both", "anywhere", "nowhere"}
    assert apart.find(QUESTION, slack_readers.make_audience(apart.database, ())) == everywhere
    assert apart.find(QUESTION, Audience()) == {"anywhere", "nowhere"}
    of_second = slack_readers.make_audience(apart.database, [f"workspace:{SECOND}", f"channel:{HR}"])
    assert apart.find(QUESTION, of_second) == list_readable(apart, SECOND, {GRACE, LINUS}, HR)


@pytest.mark.parametrize("workspaces", [[FIRST, SECOND], ["all"]])
def test_an_id_of_one_workspace_is_refused_where_several_are_named(
    two: TwoWorkspaces, workspaces: list[str]
) -> None:
    with pytest.raises(UserError, match=f"channel:{HR} is of one workspace"):
        two.read_in("mixed", RULE, workspaces=workspaces, readers=["everyone", f"channel:{HR}"])


def test_a_page_of_several_workspaces_cannot_name_a_channel_itself(two: TwoWorkspaces) -> None:
    (two.folder / "pages").mkdir()
    (two.folder / "pages" / "page.md").write_text(f"---\nreaders: ['channel:{HR}']\n---\n\n# Page\n\n{RULE}\n")
    two.read_in("pages", RULE, workspaces=[FIRST, SECOND])
    for team in (FIRST, SECOND):
        audience = two.worker.open_workspace(team).audiences.of_reader(f"channel:{HR}")
        assert two.find(QUESTION, audience) == {"pages"}


def test_each_is_answered_from_its_own_documents_by_its_own_token(two: TwoWorkspaces) -> None:
    two.read_in("ours", f"{RULE} We are the first.", workspaces=[FIRST])
    two.read_in("theirs", f"{RULE} We are the second.", workspaces=[SECOND])
    answers = {team: two.ask(team, ADA, HELP, QUESTION) for team in (FIRST, SECOND)}
    assert "ours.example" in answers[FIRST].plain
    assert "theirs.example" in answers[SECOND].plain
    for team, other in ((FIRST, SECOND), (SECOND, FIRST)):
        calls = two.workspace(team).calls
        assert {call.error for call in calls} == {""}
        assert len([c for c in calls if c.method.startswith("chat.") and c.method != "chat.getPermalink"]) <= 6
        prompts = [str(request) for request in two.model.requests]
        own, others = ("first", "second") if team == FIRST else ("second", "first")
        of_team = [prompt for prompt in prompts if f"We are the {own}" in prompt]
        assert of_team
        assert not [prompt for prompt in of_team if f"We are the {others}" in prompt]
        assert two.workspace(other).app.bot_token != two.workspace(team).app.bot_token
    # With the other one's token a channel is not there, whatever its id.
    two.first.add_channel(type(two.first.directory.channels[HELP])("C0ONLYFIRST", "only-first", members=[ADA]))
    slack = terminal.open_client(bot.settings.load(), two.database, SECOND)
    with pytest.raises(Exception, match="channel_not_found"):
        slack.call("conversations.info", is_repeatable=True, channel="C0ONLYFIRST")


def test_what_changes_in_one_is_looked_up_anew_there_alone(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    for team in (FIRST, SECOND):
        two.ask(team, ADA, HELP, QUESTION)
    for workspace in (two.first, two.second):
        workspace.calls.clear()
    two.first.leave(HELP, GRACE)
    two.wait_for(lambda: two.query("SELECT 1 FROM membership_changes WHERE subject LIKE '%/channel:%'"))
    for team in (FIRST, SECOND):
        two.ask(team, ADA, HELP, QUESTION)
    assert len(two.first.calls_of("conversations.members")) == 1
    assert two.second.calls_of("conversations.members") == []


def test_budgets_settings_and_ratings_are_of_one_workspace(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    with two.database.transaction() as transaction:
        workspace_budgets.store(transaction, FIRST, "workspace", "day", Decimal(0), changed_by="test")
        channel_settings.change(
            transaction, team=FIRST, channel=HELP, field="cost_line", value=True, changed_by="test"
        )
    refused, answered = (two.ask(team, ADA, HELP, QUESTION) for team in (FIRST, SECOND))
    n_asked = len(two.model.requests)
    assert n_asked == 1  # for the second workspace; the first has nothing left to spend
    assert "budget" in refused.plain
    assert "budget" not in answered.plain
    assert "$" not in answered.plain
    statuses = usage.budget_statuses(two.database, limits=Budgets({}).limits, zone=Budgets({}).zone)
    limits = {one.subject: one.limit_usd for one in statuses if (one.scope, one.period) == ("workspace", "day")}
    assert limits == {SECOND: None} | ({FIRST: 0.0} if FIRST in limits else {})
    assert {one.subject.partition(":")[0] for one in statuses if one.spent_usd} == {SECOND}
    with two.database.transaction() as transaction:
        workspace_budgets.reset(transaction, FIRST, "workspace", "day")
    assert "budget" not in two.ask(FIRST, ADA, HELP, QUESTION).plain
    assert {
        row.name
        for row in usage.summarize(two.database, by="user", since=now() - timedelta(days=1), zone=Budgets({}).zone)
    } == {f"{ADA} ({FIRST})", f"{ADA} ({SECOND})"}

    two.second.person(ADA).click(answered.ts, "docent_feedback", "positive")
    rated = two.query("SELECT workspace FROM feedback JOIN turns ON turns.id = turn_id")
    assert [row.workspace for row in rated] == [SECOND]


def test_a_person_is_read_out_and_forgotten_in_one_workspace(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    for team in (FIRST, SECOND):
        answer = two.ask(team, ADA, HELP, f"{QUESTION} I ask in {team}.")
        two.workspace(team).person(ADA).click(answer.ts, "docent_feedback", "positive")
        two.ask(team, GRACE, HELP, f"What did <@{ADA}> say of pelicans?")
    with pytest.raises(UserError, match=f"{SECOND}, {FIRST}"):
        personal_data.export_person(two.database, ADA)
    with pytest.raises(UserError, match="--workspace"):
        personal_data.forget_person(two.database, ADA)
    told = personal_data.export_person(two.database, ADA, SECOND)
    assert [question["workspace"] for question in told["questions"]] == [SECOND]
    assert FIRST not in str(told)
    assert [len(told[name]) for name in ("ratings", "budgets", "installations")] == [1, 1, 1]

    done = personal_data.forget_person(two.database, ADA, SECOND)
    assert (done.pruned.n_turns, done.n_open) == (1, 0)
    asked = two.query("SELECT workspace, question FROM turns ORDER BY id")
    assert sorted((row.workspace, ADA in row.question or "I ask" in row.question) for row in asked) == [
        (SECOND, False),
        (FIRST, True),
        (FIRST, True),
    ]
    assert "someone" in next(row.question for row in asked if row.workspace == SECOND)
    assert two.query("SELECT count(*) FROM feedback")[0][0] == 1
    subjects = {row.subject for row in two.query("SELECT subject FROM budgets WHERE scope = 'person'")}
    assert (f"{FIRST}:{ADA}" in subjects, f"{SECOND}:{ADA}" in subjects) == (True, False)
    installers = {row.id: row.installed_by for row in two.query("SELECT id, installed_by FROM workspaces")}
    assert installers == {FIRST: ADA, SECOND: None}
    assert len(personal_data.export_person(two.database, ADA, FIRST)["questions"]) == 1


def test_reports_and_exports_tell_of_one_workspace(two: TwoWorkspaces) -> None:
    two.read_in("ours", RULE, workspaces=[FIRST])
    for team in (FIRST, SECOND):
        two.ask(team, ADA, HELP, f"Where do the flamingos of {team} sleep?")
    is_public = partial(lambda channel: True)
    for team, other in ((FIRST, SECOND), (SECOND, FIRST)):
        audience = two.worker.open_workspace(team).audiences.of_reader(f"channel:{HELP}")
        scope = ReportScope(is_public, audience, HELP, team)
        since, until = now() - timedelta(days=1), now() + timedelta(days=1)
        report = make_report(two.database, since, until, scope, lambda question: "https://link")
        assert report.asked.n_asked == 1
        assert other not in str(report)
        assert {figures.source for figures in report.most_used} <= ({"ours"} if team == FIRST else set())
        built = weekly.build(
            two.database,
            terminal.open_client(bot.settings.load(), two.database, team),
            workspace=team,
            channel=HELP,
        )
        built.publish(datetime(2026, 1, 5, tzinfo=UTC))  # a week in which nothing was asked: nothing is posted
        assert notices.begin(two.database, f"report:{team}/{HELP}:2026-01-05") is None  # but it is done
    chosen = ExportFilter(now() - timedelta(days=1), now() + timedelta(days=1), workspace=FIRST)
    with (two.folder / "export.jsonl").open("w") as file:
        done = export.export(
            two.database, chosen, scope=ExportScope(lambda channel: True, ()), format="eval", output=file
        )
    assert done.n_written == 0


def test_questions_missed_in_one_workspace_are_found_by_its_own_search(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    for team in (FIRST, SECOND):
        two.ask(team, ADA, HELP, QUESTION)
    two.query("UPDATE workspaces SET installed_at = now() - interval '1 day' RETURNING 1")
    two.query("UPDATE deliveries SET received_at = now() - interval '1 hour' RETURNING 1")
    for workspace in (two.first, two.second):  # Slack tells nobody
        workspace.app.subscriptions = ()
        workspace.person(GRACE).mention(HELP, f"{QUESTION} Nobody heard me in {workspace.app.team_id}.")
    slack = terminal.open_client(bot.settings.load(), two.database, SECOND)
    search = CatchUp(
        slack, two.web.intake, History(slack, sleep=lambda _: None), max_age=timedelta(days=1), workspace=SECOND
    )
    assert search.run() == 1
    (turn,) = two.query("SELECT workspace, question FROM turns WHERE question LIKE '%Nobody heard%'")
    assert (turn.workspace, SECOND in turn.question) == (SECOND, True)
    assert {call.method for call in two.first.calls if call.method == "conversations.history"} == set()


def test_a_workspace_is_forgotten_and_the_other_is_not(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    for team in (FIRST, SECOND):
        two.ask(team, ADA, HELP, QUESTION)
        with two.database.transaction() as transaction:
            channel_settings.change(
                transaction, team=team, channel=HELP, field="cost_line", value=True, changed_by="test"
            )
            workspace_budgets.store(transaction, team, "workspace", "day", Decimal(9), changed_by="test")
    before = {name: _count(two, name, FIRST) for name in TABLES}
    assert all(before.values()), before
    two.query(f"UPDATE workspaces SET removed_at = now() WHERE id = '{SECOND}' RETURNING 1")
    assert workspace_data.forget(two.database, SECOND).n_turns == 1
    assert {name: _count(two, name, SECOND) for name in TABLES} == dict.fromkeys(TABLES, 0)
    assert {name: _count(two, name, FIRST) for name in TABLES} == before


TABLES = {
    "turns": "workspace = :id",
    "sessions": "key LIKE '%:' || :id || ':%'",
    "deliveries": "key LIKE '%:' || :id || ':%'",
    "budgets": "subject = :id OR subject LIKE :id || ':%'",
    "channel_settings": "team = :id",
    "workspace_budgets": "workspace = :id",
    "workspaces": "id = :id",
}


def _count(two: TwoWorkspaces, table: str, workspace: str) -> int:
    return int(two.query(f"SELECT count(*) FROM {table} WHERE {TABLES[table]}", id=workspace)[0][0])
