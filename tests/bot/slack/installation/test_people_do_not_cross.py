"""What people do in one of two workspaces that have every id in common: nothing of it is used, shown, sent or
deleted in the other."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bot.settings
from bot.cli import processes
from bot.jobs import queue, slack_connection
from bot.record import personal_data
from bot.record.workspaces import workspace_data
from bot.simulator import ADA, GRACE, HELP, HR
from bot.slack.channels import channel_settings
from bot.slack.interactions.experts import human_requests, reviews
from bot.slack.interactions.experts.reviews import Review, ReviewClick
from bot.slack.interactions.feedback import feedback_form, source_owners
from bot.slack.replies.closing import buttons
from ingest.verified import answers
from tests.bot.slack.installation.two_workspaces import FIRST, SECOND, TwoWorkspaces

QUESTION = "What is the pelican rule?"
RULE = "The pelican rule says that pelicans come first."
RIGHT = "Pelicans come second, since May [1]."
BOTH = (FIRST, SECOND)
TABLES = {
    "scheduled_questions": "team = :id",
    "human_requests": "team = :id",
    "verified_answers": "place ->> 'team' = :id",
    "source_reports": "turn_id IN (SELECT id FROM turns WHERE workspace = :id)",
}


@pytest.fixture
def staffed(two: TwoWorkspaces) -> TwoWorkspaces:
    """Both have one document, and Grace as the expert of a channel."""
    two.read_in("both", RULE, workspaces=BOTH)
    for team in BOTH:
        with two.database.transaction() as transaction:
            for channel in (HELP, HR):
                channel_settings.change(
                    transaction, team=team, channel=channel, field="experts", value=[GRACE], changed_by="test"
                )
    two.web.intake.settings.refresh(two.database)
    return two


def correct(two: TwoWorkspaces, team: str, channel: str = HELP) -> None:
    """Somebody asks, and the expert writes the right answer."""
    reply = two.ask(team, GRACE if channel == HR else ADA, channel, QUESTION)
    grace = two.workspace(team).person(GRACE)
    grace.click(reply.ts, buttons.CORRECT)
    (modal,) = two.wait_for(grace.modals)
    written = {"question": QUESTION, "answer_0": RIGHT}
    grace.submit(modal["id"], {name: {name: value} for name, value in written.items()})
    active = "SELECT 1 FROM verified_answers WHERE status = 'active' AND place ->> 'team' = :team"
    two.wait_for(lambda: two.query(active, team=team))
    two.library.refresh_verified()


def build_clock(two: TwoWorkspaces) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """What the clock does about scheduled questions, and about what people clicked."""
    settings = bot.settings.load()
    jobs = queue.open_turn_queue(settings, two.web.redis)
    connections = slack_connection.connect(settings, two.database)
    questions = processes._schedule_questions(settings, two.database, jobs, connections)
    people = processes._schedule_people(settings, two.database, jobs, connections)
    assert people._finish
    return questions._round.work, people._finish


def written_to(two: TwoWorkspaces, team: str, user: str) -> list[str]:
    workspace = two.workspace(team)
    history = workspace.history(workspace.person(user).dm)
    return [message.plain for message in history if message.user == workspace.app.bot_user_id]


@pytest.mark.parametrize("channel", [HELP, HR])
def test_a_verified_answer_is_given_in_its_workspace_alone(staffed: TwoWorkspaces, channel: str) -> None:
    two = staffed
    correct(two, FIRST, channel)
    for team in BOTH:
        audience = two.worker.open_workspace(team).audiences.of_reader(f"channel:{channel}")
        found = two.library.search(QUESTION, audience=audience, k=50).passages
        assert {passage.title for passage in found} == ({"both", QUESTION} if team == FIRST else {"both"})
        n_asked = len(two.model.requests)
        answer = two.ask(team, GRACE, channel, QUESTION)
        assert ("Pelicans come second" in answer.plain) == (team == FIRST)
        assert (len(two.model.requests) == n_asked) == (team == FIRST)
    (readers,) = two.query("SELECT readers FROM verified_answers")[0]
    assert [f"workspace:{FIRST}"] in readers
    assert "second" not in json.dumps(two.model.requests[-1]).lower().replace("pelicans come first", "")


def test_what_rests_on_no_document_is_read_in_its_workspace_alone_too(two: TwoWorkspaces) -> None:
    with two.database.transaction() as transaction:
        channel_settings.change(
            transaction, team=FIRST, channel=HELP, field="experts", value=[GRACE], changed_by="test"
        )
    two.read_in("both", "Flamingos sleep on one leg.", workspaces=BOTH)
    correct(two, FIRST)
    assert not two.query("SELECT 1 FROM verified_documents")
    for team in BOTH:
        audience = two.worker.open_workspace(team).audiences.of_reader(f"channel:{HELP}")
        found = two.library.search(QUESTION, audience=audience, k=50).passages
        assert (QUESTION in {passage.title for passage in found}) == (team == FIRST)


def test_its_author_is_asked_again_in_their_own_workspace(staffed: TwoWorkspaces) -> None:
    two = staffed
    correct(two, FIRST)
    two.read_in("both", f"{RULE} But not on Sundays.", workspaces=BOTH)
    _, finish = build_clock(two)
    finish()
    asked = {team: [text for text in written_to(two, team, GRACE) if reviews.ASKED in text] for team in BOTH}
    assert [len(asked[team]) for team in BOTH] == [1, 0]
    assert two.query("SELECT 1 FROM notices WHERE starts_with(subject, :begin)", begin=f"review:{FIRST}/{GRACE}:")
    with two.database.transaction() as transaction:
        (answer,) = answers.load_all(transaction)
        click = ReviewClick(Review.WITHDRAW, answer.id, answer.state_of_documents)
        assert reviews.apply(transaction, click, GRACE, SECOND) == reviews.NOT_YOURS
        assert not answers.rewrite(
            transaction, answer.id, question="?", answer="!", author=GRACE, workspace=SECOND
        )
        assert reviews.apply(transaction, click, GRACE, FIRST) == reviews.WITHDRAWN


def test_a_request_for_a_person_is_of_the_workspace_where_it_was_made(staffed: TwoWorkspaces) -> None:
    two = staffed
    for team in BOTH:
        reply = two.ask(team, ADA, HELP, QUESTION)
        two.workspace(team).person(ADA).click(reply.ts, buttons.ASK_HUMAN)
    two.wait_for(lambda: len(two.query("SELECT 1 FROM human_requests WHERE shown_at IS NOT NULL")) == 2)
    (first,) = two.query("SELECT id, turn_id FROM human_requests WHERE team = :team", team=FIRST)
    with two.database.transaction() as transaction:
        for change in (human_requests.take, human_requests.resolve):
            assert change(transaction, first.id, GRACE, SECOND).request is None
        place = {"team": SECOND, "channel": HELP, "thread_ts": "9.9", "asked_by": ADA, "workspace": SECOND}
        assert human_requests.store(transaction, first.turn_id, **place) is None
        untouched = human_requests.load(transaction, first.id)
        assert untouched
        assert (untouched.taken_by, untouched.resolved_by) == (None, None)
        taken = human_requests.take(transaction, first.id, GRACE, FIRST).request
    assert taken
    assert taken.taken_by == GRACE


def test_scheduled_questions_are_listed_asked_and_kept_apart(staffed: TwoWorkspaces) -> None:
    two = staffed
    for team in BOTH:
        two.workspace(team).person(ADA).command("/docent", f"every monday 9:00 {QUESTION} In {team}?", HELP)
    two.wait_for(lambda: len(two.query("SELECT 1 FROM scheduled_questions")) == 2)
    for team, other in ((FIRST, SECOND), (SECOND, FIRST)):
        two.workspace(team).person(GRACE).command("/docent", "every list", HELP)
        listed = two.wait_for(lambda team=team: two.workspace(team).ephemerals(GRACE))[-1].plain  # type: ignore[misc]
        assert (f"In {team}?" in listed, f"In {other}?" in listed) == (True, False)
    ask, _ = build_clock(two)
    due = "UPDATE scheduled_questions SET next_at = now() - interval '1 minute' RETURNING 1"
    two.query(due)
    assert ask() == 2
    two.run()
    turns = two.query("SELECT workspace FROM turns WHERE origin = 'scheduled'")
    assert {row.workspace for row in turns} == set(BOTH)
    assert {call.error for one in (two.first, two.second) for call in one.calls} <= {"", "ok"}
    two.second.uninstall()
    two.wait_for(lambda: two.query("SELECT 1 FROM workspaces WHERE removed_at IS NOT NULL"))
    two.query(due)
    assert ask() == 1


def test_the_home_tab_and_the_command_know_one_workspace(
    build: Callable[..., TwoWorkspaces], tmp_path: Path
) -> None:
    config = tmp_path / "docent.toml"
    tables = {"ours": f'"{FIRST}"', "theirs": f'"{SECOND}"', "shared": f'"{FIRST}", "{SECOND}"'}
    for name, places in tables.items():
        with config.open("a") as file:
            file.write(f'[sources.{name}]\nlocation = "{tmp_path / name}"\nworkspaces = [{places}]\n')
            file.write(f'owner_slack = "{GRACE}"\n')
    two = build(DOCENT_OPERATORS=f"{SECOND}/{GRACE}", DOCENT_CONFIG=str(config))
    for team in BOTH:
        two.install(team)
    for name, teams in (("ours", [FIRST]), ("theirs", [SECOND]), ("shared", [*BOTH])):
        two.read_in(name, f"{RULE} {name}", workspaces=teams)
    two.second.change_user(replace(two.second.directory.users[ADA], is_admin=False))
    two.ask(FIRST, ADA, HELP, "How does the first one do it?")
    seen = {}
    for team, user in ((FIRST, ADA), (FIRST, GRACE), (SECOND, ADA), (SECOND, GRACE)):
        person = two.workspace(team).person(user)
        person.open_home()
        seen[team, user] = json.dumps(two.wait_for(person.home))
    for (team, user), page in seen.items():
        assert ("theirs" if team == FIRST else "ours") not in page, (team, user)
        assert ("ours" if team == FIRST else "theirs") in page
        assert ("For operators" in page) == ((team, user) in {(FIRST, ADA), (SECOND, GRACE)})
        assert ("How does the first one" in page) == ((team, user) == (FIRST, ADA))
    two.second.person(GRACE).command("/docent", "settings sources ours", HELP)
    two.second.person(GRACE).command("/docent", "sync ours", HELP)
    told = two.wait_for(lambda: (said := two.second.ephemerals(GRACE))[1:] and said)
    assert all("no source 'ours'" in one.plain.lower().replace("there is ", "") for one in told), told
    assert source_owners.load(SECOND) == {"theirs": GRACE}
    assert source_owners.load() == dict.fromkeys(tables, GRACE)


def test_an_owner_hears_of_their_own_workspace_and_all_of_one_is_forgotten_alone(
    staffed: TwoWorkspaces,
) -> None:
    two = staffed
    for team in BOTH:
        correct(two, team)
        two.workspace(team).person(ADA).command("/docent", f"every monday 9:00 {QUESTION}", HELP)
        reply = two.ask(team, ADA, HELP, f"{QUESTION} And why is that so?")
        ada = two.workspace(team).person(ADA)
        ada.click(reply.ts, buttons.ASK_HUMAN)
        ada.click(reply.ts, feedback_form.ACTION, "negative")
        (modal,) = two.wait_for(ada.modals)
        (options,) = (b["element"]["options"] for b in modal["blocks"] if b.get("block_id") == "wrong")
        chosen = {"type": "checkboxes", "selected_options": options[:1]}
        ada.submit(modal["id"], {"wrong": {"wrong": chosen}, "comment": {"comment": f"Not in {team}."}})
    two.wait_for(lambda: len(two.query("SELECT 1 FROM scheduled_questions")) == 2)
    two.query(f"UPDATE source_reports SET owner = '{GRACE}' RETURNING 1")
    _, finish = build_clock(two)
    finish()
    for team, other in ((FIRST, SECOND), (SECOND, FIRST)):
        (heard,) = (text for text in written_to(two, team, GRACE) if "say this of documents" in text)
        assert (f"Not in {team}." in heard, f"Not in {other}." in heard) == (True, False)

    told_of = personal_data.export_person(two.database, GRACE, SECOND)
    assert len(told_of["verified_answers"]) == 1
    assert FIRST not in str(told_of)
    personal_data.forget_person(two.database, GRACE, SECOND)
    authors = two.query("SELECT author, place ->> 'team' AS team FROM verified_answers")
    assert [(row.author, row.team) for row in authors] == [(GRACE, FIRST)]
    experts = two.query("SELECT DISTINCT team FROM channel_settings WHERE settings -> 'experts' <> '[]'")
    assert [row.team for row in experts] == [FIRST]
    before = {name: _count(two, name, FIRST) for name in TABLES}
    assert all(before.values()), before
    two.query(f"UPDATE workspaces SET removed_at = now() WHERE id = '{SECOND}' RETURNING 1")
    workspace_data.forget(two.database, SECOND)
    assert {name: _count(two, name, SECOND) for name in TABLES} == dict.fromkeys(TABLES, 0)
    assert {name: _count(two, name, FIRST) for name in TABLES} == before
    left = two.query("SELECT subject FROM notices WHERE subject LIKE :like", like=f"%:{SECOND}/%")
    assert left == []


def _count(two: TwoWorkspaces, table: str, workspace: str) -> int:
    return int(two.query(f"SELECT count(*) FROM {table} WHERE {TABLES[table]}", id=workspace)[0][0])
