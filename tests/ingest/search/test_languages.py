"""Words of other languages than English: which language it is, what carries meaning, what is the same word."""

import pytest

from ingest.documents import languages
from ingest.search.languages import Language, detect, is_compound_part
from ingest.search.text import content_words, detect_language, recognise_language, stems


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie viele Urlaubstage habe ich?", Language.GERMAN),
        ("wo reiche ich reisekosten ein", Language.GERMAN),
        ("Combien de jours de congé ai-je ?", Language.FRENCH),
        ("¿Cuántos días de vacaciones tengo?", Language.SPANISH),
        ("Quantos dias de férias tenho?", Language.PORTUGUESE),
        ("有給休暇は何日ありますか", Language.JAPANESE),
        ("年休假最多可以结转几天", Language.CHINESE),
        ("How many days of leave do I have?", Language.ENGLISH),
        ("PPR-9087", Language.ENGLISH),
        ("", Language.ENGLISH),
    ],
)
def test_the_language_of_a_question_is_recognised(question: str, language: Language) -> None:
    assert detect_language(question) is language


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Bis wann muss ich mich am ersten Krankheitstag melden?", ["ersten", "krankheitstag", "melden"]),
        ("Combien de jours de congé ai-je ?", ["jours", "conge", "ai-je"]),
        ("有給休暇は何日ありますか", ["有給", "給休", "休暇", "何日"]),
        ("Where can I park my bicycle?", ["park", "bicycle"]),
    ],
)
def test_what_asks_and_relates_is_left_out(question: str, words: list[str]) -> None:
    assert content_words(question) == words


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("Urlaubstage", "Urlaubstagen", Language.GERMAN),
        ("naechste", "nächsten", Language.GERMAN),
        ("Straße", "strasse", Language.GERMAN),
        ("congés", "conge", Language.FRENCH),
        ("vacaciones", "vacación", Language.SPANISH),
        ("reembolsos", "reembolso", Language.PORTUGUESE),
    ],
)
def test_forms_of_a_word_are_the_same(one: str, other: str, language: Language) -> None:
    assert stems(one, language) == stems(other, language)


def test_a_part_of_a_german_compound_is_found() -> None:
    assert is_compound_part("reisekost", "reisekostenabrechn")
    assert is_compound_part("arbeitszeugnis", "zeugnis")
    assert not is_compound_part("reis", "reisekost")


def test_what_a_long_text_leaves_behind_is_bounded() -> None:
    detect.cache_clear()
    opening = "wie viele urlaubstage habe ich und wo " * 100
    assert {detect_language(f"{opening} {n}") for n in range(5)} == {Language.GERMAN}
    assert detect.cache_info().currsize == 1  # what comes behind the first hundreds of words is not kept


def test_no_notice_is_given_of_a_language_that_search_has_rules_for() -> None:
    assert set(languages.SERVED) == set(Language)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How many days may I carry over?", "en"),
        ("Wie viele Tage darf ich übertragen?", "de"),
        ("Combien de jours puis-je reporter ?", "fr"),
        ("¿Cuántos días puedo acumular?", "es"),
        ("Quantos dias posso transferir?", "pt"),
        ("休暇は何日繰り越せますか？", "ja"),
        ("我可以结转多少天年假？", "zh"),
        ("有給休暇", None),  # it may be Japanese as well as Chinese
        ("VPN", None),
        ("Wappen Paris 2024", None),
        ("Quanti giorni di ferie posso riportare?", None),  # Italian
        ("", None),
        ("🙂", None),
    ],
)
def test_a_language_is_recognised_only_where_the_words_leave_no_doubt(question: str, language: str | None) -> None:
    assert recognise_language(question) == language
