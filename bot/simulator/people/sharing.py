"""What a message carries when somebody forwards another one into it, or pastes its address.

Owns Slack's attachments for both: `is_share` for what was forwarded, and what a pasted address unfolds into.
"""

from bot.simulator.payloads import JsonObject
from bot.simulator.stores.directory import Channel, ChannelKind, User
from bot.simulator.stores.messages import SlackMessage


def permalink(message: SlackMessage, domain: str) -> str:
    """Returns the address of a message of the workspace with this domain."""
    link = f"https://{domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return f"{link}?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else link


def attach(
    message: SlackMessage, channel: Channel, author: User | None, *, domain: str, is_share: bool
) -> JsonObject:
    """Returns the attachment that shows a message in another one."""
    is_private = channel.kind in (ChannelKind.PRIVATE, ChannelKind.MPIM, ChannelKind.IM)
    attachment: JsonObject = {
        "id": 1,
        "ts": message.ts,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "author_id": message.user,
        "author_name": author.real_name if author else "",
        "author_subname": author.real_name if author else "",
        "from_url": permalink(message, domain),
        "fallback": f"[{message.ts}] {message.user}: {message.text}",
        "footer": "Slack Conversation" if not is_private else "Private conversation",
        "text": message.text or message.markdown,
        "is_msg_unfurl": True,
        "message_blocks": [
            {
                "team": author.team_id if author else "",
                "channel": channel.id,
                "ts": message.ts,
                "message": {"blocks": message.all_blocks()},
            }
        ],
    }
    return attachment | ({"is_share": True} if is_share else {})
