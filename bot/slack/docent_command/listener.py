"""Listens to ``/docent``: acknowledges at once, and answers for the eyes of whoever typed it alone."""

from collections.abc import Callable, Sequence

from slack_bolt import Ack, App

from agent.translation.speech import join, mark, say
from bot.slack.block_kit import Message
from bot.slack.client import Payload
from bot.slack.docent_command import subcommands
from bot.slack.docent_command.subcommands import DocentCall, Subcommand
from bot.slack.inbox import ReplyAddress
from bot.slack.intake import events
from bot.slack.interactions import response_url
from bot.slack.interactions.background import Background

UNKNOWN = mark("I do not know `{command} {word}`.")
MEANT = mark("Did you mean `{command} {closest}`?")
UNREADABLE = mark("I cannot tell where you are. Please try again in a minute.")
WORD_CHARS = 40


class DocentCommand:
    """The command in one workspace. ``help`` is added to what it can do."""

    def __init__(self, background: Background, table: Sequence[Subcommand]) -> None:
        self._background = background
        help_ = Subcommand("help", "", mark("shows this"), self._help)
        self._table = {one.name: one for one in (*table, help_)}

    def on_command(self, ack: Ack, body: Payload) -> None:
        """Acknowledges, and does what was asked for."""
        command = events.parse_command(body)
        if command is None:
            ack(text=say(UNREADABLE), response_type="ephemeral")
            return
        ack()
        call = DocentCall(command.address, command.question, command.trigger_id, command.name)
        self._background.submit(lambda: self.answer(call), lambda message: _tell(call.address, message))

    def answer(self, call: DocentCall) -> Message | None:
        """Returns what a use of the command is answered with."""
        if not call.words:
            return self._help(call)
        found = subcommands.find(self._table, call.words)
        if found.subcommand:
            return found.subcommand.run(DocentCall(call.address, found.words, call.trigger_id, call.command))
        word = call.words.split()[0][:WORD_CHARS].replace("`", "'")
        said = [say(UNKNOWN, command=call.command, word=word)]
        said += [say(MEANT, command=call.command, closest=found.closest)] if found.closest else []
        return {"text": f"{join(said)}\n{subcommands.explain([*self._table.values()], call.command)}"}

    def _help(self, call: DocentCall) -> Message:
        return {"text": subcommands.explain([*self._table.values()], call.command)}


def register(app: App, name: str, of: Callable[[Payload], DocentCommand]) -> None:
    """Registers the listener under the command's name in the manifest, before the one that takes every other
    command for a question; ``of`` returns the command of the workspace from which something comes."""
    app.command(name)(lambda ack, body: of(body).on_command(ack, body))


def _tell(address: ReplyAddress, message: Message) -> None:
    if address.response_url:
        response_url.post(address.response_url, message)
