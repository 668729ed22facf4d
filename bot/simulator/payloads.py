"""The JSON that Slack sends: messages, events, envelopes, commands, interactions and views.

Owns their types only. Promises the keys of Slack's documentation as far as the simulator fills them. Leaves out
blocks and attachments, which are the app's and stay as they came.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

JsonObject = dict[str, Any]  # foreign JSON: blocks, metadata, arguments of calls
MethodResponse = dict[str, object]  # what a Web API method adds to `{"ok": true}`


class ReactionPayload(TypedDict):
    """One emoji under a message."""

    name: str
    users: list[str]
    count: int


class MessagePayload(TypedDict, total=False):
    """Slack's message object."""

    type: str
    subtype: str
    user: str | None
    ts: str
    text: str
    team: str
    client_msg_id: str
    bot_id: str
    app_id: str
    bot_profile: Mapping[str, object]
    username: str
    blocks: list[JsonObject]
    attachments: list[JsonObject]
    files: list[JsonObject]
    upload: bool
    edited: JsonObject
    metadata: JsonObject
    reactions: list[ReactionPayload]
    thread_ts: str
    parent_user_id: str | None
    reply_count: int
    reply_users_count: int
    latest_reply: str
    reply_users: list[str]
    is_locked: bool
    subscribed: bool


class EventPayload(MessagePayload, total=False):
    """The inner event of an event callback; which keys it has depends on `type` and `subtype`."""

    channel: str
    channel_type: str
    event_ts: str
    hidden: bool
    deleted_ts: str
    message: MessagePayload
    previous_message: MessagePayload
    user_team: str
    source_team: str
    reaction: str
    item: Mapping[str, str]
    item_user: str | None
    tab: str
    view: "ViewPayload"
    streaming_message_ts: list[str]
    subteam_id: str
    subteam: Mapping[str, object]
    tokens: Mapping[str, list[str]]
    team_ids: list[str]


class EventEnvelope(TypedDict):
    """The outer event callback."""

    token: str
    team_id: str
    context_team_id: str
    context_enterprise_id: str | None
    api_app_id: str
    event: EventPayload
    type: str
    event_id: str
    event_time: int
    authorizations: list[dict[str, object]]
    is_ext_shared_channel: bool
    event_context: str


class UrlVerification(TypedDict):
    """Slack's challenge to a request URL."""

    type: str
    token: str
    challenge: str


class CommandPayload(TypedDict):
    """A slash command."""

    token: str
    team_id: str
    team_domain: str
    channel_id: str
    channel_name: str
    user_id: str
    user_name: str
    command: str
    text: str
    api_app_id: str
    is_enterprise_install: str
    enterprise_id: str
    response_url: str
    trigger_id: str


class InteractionPayload(TypedDict):
    """A click (`block_actions`), a shortcut at a message (`message_action`), a submitted modal (`view_submission`)
    or a closed one (`view_closed`)."""

    type: str
    user: Mapping[str, str]
    api_app_id: str
    token: str
    trigger_id: str
    team: Mapping[str, str] | None
    enterprise: Mapping[str, object] | None
    is_enterprise_install: bool
    container: NotRequired[Mapping[str, object]]
    channel: NotRequired[Mapping[str, str]]
    state: NotRequired[Mapping[str, object]]
    response_url: NotRequired[str]
    actions: NotRequired[list[JsonObject]]
    message: NotRequired[MessagePayload]
    view: NotRequired["ViewPayload"]
    response_urls: NotRequired[list[str]]
    is_cleared: NotRequired[bool]
    callback_id: NotRequired[str]
    message_ts: NotRequired[str]
    action_ts: NotRequired[str]


class ViewState(TypedDict):
    """The values of a modal's inputs, by block and action."""

    values: Mapping[str, Mapping[str, object]]


class ViewPayload(TypedDict, total=False):
    """A modal or Home tab as Slack tells it; what the app gave besides stays as it came."""

    type: str
    title: JsonObject
    submit: JsonObject
    close: JsonObject
    notify_on_close: bool
    blocks: Sequence[JsonObject]
    private_metadata: str
    callback_id: str
    id: str
    root_view_id: str
    previous_view_id: str | None
    team_id: str
    app_id: str
    app_installed_team_id: str
    bot_id: str
    hash: str
    state: ViewState


AppPayload = EventEnvelope | UrlVerification | CommandPayload | InteractionPayload


class DeliveryEnvelope(TypedDict):
    """One payload on its way to the app, with the keys that Socket Mode adds."""

    type: str
    payload: AppPayload
    accepts_response_payload: bool
    retry_attempt: NotRequired[int]
    retry_reason: NotRequired[str]
