"""The readers that ``--as`` names, looked up in Slack where something connects to it."""

from collections.abc import Sequence

from agent.errors import ReplyError
from agent.store.database import Database
from agent.types import WORKSPACE, Audience
from bot.cli import connection
from bot.slack.installation import terminal
from bot.slack.membership.audience import LOOKED_UP, AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.access.principals import make_member
from ingest.access.reader_sets import ReaderSets


def make_audience(database: Database, names: Sequence[str]) -> Audience:
    """Returns the audience of a person or a channel as Slack tells it, else of one who is just what is named.

    Raises :class:`agent.errors.UserError` for names that are no principals.
    """
    by_name = make_member(names)
    workspace = next((name.removeprefix(WORKSPACE) for name in names if name.startswith(WORKSPACE)), None)
    others = [name for name in names if not name.startswith(WORKSPACE)]
    if len(others) != 1 or not others[0].startswith(LOOKED_UP):
        return by_name
    place = terminal.choose(database, workspace)
    if place.slack is None:
        return by_name
    id_ = place.id or ""
    try:
        return AudienceResolver(SlackDirectory(place.slack, id_), ReaderSets(), database, id_).of_reader(others[0])
    except ReplyError as error:
        connection.announce(f"{error}; so this goes by the name alone.")
        return by_name
