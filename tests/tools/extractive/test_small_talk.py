"""What people type first: which messages are small talk, and what is said to them without a language model."""

import json
from typing import Any

import pytest

from agent.prompting import prompt
from agent.types import Message, ToolSchema
from tools.extractive import small_talk
from tools.extractive.answer import complete
from tools.extractive.follow_ups import find_background, rewrite
from tools.extractive.small_talk import SmallTalk, recognise

TOOLS: list[ToolSchema] = [
    {"type": "function", "function": {"name": name, "description": "", "parameters": {}}}
    for name in ("search_docs", "list_documents", "read_document")
]
EXAMPLES = ["How many days of leave do I have?", "Who approves travel?", "When is lunch?"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("hi", SmallTalk.GREETING),
        ("Hey Docent 👋", SmallTalk.GREETING),
        ("hellooo!!", SmallTalk.GREETING),
        (":wave:", SmallTalk.GREETING),
        ("Guten Morgen zusammen", SmallTalk.GREETING),
        ("こんにちは", SmallTalk.GREETING),
        ("I have a quick question", SmallTalk.GREETING),
        ("thanks!", SmallTalk.THANKS),
        ("ok great, thank you so much for your help", SmallTalk.THANKS),
        ("Merci beaucoup !", SmallTalk.THANKS),
        ("Thanks for the quick answer!", SmallTalk.THANKS),
        ("👍", SmallTalk.ACKNOWLEDGEMENT),
        ("Got it", SmallTalk.ACKNOWLEDGEMENT),
        ("bye, see you tomorrow", SmallTalk.FAREWELL),
        ("What can you do?", SmallTalk.ABOUT_BOT),
        ("hi, how does this bot work?", SmallTalk.ABOUT_BOT),
        ("help", SmallTalk.ABOUT_BOT),
        ("¿Qué puedes hacer?", SmallTalk.ABOUT_BOT),
        ("What documents do you know?", SmallTalk.ABOUT_DOCUMENTS),
        ("which pages are there", SmallTalk.ABOUT_DOCUMENTS),
        ("Welche Dokumente kennst du?", SmallTalk.ABOUT_DOCUMENTS),
        ("who do I ask?", SmallTalk.WHO_TO_ASK),
        ("Okay, and who can help me with that?", SmallTalk.WHO_TO_ASK),
        ("An wen wende ich mich?", SmallTalk.WHO_TO_ASK),
    ],
)
def test_small_talk_is_told_from_questions(message: str, kind: SmallTalk) -> None:
    assert recognise(message) is kind


@pytest.mark.parametrize(
    "message",
    [
        "",
        "?",
        "hi, how many days of leave do I have?",
        "thanks for nothing: where is the form for travel expenses?",
        "leave",
        "help desk",
        "How do I get help with payroll?",
        "who do I ask about parental leave?",
        "what do you know about leave?",
        "what do I do when my laptop is stolen?",
        "morning shift",
        "thank you note policy",
        "what can I do?",
        "how do I use it?",
        "documents for a visa",
        "Who is responsible for the fire drill?",
        "Who do I contact for the parking permit?",
        "is there anyone we can talk to for the mental health",
        "help for the expense tool",
        "info for the new starters",
        "menu for the canteen",
        "menu today",
        "commands for the vpn",
        "where did you get the information for the travel policy",
        "what documents do you have for the visa application?",
        "show me the handbook",
        "so",
        "thanks " * 40,
    ],
)
def test_a_question_is_no_small_talk(message: str) -> None:
    assert recognise(message) is None


def test_every_phrase_file_entry_is_reachable() -> None:
    patterns = small_talk._load_patterns()
    assert set(patterns) == set(SmallTalk)


def user(text: str, **evidence: dict[str, Any]) -> Message:
    return prompt.question_message(text, list(evidence.items()))


@pytest.mark.parametrize("examples", [(), EXAMPLES])
@pytest.mark.parametrize("message", ["hi", "thanks!", "bye", "ok", "who do I ask?"])
def test_one_sentence_is_said_without_looking_anything_up(message: str, examples: list[str]) -> None:
    said = complete([user(message)], TOOLS, examples=examples)
    assert said["is_small_talk"]
    assert "tool_calls" not in said
    assert "[" not in (said["content"] or "")
    if examples and message == "hi":
        assert said["content"] == (
            "Hello! Ask me something about the company's documents, for example "
            "“How many days of leave do I have?” or “Who approves travel?”."
        )


