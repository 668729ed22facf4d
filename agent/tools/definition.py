"""What a tool is: a typed function with a docstring, called with validated arguments and a context.

Promises that the name, the description and the JSON schema the model sees come from the function itself. Leaves
numbering the passages (``[1]``, ``[2]``, … per turn, so that the model can cite them) to the kernel.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from agent.errors import ToolError
from agent.prompting.json_sanitizer import clean
from agent.translation.speech import mark
from agent.types import Audience, JsonObject, Passage, SettledAnswer, ToolSchema

Resource = TypeVar("Resource")
NAME_CHARS = 60  # of a tool's name in a label: a model may have made it up


@dataclass(frozen=True)
class ToolResult:
    """What a tool returns. The model sees ``data``, ``is_weak``, ``hint`` and the passages as one JSON object.

    ``is_weak`` says that the passages probably do not answer; ``hint`` what the model could do next. ``cost_usd``
    is what services have charged the tool. In ``data`` the names ``passages``, ``is_weak`` and ``is_refused``
    belong to the kernel: the model sees them with a ``_`` at the end. Where the result was looked up before the
    model is asked, a ``settled`` answer takes the model's place, if a passage of its document is shown.
    """

    data: JsonObject = field(default_factory=dict)
    passages: tuple[Passage, ...] = ()
    cost_usd: Decimal = Decimal(0)
    is_weak: bool = False
    hint: str = ""
    settled: SettledAnswer | None = None


@dataclass(frozen=True)
class ToolLabels:
    """What people read about a tool: ``status`` after the bot's name and ``running`` while it works, then
    ``done``.

    ``nothing`` is what is said where a search found no passage.
    """

    status: str
    running: str
    done: str
    nothing: str = ""

    @staticmethod
    def default(name: str) -> "ToolLabels":
        """Returns labels made of the tool's name, which a model may have made up.

        >>> ToolLabels.default("find_orders").running
        'Using find orders'
        """
        words = " ".join(re.sub(r"[\W_]+", " ", name[:NAME_CHARS]).split()) or "a tool"
        return ToolLabels(mark("is working…"), f"Using {words}", f"Used {words}")


@dataclass(frozen=True)
class Asker:
    """Who asked, and where: what a tool may judge rights by.

    ``team`` is the Slack workspace that the question came to; in a shared channel ``user`` may be of another
    company, and then the audience holds ``external``. ``origin`` is the door, such as ``mention`` or ``command``;
    away from Slack ``team`` and ``channel`` are None.
    """

    user: str
    team: str | None = None
    channel: str | None = None
    origin: str = ""


NOBODY = Asker("")


@dataclass(frozen=True)
class ToolContext:
    """What a tool may know of the turn: who will read the answer, who asked, and until when to be done.

    The asker is not the audience: in a channel others read the answer, too. ``shown`` are the passages that the
    model has been shown in this turn, by their numbers, perhaps without their texts.
    """

    audience: Audience
    session_key: str
    deadline: float  # in time.monotonic() seconds
    resources: Mapping[type, object] = field(default_factory=dict)
    asker: Asker = NOBODY
    shown: Mapping[int, Passage] = field(default_factory=dict)

    def resource(self, kind: type[Resource]) -> Resource:
        """Returns the process's shared object of this kind, such as the open document library.

        A tool that names the kind in its ``needs`` is offered only where there is one::

            library = context.resource(Library)
            passages = library.read("handbook/leave.md", audience=context.audience)
        """
        return cast(Resource, self.resources[kind])


@dataclass(frozen=True)
class Tool:
    """One callable for the model."""

    name: str
    description: str
    arguments: type[BaseModel]
    function: Callable[..., ToolResult]
    is_idempotent: bool
    labels: ToolLabels
    needs: tuple[type, ...] = ()  # kinds of resources without which it is not offered
    only_passages: bool = False  # all it returns is numbered passages and a few words about them

    def schema(self) -> ToolSchema:
        """Returns the tool as chat APIs list it, each time a copy that may be changed."""
        return cast(ToolSchema, json.loads(self._schema_json))

    @cached_property
    def _schema_json(self) -> str:
        """Makes the schema once: pydantic takes a millisecond for each tool."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        for argument in parameters.get("properties", {}).values():
            argument.pop("title", None)
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return json.dumps({"type": "function", "function": function})

    def call(self, arguments: JsonObject, context: ToolContext) -> ToolResult:
        """Validates the arguments and runs the tool; raises :class:`ToolError` naming each wrong argument.

        For example, with the clock's own zone::

            current_time.call({}, context).data
            {"date": "2026-03-02", "weekday": "Monday", "time": "09:30", "time_zone": "UTC", "utc_offset": "+0000"}
        """
        try:
            valid = self.arguments.model_validate(clean(arguments))
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {_explain(e)}" for e in error.errors()]
            raise ToolError(
                "; ".join(wrong), hint=f"{self.name} takes: {', '.join(self._argument_names())}"
            ) from None
        return self.function(**dict(valid), context=context)

    def accepts(self, arguments: JsonObject) -> bool:
        """Returns whether the tool takes the arguments."""
        try:
            self.arguments.model_validate(clean(arguments))
        except ValidationError:
            return False
        return True

    def _argument_names(self) -> list[str]:
        return list(self.arguments.model_json_schema().get("properties", {}))


