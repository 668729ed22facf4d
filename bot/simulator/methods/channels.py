"""What methods that list or read channels share: the `types` argument and the scopes for reading."""

from bot.simulator.errors import SlackError
from bot.simulator.methods.arguments import CallArguments
from bot.simulator.stores.directory import Channel, ChannelKind, Directory

READ_SCOPES = "channels:read groups:read im:read mpim:read"
KIND_OF_TYPE = {
    "public_channel": ChannelKind.PUBLIC,
    "private_channel": ChannelKind.PRIVATE,
    "im": ChannelKind.IM,
    "mpim": ChannelKind.MPIM,
}


SCOPE_OF_KIND = {
    ChannelKind.PUBLIC: "channels",
    ChannelKind.PRIVATE: "groups",
    ChannelKind.IM: "im",
    ChannelKind.MPIM: "mpim",
}


def list_kinds(args: CallArguments) -> set[ChannelKind]:
    """Returns the kinds of conversations that `types` names."""
    types = [name.strip() for name in args.text("types", "public_channel").split(",")]
    if not set(types) <= KIND_OF_TYPE.keys():
        raise SlackError("invalid_types")
    return {KIND_OF_TYPE[name] for name in types}


def select_channels(directory: Directory, args: CallArguments) -> list[Channel]:
    """Returns the channels that `types` and `exclude_archived` leave, in the order they were made."""
    kinds = list_kinds(args)
    return [
        channel
        for channel in directory.channels.values()
        if channel.kind in kinds and not (channel.is_archived and args.flag("exclude_archived"))
    ]