def test_thanks_in_a_thread_do_not_repeat_the_answer() -> None:
    thread: list[Message] = [
        {"role": "user", "content": "How many days of leave?"},
        {"role": "assistant", "content": "30 days [1]."},
        user("thanks!"),
    ]
    said = complete(thread, TOOLS)
    assert said["is_small_talk"]
    assert "30 days" not in (said["content"] or "")
    assert find_background("thanks!", ["How many days of leave?"]) == ""
    assert (
        rewrite("and in Bergen?", ["How many days of leave?", "thanks!"])
        == "How many days of leave? and in Bergen?"
    )


LISTING = {
    "found": 28,
    "sources": ["handbook", "wiki"],
    "documents": [{"title": f"Page {i}", "source": "handbook"} for i in range(20)],
}


def test_which_documents_there_are_is_listed() -> None:
    call = complete([user("What documents do you know?")], TOOLS)
    assert call["tool_calls"][0]["function"] == {"name": "list_documents", "arguments": "{}"}
    said = complete([user("What documents do you know?", list_documents=LISTING)], TOOLS)
    assert said["content"] == (
        "I know 28 documents from *handbook* and *wiki*, among them "
        "“Page 0”, “Page 1”, “Page 2”, “Page 3” and “Page 4”."
    )
    nothing = complete([user("What documents do you know?", list_documents={"found": 0, "documents": []})], TOOLS)
    assert nothing["content"] == "There are no documents yet that I may answer from here."


def test_titles_take_the_place_of_examples_where_there_are_none() -> None:
    said = complete([user("what can you do?", list_documents=LISTING)], TOOLS)
    assert "for example about “Page 0” or “Page 1”." in (said["content"] or "")
    assert "tool_calls" not in complete([user("what can you do?")], TOOLS, examples=EXAMPLES)


def passage(n: int, text: str, document: str) -> dict[str, Any]:
    place = {"title": document.title(), "heading": "", "url": "", "document_id": document}
    return {"n": n, "score": 0.8, "text": text, **place}


def ask_whom(*passages: dict[str, Any], read: list[dict[str, Any]] | None = None) -> Message:
    found = {"found": len(passages), "passages": list(passages)}
    thread: list[Message] = [
        {"role": "user", "content": "How do I claim travel expenses?"},
        {"role": "assistant", "content": "Within 28 days [1]."},
        user("who do I ask?", search_docs=found),
    ]
    call = complete(thread, TOOLS)
    if "tool_calls" not in call:
        return call
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"document": passages[0]["document_id"]}
    result = prompt.result_json({"title": "Travel", "passages": read or []})
    thread += [call, {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": result}]
    return complete(thread, TOOLS)


def test_who_to_ask_is_looked_for_on_the_page_that_was_answered_from() -> None:
    claim = passage(1, "Claim within 28 days. Keep every receipt.", "travel")
    parking = passage(2, "For parking contact parking@example.com.", "parking")
    contact = passage(
        3, "Questions? Write to travel@example.com or ask in #travel. The train is cheaper.", "travel"
    )
    said = ask_whom(claim, parking, read=[contact])
    assert "travel@example.com" in (said["content"] or "")
    assert "[3]" in (said["content"] or "")
    assert "28 days" not in (said["content"] or "")
    assert "parking" not in (said["content"] or "")


def test_a_passing_mention_does_not_stand_beside_the_one_to_ask() -> None:
    text = "No charm in #people brings them back. Questions? Ask #travel. Tell your lead when you fall ill."
    said = ask_whom(passage(1, text, "travel"))["content"] or ""
    assert "#travel" in said
    assert "charm" not in said
    assert "fall ill" not in said


def test_pages_that_name_nobody_are_said_to() -> None:
    said = ask_whom(passage(1, "Claim within 28 days. Keep every receipt.", "travel"))
    assert said["content"] == "The pages that I found name nobody to ask: Travel [1]."
    assert said["is_refusal"]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("This policy applies from 2025-01-01. Ask your manager about it.", "Ask your manager about it"),
        ("Many people call it PTO. Budgets are 20/25/30/40/50 euros.", "name nobody"),
        ("The form is ISBN 978-3-16-148410-0. Tell IT when it breaks.", "Tell IT when it breaks"),
        ("The hall is free. Phone: 030 1234567.", "030 1234567"),
        ("The hall is free. Call the porter on +49 30 1234567.", "+49 30 1234567"),
    ],
)
def test_dates_numbers_and_pronouns_are_nobody_to_ask(text: str, quoted: str) -> None:
    assert quoted in (ask_whom(passage(1, text, "travel"))["content"] or "")
