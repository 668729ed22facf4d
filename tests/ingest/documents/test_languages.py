"""The language of a document: told by itself, else detected, else not known."""

import pytest

from ingest.documents import languages
from ingest.documents.formats import Format
from ingest.documents.raw import RawDocument
from ingest.documents.readers import reader

SENTENCES = {
    "en": "Every employee has thirty days of annual leave, of which five can be carried over.",
    "de": "Jeder Mitarbeiter hat dreißig Tage Urlaub, von denen fünf übertragen werden können.",
    "fr": "Chaque salarié dispose de trente jours de congés payés par an.",
    "es": "Cada empleado tiene treinta días de vacaciones al año.",
    "pt": "Cada funcionário tem trinta dias de férias por ano.",
    "ja": "休暇は年に二十日です。申請は人事部へ。",
    "zh": "年假为二十天。请向人力资源部提出申请。",
    "nl": "Elke werknemer heeft dertig vakantiedagen per jaar.",
    "ru": "Отпуск составляет 28 дней. Заявление подаётся за две недели.",
    "he": "חופשה שנתית היא עשרים ימים לכל עובד בחברה.",
}


def language_of(content: str, kind: Format = Format.MARKDOWN) -> str:
    return reader.read_document(RawDocument(content.encode(), kind, "File name")).language


@pytest.mark.parametrize("language", SENTENCES)
def test_a_language_is_detected_by_a_sentence(language: str) -> None:
    assert (
        language_of(f"# 2026\n\n{SENTENCES[language]}\n\n```\nfor each in range(10): print(each)\n```\n")
        == language
    )
    assert languages.is_served(language) is (language not in {"nl", "ru", "he"})


@pytest.mark.parametrize(
    "text",
    [
        "Leave",
        "2024 | 2025 | 300 | 400 | 12.5 | 33%",
        "```\nimport os, sys\nfor path in sys.path: print(path)\n```",
        "Anna",
    ],
)
def test_nothing_is_said_of_the_language_of_what_has_hardly_a_word(text: str) -> None:
    assert language_of(text) == ""


@pytest.mark.parametrize(
    ("content", "kind", "language"),
    [
        ("---\nlang: nl-BE\n---\n{en}", "markdown", "nl"),
        ("---\nlanguage: Dutch\n---\n{en}", "markdown", "nl"),
        ("---\nlang: [a, b]\nlanguage: klingon language\n---\n{en}", "markdown", "en"),
        ("<html lang='de-AT'><p>{en}", "html", "de"),
        ("<html xml:lang='iw'><p>{en}", "html", "he"),
        ("<html lang=''><p>{de}", "html", "de"),
        ("<!doctype html><html lang='pl'><title>T</title><p>{en}", "webpage", "pl"),
    ],
)
def test_what_a_document_says_of_its_language_counts(content: str, kind: str, language: str) -> None:
    assert language_of(content.format(**SENTENCES), Format(kind)) == language
