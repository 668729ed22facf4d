"""The readers that ``--as`` names, looked up in Slack where the settings have a token for it."""

from collections.abc import Sequence

import bot.settings
from agent.errors import ReplyError
from agent.store.database import Database
from agent.types import Audience
from bot.cli import connection
from bot.slack.client import SlackClient
from bot.slack.membership.audience import LOOKED_UP, AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from ingest.access.principals import make_member
from ingest.access.reader_sets import ReaderSets


def make_audience(database: Database, names: Sequence[str]) -> Audience:
    """Returns the audience of a person or a channel as Slack tells it, else of one who is just what is named.

    Raises :class:`agent.errors.UserError` for names that are no principals.
    """
    by_name = make_member(names)
    settings = bot.settings.load()
    if len(names) != 1 or not names[0].startswith(LOOKED_UP) or settings.slack_bot_token is None:
        return by_name
    slack = SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
    try:
        return AudienceResolver(SlackDirectory(slack), ReaderSets(), database).of_reader(names[0])
    except ReplyError as error:
        connection.announce(f"{error}; so this goes by the name alone.")
        return by_name
