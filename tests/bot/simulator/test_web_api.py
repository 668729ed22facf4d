"""Each call answers as Slack's documentation says, and refuses with Slack's codes."""

from typing import Any
from urllib.request import urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.simulator import (
    ADA,
    GENERAL,
    GONE,
    GRACE,
    GUEST,
    HELP,
    HR,
    OTHER_BOT,
    PARTNER,
    PARTNERS,
    RANDOM,
    VISITORS,
    Channel,
    ChannelKind,
    InstalledApp,
    User,
)
from tests.bot.simulator.conftest import Served, serving

LONG = "x" * 12_001
METADATA = {"event_type": "answer", "event_payload": {"id": "1"}}


def test_the_bot_knows_who_it_is(shared: Served) -> None:
    answer = shared.client.auth_test()
    assert answer["user_id"] == shared.workspace.app.bot_user_id
    assert answer["bot_id"] == shared.workspace.app.bot_id
    assert "chat:write" in answer.headers["x-oauth-scopes"]


@pytest.mark.parametrize(
    ("token", "method", "code"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-somebody-else", "auth.test", "invalid_auth"),
        ("xapp-stand-in", "chat.postMessage", "not_allowed_token_type"),
        ("xoxb-stand-in", "apps.connections.open", "not_allowed_token_type"),
    ],
)
def test_a_wrong_token_is_refused(shared: Served, token: str, method: str, code: str) -> None:
    stranger = Served(
        shared.workspace, shared.server, WebClient(token, base_url=shared.server.api_url), shared.clock
    )
    assert stranger.refusal(method) == code


def test_a_token_without_the_scope_is_refused() -> None:
    with serving(InstalledApp(scopes={"channels:history"})) as slack:
        assert slack.refusal("chat.postMessage", channel=GENERAL, text="hi") == "missing_scope"
        assert slack.refusal("conversations.history", channel=HR) == "missing_scope"
        assert slack.client.conversations_history(channel=GENERAL)["ok"]


def test_unknown_methods_and_arguments_are_refused(shared: Served) -> None:
    assert shared.refusal("chat.shout", channel=GENERAL) == "unknown_method"
    assert shared.refusal("chat.postMessage", channel=GENERAL, text="hi", colour="red") == "invalid_arguments"
    assert shared.workspace.calls[-1].response == {
        "ok": False,
        "error": "invalid_arguments",
        "response_metadata": {"messages": ["[ERROR] unknown argument: colour"]},
    }


def test_arguments_may_come_in_the_query_or_a_form(shared: Served) -> None:
    url = f"{shared.server.api_url}users.info?token={shared.workspace.app.bot_token}&user={ADA}"
    with urlopen(url) as answer:
        assert b'"ada"' in answer.read()
    form = {"channel": GENERAL, "text": "x", "blocks": '[{"type": "divider"}]', "metadata": "{}"}
    assert shared.client.api_call("chat.postMessage", params=form)["ok"]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("chat.postMessage", {"text": "hi"}, "invalid_arguments"),
    ("chat.postMessage", {"channel": GENERAL, "text": 7}, "invalid_arguments"),
    ("chat.postMessage", {"channel": "C0NOWHERE01", "text": "hi"}, "channel_not_found"),
    ("chat.postMessage", {"channel": RANDOM, "text": "hi"}, "not_in_channel"),
    ("chat.postMessage", {"channel": GENERAL}, "no_text"),
    ("chat.postMessage", {"channel": GENERAL, "text": ""}, "no_text"),
    ("chat.postMessage", {"channel": GENERAL, "blocks": []}, "no_text"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "markdown_text": "b"}, "markdown_text_conflict"),
    ("chat.postMessage", {"channel": GENERAL, "markdown_text": LONG}, "msg_too_long"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "blocks": "[{"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "blocks": [{"type": "hero"}]}, "invalid_blocks"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "thread_ts": "1.1"}, "cannot_reply_to_message"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "metadata": "{"}, "invalid_metadata_format"),
    ("chat.postMessage", {"channel": GENERAL, "text": "a", "metadata": {"x": 1}}, "invalid_metadata_format"),
    (
        "chat.postMessage",
        {"channel": GENERAL, "text": "a", "metadata": {**METADATA, "event_payload": {"id": "x" * 16_384}}},
        "metadata_too_large",
    ),
    ("chat.postEphemeral", {"channel": HR, "user": GUEST, "text": "a"}, "user_not_in_channel"),
    ("chat.postEphemeral", {"channel": HR, "user": ADA}, "no_text"),
    ("chat.postEphemeral", {"channel": HR, "user": ADA, "text": "a", "metadata": {}}, "invalid_arguments"),
    ("chat.update", {"channel": GENERAL, "ts": "1.1", "text": "a"}, "message_not_found"),
    ("chat.delete", {"channel": GENERAL, "ts": "1.1"}, "message_not_found"),
    ("chat.getPermalink", {"channel": GENERAL, "message_ts": "1.1"}, "message_not_found"),
    ("conversations.replies", {"channel": GENERAL}, "thread_not_found"),
    ("conversations.replies", {"channel": GENERAL, "ts": "1.1"}, "thread_not_found"),
    ("conversations.history", {"channel": RANDOM}, "not_in_channel"),
    ("conversations.history", {"channel": GENERAL, "limit": 1000}, "invalid_limit"),
    ("conversations.history", {"channel": GENERAL, "cursor": "?"}, "invalid_cursor"),
    ("conversations.history", {"channel": GENERAL, "oldest": "noon"}, "invalid_ts_oldest"),
    ("conversations.info", {"channel": "C0NOWHERE01"}, "channel_not_found"),
    ("conversations.list", {"types": "secret"}, "invalid_types"),
    ("conversations.open", {"users": ""}, "users_list_not_supplied"),
    ("conversations.open", {"users": GONE}, "user_disabled"),
    ("users.info", {}, "user_not_found"),
    ("users.info", {"user": "U0NOBODY001"}, "user_not_found"),
    ("reactions.add", {"channel": GENERAL, "timestamp": "1.1", "name": "tada"}, "message_not_found"),
    ("reactions.add", {"channel": GENERAL, "timestamp": "1.1", "name": "No!"}, "invalid_name"),
    ("assistant.threads.setStatus", {"channel_id": GENERAL, "status": "thinks"}, "invalid_arguments"),
    (
        "assistant.threads.setStatus",
        {"channel_id": GENERAL, "status": "thinks", "thread_ts": "1.1"},
        "invalid_thread_ts",
    ),
    ("views.publish", {"user_id": ADA, "view": {"type": "modal", "blocks": []}}, "invalid_arguments"),
    ("views.open", {"trigger_id": "1.2.3", "view": {"type": "modal"}}, "invalid_trigger_id"),
    ("team.info", {"team": "T0ELSEWHERE"}, "team_not_found"),
    ("bots.info", {"bot": "B0NOBODY001"}, "bot_not_found"),
]


