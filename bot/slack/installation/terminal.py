"""Which workspace a command is about, and its client for Slack: there may be many."""

from dataclasses import dataclass

import bot.settings
from agent.errors import UserError
from agent.store.database import Database
from bot.settings import BotSettings
from bot.slack.client import SlackClient
from bot.slack.installation import workspaces
from bot.slack.installation.tokens import InstalledToken, InstalledTokens

NONE_INSTALLED = "No workspace has installed the app yet: open /slack/install of the web process in a browser."


@dataclass(frozen=True)
class ChosenWorkspace:
    """A workspace by its id, None for that of the token; ``slack`` is None where nothing connects to it."""

    id: str | None
    slack: SlackClient | None


def choose(database: Database, named: str | None) -> ChosenWorkspace:
    """Returns the workspace that a command names; else the only one there is.

    Raises :class:`UserError` where there are several, or none of this id.
    """
    settings = bot.settings.load()
    if not settings.has_many_workspaces:
        token = settings.slack_bot_token
        slack = SlackClient(token.get_secret_value(), settings.slack_api_url) if token else None
        return ChosenWorkspace(named, slack)
    with database.transaction() as transaction:
        known = workspaces.list_workspaces(transaction, also_removed=True)
    titles = ", ".join(workspace.title for workspace in known)
    if not known:
        raise UserError(NONE_INSTALLED)
    if named is None and len(known) > 1:
        raise UserError(f"Name a workspace with --workspace: there are {titles}.")
    chosen = known[0] if named is None else next((one for one in known if one.id == named), None)
    if chosen is None:
        raise UserError(f"There is no workspace {named}. There are: {titles}.")
    return ChosenWorkspace(chosen.id, open_client(settings, database, chosen.id) if chosen.is_installed else None)


def open_client(settings: BotSettings, database: Database, workspace: str) -> SlackClient:
    """Returns a client with the token of an installed workspace, for a few calls."""
    token = InstalledToken(open_tokens(settings, database), workspace)
    return SlackClient(token, settings.slack_api_url)


def open_tokens(settings: BotSettings, database: Database) -> InstalledTokens:
    """Returns what reads the tokens of installed workspaces."""
    from bot.slack.installation.encryption import open_cipher
    from bot.slack.installation.rotation import Rotation

    cipher = open_cipher(settings)
    return InstalledTokens(database, cipher, Rotation(database, cipher, settings).renew)
