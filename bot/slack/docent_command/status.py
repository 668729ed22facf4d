"""``/docent status``: what is indexed and how fresh, what is set for the channel, and figures for operators."""

from typing import cast

from bot.slack.block_kit import Message
from bot.slack.channels import channel_settings
from bot.slack.channels.channel_settings import SETTINGS, Stored
from bot.slack.docent_command.subcommands import DocentCall
from bot.slack.home import figures, freshness, home_tab, layout, operator_view, person_view
from bot.slack.home.context import HomeContext
from bot.slack.home.layout import HomeBlock
from bot.slack.replies.text.markdown import escape

TITLE = "Status"
OF_PEOPLE = frozenset({"experts", "allowed-groups"})  # settings with ids of people and groups
NOTHING_SET = "Nothing is set for this channel: what counts everywhere counts here."


def show(context: HomeContext, call: DocentCall) -> Message:
    """Says how things stand, within what the person may read."""
    address, at = call.address, context.clock()
    audience = context.find_audience(address.user_id)
    with context.database.transaction() as transaction:
        sources = None if audience is None else freshness.load_readable(transaction, audience)
    blocks: list[HomeBlock] = person_view.build_sources(sources, at)
    if not address.channel.startswith("D"):
        blocks.append(layout.section(describe_channel(context, address.team_id, address.channel)))
    if context.operators.has(address.user_id):
        page = home_tab.load_operator_page(context, team=address.team_id)
        states = [f"• {_on_one_line(operator_view.describe_state(one, at))}" for one in page.sources]
        title = f"*A day*, last {figures.CHART_DAYS} days"
        blocks += [
            layout.divider(),
            operator_view.build_figures(page.asked, page.before),
            layout.section([title, operator_view.draw_days(page.days, page.day_limit_usd)]),
            layout.section(["*Sources*", *states]),
        ]
    return cast(Message, {"blocks": blocks, "text": TITLE})  # a message takes these blocks, too


def _on_one_line(text: str) -> str:
    return text.replace("\n> ", "\n").replace("\n", "  ·  ")


def describe_channel(context: HomeContext, team: str, channel: str) -> list[str]:
    """Returns what is set for a channel, a line each, in Slack's markup."""
    with context.database.transaction() as transaction:
        history = channel_settings.load_history(transaction, team=team, channel=channel, limit=1)
    said = describe(history[0].stored) if history else {}
    if not said:
        return [f"*<#{channel}>*", NOTHING_SET]
    return [f"*<#{channel}>*, version {history[0].version}", *(f"• {name}: {what}" for name, what in said.items())]


def describe(stored: Stored) -> dict[str, str]:
    """Returns what is stored in Slack's markup, by the names of the settings; people and groups by their names."""
    said = {name: escape(what) for name, what in channel_settings.describe(stored).items()}
    for name in said.keys() & OF_PEOPLE:
        ids = stored[SETTINGS[name].field]
        said[name] = ", ".join(f"<!subteam^{id_}>" if id_.startswith("S") else f"<@{id_}>" for id_ in ids)
    return said
