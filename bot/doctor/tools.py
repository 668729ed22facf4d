"""Checks the tools a model may use: the built-in ones and the company's own."""

from collections.abc import Iterator

from agent.errors import SettingsError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState


def tools(context: CheckContext) -> Iterator[Finding]:
    """Loads every tool, as a worker does."""
    from tools import registry

    built_in = registry.find_tools()
    try:
        all_tools = registry.find_tools(context.bot.own_tools)
    except SettingsError as error:
        for line in str(error).splitlines():
            what, _, advice = line.rpartition(". ")
            yield Finding("tools", FindingState.PROBLEM, f"{what}.", advice)
        return
    own = ", ".join(name for name in all_tools if name not in built_in)
    yield Finding("tools", FindingState.OK, ", ".join(built_in) + (f"; your own: {own}" if own else ""))
    if changing := ", ".join(name for name, tool in all_tools.items() if not tool.is_idempotent):
        what = f"Never offered, because they change something, and calls cannot be approved yet: {changing}."
        yield Finding("tools", FindingState.WARNING, what, "Take them out of DOCENT_TOOLS, or let them only read.")
