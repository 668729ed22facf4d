"""A short message takes up what the answer before it offered, or one of its items."""

import json
from typing import Any

import pytest

from agent.prompting import prompt
from agent.types import JsonObject, Message, ToolSchema
from tools.extractive.answer import complete
from tools.extractive.rules.taking_up import take_up

SEARCH: ToolSchema = {
    "type": "function",
    "function": {"name": "search_docs", "description": "Searches.", "parameters": {}},
}
OFFER = "Ask your lead. [1] Would you like to know how to cancel it?"
BELOW = "5 days.\n\nYou might also ask: What does “Leave” say about “Sick”?"
NESTED = "1. Tell your lead\n   - by phone\n   - in writing\n2. Enter the day\n"
STEPS = "To report a sick day:\n1. Tell your lead [1]\n2. Enter the *day* in [Turnstile](https://t.example) [2]"


@pytest.mark.parametrize(
    ("message", "answer", "taken"),
    [
        *((yes, OFFER, "how to cancel it?") for yes in ("yes", "Yes, please!", "sure", "tell me more", "ok")),
        ("yes", "Do you want me to explain how carry-over works?", "how carry-over works?"),
        ("go ahead", "25 days. Shall I look up the form?", "the form?"),
        ("ja bitte", "Möchten Sie wissen, wie man ihn storniert?", "wie man ihn storniert?"),
        ("gerne", "Soll ich Ihnen die Kündigungsfristen zeigen?", "die Kündigungsfristen?"),
        ("oui merci", "Voulez-vous savoir comment l'annuler ?", "comment l'annuler?"),
        ("Sí, por favor", "¿Quieres saber cómo cancelarlo?", "cómo cancelarlo?"),
        ("sim", "Quer saber como cancelar?", "como cancelar?"),
        ("はい、お願いします", "キャンセル方法を知りたいですか？", "キャンセル方法?"),
        ("好的", "您想了解如何取消吗？", "如何取消?"),
        ("tell me", "25 days [1]. See also [How to cancel](https://a.example/c).", "How to cancel"),
        ("yes", "- Would you like to know how to cancel? [1]\n- 5 days [2]", "how to cancel?"),
        ("please", f"{OFFER} You can. Do you want to see the form?", "the form?"),  # the last one
        ("yes", BELOW, "What does “Leave” say about “Sick”?"),
        ("ok", BELOW, ""),
        ("ok", f"{OFFER} Or ask your lead.", ""),
        *((no, OFFER, "") for no in ("no", "thanks", "yes, but how long?", "great", "why?", "", "👍")),
        ("yes", "5 days.", ""),
        ("yes", "", ""),
        ("the second one", STEPS, "Enter the day in Turnstile"),
        ("and what about the last step?", STEPS, "Enter the day in Turnstile"),
        ("the first?", STEPS, "Tell your lead"),
        ("and the other?", STEPS, "Enter the day in Turnstile"),
        ("the third one", STEPS, ""),
        ("the second one", NESTED, "Enter the day"),
        ("the last one", NESTED, "Enter the day"),
        ("und der zweite Punkt?", STEPS, "Enter the day in Turnstile"),
        ("la dernière étape", STEPS, "Enter the day in Turnstile"),
        ("el segundo", STEPS, "Enter the day in Turnstile"),
        ("o primeiro", STEPS, "Tell your lead"),
        ("2番目", STEPS, "Enter the day in Turnstile"),
        ("第一个", STEPS, "Tell your lead"),
        ("the other day I asked", STEPS, ""),
        ("the last one", "5 days. [1]", ""),
    ],
)  # fmt: skip
def test_what_is_taken_up_is_asked_in_the_words_of_the_answer(message: str, answer: str, taken: str) -> None:
    assert take_up(message, answer) == taken


@pytest.mark.parametrize(
    "repeated", ["would you like ", "- ", "1. a\n", "可以", "möchten sie ", "[1]", "see also ", " ", "]("]
)
def test_a_long_answer_is_read_within_the_limits(repeated: str) -> None:
    text = repeated * (100_000 // len(repeated))
    for message in ("yes", "ok", "the second one", text[:60]):
        assert take_up(message, text) is not None


def talk(*said: str) -> list[Message]:
    roles: Any = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]


@pytest.mark.parametrize(
    ("said", "searched"),
    [
        (
            ("How many days of annual leave do I have?", OFFER, "yes please"),
            "How many days of annual leave do I have? how to cancel it?",
        ),
        (("How do I report a sick day?", STEPS, "and the last step?"), "Enter the day in Turnstile"),
        (
            ("How do I report a sick day?", STEPS, "and the last step?", "In [Turnstile]. [1]", "why?"),
            "Enter the day in Turnstile why?",
        ),
        (
            ("How long does it take?", "8 hours.", "What does a Model 3 cost?", "400 euros.", "and a Model S?"),
            "What does a Model cost? and a Model S?",
        ),
    ],
)  # fmt: skip
def test_the_search_is_for_what_was_taken_up(said: tuple[str, ...], searched: str) -> None:
    call = complete(talk(*said), [SEARCH])["tool_calls"][0]["function"]
    assert json.loads(call["arguments"])["query"] == searched


CARS = """A Model 3 takes 8 hours to charge. The lease of a Model 3 is 400 euros a month.

A Model S takes 12 hours to charge. The lease of a Model S is 700 euros a month."""


def ask_of_cars(question: str) -> Message:
    passage: JsonObject = {
        "n": 1,
        "title": "Company cars",
        "url": "",
        "document_id": "1",
        "score": 0.8,
        "text": CARS,
    }
    said = talk("How long does a Model 3 take?", "8 hours [1]", "How much is the lease of a Model 3?", "400 [1]")
    found = prompt.question_message(question, [("search_docs", {"found": 1, "passages": [passage]})])
    return complete([*said, found])


def test_another_one_of_a_kind_is_not_answered_with_the_one_before() -> None:
    text = str(ask_of_cars("and for a Model S?")["content"])
    assert "700 euros" in text
    assert "Model 3" not in text
    assert ask_of_cars("and for a Model X?")["is_refusal"]