@pytest.mark.parametrize(("method", "args", "code"), REFUSED)
def test_a_bad_call_gets_slacks_code(shared: Served, method: str, args: dict[str, Any], code: str) -> None:
    assert shared.refusal(method, **args) == code


def test_private_channels_without_the_bot_do_not_exist_for_it(slack: Served) -> None:
    slack.workspace.add_channel(Channel("C0SECRET001", "secret", ChannelKind.PRIVATE, members=[ADA]))
    assert slack.refusal("conversations.info", channel="C0SECRET001") == "channel_not_found"
    assert slack.refusal("chat.postMessage", channel="#secret", text="hi") == "channel_not_found"


def test_only_own_messages_can_be_changed(shared: Served) -> None:
    ts = shared.workspace.person(ADA).say(GENERAL, "mine")
    assert shared.refusal("chat.update", channel=GENERAL, ts=ts, text="yours") == "cant_update_message"
    assert shared.refusal("chat.delete", channel=GENERAL, ts=ts) == "cant_delete_message"


def test_a_post_is_cut_at_40000_characters_and_an_update_refused_at_4000(shared: Served) -> None:
    answer = shared.client.chat_postMessage(channel=GENERAL, text="x" * 40_001)
    assert len(answer["message"]["text"]) == 40_000
    assert answer["response_metadata"]["warnings"] == ["message_truncated"]
    assert shared.refusal("chat.update", channel=GENERAL, ts=answer["ts"], text="x" * 4_001) == "msg_too_long"


def test_an_update_with_text_alone_removes_the_blocks(shared: Served) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "in a block"}}
    posted = shared.client.chat_postMessage(channel=GENERAL, text="fallback", blocks=[section], metadata=METADATA)
    message = shared.workspace.message(posted["ts"])
    assert message.plain == "in a block"
    shared.client.chat_update(channel=GENERAL, ts=posted["ts"], text="plain now")
    message = shared.workspace.message(posted["ts"])
    assert (message.plain, message.blocks, message.metadata) == ("plain now", (), METADATA)
    assert message.edited
    shared.client.chat_update(channel=GENERAL, ts=posted["ts"], text="bare", metadata={})
    assert shared.workspace.message(posted["ts"]).metadata is None


def test_messages_are_posted_by_channel_name_and_to_a_person(shared: Served) -> None:
    by_name = shared.client.chat_postMessage(channel="#help", text="hi")
    assert by_name["channel"] == HELP
    to_person = shared.client.chat_postMessage(channel=GRACE, markdown_text="**hi**")
    assert to_person["channel"] == shared.workspace.person(GRACE).dm
    assert shared.client.conversations_open(users=GRACE)["channel"]["id"] == to_person["channel"]


def test_timestamps_are_unique_and_increase(shared: Served) -> None:
    stamps = [shared.client.chat_postMessage(channel=GENERAL, text=str(n))["ts"] for n in range(20)]
    assert stamps == sorted(set(stamps))
    assert all(len(ts.split(".")[1]) == 6 for ts in stamps)


