"""One word in many spellings; slips of the keyboard; words a document is only filed under; parts of a question."""

from pathlib import Path

import pytest

from agent.store.database import Database
from agent.tools import ToolContext
from agent.types import Audience, JsonObject
from ingest.library import Library
from ingest.search.text import contains_word, is_misspelt_stop_word, stem, stems
from ingest.search.typos import CandidateTexts, find_corrections
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tools.extractive.answer import quote
from tools.extractive.follow_ups import find_background
from tools.extractive.question import split
from tools.extractive.synonyms import find_synonyms
from tools.registry import find_tools


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("organise", "organizing"),
        ("colour", "colors"),
        ("favourite", "favorite"),
        ("metre", "meters"),
        ("kilometres", "kilometer"),
        ("travelled", "traveling"),
        ("programme", "programs"),
        ("carry", "carried"),
    ],
)
def test_a_word_is_one_in_both_spellings(one: str, other: str) -> None:
    assert stem(one) == stem(other)
    assert contains_word(one, f"we have {other} here")
    assert contains_word(other, f"we have {one} here")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("color", "a colourful, colour-coded plan"),
        ("neighbor", "the neighbourhood party"),
        ("organise", "the organizer of it"),
        ("customise", "is customizable"),
        ("center", "a centre-based course"),
        ("company", "listed in companies-house"),
        ("policy", "as policies-only text"),
        ("making", "a policy-makin' mood and decision-making"),
    ],
)
def test_a_word_is_found_in_what_is_made_of_it(word: str, text: str) -> None:
    assert contains_word(word, text)
    assert CandidateTexts({"a": text, "b": "something else"}).ids_with_any_form(word) == ["a"]


@pytest.mark.parametrize(
    ("word", "text"), [("percent", "25 %"), ("euros", "40 € a day"), ("dollars", "$5"), ("pounds", "£5")]
)
def test_a_sign_is_its_name(word: str, text: str) -> None:
    texts = CandidateTexts({"a": text, "b": "something else"})
    assert texts.contain(word)
    assert texts.ids_with_any_form(word) == ["a"]
    assert find_corrections(f"how many {word}?", texts) == {}


@pytest.mark.parametrize(
    ("slip", "text", "meant"),
    [
        ("organizaton", "an organization-wide rule", "organization"),
        ("pollicy", "our policy-making", "policy"),
        ("emial", "an e-mail came", "email"),
        ("makng", "our policy-making", "making"),
    ],
)
def test_a_slip_of_a_part_of_a_hyphenated_word_is_understood(slip: str, text: str, meant: str) -> None:
    assert find_corrections(slip, CandidateTexts({"a": text})) == {slip: meant}


def test_words_that_only_look_alike_stay_apart() -> None:
    for one, other in (("hour", "hor"), ("four", "for"), ("price", "prize"), ("call", "cal"), ("tour", "tor")):
        assert stem(one) != stem(other)


def test_hyphens_and_signs_do_not_matter() -> None:
    assert {"email", "wifi", "percent", "euro"} <= stems("By e-mail or Wi-Fi: 25 % or €40")
    assert contains_word("email", "write an e-mail")
    assert contains_word("percent", "25 %")
    assert stem("percent") in stems("25 per cent")


@pytest.mark.parametrize("slip", ["meny", "wich", "befor", "shoud", "becuase", "waht"])
def test_a_stop_word_with_a_slip_is_no_content(slip: str) -> None:
    assert is_misspelt_stop_word(slip)
    assert find_corrections(f"{slip} bananas", CandidateTexts({"a": "ripe bananas"})) == {slip: ""}


@pytest.mark.parametrize("word", ["gym", "beer", "wine", "bank", "lease", "which", "sabbatical"])
def test_a_word_of_its_own_is_no_slip_of_a_stop_word(word: str) -> None:
    assert not is_misspelt_stop_word(word)


def test_words_of_one_sense_are_found_but_no_mere_beginnings() -> None:
    found = find_synonyms(["died", "cab", "zebra"], ["death", "cabin", "invoice"])
    assert found["died"].keys() == {stem("death")}
    assert not found["cab"]
    assert not found["zebra"]


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("How old is the oldest tree?", ["How old is the oldest tree?"]),
        ("When does it open, and who has the key to the shed?", None),
        (
            "I visit Bremen for two nights. What may the hotel cost, and when does the office open?",
            [
                "I visit Bremen for two nights. What may the hotel cost?",
                "I visit Bremen for two nights. when does the office open?",
            ],
        ),
        ("How often do I change the password and where do I do it?", None),
        ("A tree falls: who clears the road, and who pays the fine?", None),
    ],
)
def test_a_question_is_read_part_by_part(question: str, texts: list[str] | None) -> None:
    read = [part.text for part in split(question)]
    if texts:
        assert read == texts
    elif "change" in question:
        assert len(read) == 1
    else:
        assert len(read) <= 2
        assert all(part.endswith("?") for part in read)


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("And how long must a password be?", False),
        ("and is parking free?", False),
        ("And is there a kitchen in Bremen?", False),
        ("and for contractors?", True),
        ("and what is the deadline?", True),
        ("How do I cancel?", True),
        ("and if it's my own wedding?", True),
        ("what about the blue plan?", True),
    ],
)
def test_a_follow_up_leans_only_if_it_says_too_little(question: str, leans: bool) -> None:
    assert bool(find_background(question, ["How many days of leave can I carry over?"])) == leans


GARDEN = {
    "leave.md": (
        "---\ntitle: Annual leave\ntags: [vacation, PTO]\n---\n\n## How much\n\nEverybody has 27 days a year.\n\n"
        "## Asking\n\nAsk in the portal, three weeks before.\n"
    ),
    "shed.md": "# Shed\n\n## Key\n\nThe key to the shed hangs in the kitchen.\n",
    "fines.md": "# Fines\n\n## Late returns\n\nWhoever returns a tool late pays a fine of 4 euros.\n",
}


@pytest.fixture
def context(database: Database, tmp_path: Path) -> ToolContext:
    folder = tmp_path / "garden"
    folder.mkdir()
    for name, text in GARDEN.items():
        (folder / name).write_text(text)
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    sync_folder(library, str(folder))
    return ToolContext(Audience(), "test", 9e9, {Library: library})


def asked(context: ToolContext, question: str) -> str:
    result = find_tools()["search_docs"].call({"query": question}, context)
    shown: list[JsonObject] = [
        {"n": n, "title": p.title, "heading": p.heading_path, "score": p.score, "text": p.text}
        for n, p in enumerate(result.passages, 1)
    ]
    return quote(question, [{**result.data, "passages": shown}]).text


def test_a_document_answers_to_its_keywords(context: ToolContext) -> None:
    result = find_tools()["search_docs"].call({"query": "How many days of vacation are there?"}, context)
    assert "not_found" not in result.data
    assert result.data["keywords"] == {"Annual leave": ["vacation"]}
    assert "27 days a year" in asked(context, "How many days of vacation are there?")


def test_each_part_of_a_question_is_answered(context: ToolContext) -> None:
    text = asked(context, "Where is the key to the shed, and what is the fine for a late tool?")
    assert "in the kitchen" in text
    assert "4 euros" in text
