"""Chooses the channels to read: those that are named, or every public channel the bot is a member of.

Promises that private channels, and those shared with another company, are read only where named, and that direct
messages are never read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from ingest.sources.slackthreads.calls import SlackCalls, SlackReadError

PAGE = 200  # channels


class WireChannel(TypedDict, total=False):
    """A channel as Slack's Web API gives it, with the keys that are read here."""

    id: str
    name: str
    is_im: bool
    is_mpim: bool
    is_member: bool
    is_private: bool
    is_group: bool
    is_ext_shared: bool
    is_pending_ext_shared: bool


@dataclass(frozen=True)
class ReadableChannel:
    """A channel to read."""

    id: str
    name: str
    is_open: bool  # to everybody in the workspace, and to nobody else


class Channels:
    """The channels of one workspace."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls

    def choose(self, names: Sequence[str], *, takes: Callable[[str], bool]) -> Iterator[ReadableChannel]:
        """Yields each channel once, of those named or else of all open ones; ``takes`` a path such as
        ``help/thread``.

        Raises :class:`SlackReadError` when there is none, or a named one cannot be read.
        """
        if names:
            channels = self._named([name.strip().removeprefix("#") for name in names])
        else:
            channels = [channel for channel in map(_to_channel, self._joined("public_channel")) if channel.is_open]
        chosen = [channel for channel in channels if takes(f"{channel.name}/thread")]
        if not chosen:
            raise SlackReadError(
                "the bot is in none of its channels", "/invite it to them, or name channels it is in"
            )
        yield from {channel.id: channel for channel in chosen}.values()

    def find_closed(self, channels: Iterable[str]) -> Iterator[str]:
        """Yields those of these channels that only their members may read, or that the bot does not see any more:
        then they are private, or gone."""
        for channel in channels:
            try:
                is_open = _to_channel(self.info(channel)).is_open
            except SlackReadError as error:
                if error.code != "channel_not_found":
                    raise
                is_open = False
            if not is_open:
                yield channel

    def info(self, channel: str) -> WireChannel:
        """Reads what Slack says of a channel; a direct message is recognised by its id."""
        if channel.startswith("D"):
            return {"is_im": True}
        return cast(WireChannel, self._calls.call("conversations.info", channel=channel)["channel"])

    def _joined(self, types: str) -> Iterator[WireChannel]:
        pages = self._calls.pages("users.conversations", "channels", limit=PAGE, types=types)
        return (cast(WireChannel, channel) for channel in pages)

    def _named(self, names: Sequence[str]) -> Sequence[ReadableChannel]:
        """Looks names up only among channels the bot is in: first public ones, then, if need be, private ones."""
        by_name: dict[str, WireChannel] = {}
        for types in ("public_channel", "private_channel"):
            if all(_is_id(name) or name in by_name for name in names):
                break
            by_name |= {str(channel.get("name")): channel for channel in self._joined(types)}
        return [self._by_name_or_id(name, by_name.get(name)) for name in names]

    def _by_name_or_id(self, name: str, joined: WireChannel | None) -> ReadableChannel:
        if joined is None and not _is_id(name):
            raise SlackReadError(
                f"the bot is in no channel '#{name}'", f"check its name, or /invite the bot to #{name}"
            )
        wire = joined or self.info(name)
        if wire.get("is_im") or wire.get("is_mpim"):
            raise SlackReadError(
                f"{name} is a conversation of a few people", "name channels only; it will not be read"
            )
        if joined is None and not wire.get("is_member"):
            raise SlackReadError(f"the bot is not in #{wire.get('name')}", f"/invite it to #{wire.get('name')}")
        return _to_channel(wire)


def _is_id(name: str) -> bool:
    """Tells ids from channels' names, which are in lower case."""
    return name[:1] in {"C", "G", "D"} and name.isalnum() and name == name.upper()


def _to_channel(wire: WireChannel) -> ReadableChannel:
    is_shared = wire.get("is_ext_shared") or wire.get("is_pending_ext_shared")
    is_open = not (wire.get("is_private") or wire.get("is_group") or is_shared)
    return ReadableChannel(str(wire["id"]), str(wire.get("name") or wire["id"]), is_open)