def test_an_ephemeral_is_seen_by_one_person_and_is_no_message(shared: Served) -> None:
    ts = shared.client.chat_postEphemeral(channel=VISITORS, user=GUEST, text="only you")["message_ts"]
    assert [message.text for message in shared.workspace.ephemerals(GUEST)] == ["only you"]
    assert shared.workspace.ephemerals(ADA) == []
    assert shared.refusal("chat.update", channel=VISITORS, ts=ts, text="changed") == "message_not_found"
    assert all(m["ts"] != ts for m in shared.client.conversations_history(channel=VISITORS)["messages"])


def test_people_are_described_as_slack_does(shared: Served) -> None:
    ada = shared.client.users_info(user=ADA)["user"]
    assert (ada["profile"]["email"], ada["is_restricted"], ada["deleted"]) == ("ada@example.com", False, False)
    assert shared.client.users_info(user=GUEST)["user"]["is_restricted"]
    assert shared.client.users_info(user=GONE)["user"]["deleted"]
    assert shared.client.users_info(user=OTHER_BOT)["user"]["is_bot"]
    assert shared.client.users_info(user=PARTNER)["user"]["team_id"] != shared.workspace.app.team_id
    members = [user for page in shared.client.users_list(limit=3) for user in page["members"]]
    assert len(members) == len(shared.workspace.directory.users)


def test_strangers_are_not_visible(slack: Served) -> None:
    slack.workspace.add_user(User("U0STRANGER1", "sam", "Sam", team_id="T0PARTNER01"))
    assert slack.refusal("users.info", user="U0STRANGER1") == "user_not_visible"


def test_channels_are_described_as_slack_does(shared: Served) -> None:
    partners = shared.client.conversations_info(channel=PARTNERS, include_num_members=True)["channel"]
    assert (partners["is_ext_shared"], partners["num_members"]) == (True, 4)
    assert shared.client.conversations_info(channel=HR)["channel"]["is_private"]
    pages = shared.client.conversations_list(types="public_channel,private_channel", limit=2)
    names = [channel["name"] for page in pages for channel in page["channels"]]
    assert names == ["general", "help", "hr", "random", "partners", "visitors"]
    members = [m for page in shared.client.conversations_members(channel=HELP, limit=2) for m in page["members"]]
    assert members == shared.workspace.directory.channels[HELP].members
    mine = shared.client.users_conversations(types="public_channel,private_channel")["channels"]
    assert {channel["id"] for channel in mine} == {GENERAL, HELP, HR, PARTNERS, VISITORS}


def test_reactions_are_added_once_and_removed(shared: Served) -> None:
    ts = shared.workspace.person(ADA).say(GENERAL, "nice")
    shared.client.reactions_add(channel=GENERAL, timestamp=ts, name="eyes")
    assert shared.workspace.message(ts).reactions == {"eyes": (shared.workspace.app.bot_user_id,)}
    assert shared.refusal("reactions.add", channel=GENERAL, timestamp=ts, name="eyes") == "already_reacted"
    shared.client.reactions_remove(channel=GENERAL, timestamp=ts, name="eyes")
    assert shared.refusal("reactions.remove", channel=GENERAL, timestamp=ts, name="eyes") == "no_reaction"


def test_small_methods_answer(shared: Served) -> None:
    ts = shared.workspace.person(ADA).say(GENERAL, "link me")
    assert shared.client.chat_getPermalink(channel=GENERAL, message_ts=ts)["permalink"].endswith(
        f"/archives/{GENERAL}/p{ts.replace('.', '')}"
    )
    assert shared.client.team_info()["team"]["id"] == shared.workspace.app.team_id
    assert (
        shared.client.bots_info(bot=shared.workspace.app.bot_id)["bot"]["user_id"]
        == shared.workspace.app.bot_user_id
    )
    assert shared.client.api_test(foo="bar")["args"]["foo"] == "bar"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    published = shared.client.views_publish(user_id=ADA, view=home)["view"]
    assert shared.workspace.views.homes[ADA]["id"] == published["id"]
    assert shared.refusal("views.publish", user_id=ADA, view=home, hash="old") == "hash_conflict"


def test_every_call_is_recorded(shared: Served) -> None:
    shared.client.chat_postMessage(channel=GENERAL, text="for the record")
    call = shared.workspace.calls[-1]
    assert (call.method, call.args["text"], call.status, call.token_kind, call.error) == (
        "chat.postMessage",
        "for the record",
        200,
        "bot",
        "",
    )


def test_a_read_with_a_json_body_reads_no_arguments(shared: Served) -> None:
    with pytest.raises(SlackApiError) as caught:
        shared.client.api_call("conversations.replies", json={"channel": HELP, "ts": "1.1"})
    assert caught.value.response["error"] == "channel_not_found"  # no channel was read
