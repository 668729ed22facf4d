"""Which settings a backup notes: values without secrets, of secrets the names, of keys a fingerprint."""

import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic_settings import BaseSettings

import agent.settings
from agent import secrets
from agent.errors import UserError
from agent.settings import split_list
from bot.processes.startup_checks import KINDS
from bot.settings import BotSettings

KEY_OF_A_PROVIDER = "_API_KEY"
NAMES_A_VARIABLE = "_env"  # ends the options of sources that name where their secret is
FINGERPRINT_CHARS = 12
OF_THE_PLACE = frozenset(
    {"DATABASE_URL", "REDIS_URL", "DOCENT_HOME", "DOCENT_INDEX_URI", "PORT"}
)  # other ones elsewhere


def read_settings(config: str, environ: Mapping[str, str] = os.environ) -> tuple[dict[str, str], list[str]]:
    """Returns the values of the settings that are set and are no secrets, and the names of the secrets, also of
    those that the sources in ``config`` name."""
    open_ones, secret_ones = _list_variables()
    secret_ones |= _list_named(config) - open_ones
    values = {name: secrets.redact(environ[name]) for name in sorted(open_ones) if environ.get(name)}
    names = {name for name in environ if name in secret_ones or name.endswith(KEY_OF_A_PROVIDER)}
    return values, sorted(name for name in names - OF_THE_PLACE if environ[name])


def read_config(path: Path) -> str:
    """Returns what declares the sources, without secrets; nothing where there is no such file."""
    try:
        return secrets.redact(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}, which declares the sources, cannot be read. Check it, and its rights."
        ) from error


def fingerprint_keys(settings: BotSettings) -> list[str]:
    """Returns a fingerprint of each key that encrypts tokens: it tells keys apart, and gives none away."""
    keys = split_list(settings.token_keys.get_secret_value()) if settings.token_keys else []
    return [hashlib.sha256(key.encode()).hexdigest()[:FINGERPRINT_CHARS] for key in keys]


def list_missing(settings: Mapping[str, str], names: tuple[str, ...], environ: Mapping[str, str]) -> list[str]:
    """Lists the variables that were set where the backup was made, and are not set here."""
    return sorted(name for name in {*settings, *names} - OF_THE_PLACE if not environ.get(name))


def _list_named(config: str) -> set[str]:
    """Returns the variables that sources take their secrets from; none of a file that is not understood."""
    try:
        return set(_find_named(tomllib.loads(config)))
    except tomllib.TOMLDecodeError:
        return set()


def _find_named(table: Mapping[str, object]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _find_named(value)
        elif name.endswith(NAMES_A_VARIABLE):
            yield str(value)


def _list_variables() -> tuple[set[str], set[str]]:
    """Returns the variables of all settings: those that are no secrets, and those that are."""
    open_ones, secret_ones = set[str](), set[str]()
    for kind in KINDS:
        for field in kind.model_fields:
            names = agent.settings.list_variables(kind, field)
            (secret_ones if _is_secret(kind, field) else open_ones).update(names)
    return open_ones, secret_ones


def _is_secret(kind: type[BaseSettings], field: str) -> bool:
    return "SecretStr" in str(kind.model_fields[field].annotation)
