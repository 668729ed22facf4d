"""Every sentence of ours is in every catalogue, and says the same, as far as that can be told of a language."""

import re
import string
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from agent.translation import catalogues
from agent.translation.languages import ENGLISH, SPOKEN, Speech
from agent.translation.speech import say, say_in, speak
from tests.catalogues import sentences
from tests.catalogues.__main__ import update
from tools.extractive import sections
from tools.extractive.sections import NamedSection

TRANSLATED = [language for language in SPOKEN if language != ENGLISH]
KEPT = re.compile(r"`[^`]*`|<[@#][^>]*>|DOCENT_\w+|\b(?:Docent|Slack)\b|[⏰⏸❌👍👎•]")
# Slack's limits in characters: titles and buttons of forms, buttons of a confirmation, a choice in a menu.
SHORT = {
    24: (
        "Ask a follow-up", "Ask", "Cancel", "Publish this answer", "Publish", "Correct this answer", "Save",
        "What was wrong?", "Send", "Skip", "Thank you", "Close",
    ),
    30: ("Share",),
    75: (
        "Listen to everyone here", "Only when mentioned", "Mute", "As usual in this channel", "Show how",
        "Share to channel", "Ask a human", "Correct this", "Write the answer", "Answer me privately",
    ),
    100: ("Ask the people of this channel?", "Share this answer?"),
    150: ("Ask the company's documents",),
}  # fmt: skip


def read(language: str) -> Catalog:
    with (catalogues.FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def fields(text: str) -> Counter[str]:
    """The placeholders of a sentence, with how each is written."""
    parts = string.Formatter().parse(text)
    return Counter(f"{name}:{spec}" for _, name, spec, _ in parts if name is not None)


def pairs(language: str) -> list[tuple[str, str]]:
    """Each sentence with each of its translations."""
    said = []
    for one in read(language):
        if not one.id:
            continue
        sources = list(one.id) if isinstance(one.id, tuple | list) else [one.id]
        texts = [one.string] if isinstance(one.string, str) else list(one.string or [""])
        said += [(str(source), str(text)) for source, text in zip(sources[-len(texts) :], texts, strict=True)]
    return said


def test_the_code_has_sentences_and_none_is_marked_that_is_not_found() -> None:
    assert len(sentences.collect()) > 300
    found = sentences.find('f"{say(\'One\')}"; speech.say_in(language, "Two"); say_plural("a", "b", n); say(X)')
    assert found == ["One", "Two", ("a", "b")]


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_is_translated_and_no_translation_is_left_over(language: str) -> None:
    """After a change of a sentence: make catalogues, and translate what is empty."""
    known = [tuple(one.id) if isinstance(one.id, list) else one.id for one in read(language) if one.id]
    assert known == sentences.collect()
    assert not [one.id for one in read(language) if one.fuzzy and one.id]
    assert not [source for source, text in pairs(language) if not text.strip()]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_names_and_commands_of_its_sentence(language: str) -> None:
    for source, text in pairs(language):
        assert fields(text) == fields(source), text
        kept, wanted = Counter(KEPT.findall(text)), Counter(KEPT.findall(source))
        in_examples = {one for one in wanted if "every monday" in one or "How many days" in one}
        assert not set(wanted) - set(kept) - in_examples, text
        assert text.count("*") == source.count("*") or "`" in text, text
        assert text.count("\n") == source.count("\n"), text
        assert text.startswith("_") == source.startswith("_"), text


@pytest.mark.parametrize("language", SPOKEN)
def test_what_stands_on_buttons_and_forms_fits_there(language: str) -> None:
    collected = sentences.collect()  # reads all of the code: a second
    for limit, labels in SHORT.items():
        for label in labels:
            assert label in collected
            assert len(say_in(language, label)) <= limit


@pytest.mark.parametrize("language", SPOKEN)
def test_a_suggested_question_is_understood_in_whatever_language_it_is_asked(language: str) -> None:
    section = NamedSection("Annual leave", "The winter rule")
    with speak(Speech(answer=language)):
        asked = section.ask()
    assert sections.read(asked) == section


@pytest.mark.parametrize("broken", [None, b"", b'msgid "Nothing found"\nmsgstr "', b"\xff\xfe\x00"])
def test_a_catalogue_that_is_missing_or_broken_costs_nothing_but_the_translation(
    tmp_path: Path, broken: bytes | None
) -> None:
    if broken is not None:
        (tmp_path / "de.po").write_bytes(broken)
    assert catalogues.load("de", tmp_path).gettext("Nothing found") == "Nothing found"
    assert catalogues.load("de", tmp_path).ngettext("{n} day", "{n} days", 2) == "{n} days"


def test_numbers_are_written_as_in_the_language_and_what_is_filled_in_is_not_read_as_a_sentence() -> None:
    with speak(Speech("de")):
        assert "12.000" in say(
            "Your question is longer than {limit:,} characters. Please ask it in fewer.", limit=12_000
        )
        assert (
            say("For this, ask {contact}.", contact="{0.__class__}") == "Wenden Sie sich damit an {0.__class__}."
        )
        assert say("a sentence that no catalogue has") == "a sentence that no catalogue has"
        assert say("") == ""


def test_updating_a_catalogue_keeps_what_is_translated_and_changes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (catalogues.FOLDER / "de.po").read_bytes()
    (tmp_path / "de.po").write_bytes(before)
    monkeypatch.setattr("tests.catalogues.__main__.FOLDER", tmp_path)
    assert update("de") == 0
    assert (tmp_path / "de.po").read_bytes() == before
