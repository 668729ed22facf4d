"""How a turn ends: what is quoted, what is refused, and what a person reads about it."""

import pytest

from agent.errors import ToolError
from agent.llm import local_provider
from agent.llm.request import Model
from agent.settings import EXTRACTIVE_MODEL
from agent.tools import ToolContext, ToolResult, tool
from agent.turn import loop, notices
from agent.turn.events import Finished
from agent.types import EndReason, Limit, Message
from tests.agent.parts import Asked, shown
from tests.scripted_model import Fail, Say, ScriptedModel

CLOSEST = "The documents do not say. The closest is [1]."


def refuse(messages: object, tools: object, choice: str | None) -> Message:
    return {"role": "assistant", "content": CLOSEST, "is_refusal": True}


@pytest.mark.parametrize("is_refusal", [True, False])
def test_a_refusal_of_the_own_model_is_a_field_that_another_attempt_knows(asked: Asked, is_refusal: bool) -> None:
    if is_refusal:
        local_provider.register(refuse)
    asked.models = [Model(EXTRACTIVE_MODEL)]
    turn = asked.ask()
    reason = "no_evidence" if is_refusal else "answered"
    for end in (asked.answer(turn), asked.answer(turn)):  # the second time from what is stored
        assert (end.reason, [source.n for source in end.sources]) == (reason, [1])
        assert ("No language model is configured" in end.notice) is not is_refusal


def test_the_own_model_is_told_to_close_by_the_parameter_alone(asked: Asked) -> None:
    calls: list[tuple[list[str], str | None]] = []

    def note(messages: list[Message], tools: object, choice: str | None) -> Message:
        calls.append(([str(message["content"]) for message in messages], choice))
        return {"role": "assistant", "content": "Quoted: 5 days [1]."}

    local_provider.register(note)  # type: ignore[arg-type]
    asked.models = [Model(EXTRACTIVE_MODEL)]
    asked.limits = type(asked.limits)(max_steps=1, max_seconds=30)
    assert asked.answer().reason == "steps"
    ((contents, choice),) = calls
    assert choice == "none"
    assert "How many days?" in contents[-1]


SMALL_TALK: Message = {"role": "assistant", "content": "Hello!", "is_small_talk": True}
REFUSAL: Message = {"role": "assistant", "content": "I found nothing.", "is_refusal": True}
QUOTED: Message = {"role": "assistant", "content": "5 days [1]."}


@pytest.mark.parametrize("is_model_away", [False, True])
@pytest.mark.parametrize(
    ("message", "reason"), [(SMALL_TALK, "small_talk"), (REFUSAL, "no_evidence"), (QUOTED, "answered")]
)
def test_that_it_is_quoted_is_said_only_where_something_is(
    asked: Asked, model: ScriptedModel, message: Message, reason: str, is_model_away: bool
) -> None:
    local_provider.register(lambda messages, tools, choice: message)
    if is_model_away:
        model.script = lambda request: Fail(401)
    else:
        asked.models = [Model(EXTRACTIVE_MODEL)]
    turn = asked.ask()
    for end in (asked.answer(turn), asked.answer(turn)):  # the second time from what is stored
        assert ("quoted" in end.notice) is (message is QUOTED)
        assert message is not SMALL_TALK or end.notice == ""
        if not is_model_away or message is SMALL_TALK:
            assert end.reason == reason


@tool(only_passages=True)
def look_up_in_vain(query: str, *, context: ToolContext) -> ToolResult:
    """Fails, as a search does whose index is away."""
    raise ToolError("The index cannot be reached.")


@pytest.mark.parametrize("said", ["It is 5 days.", "[not in the documents]\nThey do not say."])
def test_what_could_not_be_looked_up_is_not_said_to_be_missing_in_the_documents(
    asked: Asked, model: ScriptedModel, said: str
) -> None:
    asked.tools = {"look_up": look_up_in_vain}
    model.script = lambda request: Say(said)
    turn = asked.ask()
    for end in (asked.answer(turn), asked.answer(turn)):
        assert (end.reason, end.notice) == ("not_searched", notices.BY_REASON[EndReason.NOT_SEARCHED])


def test_a_refusal_of_the_own_model_without_a_look_up_that_succeeded_is_no_word_about_the_documents(
    asked: Asked,
) -> None:
    local_provider.register(lambda messages, tools, choice: REFUSAL)
    asked.models, asked.tools = [Model(EXTRACTIVE_MODEL)], {"look_up": look_up_in_vain}
    assert asked.answer().reason == "not_searched"


def test_small_talk_of_a_model_needs_no_mark_where_nothing_was_looked_up(
    asked: Asked, model: ScriptedModel
) -> None:
    asked.kit_options["is_small_talk"] = lambda question: question == "thanks!"
    model.script = lambda request: Say("You're welcome!")
    turn = asked.ask("thanks!")
    events = list(loop.TurnRun(turn, asked.kit, lambda: None).events(lambda question: []))
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.text, end.reason, end.notice) == ("You're welcome!", "small_talk", "")
    assert shown(events) == "You're welcome!"


def test_small_talk_in_a_thread_is_not_rewritten(asked: Asked, model: ScriptedModel) -> None:
    asked.kit_options["is_small_talk"] = lambda question: question == "thanks!"
    asked.finish(asked.ask())
    model.script = lambda request: Say("You're welcome!")
    asked.answer(asked.ask("thanks!"))
    assert asked.query("SELECT purpose FROM model_calls") == [("step",)]


def test_every_reason_that_needs_one_has_a_sentence() -> None:
    silent = {EndReason.ANSWERED, EndReason.NO_EVIDENCE, EndReason.SMALL_TALK, EndReason.BUDGET}
    ended_by_the_worker = {
        EndReason.GREETING,
        EndReason.STOPPED,
        EndReason.WITHDRAWN,
        EndReason.UNCHANGED,
        EndReason.TOO_LONG,
        EndReason.NOT_ALLOWED,
        EndReason.INTERRUPTED,
        EndReason.RESTORED,
        EndReason.ERROR,
    }
    undelivered = {  # and so read by nobody
        EndReason.CHANNEL_ARCHIVED,
        EndReason.BOT_REMOVED,
        EndReason.THREAD_GONE,
        EndReason.POSTING_FORBIDDEN,
        EndReason.TOKEN_REFUSED,
        EndReason.SLACK_AWAY,
        EndReason.UNINSTALLED,
        EndReason.UNDELIVERABLE,
    }
    assert notices.BY_REASON.keys() == set(EndReason) - silent - ended_by_the_worker - undelivered
    assert {EndReason(limit) for limit in Limit} - {EndReason.BUDGET} <= notices.BY_REASON.keys()
