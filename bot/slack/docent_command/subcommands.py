"""What ``/docent`` can do: a table of subcommands, to which other rooms add theirs, and how one is found.

To add one, make a :class:`Subcommand` and list it where :class:`.listener.DocentCommand` is built.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agent.translation.speech import mark, say
from bot.slack.block_kit import Message
from bot.slack.inbox import ReplyAddress

ASK = mark("To ask something, mention me, write to me, or use `/ask`.")


@dataclass(frozen=True)
class DocentCall:
    """A use of the command: by whom and where, and the ``words`` after the subcommand's.

    ``command`` is what was typed for ``/docent``; ``trigger_id`` opens a form within three seconds.
    """

    address: ReplyAddress
    words: str
    trigger_id: str
    command: str


Run = Callable[[DocentCall], Message | None]  # what only this person reads then; raises UserError with a sentence


@dataclass(frozen=True)
class Subcommand:
    """One thing that the command does: its word, the words that may follow, and what it is for."""

    name: str
    usage: str
    help: str
    run: Run


@dataclass(frozen=True)
class FoundSubcommand:
    """The subcommand that was meant, with the words after it; without one ``closest`` is a word like it."""

    subcommand: Subcommand | None
    words: str = ""
    closest: str = ""


def find(subcommands: Mapping[str, Subcommand], text: str) -> FoundSubcommand:
    """Finds the subcommand that a text begins with.

    >>> find({"status": Subcommand("status", "", "", lambda call: None)}, "statsu").closest
    'status'
    """
    word, _, rest = text.strip().partition(" ")
    if subcommand := subcommands.get(word.lower()):
        return FoundSubcommand(subcommand, rest.strip())
    closest = get_close_matches(word.lower(), subcommands, n=1, cutoff=0.6)
    return FoundSubcommand(None, closest=closest[0] if closest else "")


def explain(subcommands: Sequence[Subcommand], command: str) -> str:
    """Returns what the command can do, in Slack's markup."""
    lines = [
        f"• `{' '.join([command, one.name, say(one.usage)]).strip()}`  {say(one.help)}" for one in subcommands
    ]
    return "\n".join([say("*What `{command}` does*", command=command), *lines, say(ASK)])
