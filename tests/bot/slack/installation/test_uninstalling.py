"""The end of an installation: what is open ends, tokens are gone, and the other workspace notices nothing."""

import threading

from agent.clock import now
from bot.jobs import answering
from bot.simulator import ADA, GRACE, HELP
from bot.slack.installation import uninstalling, workspaces
from bot.slack.installation.oauth_state import StateStore
from tests.bot.slack.installation.conftest import Build
from tests.bot.slack.installation.two_workspaces import FIRST, ORGANISATION, SECOND, TwoWorkspaces
from tests.scripted_model import Say

QUESTION = "What is the pelican rule?"
RULE = "The pelican rule says that pelicans come first."


def is_removed(two: TwoWorkspaces, team: str) -> bool:
    (row,) = two.query("SELECT removed_at, tokens FROM workspaces WHERE id = :id", id=team)
    assert (row.tokens is None) == (row.removed_at is not None)
    return row.removed_at is not None


def test_questions_that_wait_end_without_a_word_or_a_call_of_the_model(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    for workspace in (two.first, two.second):
        workspace.person(ADA).mention(HELP, QUESTION)
    two.wait_for(lambda: two.query("SELECT count(*) FROM turns")[0][0] == 2)
    two.second.uninstall()
    two.wait_for(lambda: is_removed(two, SECOND))
    n_calls = len(two.second.calls)
    two.run()
    ended = two.query("SELECT workspace, status, reason FROM turns ORDER BY workspace")
    assert sorted((row.workspace, row.status, row.reason) for row in ended) == sorted(
        [(FIRST, "completed", "answered"), (SECOND, "cancelled", "uninstalled")]
    )
    assert len(two.model.requests) == 1
    assert len(two.second.calls) == n_calls
    assert not is_removed(two, FIRST)


def test_a_question_that_waits_is_answered_where_the_app_is_back_before_anybody_looks(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    ts = two.second.person(ADA).mention(HELP, QUESTION)
    two.wait_for(lambda: two.query("SELECT 1 FROM turns"))
    two.second.uninstall()
    two.wait_for(lambda: is_removed(two, SECOND))
    assert two.install(SECOND)[0] == 200
    two.run()
    (answer,) = [one for one in two.second.thread(HELP, ts) if one.user == two.second.app.bot_user_id]
    assert "rule" in answer.plain
    assert [row.reason for row in two.query("SELECT reason FROM turns")] == ["answered"]  # and not as stopped


def test_an_answer_that_is_being_written_is_stopped(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    begun, go_on = threading.Event(), threading.Event()

    def write(request: object) -> Say:
        begun.set()
        go_on.wait(60)
        return Say("The rule is this [1].")

    two.model.script = write
    two.second.person(ADA).mention(HELP, QUESTION)
    (session,) = two.wait_for(lambda: two.query("SELECT id FROM sessions"))
    work = threading.Thread(target=answering.work, args=(two.worker, session.id))
    work.start()
    assert begun.wait(60)
    two.second.uninstall()
    two.wait_for(lambda: is_removed(two, SECOND))
    go_on.set()
    work.join(60)
    (turn,) = two.query("SELECT status, reason FROM turns")
    assert (turn.status, turn.reason) == ("cancelled", "uninstalled")
    two.model.script = lambda request: Say("The rule is this [1].")
    assert "rule" in two.ask(FIRST, GRACE, HELP, QUESTION).plain


def test_what_slack_tells_late_does_not_end_a_new_installation(two: TwoWorkspaces) -> None:
    two.second.uninstall()
    two.wait_for(lambda: is_removed(two, SECOND))
    two.query("UPDATE workspaces SET installed_at = installed_at - interval '1 hour' RETURNING 1")
    assert two.install(SECOND)[0] == 200
    two.query("UPDATE workspaces SET installed_at = installed_at + interval '5 seconds' RETURNING 1")
    (event_id, *_) = [one.event_id for one in two.second.deliveries if one.event_type == "app_uninstalled"]
    assert two.second.redeliver(event_id).is_acked
    assert not is_removed(two, SECOND)
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    assert "rule" in two.ask(SECOND, ADA, HELP, QUESTION).plain


def test_a_revoked_token_of_a_person_is_none_of_the_bots(two: TwoWorkspaces) -> None:
    event = {"type": "tokens_revoked", "tokens": {"oauth": [ADA], "bot": []}}
    assert uninstalling.note_event(two.database, event, {"event_time": int(now().timestamp())}, FIRST) == ()
    others = {"type": "tokens_revoked", "tokens": {"bot": ["U0SOMEBODY1"]}}
    uninstalling.note_event(two.database, others, {"event_time": int(now().timestamp())}, FIRST)
    nonsense = {"type": "tokens_revoked", "tokens": ["x"]}
    uninstalling.note_event(two.database, nonsense, {"event_time": "x"}, FIRST)
    assert not is_removed(two, FIRST)


def test_a_token_that_expires_is_renewed_before_it_is_used(two: TwoWorkspaces) -> None:
    two.second.app.rotates_tokens = True
    assert two.install(SECOND)[0] == 200
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    before = two.second.app.bot_token
    soon = (
        "UPDATE workspaces SET expires_at = now() + interval '1 minute' WHERE expires_at IS NOT NULL RETURNING 1"
    )
    two.query(soon)
    assert "rule" in two.ask(SECOND, ADA, HELP, QUESTION).plain
    assert two.second.app.bot_token != before
    (row,) = two.query("SELECT expires_at FROM workspaces WHERE id = :id", id=SECOND)
    assert (row.expires_at - now()).total_seconds() > 11 * 3600
    assert len([call for call in two.first.calls_of("oauth.v2.access") if call.args.get("grant_type")]) == 1
    assert two.ask(FIRST, ADA, HELP, QUESTION)  # whose token does not expire


def test_states_that_are_over_are_deleted_with_the_next_one(two: TwoWorkspaces) -> None:
    store = StateStore(two.database)
    state = store.issue()
    two.query("UPDATE oauth_states SET expires_at = now() RETURNING 1")
    store.issue()
    assert not store.consume(state)
    assert len(two.query("SELECT 1 FROM oauth_states")) == 1


def test_a_workspace_that_was_removed_keeps_its_record(two: TwoWorkspaces) -> None:
    two.read_in("both", RULE, workspaces=[FIRST, SECOND])
    two.ask(SECOND, ADA, HELP, QUESTION)
    two.second.uninstall()
    two.wait_for(lambda: is_removed(two, SECOND))
    with two.database.transaction() as transaction:
        (kept,) = [one for one in workspaces.list_workspaces(transaction, also_removed=True) if one.id == SECOND]
        assert [one.id for one in workspaces.list_workspaces(transaction)] == [FIRST]
    assert (kept.name, kept.is_installed) == ("Second", False)
    assert two.query("SELECT count(*) FROM turns WHERE workspace = :id", id=SECOND)[0][0] == 1


def test_an_organisation_that_uninstalls_the_app_is_removed_with_all_of_its_workspaces(build: Build) -> None:
    """Slack tells of the end through no installation, and by one of the workspaces."""
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True)
    for team in (FIRST, SECOND):
        assert two.install(team)[0] == 200
    two.first.person(ADA).mention(HELP, QUESTION)
    two.wait_for(lambda: two.query("SELECT 1 FROM turns"))
    two.first.uninstall()
    two.wait_for(lambda: is_removed(two, ORGANISATION))
    assert not is_removed(two, SECOND)
    two.run()
    assert [row.reason for row in two.query("SELECT reason FROM turns")] == ["uninstalled"]


def test_what_ends_in_one_of_its_workspaces_does_not_end_an_organisation(build: Build) -> None:
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True)
    two.install(FIRST)
    named = {"team_id": FIRST, "enterprise_id": ORGANISATION, "event_time": int(now().timestamp()) + 1}
    others = {"type": "tokens_revoked", "tokens": {"bot": ["U0ANOTHER01"]}}
    for event in ({"type": "app_uninstalled"}, others):
        assert uninstalling.note_event(two.database, event, named, FIRST) == ()
    assert not is_removed(two, ORGANISATION)


def test_a_workspace_that_an_organisation_takes_the_app_from_ends_alone(build: Build) -> None:
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True)
    two.install(FIRST)
    two.read_in("pelican", RULE, workspaces=[ORGANISATION])
    two.first.person(ADA).mention(HELP, QUESTION)
    (asked,) = two.wait_for(lambda: two.query("SELECT session_id FROM turns"))
    two.query("UPDATE turns SET run_after = now() + interval '1 hour' RETURNING 1")  # an answer that was postponed
    two.first.set_access(has_access=False)
    subjects = "SELECT subject FROM membership_changes"
    told = two.wait_for(lambda: {row.subject for row in two.query(subjects)})
    assert told == {f"{ORGANISATION}/{what}" for what in ("teams", "users", "groups")}
    two.wait_for(lambda: two.query("SELECT 1 FROM turns WHERE run_after <= now()"))
    two.work(asked.session_id)
    (turn,) = two.query("SELECT status, reason FROM turns")
    assert (turn.status, turn.reason) == ("cancelled", "uninstalled")
    assert two.model.requests == []
    assert not is_removed(two, ORGANISATION)
    two.first.set_access(has_access=True)
    assert "rule" in two.ask(FIRST, ADA, HELP, QUESTION).plain
