"""The tools a model may use: Docent's and the company's own."""

from collections.abc import Iterator

from agent.errors import SettingsError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding


def tools(who: CheckContext) -> Iterator[Finding]:
    """Loads them all, as a worker does."""
    from tools import registry

    built_in = registry.found()
    try:
        every = registry.found(who.bot.own_tools)
    except SettingsError as error:
        for line in str(error).splitlines():
            what, _, advice = line.rpartition(". ")
            yield Finding("tools", "problem", f"{what}.", advice)
        return
    own = ", ".join(name for name in every if name not in built_in)
    yield Finding("tools", "ok", ", ".join(built_in) + (f"; your own: {own}" if own else ""))
