"""An organisation of Enterprise Grid: what is shown and set is its own; its workspaces keep their channels."""

import json

import bot.settings
from bot.record import export_scope
from bot.simulator import ADA, HELP, LINUS, User
from bot.slack.home import channel_form
from bot.slack.installation import terminal
from tests.bot.slack.installation.conftest import Build
from tests.bot.slack.installation.two_workspaces import FIRST, ORGANISATION, SECOND

WANDA = "W0WANDA0001"
QUESTION = "What is the pelican rule?"


def test_home_settings_and_clicks_of_somebody_known_in_all_of_it(build: Build) -> None:
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True, DOCENT_OPERATORS=f"{ORGANISATION}/{WANDA}")
    assert two.install(FIRST)[0] == 200
    two.read_in("pelican", "The pelican rule says that pelicans come first.", workspaces=[ORGANISATION])
    wanda = two.first.add_user(User(WANDA, "wanda", "Wanda", FIRST))
    two.first.join(HELP, WANDA)
    answer = two.ask(FIRST, WANDA, HELP, QUESTION)
    assert "pelicans" in answer.plain or "rule" in answer.plain
    assert wanda.click(answer.ts, "docent_feedback", "positive").error == ""
    assert [row.user_id for row in two.query("SELECT user_id FROM feedback")] == [WANDA]

    wanda.open_home()
    page = json.dumps(two.wait_for(wanda.home))
    assert QUESTION in page
    assert "For operators" in page
    assert wanda.command("/docent", "settings tone be brief", HELP).error == ""
    set_ = two.wait_for(lambda: two.query("SELECT team, channel, settings FROM channel_settings"))
    assert [(row.team, row.channel, row.settings) for row in set_] == [(ORGANISATION, HELP, {"tone": "be brief"})]

    assert wanda.command("/docent", "settings", HELP).error == ""
    modals = two.wait_for(wanda.modals)
    assert modals[0]["callback_id"] == channel_form.CALLBACK
    refused = [call.method for call in two.first.calls if call.error and call.method != "response_url"]
    assert refused == []
    assert two.first.person(ADA).command("/docent", "status", HELP).error == ""


def test_a_public_channel_is_one_workspaces_and_not_the_whole_organisations(build: Build) -> None:
    """Who is a full member of another workspace of it cannot look into that channel."""
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True)
    two.install(FIRST)
    two.read_in("pelican", "The pelican has a code.", workspaces=[ORGANISATION])
    secret = "The code of the pelican is 4711."
    ada, linus = two.first.person(ADA), two.first.person(LINUS)
    two.first.leave(HELP, LINUS)
    link = ada.permalink(ada.say(HELP, secret))
    for person in (ada, linus):
        two.model.requests.clear()
        person.write_dm(f"Which code is it? {link}")
        two.wait_for(lambda: two.query("SELECT 1 FROM turns WHERE status = 'queued'"))
        two.run()
        assert (secret in json.dumps(two.model.requests)) == (person is ada)
    slack = terminal.open_client(bot.settings.load(), two.database, ORGANISATION)
    assert not export_scope.is_public(slack, HELP)
    two.install(SECOND)
    assert export_scope.is_public(terminal.open_client(bot.settings.load(), two.database, SECOND), HELP)
