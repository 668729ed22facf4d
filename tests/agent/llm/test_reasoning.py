"""Reasoning in the text: what is held back of a model that is not known yet, and what is learned of it."""

from collections.abc import Sequence

import pytest

from agent.llm.answers.reasoning import HELD_SECONDS, Habit, ReasoningFilter, find_habit
from agent.llm.request import Model, Retracted

ANSWER = "Five days [1]."
OWN = "http://127.0.0.1:1/v1"


def read(model: Model, pieces: Sequence[str], *, seconds: float = 0.0, is_cut: bool = False) -> list[str]:
    """What was shown after each piece, and at the end; ``seconds`` pass with each piece."""
    now = [0.0]
    filter_, shown, moments = ReasoningFilter(model, clock=lambda: now[0]), "", []
    for piece in [*pieces, None]:
        for part in filter_.feed(piece) if piece is not None else filter_.finish(is_cut=is_cut):
            shown = "" if isinstance(part, Retracted) else shown + part
        moments.append(shown)
        now[0] += seconds
    return moments


def test_a_model_that_only_closes_shows_nothing_before_and_is_known_from_then_on() -> None:
    model = Model("openai/closes", OWN)
    assert read(model, ["It says five. ", "</think>", ANSWER]) == ["", "", ANSWER, ANSWER]
    assert find_habit(model) is Habit.CLOSES
    slow = read(model, ["It says ", "five. ", "</think>", ANSWER], seconds=60)
    assert slow == ["", "", "", ANSWER, ANSWER]
    assert read(model, ["It says five, so"], is_cut=True)[-1] == ""  # it did not come to an answer
    assert read(model, ["It says five.", "</think>"])[-1] == ""  # nor here
    assert read(model, [ANSWER], seconds=60) == ["", ANSWER]  # it did not think this time
    assert find_habit(model) is Habit.PLAIN


def test_a_second_closing_tag_takes_no_answer_of_a_model_that_is_known_to_close() -> None:
    model = Model("openai/closes-twice", OWN)
    for _ in range(4):
        assert read(model, ["It says five.", "</think>", ANSWER, "\n</think>"])[-1].strip() == ANSWER


def test_a_model_that_answers_plainly_streams_from_then_on() -> None:
    model = Model("openai/plain", OWN)
    assert read(model, ["Five ", "days [1]."]) == ["", "", ANSWER]
    assert find_habit(model) is Habit.PLAIN
    assert read(model, ["Five ", "days [1]."]) == ["Five ", ANSWER, ANSWER]
    taken_back = read(model, ["It says five.", "</think>", ANSWER])
    assert taken_back == ["It says five.", "It says five.", ANSWER, ANSWER]
    assert find_habit(model) is Habit.CLOSES


@pytest.mark.parametrize(
    ("name", "text", "is_held"),
    [
        ("openai/own", "Five days", False),
        ("openai/own", "Okay, the person asks", True),
        ("openai/own", "Let me look", True),
        ("ollama/deepseek-r1:7b", "Five days", True),
        ("ollama/qwen3-4b-thinking", "Five days", True),
    ],
)
def test_an_unknown_model_is_waited_for_a_moment_or_to_the_end_where_it_seems_to_think(
    name: str, text: str, is_held: bool
) -> None:
    moments = read(Model(name, f"{OWN}/{text}"), [text, " and", " more"], seconds=HELD_SECONDS)
    assert moments[0] == ""
    assert (moments[1] == "") is is_held
    assert moments[-1] == f"{text} and more"


@pytest.mark.parametrize("model", [Model("openai/gpt-5-mini"), Model("anthropic/claude-sonnet-4-5")])
def test_providers_that_give_reasoning_apart_stream_at_once(model: Model) -> None:
    assert read(model, ["Okay, five "])[0] == "Okay, five "


def test_one_closing_tag_does_not_lose_the_next_cut_answer() -> None:
    model = Model("openai/once", OWN)
    assert read(model, ["It says five. </think>", ANSWER])[-1] == ANSWER
    assert read(model, ["Five days"], is_cut=True)[-1] == "Five days"
    assert read(model, [ANSWER])[-1] == ANSWER
    assert read(model, ["Five ", "days [1]."])[0] == "Five "


@pytest.mark.parametrize(
    "text", [f"{ANSWER}</think>", f"<think>x</think>{ANSWER}</think>\n", f"{ANSWER}\n</think>"]
)
def test_a_closing_tag_that_ends_nothing_teaches_nothing(text: str) -> None:
    model = Model(f"openai/{text}", OWN)
    assert read(model, [*text])[-1].strip() == ANSWER
    assert find_habit(model) is Habit.PLAIN


def test_a_closing_tag_beside_a_call_ends_the_reasoning_before_it() -> None:
    filter_ = ReasoningFilter(Model("openai/calls", OWN))
    assert [*filter_.feed("I must look.\n</think>\n"), *filter_.finish(is_cut=False, has_calls=True)] == []
    assert (filter_.text, filter_.reasoning) == ("", "I must look.")


@pytest.mark.parametrize("text", ["Write </think> at the end [1].", f"Use </think>.\n\n{ANSWER}"])
def test_words_about_a_closing_tag_are_text_where_reasoning_comes_apart(text: str) -> None:
    for name in ("openai/gpt-4o", "anthropic/claude-sonnet-4-5"):
        assert read(Model(name), [*text])[-1] == text
        assert find_habit(Model(name)) is Habit.PLAIN
        assert read(Model(name), ["Five ", "days"], is_cut=True)[::2] == ["Five ", "Five days"]