def tool(
    *,
    is_idempotent: bool = True,
    needs: tuple[type, ...] = (),
    only_passages: bool = False,
    labels: ToolLabels | None = None,
) -> Callable[[Callable[..., ToolResult]], Tool]:
    """Makes a tool of a function whose last, keyword-only parameter is ``context: ToolContext``.

    A tool that is not idempotent (it sends, books, writes) is never run again when it is not known whether it ran,
    and is offered to no model while nobody can approve its calls: a document could ask for one.
    ``needs`` names the resources without which it is not offered, such as a Slack thread. A tool with
    ``only_passages`` returns nothing that an answer could rest on without citing it. ``labels`` are what people
    read while it runs; without them they are made of its name::

        @tool(labels=ToolLabels("is looking up orders…", "Looking up orders", "Looked up orders"))
        def find_orders(customer: str, *, context: ToolContext) -> ToolResult:
            \"\"\"List a customer's open orders. Use it for questions about orders, not about prices.\"\"\"
            return ToolResult({"orders": [{"number": 17, "status": "shipped"}]})
    """

    def decorate(function: Callable[..., ToolResult]) -> Tool:
        return Tool(
            name=function.__name__,
            description=inspect.getdoc(function) or "",
            arguments=_make_arguments_model(function),
            function=function,
            is_idempotent=is_idempotent,
            labels=labels or ToolLabels.default(function.__name__),
            needs=needs,
            only_passages=only_passages,
        )

    return decorate


def _explain(error: ErrorDetails) -> str:
    """Returns pydantic's sentence, except for dates, where it does not say how to write one."""
    is_date = error["type"].startswith("date_")
    return "Input should be a real day, written YYYY-MM-DD" if is_date else error["msg"]


def _make_arguments_model(function: Callable[..., ToolResult]) -> type[BaseModel]:
    parameters = dict(inspect.signature(function, eval_str=True).parameters)
    parameters.pop("context", None)
    for name, parameter in parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            raise TypeError(f"the parameter '{name}' of the tool '{function.__name__}' has no type annotation")
    fields = {
        name: (p.annotation, ... if p.default is inspect.Parameter.empty else p.default)
        for name, p in parameters.items()
    }
    config = ConfigDict(extra="forbid", validate_default=True)
    model: type[BaseModel] = create_model(function.__name__, __config__=config, **fields)  # type: ignore[call-overload]
    for name in fields.keys() - model.model_fields.keys():  # such as _city, or model_config
        raise TypeError(f"the parameter '{name}' of the tool '{function.__name__}' needs another name")
    return model
