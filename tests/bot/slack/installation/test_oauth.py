"""Installing the app by OAuth, in a browser, and what is refused."""

import re
import urllib.parse

import pytest
from slack_bolt import BoltRequest
from sqlalchemy import text

from agent.store.database import Database
from bot.simulator import ADA, HELP
from bot.slack.installation import encryption, workspaces
from bot.slack.installation.encryption import TokenCipher
from bot.slack.installation.oauth import COOKIE, InstallationRefused
from tests.bot.slack.installation.conftest import Build
from tests.bot.slack.installation.two_workspaces import FIRST, KEY, ORGANISATION, SECOND, Browser, TwoWorkspaces


def load_token(database: Database, workspace: str) -> str:
    with database.transaction() as transaction:
        stored = workspaces.load_tokens(transaction, TokenCipher([KEY]), workspace)
    return stored[0].bot if stored else ""


def test_an_administrator_installs_the_app_in_a_browser(build: Build, database: Database) -> None:
    two = build()
    browser = Browser()
    status, _, to_slack = browser.open(f"{two.url}/slack/install")
    assert (status, to_slack.startswith(f"{two.server.url}/oauth/v2/authorize")) == (302, True)
    (cookie,) = browser.jar
    assert (cookie.name, cookie.secure, cookie.has_nonstandard_attr("HttpOnly")) == (COOKIE, True, True)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(to_slack).query)
    assert asked["redirect_uri"] == [f"{two.url}/slack/oauth_redirect"]
    status, page, _ = browser.open(browser.allow(to_slack, SECOND))
    assert status == 200
    assert SECOND in page
    assert f'/app_redirect?app={two.second.app.app_id}&amp;team={SECOND}">Open it in Slack' in page
    assert not list(browser.jar)  # the cookie is gone
    assert load_token(database, SECOND) == two.second.app.bot_token
    assert load_token(database, FIRST) == ""
    (row,) = two.query("SELECT * FROM workspaces")
    assert (row.id, row.name, row.installed_by, row.bot_user_id) == (
        SECOND,
        "Second",
        ADA,
        two.second.app.bot_user_id,
    )
    assert two.second.app.bot_token not in str(row)  # at rest it is encrypted
    assert "reactions:read" in row.scopes


def test_an_installation_is_good_once_in_its_browser_and_for_ten_minutes(build: Build) -> None:
    two = build()
    browser = Browser()
    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    back = browser.allow(to_slack, FIRST)
    assert Browser().open(back)[0] == 400  # another browser, without the cookie: a link that somebody was sent
    status, page, _ = browser.open(back.replace("state=", "state=x"))
    assert (status, "another browser" in page) == (400, True)
    assert two.query("SELECT 1 FROM workspaces") == []

    kept = list(browser.jar)  # the failure took the cookie away
    assert kept == []
    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    back, cookies = browser.allow(to_slack, FIRST), list(browser.jar)
    assert browser.open(back)[0] == 200
    for cookie in cookies:
        browser.jar.set_cookie(cookie)
    status, page, _ = browser.open(back)
    assert (status, "finished before" in page) == (401, True)

    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    back = browser.allow(to_slack, SECOND)
    two.query("UPDATE oauth_states SET expires_at = now() - interval '1 second' RETURNING 1")
    status, page, _ = browser.open(back)
    assert (status, "longer than ten minutes" in page) == (401, True)
    assert [row.id for row in two.query("SELECT id FROM workspaces")] == [FIRST]
    assert len(two.query("SELECT 1 FROM oauth_states")) <= 2  # only hashes, and those that are over go


@pytest.mark.parametrize("answer", ["cancel", "forged code", "Slack is away"])
def test_what_does_not_become_an_installation_says_so_and_stores_nothing(build: Build, answer: str) -> None:
    two = build()
    browser = Browser()
    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    back = browser.allow(to_slack, FIRST, "cancel" if answer == "cancel" else "allow")
    if answer == "forged code":
        back = back.replace("code=", "code=0")
    if answer == "Slack is away":
        two.first.faults.pause("refused")
    status, page, _ = browser.open(back)
    assert status >= 400
    assert "Nothing was changed" in page
    assert two.query("SELECT 1 FROM workspaces") == []


def test_without_postgres_a_page_says_so_and_what_was_installed_stays(two: TwoWorkspaces) -> None:
    """A second installation whose token cannot be stored takes nothing from the first."""
    before = load_token(two.database, FIRST)
    browser = Browser()
    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    back = browser.allow(to_slack, FIRST)
    for table, path in (("oauth_states", "/slack/install"), ("oauth_states", ""), ("workspaces", "")):
        execute(two, f"ALTER TABLE {table} RENAME TO away")
        status, page, _ = browser.open(f"{two.url}{path}" if path else back)
        execute(two, f"ALTER TABLE away RENAME TO {table}")
        assert (status, "in a minute" in page, "Begin again" in page) == (503, True, True), table
        if not path:
            assert re.search(r"quote E-[0-9a-f]{8}", page)
        _, _, to_slack = browser.open(f"{two.url}/slack/install")
        back = browser.allow(to_slack, FIRST)
    assert load_token(two.database, FIRST) == before
    assert browser.open(back)[0] == 200


