"""Whether everybody who will see an answer may see a message of another conversation.

Promises no for whoever cannot be looked up. Who may see it is a member of its conversation, or a full member of
the workspace where that is a public channel.
"""

from agent.types import EVERYONE
from bot.slack.inbox import ReplyAddress
from bot.slack.membership.directory import SlackDirectory


def may_all_see(directory: SlackDirectory, address: ReplyAddress, channel_id: str, deadline: float) -> bool:
    """Returns whether all who see the answer to a question that was asked there may see this conversation.

    Raises :class:`agent.errors.ReplyError` where Slack does not answer.
    """
    if channel_id == address.channel:
        return True
    conversation = directory.find_channel(channel_id, deadline)
    if conversation is None:  # or the bot may not know of it
        return False
    viewers, is_shared = {address.user_id}, False
    if not address.is_private:
        place = directory.channel(address.channel, deadline)
        viewers, is_shared = viewers | place.members, place.is_shared
    if is_shared:  # whoever of the other company may look in
        return False
    missing = viewers - conversation.members
    people = directory.people(missing, deadline)
    others = missing & people.readers
    if missing - people.by_id.keys():
        return False
    return not others or (conversation.is_public and others <= people.holders(EVERYONE))
