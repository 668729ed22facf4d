"""The app manifest asks Slack for what the code uses: no scope, event or command less, and none more."""

import ast
import json
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from agent.errors import UserError
from bot.cli.main import app
from bot.simulator import ADA
from bot.simulator.methods import METHODS
from bot.simulator.stores.installed_app import SUBSCRIPTIONS
from bot.slack import listeners
from bot.slack.installation.manifest import EVENTS, SCOPES, Distribution, build
from bot.slack.installation.origin import OF_ORGANISATIONS
from bot.slack.membership import changes
from tests.system import QUESTION, ROOT, System, ack_body

EVENT_SCOPES = {  # of https://docs.slack.dev/reference/events
    "agent_session_stopped": "chat:write",
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "app_uninstalled": None,
    "tokens_revoked": None,
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "reaction_added": "reactions:read",
    "member_joined_channel": "channels:read",  # and groups:read
    "member_left_channel": "channels:read",
    "channel_shared": "channels:read",
    "channel_unshared": "channels:read",
    "user_change": "users:read",
    "team_join": "users:read",
    "subteam_created": "usergroups:read",
    "subteam_updated": "usergroups:read",
    "subteam_members_changed": "usergroups:read",
    "team_access_granted": None,
    "team_access_revoked": None,
}
OF_FIELDS = {"users:read.email", "files:read"}  # allow no method, but a field of what one returns, or its address


def test_the_file_is_what_the_command_prints() -> None:
    assert json.loads((ROOT / "manifest.json").read_text()) == build()


def test_the_scopes_allow_every_method_that_the_code_calls() -> None:
    called = _methods_called()
    assert {"chat.postMessage", "chat.startStream", "conversations.replies", "views.open"} <= called
    refused = {name for name in called if not _is_allowed(name, set(SCOPES))}
    assert refused == set()


@pytest.mark.parametrize("scope", SCOPES)
def test_no_scope_is_idle(scope: str) -> None:
    left = set(SCOPES) - {scope}
    is_needed_by_a_method = any(not _is_allowed(name, left) for name in _methods_called())
    is_needed_by_an_event = scope in {EVENT_SCOPES[event] for event in EVENTS}
    assert is_needed_by_a_method or is_needed_by_an_event or scope == "commands" or scope in OF_FIELDS


def test_the_events_are_those_heard_and_those_the_stand_in_delivers() -> None:
    subscribed = {*EVENTS, *OF_ORGANISATIONS}
    assert subscribed == set(SUBSCRIPTIONS) == set(EVENT_SCOPES)
    assert {event.partition(".")[0] for event in subscribed} == _registered("event") - changes.NO_SUBSCRIPTION
    of_organisations = build(distribution=Distribution("https://docent.example", is_for_organisations=True))
    assert {*of_organisations["settings"]["event_subscriptions"]["bot_events"]} == subscribed
    assert {*build()["settings"]["event_subscriptions"]["bot_events"]} == {*EVENTS}


def test_the_shortcut_is_the_one_that_is_heard() -> None:
    (shortcut,) = build()["features"]["shortcuts"]
    assert {shortcut["callback_id"]} == _registered("shortcut")
    assert len(shortcut["name"]) <= 24
    assert "Docent" not in build(name="Handbook")["features"]["shortcuts"][0]["name"]


def test_the_commands_may_have_other_names(world: System) -> None:
    asking, other = build(command="/wissen", docent_command="/helper")["features"]["slash_commands"]
    world.env["DOCENT_COMMAND"] = other["command"]
    world.start("web")
    ack = world.workspace.person(ADA).command(asking["command"], "", "#help")
    assert "`/wissen How many" in ack_body(ack)["text"]
    world.workspace.person(ADA).command(other["command"], "", "#help")
    world.wait_for(lambda: "`/helper status`" in "".join(m.plain for m in world.workspace.ephemerals(ADA)))


