"""The doctor and Slack: the stand-in workspace on its good and its bad days."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import agent.settings
import bot.settings
import ingest.settings
from bot.doctor import slack
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from bot.simulator import ADA, GENERAL, HR, RANDOM, FaultRule, InstalledApp, Workspace, WorkspaceServer
from bot.slack.client import SlackClient
from bot.slack.installation.manifest import SCOPES
from tests.system import System, free_port

BOT, APP = "xoxb-1-2-abcdefghijklmnopqrstuvwx", "xapp-1-A0-3-abcdefghijklmnopqrstuvwx"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def workspace() -> Workspace:
    return Workspace(InstalledApp(bot_token=BOT, app_token=APP, signing_secret=SECRET, scopes=set(SCOPES)))


@pytest.fixture
def server(workspace: Workspace) -> Iterator[WorkspaceServer]:
    with WorkspaceServer(workspace) as server:
        yield server


def _context(url: str, **tokens: str) -> CheckContext:
    return CheckContext(
        kernel=agent.settings.AgentSettings(),
        bot=bot.settings.BotSettings.model_validate({"SLACK_API_URL": url, **tokens}),
        library=ingest.settings.IngestSettings(),
    )


def _all(context: CheckContext) -> list[Finding]:
    found = [*slack.token(context), *slack.socket(context), *slack.http(context)]
    assert not any(secret in str(found) for secret in (BOT, APP, SECRET))
    return found


def test_a_connected_app_is_well(server: WorkspaceServer) -> None:
    context = _context(server.api_url, SLACK_BOT_TOKEN=BOT, SLACK_APP_TOKEN=APP)
    found = _all(context)
    assert [(f.name, f.state) for f in found] == [("slack", "ok"), ("scopes", "ok"), ("events", "ok")]
    assert "xoxb-…uvwx is @docent in Stand-in" in found[0].text
    assert "not Slack itself" in found[0].text
    assert abs(context.drifts["Slack"]) < 2


def test_it_opens_no_socket_and_posts_nothing(server: WorkspaceServer, workspace: Workspace) -> None:
    _all(_context(server.api_url, SLACK_BOT_TOKEN=BOT, SLACK_APP_TOKEN=APP))
    assert [call.method for call in workspace.calls] == ["auth.test", "apps.connections.open"]


@pytest.mark.parametrize(
    ("channel", "state", "text"),
    [
        ("", "", ""),
        (GENERAL, "ok", "posted weekly in #general"),
        (HR, "ok", "posted weekly in #hr"),
        (RANDOM, "problem", "is #random, which it is not in."),
        ("C0UNKNOWN01", "problem", "is not one that it knows."),
    ],
)
def test_the_channel_of_the_report_is_one_that_the_bot_is_in(
    server: WorkspaceServer, channel: str, state: str, text: str
) -> None:
    context = _context(server.api_url, SLACK_BOT_TOKEN=BOT, report_channel=channel)
    found = [*slack.report_channel(context)]
    assert [one.state for one in found] == ([state] if state else [])
    assert "".join(one.text for one in found).endswith(text)


def test_missing_scopes_are_named(server: WorkspaceServer, workspace: Workspace) -> None:
    workspace.app.scopes -= {"im:history", "assistant:write"}
    _, scopes = slack.token(_context(server.api_url, SLACK_BOT_TOKEN=BOT))
    assert scopes.state == "problem"
    assert scopes.text == "The app lacks assistant:write, im:history."
    assert "reinstall the app" in scopes.advice


def test_scopes_that_an_earlier_manifest_lacks_are_named_with_what_does_not_work(
    server: WorkspaceServer, workspace: Workspace
) -> None:
    workspace.app.scopes -= {"files:read", "reactions:read"}
    _, scopes = slack.token(_context(server.api_url, SLACK_BOT_TOKEN=BOT))
    assert scopes.state == "warning"
    assert "files:read (text files of questions are not read)" in scopes.text
    assert "reactions:read (the emoji of DOCENT_ASK_EMOJI asks nothing)" in scopes.text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("account_inactive", "no longer installed"),
        ("token_revoked", "was revoked"),
        ("team_access_not_granted", "Slack says 'team_access_not_granted'"),
    ],
)
def test_why_slack_refuses_a_token(server: WorkspaceServer, workspace: Workspace, code: str, said: str) -> None:
    workspace.faults.error("auth.test", code)
    (finding,) = slack.token(_context(server.api_url, SLACK_BOT_TOKEN=BOT))
    assert finding.state == "problem"
    assert said in finding.text


def test_tokens_that_slack_does_not_know(server: WorkspaceServer) -> None:
    wrong = {"SLACK_BOT_TOKEN": BOT.replace("1-2", "9-9"), "SLACK_APP_TOKEN": APP.replace("-3-", "-9-")}
    first, second = _all(_context(server.api_url, **wrong))
    assert (first.state, second.state) == ("problem", "problem")
    assert "SLACK_BOT_TOKEN xoxb-…uvwx: Slack does not know this token (invalid_auth)." in first.text
    assert "SLACK_APP_TOKEN" in second.text


def test_a_bot_token_in_the_place_of_the_app_token(server: WorkspaceServer) -> None:
    (finding,) = slack.socket(_context(server.api_url, SLACK_APP_TOKEN=BOT))
    assert "another kind of token" in finding.text


def test_socket_mode_that_is_off(server: WorkspaceServer, workspace: Workspace) -> None:
    workspace.faults.error("apps.connections.open", "socket_mode_off")
    (finding,) = slack.socket(_context(server.api_url, SLACK_APP_TOKEN=APP))
    assert finding.advice.startswith("Turn Socket Mode on")


@pytest.mark.parametrize("rule", [FaultRule("drop"), FaultRule("status", status=503)])
def test_slack_is_away(server: WorkspaceServer, workspace: Workspace, rule: FaultRule) -> None:
    workspace.faults.add(rule)
    found = _all(_context(server.api_url, SLACK_BOT_TOKEN=BOT, SLACK_APP_TOKEN=APP))
    assert [f.state for f in found] == ["problem", "problem"]
    assert all("Slack does not answer" in f.text for f in found)


def test_slack_refuses_connections_or_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port, said in ((free_port(), "connection refused"), (silent.getsockname()[1], "no answer within 3 s")):
            (finding,) = slack.token(_context(f"http://127.0.0.1:{port}/api/", SLACK_BOT_TOKEN=BOT))
            assert finding.state == "problem"
            assert said in finding.text


def test_nothing_connected_is_no_problem_and_half_connected_is() -> None:
    (finding,) = _all(_context("http://127.0.0.1:9/api/"))
    assert (finding.state, finding.text) == ("warning", "Slack is not connected.")
    first, _ = _all(_context("http://127.0.0.1:9/api/", SLACK_SIGNING_SECRET=SECRET))
    assert (first.state, first.text) == ("problem", "SLACK_BOT_TOKEN is not set.")


def test_a_bot_token_alone_hears_nothing(server: WorkspaceServer) -> None:
    *_, events = _all(_context(server.api_url, SLACK_BOT_TOKEN=BOT))
    assert (events.name, events.state) == ("events", "problem")


def test_a_signing_secret_that_is_none() -> None:
    first, _ = slack.http(_context("http://127.0.0.1:9/api/", SLACK_SIGNING_SECRET="v0=abc"))
    assert first.state == "warning"
    assert "32 hexadecimal digits" in first.text


# --url


def test_the_way_from_outside_to_the_web_process(world: System) -> None:
    world.env |= {"SLACK_SIGNING_SECRET": SECRET}
    world.start("web")
    context = _context("http://127.0.0.1:9/api/", SLACK_SIGNING_SECRET=SECRET)
    context.url = f"http://127.0.0.1:{world.env['PORT']}/"
    (finding,) = slack.http(context)
    assert finding.state == "ok", finding
    assert "accepts requests signed" in finding.text

    other = _context("http://127.0.0.1:9/api/", SLACK_SIGNING_SECRET=SECRET[::-1])
    other.url = context.url
    (finding,) = slack.http(other)
    assert finding.state == "problem"
    assert "SLACK_SIGNING_SECRET differs" in finding.advice


def test_an_address_where_something_else_or_nothing_answers() -> None:
    context = _context("http://127.0.0.1:9/api/", SLACK_SIGNING_SECRET=SECRET)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Parked)
    Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        for url, said in (
            (f"http://127.0.0.1:{server.server_port}", "is not Docent's (HTTP 200)"),
            (f"http://127.0.0.1:{free_port()}", "does not answer (connection refused)"),
            ("http://docent.example", "is not an https:// address"),
        ):
            context.url = url
            (finding,) = slack.http(context)
            assert finding.state == "problem"
            assert said in finding.text
    finally:
        server.shutdown()
        server.server_close()


class _Parked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html>This domain is parked</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("operators", "state", "said"),
    [
        (ADA, "ok", "the Home tab is on; type /docent"),
        ("U0NOBODY001", "warning", "publishes no Home tab for U0NOBODY001, whom DOCENT_OPERATORS names"),
        ("", "skipped", "DOCENT_OPERATORS names nobody"),
    ],
)
def test_whether_the_app_has_its_home_tab(
    server: WorkspaceServer, workspace: Workspace, operators: str, state: str, said: str
) -> None:
    context = _context(server.api_url, SLACK_BOT_TOKEN=BOT, operators=operators)
    (found,) = slack.home_tab(context)
    assert (found.name, found.state) == ("home", state)
    assert said in found.text
    workspace.app.has_home_tab = False
    if operators == ADA:
        (found,) = slack.home_tab(context)
        assert (found.state, "has no Home tab" in found.text) == ("warning", True)
        assert "docent manifest" in str(found.advice)


def test_a_home_tab_that_was_published_stays(server: WorkspaceServer, workspace: Workspace) -> None:
    SlackClient(BOT, server.api_url).call(
        "views.publish", is_repeatable=True, user_id=ADA, view={"type": "home", "blocks": [{"type": "divider"}]}
    )
    (found,) = slack.home_tab(_context(server.api_url, SLACK_BOT_TOKEN=BOT, operators=ADA))
    assert found.state == "ok"
    home = workspace.person(ADA).home()
    assert home
    assert [block["type"] for block in home["blocks"]] == ["divider"]
