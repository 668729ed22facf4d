"""The sample handbook is sound, the demo's prompts are answered from it, and its questions have answers there.

The questions were written from the handbook, before anybody looked at what is found. How many are found and
answered is measured in ``tests/bot/evaluation/test_evaluating.py``.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import frontmatter
import pytest

from agent.tools import ToolContext
from agent.types import Audience, CitedPassage, Passage
from bot.evaluation.measures import find_missing_facts
from ingest.library import Library
from ingest.settings import IngestSettings
from tests.library import sync_folder
from tests.system import ROOT
from tools.extractive.answer import quote
from tools.extractive.statements import list_statements
from tools.registry import find_tools

SAMPLE = ROOT / "bot" / "sample"
HANDBOOK = SAMPLE / "handbook"
QUESTIONS = ROOT / "tests" / "sample_questions.jsonl"
DOCUMENTS = sorted(path for path in HANDBOOK.rglob("*") if path.is_file())
NAMES = [path.relative_to(HANDBOOK).as_posix() for path in DOCUMENTS]
PAGES = [path for path in DOCUMENTS if path.suffix == ".md"]
LINK = "https://handbook.example/"
PROMPTS = {  # what an answer must hold, and the document it must cite
    "How many days of annual leave can I carry over?": ("at most 6 days", "people/annual-leave.md"),
    "What do I do when my laptop is stolen?": ("call extension 4999", "security/reporting-incidents.md"),
    "By when do I claim travel expenses?": ("within 45 days", "travel/expenses-leaflet.pdf"),
    "How long do we keep support tickets?": ("3 years", "security/handling-data.md"),
}


def test_the_handbook_has_a_handy_size() -> None:
    assert 25 <= len(DOCUMENTS) <= 30
    assert {path.suffix for path in DOCUMENTS} == {".md", ".pdf", ".docx"}
    for path in DOCUMENTS:
        assert path.stat().st_size < 150_000, path
    for path in PAGES:
        assert 250 <= len(path.read_text().split()) <= 900, path


def test_every_page_has_front_matter_that_parses_or_none() -> None:
    n_with = 0
    for path in PAGES:
        text = path.read_text()
        matter, rest = frontmatter.parse(text)
        assert bool(matter) == text.startswith("---"), path
        assert matter.get("title") or re.search(r"^# \S", rest, re.MULTILINE), path
        if matter:
            n_with += 1
            assert matter["updated"].year == 2026 or "superseded" in matter["title"], path
    assert 0 < n_with < len(PAGES)


def test_every_link_leads_to_a_document() -> None:
    linked = set()
    for path in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            assert "://" not in target, f"{path.name}: {target}"
            assert (path.parent / target).is_file(), f"{path.name}: {target}"
            linked.add((path.parent / target).resolve())
    assert linked | {HANDBOOK / "start-here.md"} == set(DOCUMENTS)


def test_the_prompts_are_short_and_known_here() -> None:
    prompts = (SAMPLE / "prompts.txt").read_text().splitlines()
    assert prompts == list(PROMPTS)
    assert all(len(prompt) <= 60 for prompt in prompts)


def test_the_questions_hold_together() -> None:
    every = _questions()
    assert len({question["id"] for question in every}) == len(every)
    for question in every:
        named = [*question["relevant"], *question["fact_files"], *question.get("near", [])]
        assert all((HANDBOOK / name).is_file() for name in named), question["id"]
        assert len(question["facts"]) == len(question["fact_files"])
        assert bool(question["facts"]) != bool(question.get("unanswerable"))
        assert question.get("follow_up_of", question["id"]) in {other["id"] for other in every}


@pytest.fixture
def library(database: Any, tmp_path: Path) -> Library:
    library = Library(database, IngestSettings(index_uri=str(tmp_path / "index")))
    report = sync_folder(library, str(HANDBOOK), link=LINK + "{path}")
    assert not report.problems
    return library


@dataclass(frozen=True)
class Asked:
    """A question as the extractive answerer handled it; files are the documents cited."""

    text: str
    files: set[str]


def test_every_address_is_one_that_nobody_can_own(library: Library) -> None:
    for name in NAMES:
        text = _text(library, name) + (HANDBOOK / name).read_text(errors="ignore") * name.endswith(".md")
        assert "://" not in text, name
        for domain in re.findall(r"\w@([\w.-]*\w)|\bstatus\.([\w.-]*\w)", text):
            assert "".join(domain) == "ninthpylon.example", f"{name}: {domain}"


def test_each_prompt_is_answered_from_its_page(library: Library) -> None:
    for prompt, (fact, file) in PROMPTS.items():
        asked = _ask(library, prompt)
        assert fact in asked.text, asked.text
        assert file in asked.files


def test_each_fact_stands_in_its_document(library: Library) -> None:
    for question in _questions():
        for facts, name in zip(question["facts"], question["fact_files"], strict=True):
            assert not find_missing_facts(_text(library, name), [facts]), f"{question['id']}: {facts} in {name}"


def _questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text().splitlines()]


def _text(library: Library, name: str) -> str:
    """Everything that can be quoted from a document, one statement a line."""
    passages = library.read(name, audience=Audience(), n=100)
    return "\n".join(
        s.text for n, passage in enumerate(passages) for s in list_statements(CitedPassage(n, passage))
    )


def _ask(library: Library, question: str) -> Asked:
    context = ToolContext(Audience(), "test", 9e9, {Library: library})
    result = find_tools()["search_docs"].call({"query": question}, context)
    shown = [_shown(n, passage) for n, passage in enumerate(result.passages, 1)]
    text = quote(question, [{**result.data, "passages": shown}]).text
    cited = {int(n) for n in re.findall(r"\[(\d+)\]", text)}
    return Asked(text, {_file(passage["url"]) for passage in shown if passage["n"] in cited})


def _file(url: str) -> str:
    """The document behind a link, which may lack the file's ending and name a page."""
    path = url.removeprefix(LINK).partition("#")[0]
    return next(name for name in NAMES if path in {name, name.rpartition(".")[0]})


def _shown(n: int, passage: Passage) -> dict[str, Any]:
    """A passage as the kernel shows it to a model."""
    return {
        "n": n,
        "title": passage.title,
        "heading": passage.heading_path,
        "url": passage.url,
        "score": passage.score,
        "text": passage.text,
    }
