"""Rules are tried only where one of their beginnings stands, and find what they find when tried everywhere."""

import re
from pathlib import Path

import pytest

from agent.prompting import embedded_instructions, rule_beginnings
from agent.prompting.rule_beginnings import START, Beginnings
from tests.agent.prompting.test_embedded_instructions import HONEST, INSTRUCTIONS


def spans(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What the rules find where they begin, and what they find when tried at each character."""
    strong, _, beginnings = embedded_instructions._read_rules()
    found = [match.span() for match in rule_beginnings.matches(strong, beginnings, text)]
    return found, [match.span() for match in strong.finditer(text)]


@pytest.mark.parametrize("text", [*INSTRUCTIONS, *HONEST])
def test_the_rules_find_the_same_as_when_they_are_tried_everywhere(text: str) -> None:
    odd = text.replace("i", "ı").replace("s", "ſ").replace("σ", "ς").replace("I", "İ").replace("д", "ᲁ")
    for way in (text, text.upper(), text.lower(), odd, f"x.\n\n *** \n{text}", f"İ{text}", f"x{text}{text}"):
        found, expected = spans(way)
        assert found == expected


def test_the_rules_find_the_same_in_poisoned_pages(eval_dir: Path) -> None:
    lines = (eval_dir / "injection" / "poisoned_handbook.jsonl").read_text().splitlines()
    for line in lines[::10]:
        found, expected = spans(line[:5_000])
        assert found == expected


def test_few_places_of_an_honest_page_are_looked_at(eval_dir: Path) -> None:
    _, _, beginnings = embedded_instructions._read_rules()
    pages = sorted((eval_dir / "handbook_18f" / "pages").rglob("*.md"))[::20]
    texts = [page.read_text() for page in pages]
    assert sum(len(beginnings.find(text)) for text in texts) < sum(map(len, texts)) / 30


@pytest.mark.parametrize("mark", ["\n", "\n\n- ", ". ", "*", "a ", "\u0660"])
def test_what_is_no_beginning_is_not_looked_at(mark: str) -> None:
    _, _, beginnings = embedded_instructions._read_rules()
    assert beginnings.find(mark * 20_000) == []


@pytest.mark.parametrize(
    ("rule", "text", "places"),
    [
        (r"\b(?:say|write)\s+it", "Say it, essay, writer, WRITE it", [0, 23]),
        (rf"{START}(?:please )?pretend", "x. \n- pretend to pretend", [2, 6, 17]),
        (r"(?<!#)#{2,5}[ ]?x", "# ## x", [2]),
        (r"^\W{0,3}\[sys", "\n-[sys", [0, 1, 2]),
        (r"忽略.{0,9}指令", "請忽略指令", [1]),
        (r"\w+ it", "say", [0, 1, 2]),
    ],
)
def test_a_place_is_where_the_first_letters_of_a_rule_stand(rule: str, text: str, places: list[int]) -> None:
    found = Beginnings([rule]).find(text)
    assert set(places) <= set(found) <= {*range(len(text) + 1)}
    assert {match.start() for match in re.finditer(rule, text, re.IGNORECASE | re.MULTILINE)} <= set(found)
