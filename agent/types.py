"""The vocabulary of the kernel: statuses, reasons, limits, messages, passages, usage, audiences.

Owns every word that is stored in a turn's rows or compared by more than one room; their values are stored, so they
do not change. Leaves out the sentences a person reads: the rooms that speak look them up by these words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Required, TypeAlias, TypedDict

SCHEDULED = "scheduled"  # the origin of a turn that the clock asks: the budget of no person pays for it
EVERYONE = "everyone"  # full members of the workspace
GUESTS = "guests"  # members that are restricted to some channels
EXTERNAL = "external"  # people of other companies
WORKSPACE = "workspace:"  # begins the principal of those who ask in one workspace
EVERY_WORKSPACE = "workspace:*"  # as a document's reader: whoever asks in any
ONE_OF_MANY = "one-of-many"  # of those who ask in one of many workspaces: only what names workspaces is for them
OPERATOR = "operator"  # at the terminal, outside of every workspace

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]


class TurnStatus(StrEnum):
    """Where a turn is: ``turns.status``."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SessionStatus(StrEnum):
    """Where a session is, after its last turn: ``sessions.status``."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class CallStatus(StrEnum):
    """Where a model call is: ``model_calls.status``."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class Purpose(StrEnum):
    """What a model call is made for: ``model_calls.purpose``."""

    STEP = "step"
    CLOSING = "closing"  # the reserved last call, without tools
    FALLBACK = "fallback"  # to the model of this process, where no other answered
    STANDALONE = "standalone"  # rewrites a follow-up so that it can be understood without the conversation
    EDITED = "edited"  # any of these, for a wording that the person has changed since


class Limit(StrEnum):
    """What one turn may use up; CALLS and REPEATS count tool calls, BUDGET is somebody's for a day or a month."""

    STEPS = "steps"
    CALLS = "calls"
    REPEATS = "repeats"
    TOKENS = "tokens"
    COST = "cost"
    TIME = "time"
    BUDGET = "budget"


class EndReason(StrEnum):
    """Why a turn ended as it did: ``turns.reason``. Every :class:`Limit` is one, under the same value."""

    # judged by agent.turn.grounding
    ANSWERED = "answered"
    NO_EVIDENCE = "no_evidence"
    WEAK_EVIDENCE = "weak_evidence"
    UNCITED = "uncited"  # a verdict; the turn ends as NO_EVIDENCE
    SMALL_TALK = "small_talk"
    # limits
    STEPS = "steps"
    CALLS = "calls"
    REPEATS = "repeats"
    TOKENS = "tokens"
    COST = "cost"
    TIME = "time"
    BUDGET = "budget"
    # the model
    NO_ANSWER = "no_answer"
    NOT_SEARCHED = "not_searched"  # every look-up failed: what the documents say is not known
    PROVIDER_DOWN = "provider_down"
    # ended outside the loop, by bot.jobs
    GREETING = "greeting"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"  # the person deleted the question
    UNCHANGED = "unchanged"  # a scheduled question's answer says what the last one said: it is not posted
    TOO_LONG = "too_long"
    NOT_ALLOWED = "not_allowed"  # the channel wants only certain people to be answered
    INTERRUPTED = "interrupted"
    RESTORED = "restored"  # it was open when the record was backed up, and is not asked again
    ERROR = "error"
    # the answer is not where it was asked for, because of Slack
    CHANNEL_ARCHIVED = "channel_archived"
    BOT_REMOVED = "bot_removed"
    THREAD_GONE = "thread_gone"
    POSTING_FORBIDDEN = "posting_forbidden"
    TOKEN_REFUSED = "token_refused"  # for longer than an answer waits
    SLACK_AWAY = "slack_away"  # for as long
    UNINSTALLED = "uninstalled"  # from its workspace
    UNDELIVERABLE = "undeliverable"  # for another reason; delivery_error has Slack's code


Role = Literal["system", "user", "assistant", "tool"]


class FunctionCall(TypedDict):
    """What a model asks for; ``arguments`` is JSON, as the model wrote it."""

    name: str
    arguments: str


class MessageToolCall(TypedDict):
    """One tool call inside an assistant's message, as chat APIs write it."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class Message(TypedDict, total=False):
    """One chat message as it is stored and sent: plain strings, because its text is measured and hashed.

    A provider's own keys (such as thinking blocks) are kept with it, though they are not named here.
    """

    role: Required[Role]
    content: str | None
    tool_calls: list[MessageToolCall]  # an assistant's
    tool_call_id: str  # on a tool's result: the call it answers
    is_refusal: bool  # an assistant's, by a model of this process: it found nothing that answers
    is_small_talk: bool  # an assistant's, by a model of this process: there was nothing to look up
    is_settled: bool  # an assistant's, by nobody but the person who answered this question before


class FunctionSchema(TypedDict):
    """A function as chat APIs list it; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


class ToolSchema(TypedDict):
    """A tool as chat APIs list it."""

    type: str
    function: FunctionSchema


@dataclass(frozen=True)
class Audience:
    """Everyone who would see the answer: for each member, the principals that member is."""

    members: tuple[frozenset[str], ...] = (frozenset({EVERYONE}),)

    def includes(self, other: "Audience") -> bool:
        """Returns whether this audience may read all that the other one may: each member is all that somebody of
        the other one is.

        >>> Audience((frozenset({"everyone", "group:S1"}),)).includes(Audience())
        True
        """
        return all(any(theirs <= ours for theirs in other.members) for ours in self.members)

    def as_json(self) -> list[list[str]]:
        """Returns sorted lists, as the turn's row stores them."""
        return sorted(sorted(member) for member in self.members)

    @staticmethod
    def from_json(members: Iterable[Iterable[str]]) -> "Audience":
        """Reads what :meth:`as_json` wrote."""
        return Audience(tuple(frozenset(member) for member in members))


@dataclass(frozen=True)
class Passage:
    """A piece of a document, as retrieved. ``score`` is between 0 and 1, higher is better.

    ``updated`` is the day of the document's last change, ``expired`` the last day that it held; days such as
    2026-01-31, empty where nothing says so.
    """

    chunk_id: str
    document_id: str
    title: str
    url: str
    heading_path: str
    text: str
    score: float
    updated: str = ""
    expired: str = ""


@dataclass(frozen=True)
class CitedPassage:
    """A passage under the number ``n`` that it has in a turn, by which the model cites it."""

    n: int
    passage: Passage


@dataclass(frozen=True)
class SettledAnswer:
    """What a person has answered to this very question before: the ``text``, and the document that has it."""

    document_id: str
    text: str


@dataclass(frozen=True)
class Usage:
    """Tokens and dollars of one model call; ``cost_usd`` is None when the model's price is unknown."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
    is_estimated: bool = False  # here, because the provider counted nothing, or nothing that can be believed