def execute(two: TwoWorkspaces, statement: str) -> None:
    with two.database.transaction() as transaction:
        transaction.execute(text(statement))


def test_an_app_that_is_removed_before_it_is_stored_is_not_installed(build: Build) -> None:
    """Slack tells of the end while nothing is there to end."""
    two = build()
    browser, flow = Browser(), two.web.app.oauth_flow
    assert flow
    _, _, to_slack = browser.open(f"{two.url}/slack/install")
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(browser.allow(to_slack, FIRST)).query)["code"][0]
    installation = flow.run_installation(code)
    assert installation
    two.first.uninstall()
    two.wait_for(lambda: len([one for one in two.first.deliveries if one.is_acked]) == 2)
    with pytest.raises(InstallationRefused, match="removed from this workspace again"):
        flow.store_installation(BoltRequest(body=""), installation)
    assert load_token(two.database, FIRST) == ""
    assert two.install(FIRST)[0] == 200


def test_slacks_word_for_a_failure_is_not_put_on_the_page(build: Build) -> None:
    two = build()
    _, page, _ = Browser().open(f"{two.url}/slack/oauth_redirect?error=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "alert" not in page


def test_only_workspaces_that_the_operator_lets_in_install_the_app(build: Build) -> None:
    two = build(DOCENT_INSTALL_WORKSPACES=f"{SECOND}, T0OTHER0001")
    status, page = two.install(FIRST)
    assert (status, FIRST in page) == (403, True)
    assert not two.first.app.is_installed  # its token was revoked
    assert two.install(SECOND)[0] == 200
    assert [row.id for row in two.query("SELECT id FROM workspaces")] == [SECOND]


def test_an_organisation_of_enterprise_grid_installs_it_for_all_of_its_workspaces(build: Build) -> None:
    two = build(enterprise_id=ORGANISATION, is_enterprise_install=True)
    status, page = two.install(FIRST)
    assert (status, ORGANISATION in page) == (200, True)
    (row,) = two.query("SELECT * FROM workspaces")
    assert (row.id, row.enterprise_id) == (ORGANISATION, ORGANISATION)
    two.read_in("pelican", "The pelican rule is that pelicans come first.", workspaces=[ORGANISATION])
    answer = two.ask(FIRST, ADA, HELP, "What is the pelican rule?")
    assert "[" in answer.plain
    (turn,) = two.query("SELECT workspace, reason, audience FROM turns")
    assert (turn.workspace, turn.reason) == (ORGANISATION, "answered")
    assert all(f"workspace:{ORGANISATION}" in member for member in turn.audience)
    ack = two.first.person(ADA).command("/ask", "What is the pelican rule?", HELP)
    assert ack.error == ""
    assert two.query("SELECT count(*) FROM turns WHERE workspace = :id", id=ORGANISATION)[0][0] == 2


def test_tokens_are_read_with_an_older_key_and_by_the_newest_after_a_rotation(two: TwoWorkspaces) -> None:
    new = encryption.make_key()
    before = two.query("SELECT tokens FROM workspaces ORDER BY id")
    with two.database.transaction() as transaction:
        assert workspaces.encrypt_anew(transaction, TokenCipher([new, KEY])) == 2
    assert before != two.query("SELECT tokens FROM workspaces ORDER BY id")
    with two.database.transaction() as transaction:
        stored = workspaces.load_tokens(transaction, TokenCipher([new]), FIRST)
    assert stored
    assert stored[0].bot == two.first.app.bot_token
    assert two.first.app.bot_token not in repr(stored)
    # A ciphertext that somebody copies into another workspace's row is refused.
    two.query(f"UPDATE workspaces SET tokens = (SELECT tokens FROM workspaces WHERE id = '{FIRST}') RETURNING 1")
    with two.database.transaction() as transaction, pytest.raises(Exception, match="are another one's"):
        workspaces.load_tokens(transaction, TokenCipher([new]), SECOND)
    with two.database.transaction() as transaction, pytest.raises(Exception, match="does not hold") as error:
        workspaces.load_tokens(transaction, TokenCipher([KEY]), FIRST)
    assert KEY not in str(error.value)


def test_in_socket_mode_workspaces_install_it_by_http_and_nothing_else_comes_that_way(build: Build) -> None:
    two = build(request_url=None, SLACK_APP_TOKEN="xapp-stand-in", SLACK_SIGNING_SECRET="")
    two.second.app.request_url = None
    two.web.connect_socket()
    try:
        for team in (FIRST, SECOND):
            assert two.install(team)[0] == 200
        for team in (FIRST, SECOND):
            two.read_in(f"of-{team.lower()}", f"The pelican rule is that of {team}.", workspaces=[team])
        for team in (FIRST, SECOND):
            answer = two.ask(team, ADA, HELP, "What is the pelican rule?")
            assert f"of-{team.lower()}" in answer.plain
        turns = two.query("SELECT workspace FROM turns ORDER BY workspace")
        assert [row.workspace for row in turns] == sorted([FIRST, SECOND])
        assert Browser().open(f"{two.url}/slack/events", {"type": "event_callback", "team_id": FIRST})[0] == 404
    finally:
        assert two.web._sockets
        two.web._sockets.close()  # type: ignore[no-untyped-call]
