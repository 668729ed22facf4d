"""The forms of one message, from the best to the plainest, and against which refusals another form helps.

Promises that an answer is said in some form wherever Slack takes any message of ours: after the layout with a
Markdown block come sections, which every workspace knows, and then text alone.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from agent import observability
from bot.slack.block_kit import Message
from bot.slack.client import SlackRefused
from bot.slack.interactions import response_url
from bot.slack.replies import blocks
from bot.slack.replies.reply import Answer

# The place or the token is refused, whatever is said. A code that is unknown here may be the content's.
PLACE_REFUSED = frozenset(
    {
        "access_denied",
        "accesslimited",
        "account_inactive",
        "cannot_reply_to_message",
        "channel_not_found",
        "channel_type_not_supported",
        "deprecated_endpoint",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "external_channel_migrating",
        "invalid_auth",
        "is_archived",
        "is_inactive",
        "message_limit_exceeded",
        "messages_tab_disabled",
        "method_deprecated",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "team_not_found",
        "thread_locked",
        "thread_not_found",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
        "user_not_found",
        "user_not_in_channel",
    }
)
MESSAGE_REFUSED = frozenset(
    {
        response_url.IS_OVER,
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "message_not_owned_by_app",
        "streaming_state_conflict",
    }
)
T = TypeVar("T")


def build(answer: Answer, text: str, *, is_last: bool, lead: str = "") -> Sequence[Message]:
    """Builds the forms of one part of the answer; ``lead`` is a line in Slack's markup above it."""
    return [
        make(answer, text, is_last=is_last, lead=lead)
        for make in (blocks.build_message, blocks.build_sections, blocks.build_text)
    ]


def send(forms: Sequence[Message], send_one: Callable[[Message], T]) -> T:
    """Sends the first form that Slack takes.

    Raises the first :class:`SlackRefused` if it takes none, and one against which no form helps at once.
    """
    refusals: list[SlackRefused] = []
    for form in forms:
        try:
            return send_one(form)
        except SlackRefused as error:
            if error.code in PLACE_REFUSED or error.code in MESSAGE_REFUSED:
                raise
            refusals.append(error)
            observability.report(error, event="layout_refused")
    raise refusals[0]
