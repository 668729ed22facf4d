"""Full text in the languages of the documents: what a person asks for by words is found by words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.types import Audience
from ingest.index import lancedb_runtime, scan
from ingest.index.filters import ChunkFilter
from ingest.index.table import Index, IndexedChunk
from ingest.library import Library
from ingest.search import terms
from ingest.search.languages import Language
from ingest.search.text import stem
from ingest.search.typos import CandidateTexts, find_corrections
from tests.library import sync_folder

EVERYONE = Audience()
READERS = "r" * 64
PAGES = {
    "arbeitszeugnisse": ("de", "Arbeitszeugnisse", "Wer geht, bekommt binnen vier Wochen eine Urkunde."),
    "reisekosten": ("de", "Reisekostenabrechnung", "Belege sind binnen 28 Tagen im Portal einzureichen."),
    "urlaub": ("de", "Urlaubsregelung", "Jeder hat dreißig Tage Urlaub, von denen zehn übertragen werden können."),
    "kantine": ("de", "Kantine", "Das Essen kostet sechs Euro und wird über den Ausweis abgerechnet."),
    "parken": ("de", "Parkplätze", "Ein Stellplatz in der Tiefgarage wird jährlich neu vergeben."),
    "teletravail": ("fr", "Charte du télétravail", "Il est autorisé deux jours par semaine, après accord."),
    "conges": ("fr", "Congés payés", "Les salariés reçoivent vingt-cinq jours de congés, à poser avant juin."),
    "vacaciones": ("es", "Vacaciones", "Los empleados disponen de veintitrés días de vacaciones al año."),
    "ferias": ("pt", "Férias", "Os trabalhadores têm direito a vinte e dois dias de férias por ano."),
    "nenkyu": ("ja", "年次有給休暇", "有給休暇は入社から六か月後に十日付与される。"),
    "kaigishitsu": ("ja", "会議室の予約", "会議室は三十日先まで予約できる。ガイドを参照。"),
    "nianjia": ("zh", "年休假制度", "员工每年有十五天年休假，最多可以结转五天。"),
    "menjinka": ("zh", "门禁卡", "工牌丢失后补办费用为三十元。"),
    "handbook": ("en", "Travel", "Book trains in the portal. Certificates are issued by Human Resources."),
}  # fmt: skip
QUESTIONS = [
    ("Zeugnis", "arbeitszeugnisse"),
    ("Wie bekomme ich mein Zeugnis?", "arbeitszeugnisse"),
    ("Reisekosten", "reisekosten"),
    ("Reisekosten Frist", "reisekosten"),
    ("Abrechnungen", "reisekosten"),
    ("Parkplatz", "parken"),
    ("wieviel urlaub kann ich uebertragen", "urlaub"),
    ("regles de teletravail", "teletravail"),
    ("combien de jours de conge paye", "conges"),
    ("vacacion", "vacaciones"),
    ("quantos dias de ferias tenho", "ferias"),
    ("有給", "nenkyu"),
    ("会議室の予約はいつからですか", "kaigishitsu"),
    ("かいぎしつのガイド", "kaigishitsu"),
    ("年休假可以结转几天", "nianjia"),
    ("补办工牌", "menjinka"),
    ("certificate", "handbook"),
]


def _chunk(name: str, language: str, title: str, text: str) -> IndexedChunk:
    search_text = f"{title}\n{text}"
    return IndexedChunk(
        chunk_id=f"{name}-00000",
        document_id=name,
        source="s",
        access_id=READERS,
        content_hash="h",
        url="",
        title=title,
        heading_path="",
        text=text,
        search_text=search_text,
        position=0,
        n_tokens=10,
        updated_at=None,
        language=language,
        terms=terms.of_passage(search_text, language) or None,
    )


def _index(path: Path, pages: Sequence[str] = tuple(PAGES)) -> Index:
    """Makes an index in which vectors say nothing: all are the same."""
    index = Index(str(path), embedding_model="static")
    chunks = [_chunk(name, *PAGES[name]) for name in pages]
    index.replace(pages, chunks, np.tile(np.eye(1, 256, dtype=np.float32), (len(chunks), 1)))
    return index


def _find(index: Index, question: str) -> str:
    """Returns the best page by words alone, or an empty text."""
    found = index.candidates_by_words(
        question, terms=terms.of_question(question), scope=ChunkFilter((READERS,)), limit=20
    )
    return max(found, key=lambda candidate: candidate.bm25).document_id if found else ""


@pytest.mark.parametrize("is_optimized", [False, True])
def test_words_alone_find_pages_in_their_language(tmp_path: Path, is_optimized: bool) -> None:
    index = _index(tmp_path / "index")
    if is_optimized:
        index.optimize()
    assert {question: _find(index, question) for question, _ in QUESTIONS} == dict(QUESTIONS)


def test_a_search_puts_first_what_has_the_words(library: Library, tmp_path: Path) -> None:
    wiki = tmp_path / "wiki"
    wiki.mkdir()
    for name, (language, title, text) in PAGES.items():
        (wiki / f"{name}.md").write_text(f"---\nlang: {language}\n---\n# {title}\n\n{text}\n")
    sync_folder(library, str(wiki))
    titles = {question: PAGES[name][1] for question, name in QUESTIONS}
    found = {question: library.search(question, audience=EVERYONE).passages[0].title for question in titles}
    assert found == titles


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Das Zeugnis und die Zeugnisse", "de", "zeugnis zeugnis"),
        ("Lohnzettel", "de", "lohnzettel +lohn +lohnz +lohnze +lohnzet +ttel +ettel +zettel +nzettel"),
        ("Größe, Groesse", "de", "gross gross"),
        ("les congés d'été", "fr", "cong ete"),
        ("PPR-9087", "de", "ppr-9087 ppr 9087 ppr9087"),
        ("有給休暇は", "ja", "有給 給休 休暇 暇は"),
        ("ガイド", "ja", "ガイ イド"),
        ("The leave 有給休暇", "en", "有給 給休 休暇"),
        ("The leave", "en", ""),
        ("Jeder hat zehn Tage", "", "zehn tag"),
        ("Verlof aanvragen", "nl", ""),
        ("", "de", ""),
    ],
)
def test_a_passage_has_terms_in_its_language(text: str, language: str, expected: str) -> None:
    assert terms.of_passage(text, language) == expected


def test_a_long_word_takes_no_more_than_a_bounded_number_of_terms() -> None:
    assert len(terms.of_passage("donaudampfschifffahrtsgesellschaft", "de").split()) < 70
    assert terms.of_passage("a" * 5_000, "de") == "a" * 5_000
    assert len(terms.of_question("donaudampfschifffahrtsgesellschaft " * 50).split()) < 70


def test_an_english_question_and_an_english_index_have_no_terms(tmp_path: Path) -> None:
    assert terms.of_question("How do I get a certificate?") == ""
    english = _index(tmp_path / "english", ["handbook"])
    assert _find(english, "Zeugnis certificate") == "handbook"
    assert english.read(lancedb_runtime.has_terms) is False
    assert _index(tmp_path / "both", ["handbook", "urlaub"]).read(lancedb_runtime.has_terms) is True


def test_the_language_that_a_page_states_makes_its_terms(library: Library, tmp_path: Path) -> None:
    wiki = tmp_path / "wiki"
    wiki.mkdir()
    (wiki / "form.md").write_text("---\nlanguage: German\n---\n# Arbeitszeugnisse\n\nPDF.\n")
    sync_folder(library, str(wiki))
    index = library.active_index.current().index
    (chunk,) = scan.read_chunks(index, [*scan.document_versions(index)])
    assert "+zeugnis" in (chunk.terms or "").split()


def test_a_word_without_its_accents_is_no_misspelling() -> None:
    texts = CandidateTexts({"a": "le numéro du télétravail"}, [Language.FRENCH])
    assert find_corrections("numero teletarvail", texts) == {"teletarvail": "télétravail"}
    assert texts.ids_with("numeros") == ["a"]
    german = CandidateTexts({"a": "urlaub übertragen"}, [Language.GERMAN])
    assert find_corrections("uebertragen", german) == {}


def test_a_number_is_no_form_of_another() -> None:
    assert [stem(number) for number in ("2022", "1000", "4711")] == ["2022", "1000", "4711"]
    assert not CandidateTexts({"a": "the policy of 2024"}).contain("2022")
