"""Puts the deltas of a stream together: which fragment belongs to which tool call, whatever ids and indexes come.

Servers disagree about both. Some give every call the index 0, some no index, some no id, some the id with the
first fragment only or another one with each, some repeat the name, some send the arguments as an object. A call
begins where a fragment cannot belong to one that is there. Promises that no call is lost and none is merged with
another; ids may be missing or repeated here (:func:`agent.tools.arguments.normalise` gives each its own).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.types import JsonValue

_KEPT = ("thinking_blocks", "reasoning_items", "annotations")  # lists; a provider may need them back
_FIELDS = "provider_specific_fields"


@dataclass
class _Call:
    """A call as far as it has come."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    fields: dict[str, JsonValue] | None = None  # a provider's own

    @property
    def is_complete(self) -> bool:
        return is_json_object(self.arguments)


class Assembly:
    """The message of one stream, without its text, which others read: calls, reasoning apart, a provider's own
    fields."""

    def __init__(self) -> None:
        self.reasoning = ""
        self._calls: list[_Call] = []
        self._kept: dict[str, list[Any]] = {}
        self._fields: dict[str, JsonValue] = {}

    def feed(self, delta: Any) -> None:
        """Adds one delta of LiteLLM's."""
        for call in getattr(delta, "tool_calls", None) or ():
            function = getattr(call, "function", None)
            self._add(call.index or 0, call.id or "", function, _dict(getattr(call, _FIELDS, None)))
        if function := getattr(delta, "function_call", None):  # the API before tool calls: one, without an id
            self._add(0, "", function, {})
        self.reasoning += str(getattr(delta, "reasoning_content", None) or "")
        for name in _KEPT:
            if values := getattr(delta, name, None):
                self._kept.setdefault(name, []).extend(_plain(value) for value in values)
        self._fields |= _dict(getattr(delta, _FIELDS, None))

    def extras(self) -> dict[str, Any]:
        """Returns what the provider added to the message, to be sent back as it came."""
        extras: dict[str, Any] = dict(self._kept)
        if blocks := extras.get("thinking_blocks"):
            extras["thinking_blocks"] = _join_thinking(blocks)
        if self._fields:
            extras[_FIELDS] = self._fields
        return {name: value for name, value in extras.items() if value}

    def tool_calls(self) -> list[dict[str, Any]]:
        """Returns the calls, as messages hold them, in the order they began."""
        calls: list[dict[str, Any]] = []
        for n, call in enumerate(self._calls):
            earlier = self._calls[n - 1] if n else None
            if (
                earlier
                and not (call.id or call.arguments)
                and (earlier.index, earlier.name) == (call.index, call.name)
            ):
                continue  # its name, once more, after its arguments
            function = {"name": call.name, "arguments": call.arguments}
            own = {_FIELDS: call.fields} if call.fields else {}
            calls.append({"id": call.id, "type": "function", "function": function, **own})
        return calls

    def _add(self, index: int, id_: str, function: Any, fields: dict[str, JsonValue]) -> None:
        name = str(getattr(function, "name", None) or "")
        arguments = _text(getattr(function, "arguments", None))
        if not (id_ or name or arguments or fields):
            return
        call = self._find(index, id_, name, arguments)
        if call is None:
            call = _Call(index, name="" if name or not self._calls else self._calls[-1].name)
            self._calls.append(call)
        elif call.is_complete and arguments:
            if call.arguments == arguments:
                arguments = ""  # the whole of it, once more
            elif call.arguments.strip() == "{}":
                call.arguments = ""  # stood for arguments to come
        call.id = call.id or id_
        call.name = name or call.name
        call.arguments += arguments
        fields = fields | _dict(getattr(function, _FIELDS, None))
        call.fields = {**(call.fields or {}), **fields} if fields else call.fields

    def _find(self, index: int, id_: str, name: str, arguments: str) -> _Call | None:
        """Returns the call that a fragment goes on with, or None where it begins one."""
        same = [call for call in self._calls if id_ and call.id == id_]
        here = [call for call in same if call.index == index]
        here = here or [call for call in self._calls if call.index == index]
        open_same = [call for call in same if not call.is_complete and not name]
        if not here:
            last = self._calls[-1:] if not (name or id_) else open_same[-1:]
            return last[0] if last else None
        call = here[-1]
        is_same = call in same
        if not is_same and open_same:
            return open_same[-1]
        if call.is_complete:
            return self._find_after_complete(call, is_same, id_, name, arguments)
        if is_same or not id_ or not call.id:
            return call if not name or name == call.name or not call.name else None
        if not name:  # another id and no name: some servers make up an id for each fragment
            return call if arguments else None
        is_middle = bool(call.arguments) and not arguments.lstrip().startswith("{")
        return call if name == call.name and is_middle else None

    def _find_after_complete(
        self, call: _Call, is_same: bool, id_: str, name: str, arguments: str
    ) -> _Call | None:
        """Does so where the call at the fragment's place has all its arguments."""
        if arguments == call.arguments and (is_same or not (name or id_)):
            return call
        if not (name or id_):
            if not self._calls[-1].is_complete:
                return self._calls[-1]
            return call if call.arguments.strip() == "{}" or not arguments.lstrip().startswith("{") else None
        begins_other = bool(name and not is_same) or bool(id_ and call.id and not is_same)
        is_more = not begins_other and not arguments.lstrip().startswith("{")
        return call if is_more or (is_same and call.arguments.strip() == "{}") else None


def is_json_object(text: str) -> bool:
    """Returns whether the text is one whole JSON object."""
    if not text.rstrip().endswith("}"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _join_thinking(fragments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Joins the fragments of thinking blocks; a signature ends its block, and a block without one is not sent
    back: its provider would refuse it."""
    blocks: list[dict[str, Any]] = []
    thinking = ""
    for fragment in fragments:
        if fragment.get("type") == "redacted_thinking":
            blocks.append({"type": "redacted_thinking", "data": fragment.get("data")})
            continue
        thinking += str(fragment.get("thinking") or "")
        if signature := fragment.get("signature"):
            blocks.append({"type": "thinking", "thinking": thinking, "signature": signature})
            thinking = ""
    return blocks


def _text(arguments: object) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _dict(fields: object) -> dict[str, JsonValue]:
    return dict(fields) if isinstance(fields, Mapping) else {}


def _plain(value: Any) -> Any:
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
