"""The stand-in's side of installing an app: page, codes and tokens, organisations, two workspaces at once."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.simulator import ADA, HELP, HR, Channel, InstalledApp, Workspace, WorkspaceServer

BACK = "https://your.host/slack/oauth_redirect"
SECOND = "T0SECOND001"


@pytest.fixture
def first() -> Workspace:
    return Workspace(InstalledApp(redirect_urls=[BACK], subscriptions=["app_uninstalled", "tokens_revoked"]))


@pytest.fixture
def second(first: Workspace) -> Workspace:
    return Workspace(InstalledApp(team_id=SECOND, bot_token="xoxb-second"), beside=first)


@pytest.fixture
def served(first: Workspace, second: Workspace) -> Iterator[WorkspaceServer]:
    with WorkspaceServer(first, others=[second]) as server:
        yield server


def client(server: WorkspaceServer, token: str) -> WebClient:
    return WebClient(token, base_url=server.api_url, retry_handlers=[])


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        call(*args, **kwargs)
    return str(error.value.response["error"])


def test_a_token_is_good_in_its_own_workspace_alone(
    first: Workspace, second: Workspace, served: WorkspaceServer
) -> None:
    first.add_channel(Channel("C0ONLYFIRST", "only-first", members=[ADA]))
    second.leave(HR, ADA)
    one, other = client(served, first.app.bot_token), client(served, second.app.bot_token)
    assert one.conversations_info(channel="C0ONLYFIRST")["channel"]["name"] == "only-first"
    assert code_of(other.conversations_info, channel="C0ONLYFIRST") == "channel_not_found"
    members = [set(c.conversations_members(channel=HR)["members"]) for c in (one, other)]
    assert members[0] - members[1] == {ADA}
    ts = one.chat_postMessage(channel=HELP, text="hello")["ts"]
    assert code_of(other.chat_update, channel=HELP, ts=ts, text="hi") == "message_not_found"
    assert [one.auth_test()["team_id"], other.auth_test()["team_id"]] == [first.app.team_id, SECOND]


def test_a_code_serves_once_for_its_address_and_its_app(first: Workspace, served: WorkspaceServer) -> None:
    slack = client(served, "")
    app = first.app

    def exchange(**changed: str) -> Any:
        values = {"client_id": app.client_id, "client_secret": app.client_secret, "redirect_uri": BACK, **changed}
        return slack.oauth_v2_access(**values)

    code = first.installations.grant(SECOND, ADA, BACK, ["chat:write"])
    assert code_of(exchange, code=code, client_secret="x") == "bad_client_secret"
    assert code_of(exchange, code=code, client_id="x") == "invalid_client_id"
    assert code_of(exchange, code=code, redirect_uri=f"{BACK}/x") == "bad_redirect_uri"
    assert code_of(exchange, code="x") == "invalid_code"
    told = exchange(code=code)
    assert (told["team"]["id"], told["scope"], told["token_type"]) == (SECOND, "chat:write", "bot")
    assert code_of(exchange, code=code) == "code_already_used"
    assert code_of(client(served, "xoxb-second").auth_test) == "token_revoked"  # the one before
    assert client(served, told["access_token"]).auth_test()["team_id"] == SECOND
    assert code_of(client(served, told["access_token"]).users_info, user=ADA) == "missing_scope"


def test_the_page_leads_back_to_the_apps_own_addresses_only(first: Workspace, served: WorkspaceServer) -> None:
    def page(**changed: str) -> tuple[int, str]:
        query = {
            "client_id": first.app.client_id,
            "scope": "chat:write",
            "redirect_uri": BACK,
            "state": "s",
            **changed,
        }
        url = f"{served.url}/oauth/v2/authorize?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert page()[0] == 200
    assert "chat:write" in page()[1]
    assert page(redirect_uri="https://evil.example/")[0] == 400
    assert "bad_redirect_uri" in page(redirect_uri="https://evil.example/")[1]
    assert "invalid_client_id" in page(client_id="x")[1]
    assert "invalid_scope" in page(scope="")[1]
    assert "<script>" not in page(state="<script>")[1]


def test_a_token_that_is_rotated_expires_and_its_refresh_token_serves_once(
    first: Workspace, served: WorkspaceServer
) -> None:
    app, slack = first.app, client(served, "")
    app.rotates_tokens = True
    app.install(app.scopes, first.timing.clock())
    old, refresh = app.bot_token, app.refresh_token
    client_ = {"client_id": app.client_id, "client_secret": app.client_secret, "grant_type": "refresh_token"}
    told = slack.oauth_v2_access(**client_, refresh_token=refresh)
    assert (told["expires_in"] > 43_000, told["refresh_token"] != refresh) == (True, True)
    assert code_of(slack.oauth_v2_access, **client_, refresh_token=refresh) == "invalid_refresh_token"
    assert client(served, old).auth_test()["ok"]  # it lives to its end
    app.expires_at = 0
    assert code_of(client(served, app.bot_token).auth_test) == "token_expired"


def test_a_revoked_token_uninstalls_the_app_and_slack_tells_so(first: Workspace, served: WorkspaceServer) -> None:
    token = first.app.bot_token
    assert client(served, token).auth_revoke(test=True)["revoked"] is False
    sent: list[Any] = []
    first.outbox.send_event = sent.append  # type: ignore[method-assign, assignment]
    assert client(served, token).auth_revoke()["revoked"] is True
    assert code_of(client(served, token).auth_test) == "account_inactive"
    assert [envelope["event"]["type"] for envelope in sent] == ["tokens_revoked", "app_uninstalled"]
    assert [(envelope["team_id"], envelope["authorizations"]) for envelope in sent] == [
        (first.app.team_id, [])
    ] * 2
    first.person(ADA).mention(HELP, "Anybody?")
    assert len(sent) == 2


def test_an_app_in_a_whole_organisation_names_the_workspace_of_a_list() -> None:
    app = InstalledApp(enterprise_id="E1", is_enterprise_install=True, subscriptions=["app_mention"])
    workspace = Workspace(app)
    sent: list[Any] = []
    workspace.outbox.send_event = sent.append  # type: ignore[method-assign, assignment]
    with WorkspaceServer(workspace) as server:
        slack = client(server, app.bot_token)
        assert slack.auth_test()["is_enterprise_install"] is True
        assert slack.auth_teams_list()["teams"] == [{"id": app.team_id, "name": "Stand-in"}]
        for call in (slack.users_list, slack.users_conversations, slack.usergroups_list):
            assert code_of(call) == "missing_argument"
            assert code_of(call, team_id="T9") == "team_access_not_granted"
            assert call(team_id=app.team_id)["ok"]
        assert slack.users_info(user=ADA)["user"]["enterprise_user"]["teams"] == [app.team_id]
        workspace.person(ADA).mention(HELP, "Hello?")
    (authorization,) = sent[0]["authorizations"]
    assert (authorization["enterprise_id"], authorization["team_id"]) == ("E1", None)
    assert authorization["is_enterprise_install"] is True
