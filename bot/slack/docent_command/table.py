"""The subcommands there are. Other rooms add theirs to this table by one line each."""

from functools import partial

from agent.translation.speech import mark
from bot.slack.docent_command import channel, status, syncs
from bot.slack.docent_command.subcommands import Subcommand
from bot.slack.home.context import HomeContext
from bot.slack.intake.scheduled import command as scheduled_command
from bot.slack.intake.scheduled.command import ScheduledCommand


def build(context: HomeContext, scheduled: ScheduledCommand) -> list[Subcommand]:
    """Builds the table, in the order in which help lists it."""
    return [
        Subcommand(
            "status",
            "",
            mark("what I can answer from, how fresh it is, what is set here"),
            partial(status.show, context),
        ),
        Subcommand(
            "settings",
            "[show | history | NAME VALUE]",
            mark("edits what is set for this channel, or shows it"),
            partial(channel.settings, context),
        ),
        Subcommand(
            "sync", "[SOURCE]", mark("reads changed documents again (operators)"), partial(syncs.sync, context)
        ),
        Subcommand(
            "mute",
            "[LINK]",
            mark("I stay quiet in this channel, or in a linked thread"),
            partial(channel.mute, context),
        ),
        Subcommand(
            scheduled_command.WORD,
            scheduled_command.USAGE,
            scheduled_command.HELP,
            lambda call: scheduled.answer(call.address, call.words, call.command),
        ),
        Subcommand("unmute", "[LINK]", mark("I speak there again"), partial(channel.unmute, context)),
    ]
