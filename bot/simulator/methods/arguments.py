"""The arguments of one Web API call, and the description of a method.

Owns reading arguments that come as JSON or as form fields, where a list may be a JSON string and a flag "1".
Promises Slack's codes for what is missing, unknown or of the wrong type.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.payloads import JsonObject, MethodResponse

FamilyT = TypeVar("FamilyT")
T = TypeVar("T")
EVERYWHERE = frozenset({"token", "team_id"})  # slack_sdk sends its client's team_id with every call


class TokenKind(StrEnum):
    """The token with which a method is called."""

    BOT = "bot"
    APP = "app"
    CONFIG = "config"  # of the person whose app it is
    NONE = "none"


class CallArguments:
    """The arguments of one call by name; a missing one reads as empty."""

    def __init__(self, values: JsonObject) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Returns a string argument."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid_arguments(f"must provide a string [json-pointer:/{name}]")
        return value

    def flag(self, name: str) -> bool:
        """Returns a boolean argument."""
        return self.values.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int, *, most: int) -> int:
        """Returns a limit between 1 and `most`."""
        value = self.values.get(name)
        if value in (None, ""):
            return default
        try:
            number = int(str(value))
        except ValueError:
            raise SlackError("invalid_limit") from None
        if not 0 < number <= most:
            raise SlackError("invalid_limit")
        return number

    def json(self, name: str, *, error: str) -> Any:
        """Returns the value, parsed when it came as a string; None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


@dataclass(frozen=True)
class MethodSpec(Generic[FamilyT]):
    """A Web API method. `scopes`: any one of them will do. `missing`: Slack's code for an argument that is
    missing, where it is not `invalid_arguments`."""

    run: Callable[[FamilyT, CallArguments], MethodResponse]
    required: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    tier: int = 3
    token: TokenKind = TokenKind.BOT
    missing: Mapping[str, str] = field(default_factory=dict)

    def check(self, values: JsonObject) -> CallArguments:
        """Returns the arguments, if none is missing or unknown; raises `SlackError`."""
        unknown = sorted(values.keys() - self.optional - set(self.required) - EVERYWHERE)
        if unknown and self.token != TokenKind.NONE:
            raise invalid_arguments(f"unknown argument: {unknown[0]}")
        for name in self.required:
            if values.get(name) is None:
                if name in self.missing:
                    raise SlackError(self.missing[name])
                raise invalid_arguments(f"missing required field: {name}")
        return CallArguments(values)


def method(
    run: Callable[[FamilyT, CallArguments], MethodResponse],
    required: str = "",
    optional: str = "",
    *,
    scopes: str = "",
    tier: int = 3,
    token: TokenKind = TokenKind.BOT,
    missing: Mapping[str, str] | None = None,
) -> MethodSpec[FamilyT]:
    """Returns a method's description, its names given as strings with spaces."""
    return MethodSpec(
        run,
        tuple(required.split()),
        frozenset(optional.split()),
        tuple(scopes.split()),
        tier,
        token,
        missing or {},
    )


def paginate(items: Sequence[T], args: CallArguments, *, default: int, most: int) -> tuple[list[T], str]:
    """Returns one page and the cursor of the next, "" on the last."""
    limit = args.number("limit", default, most=most)
    start = _offset(args.text("cursor"))
    if start > len(items):
        raise SlackError("invalid_cursor")
    end = start + limit
    return list(items[start:end]), make_cursor("offset", str(end)) if end < len(items) else ""


def make_cursor(kind: str, value: str) -> str:
    """Returns a cursor as opaque as Slack's."""
    return base64.b64encode(f"{kind}:{value}".encode()).decode()


def read_cursor(cursor: str, kind: str) -> str:
    """Returns the value of a cursor of this kind; raises `invalid_cursor`."""
    try:
        actual, _, value = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if actual != kind:
        raise SlackError("invalid_cursor")
    return value


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    value = read_cursor(cursor, "offset")
    if not value.isdigit():
        raise SlackError("invalid_cursor")
    return int(value)
