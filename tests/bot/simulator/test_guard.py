"""Pages of other sites reach nothing: not by rebinding a name, not by a form, not by a socket."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.simulator import ADA, HELP, Workspace, WorkspaceServer
from tests.bot.simulator.conftest import Served

FORM = "application/x-www-form-urlencoded"
EVERYWHERE = [
    "/",
    "/page/main.js",
    "/api/auth.test",
    "/commands/T1/x",
    "/actions/T1/x",
    "/link/",
    "/_control/view",
    "/_control/changes?since=soon",
    "/nowhere",
]
OF_PROGRAMS = [path for path in EVERYWHERE if path.startswith(("/api", "/commands", "/actions", "/_control"))]


def status(slack: Served, path: str, body: bytes | None = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(slack.server.url + path, body, named)) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("name", ["evil.example:80", "evil.example", "127.0.0.1.evil.example:80", "", "[", "a@b"])
def test_a_rebound_name_is_refused_everywhere(shared: Served, path: str, name: str) -> None:
    assert status(shared, path, Host=name) == 403
    assert status(shared, path, b"{}", Host=name) == 403


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_every_loopback_name_is_answered(shared: Served, name: str) -> None:
    for host in (name, f"{name}:{shared.server.port}"):
        assert status(shared, "/", Host=host) == 200
        assert status(shared, "/api/auth.test", b"", Host=host, Origin=f"http://{host}") == 200


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.example:80", "null", "", "http://["])
def test_pages_of_another_origin_are_refused(shared: Served, path: str, origin: str) -> None:
    assert status(shared, path, Origin=origin) == 403
    assert status(shared, path, b"a=b", Origin=origin, Content_Type=FORM) == 403


@pytest.mark.parametrize("path", OF_PROGRAMS)
def test_what_a_browser_calls_cross_site_is_refused(shared: Served, path: str) -> None:
    assert status(shared, path, Sec_Fetch_Site="cross-site") == 403
    assert status(shared, path, b"a=b", Sec_Fetch_Site="cross-site", Content_Type=FORM) == 403
    assert status(shared, path, Sec_Fetch_Site="same-origin") != 403


def test_a_link_elsewhere_leads_to_the_page(shared: Served) -> None:
    assert status(shared, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200


def test_a_form_elsewhere_posts_nothing(slack: Served) -> None:
    body = f"token={slack.workspace.app.bot_token}&channel={HELP}&text=forged".encode()
    for foreign in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        assert status(slack, "/api/chat.postMessage", body, Content_Type=FORM, **foreign) == 403
    assert slack.workspace.history(HELP) == []
    assert slack.workspace.calls == []
    assert status(slack, "/api/chat.postMessage", body, Content_Type=FORM) == 200
    assert [message.text for message in slack.workspace.history(HELP)] == ["forged"]


def test_a_response_url_is_closed_to_other_sites(slack: Served) -> None:
    with slack.workspace.lock:
        url = slack.workspace.response_urls.issue(HELP, ADA).removeprefix(slack.server.url)
    body = json.dumps({"text": "forged"}).encode()
    assert status(slack, url, body, Content_Type="text/plain", Origin="https://evil.example") == 403
    assert slack.workspace.ephemerals(ADA) == []


@pytest.mark.parametrize("foreign", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_socket_opens_for_no_other_site(slack: Served, foreign: dict[str, str]) -> None:
    url = slack.workspace.sockets.issue_ticket_url()
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=foreign)
    assert refused.value.response.status_code == 403
    assert slack.workspace.sockets.n_connections == 0
    with connect(url) as socket:  # the ticket was not used up
        assert json.loads(socket.recv())["type"] == "hello"


def test_a_name_under_which_somebody_forwards_to_it_is_answered_and_no_other() -> None:
    with WorkspaceServer(Workspace(), names=["198.18.0.60"]) as server:
        statuses = {}
        for host in ("198.18.0.60:1234", "127.0.0.1", "198.18.0.61:1234"):
            try:
                with urlopen(Request(f"{server.url}/api/auth.test", b"", {"Host": host})) as answer:
                    statuses[host] = answer.status
            except HTTPError as error:
                with error:
                    statuses[host] = error.code
    assert statuses == {"198.18.0.60:1234": 200, "127.0.0.1": 200, "198.18.0.61:1234": 403}
