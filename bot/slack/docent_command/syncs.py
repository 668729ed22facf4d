"""``/docent sync``: brings the index up to date with one source, or with all that are declared."""

from difflib import get_close_matches

from agent.errors import UserError
from agent.translation.speech import say
from bot.slack.block_kit import Message
from bot.slack.docent_command.subcommands import DocentCall
from bot.slack.home import listeners
from bot.slack.home.context import HomeContext
from bot.slack.replies.text.markdown import escape

NOTHING_DECLARED = "No source is declared in docent.toml, so there is nothing that I can sync from here."


def sync(context: HomeContext, call: DocentCall) -> Message:
    """Requests syncs for an operator; tells everybody else who can."""
    if not context.operators.has(call.address.user_id):
        return {"text": say(listeners.ONLY_OPERATORS)}
    declared = [*context.syncs.list_declared()]
    if not declared:
        raise UserError(NOTHING_DECLARED)
    if call.words and call.words not in declared:
        meant = next(iter(get_close_matches(call.words, declared, n=1, cutoff=0.6)), "")
        hint = f"Did you mean '{meant}'? " if meant else ""
        raise UserError(escape(f"No source '{call.words}' is declared. {hint}There is: {', '.join(declared)}."))
    names = [call.words] if call.words else declared
    lines = [listeners.request_sync(context, call.address.user_id, name) for name in names]
    return {"text": "\n".join(lines)}
