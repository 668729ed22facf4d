"""What the app adds to the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.simulator.payloads import JsonObject

COMMANDS = {
    "/ask": "Ask a question; only you see the answer",
    "/docent": "Status, settings of this channel, sync, mute, help",
    "/invite": "Bring the app or a person into this channel",
}


@dataclass(frozen=True)
class PageContent:
    """`story` tells what the app recorded of a thread (`channel`, `thread_ts`) or of a person's commands
    (`channel`, `user`), turn by turn; `examples` are questions to start with; `commands` explains each.
    `shortcuts` names those at messages by their ids, `emoji` are those that the app listens to."""

    story: Callable[[dict[str, str]], list[JsonObject]] | None = None
    examples: Sequence[str] = ()
    commands: Mapping[str, str] = field(default_factory=lambda: COMMANDS)
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    emoji: Sequence[str] = ()
