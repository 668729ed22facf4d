"""The arguments of one Web API call, and the description of a method.

Owns reading arguments that come as JSON or as form fields, where a list may be a JSON string and a flag "1".
Promises Slack's codes for what is missing, unknown or of the wrong type.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bot.simulator.errors import SlackError, invalid_arguments
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace

TokenKind = Literal["bot", "app", "none"]
EVERYWHERE = frozenset({"token", "team_id"})  # slack_sdk sends its client's team_id with every call


class Args:
    def __init__(self, given: Json) -> None:
        self.given = given

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid_arguments(f"must provide a string [json-pointer:/{name}]")
        return value

    def flag(self, name: str) -> bool:
        return self.given.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int, *, most: int) -> int:
        value = self.given.get(name)
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
        """The value, parsed when it came as a string; None when absent."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


@dataclass(frozen=True)
class Method:
    """`scopes`: any one of them will do. `missing`: Slack's code where it is not `invalid_arguments`."""

    run: Callable[["Workspace", Args], Json]
    required: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    tier: int = 3
    token: TokenKind = "bot"
    missing: Mapping[str, str] = field(default_factory=dict)

    def check(self, given: Json) -> Args:
        unknown = sorted(given.keys() - self.optional - set(self.required) - EVERYWHERE)
        if unknown and self.token != "none":
            raise invalid_arguments(f"unknown argument: {unknown[0]}")
        for name in self.required:
            if given.get(name) is None:
                if name in self.missing:
                    raise SlackError(self.missing[name])
                raise invalid_arguments(f"missing required field: {name}")
        return Args(given)


def method(
    run: Callable[["Workspace", Args], Json],
    required: str = "",
    optional: str = "",
    *,
    scopes: str = "",
    tier: int = 3,
    token: TokenKind = "bot",
    missing: Mapping[str, str] | None = None,
) -> Method:
    return Method(
        run,
        tuple(required.split()),
        frozenset(optional.split()),
        tuple(scopes.split()),
        tier,
        token,
        missing or {},
    )


def need_scope(workspace: "Workspace", scope: str) -> None:
    if scope not in workspace.scopes:
        provided = ",".join(sorted(workspace.scopes))
        raise SlackError("missing_scope", needed=scope, provided=provided)


def page(items: Sequence[Any], args: Args, *, default: int, most: int) -> tuple[list[Any], str]:
    """One page and the cursor of the next, "" on the last."""
    limit = args.number("limit", default, most=most)
    start = _offset(args.text("cursor"))
    if start > len(items):
        raise SlackError("invalid_cursor")
    end = start + limit
    return list(items[start:end]), cursor("offset", str(end)) if end < len(items) else ""


def cursor(kind: str, value: str) -> str:
    return base64.b64encode(f"{kind}:{value}".encode()).decode()


def read_cursor(given: str, kind: str) -> str:
    try:
        found, _, value = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if found != kind:
        raise SlackError("invalid_cursor")
    return value


def _offset(given: str) -> int:
    if not given:
        return 0
    value = read_cursor(given, "offset")
    if not value.isdigit():
        raise SlackError("invalid_cursor")
    return int(value)