def test_it_keeps_slacks_limits() -> None:
    """As https://github.com/slackapi/manifest-schema has them."""
    made = build(url="https://docent.example", prompts=["What is the plan? " * 9])
    about = made["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 175 <= len(about["long_description"]) <= 4000
    assert all(len(command["usage_hint"]) <= 1000 for command in made["features"]["slash_commands"])
    (prompt,) = made["features"]["agent_view"]["suggested_prompts"]
    assert len(prompt["title"]) <= 75
    assert "assistant_view" not in made["features"]


def test_socket_mode_needs_no_address_and_http_names_it_everywhere() -> None:
    assert "https" not in json.dumps(build())
    assert build()["settings"]["socket_mode_enabled"] is True
    for given in ("https://docent.example", "https://docent.example/", "https://docent.example/slack/events"):
        made = build(url=given)
        settings, address = made["settings"], "https://docent.example/slack/events"
        assert settings["socket_mode_enabled"] is False
        assert settings["event_subscriptions"]["request_url"] == address
        assert settings["interactivity"] == {"is_enabled": True, "request_url": address}
        assert {command["url"] for command in made["features"]["slash_commands"]} == {address}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://docent.example"},
        {"url": "docent.example"},
        {"name": "N" * 36},
        {"name": ""},
        {"command": "ask"},
        {"command": "/Ask"},
        {"command": "/ask me"},
        {"command": "/"},
        {"docent_command": "docent"},
        {"command": "/docent"},  # which would ask, and show status, too
    ],
)
def test_what_slack_would_refuse_is_refused_here(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"--|DOCENT_COMMAND"):
        build(**wrong)


def test_the_command_prints_json() -> None:
    done = CliRunner().invoke(app, ["manifest", "--name", "Handbook", "--command", "/handbook"])
    made = json.loads(done.stdout)
    assert made["display_information"]["name"] == made["features"]["bot_user"]["display_name"] == "Handbook"
    assert made["features"]["slash_commands"][0]["command"] == "/handbook"


def test_questions_are_answered_with_these_scopes_and_no_other(world: System) -> None:
    world.workspace.app.scopes = set(SCOPES)
    world.start("web", "worker")
    person = world.workspace.person(ADA)
    person.mention("#help", QUESTION)
    person.write_dm(QUESTION)
    person.command("/ask", QUESTION, "#help")
    world.wait_for_turns(3)
    world.wait_for(lambda: world.workspace.ephemerals(ADA))
    assert [call for call in world.workspace.calls if call.error == "missing_scope"] == []


def _methods_called() -> set[str]:
    """Every method of the Web API that stands as a text in the app's modules."""
    texts: set[str] = set()
    rooms = ("slack", "jobs", "processes")
    for module in (path for room in rooms for path in (ROOT / "bot" / room).rglob("*.py")):
        tree = ast.parse(module.read_text())
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        texts |= {value for value in constants if isinstance(value, str)}
    return texts & METHODS.keys()


def _is_allowed(method: str, held: set[str]) -> bool:
    wanted = METHODS[method].scopes
    of_every_kind = {"conversations.info", "conversations.members", "users.conversations"}
    if method in of_every_kind | {"conversations.history", "conversations.replies"}:
        right = "read" if method in of_every_kind else "history"  # each scope allows a kind of channel
        return {f"{kind}:{right}" for kind in ("channels", "groups", "im", "mpim")} <= held
    if method == "conversations.open":
        return "im:write" in held
    return not wanted or bool(held & set(wanted))


def _registered(kind: str) -> set[str]:
    """The names that listeners are registered under; patterns left out."""

    class Recorder:
        def __init__(self) -> None:
            self.names: list[Any] = []

        def __getattr__(self, name: str) -> Callable[[Any], Callable[[Any], None]]:
            def register(what: Any) -> Callable[[Any], None]:
                if name == kind:
                    self.names.append(what)
                return lambda _: None

            return register

    recorder = Recorder()
    nobody: Any = Mock()
    listeners.register(cast(Any, recorder), nobody)
    return {name for name in recorder.names if isinstance(name, str)}
