"""What a tool is: a typed function with a docstring, called with validated arguments and a context.

The name, the description and the JSON schema the model sees come from the function itself. The kernel numbers
the passages a tool returns (``[1]``, ``[2]``, … per turn), so that the model can cite them.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from agent.errors import ToolError
from agent.json_sanitizer import clean
from agent.types import Audience, Passage

Resource = TypeVar("Resource")


@dataclass(frozen=True)
class ToolResult:
    """``data`` and the numbered passages are what the model sees, as one JSON object; ``cost_usd`` is what
    services the tool asked have charged."""

    data: Mapping[str, Any] = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class ToolContext:
    """What a tool may know of the turn: who will read the answer, and until when to be done."""

    audience: Audience
    session_key: str
    deadline: float  # in time.monotonic() seconds
    resources: Mapping[type, Any] = field(default_factory=dict)

    def resource(self, kind: type[Resource]) -> Resource:
        """The process's shared object of this kind, such as the open document library."""
        return self.resources[kind]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Tool:
    """One callable for the model."""

    name: str
    description: str
    arguments: type[BaseModel]
    function: Callable[..., ToolResult]
    is_idempotent: bool
    needs: tuple[type, ...] = ()  # kinds of resources without which it is not offered
    only_passages: bool = False  # all it returns is numbered passages and a few words about them

    def schema(self) -> dict[str, Any]:
        """The tool as chat APIs list it."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        for argument in parameters.get("properties", {}).values():
            argument.pop("title", None)
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}

    def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Validates and runs; raises :class:`ToolError` naming each wrong argument."""
        try:
            valid = self.arguments.model_validate(clean(arguments))
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {_said(e)}" for e in error.errors()]
            properties = ", ".join(self.schema()["function"]["parameters"].get("properties", {}))
            raise ToolError("; ".join(wrong), hint=f"{self.name} takes: {properties}") from None
        return self.function(**dict(valid), context=context)


def tool(
    *, is_idempotent: bool = True, needs: tuple[type, ...] = (), only_passages: bool = False
) -> Callable[[Callable[..., ToolResult]], Tool]:
    """Makes a tool of a function whose last, keyword-only parameter is ``context: ToolContext``.

    One that is not idempotent (it sends, books, writes) is never run again when it is not known whether it ran.
    ``needs`` names the resources without which it is not offered, such as a Slack thread. One with
    ``only_passages`` gives nothing that an answer could stand on without citing it.
    """

    def decorate(function: Callable[..., ToolResult]) -> Tool:
        return Tool(
            name=function.__name__,
            description=inspect.getdoc(function) or "",
            arguments=_arguments_model(function),
            function=function,
            is_idempotent=is_idempotent,
            needs=needs,
            only_passages=only_passages,
        )

    return decorate


def _said(error: Mapping[str, Any]) -> str:
    """Pydantic's sentence, but for dates, where it does not say how to write one."""
    is_date = error["type"].startswith("date_")
    return "Input should be a real day, written YYYY-MM-DD" if is_date else str(error["msg"])


def _arguments_model(function: Callable[..., ToolResult]) -> type[BaseModel]:
    parameters = dict(inspect.signature(function, eval_str=True).parameters)
    parameters.pop("context", None)
    for name, parameter in parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            raise TypeError(f"the parameter '{name}' of the tool '{function.__name__}' has no type annotation")
    fields: dict[str, Any] = {
        name: (p.annotation, ... if p.default is inspect.Parameter.empty else p.default)
        for name, p in parameters.items()
    }
    config = ConfigDict(extra="forbid", validate_default=True)
    model: type[BaseModel] = create_model(function.__name__, __config__=config, **fields)
    for name in fields.keys() - model.model_fields.keys():  # such as _city, or model_config
        raise TypeError(f"the parameter '{name}' of the tool '{function.__name__}' needs another name")
    return model
