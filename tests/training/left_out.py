"""Measures a collection with the weights of the moment: what is found, shown, answered and refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from agent.prompting.prompt import SCORE_DIGITS
from agent.types import JsonObject, Passage
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from ingest.search import search
from tests.training.collections import Collection
from tests.training.parts import N_SEARCHED
from tools.extractive import follow_ups
from tools.extractive.answer import quote
from tools.search_docs import list_queries, select_passages

PARAPHRASE = "paraphrase"
SHOWN_CHARS = 4_000


@dataclass
class _Counts:
    n: int = 0
    found: int = 0
    shown: int = 0
    answered: int = 0
    refused: int = 0
    n_unanswerable: int = 0
    refused_rightly: int = 0
    n_paraphrases: int = 0
    paraphrases_found: int = 0
    paraphrases_answered: int = 0
    chars: int = 0


@dataclass
class Report:
    """Counts by collection and model."""

    rows: dict[tuple[str, str], _Counts] = field(default_factory=dict)

    def add(self, collection: Collection) -> None:
        """Asks all questions of a collection and counts."""
        counts = self.rows.setdefault((collection.model, collection.name), _Counts())
        for question in collection.questions:
            _count(question, collection, counts)

    def show(self) -> None:
        """Prints the counts as a table."""
        table = Table("model", "left out", "found", "shown in 4,000", "all facts", "refused wrongly",
                      "refused rightly", "paraphrases found, answered", "characters")  # fmt: skip
        for (model, name), c in sorted(self.rows.items()):
            table.add_row(
                model,
                name,
                f"{c.found} of {c.n}",
                str(c.shown),
                str(c.answered),
                str(c.refused),
                f"{c.refused_rightly} of {c.n_unanswerable}",
                f"{c.paraphrases_found}, {c.paraphrases_answered} of {c.n_paraphrases}",
                str(c.chars // max(c.n, 1)),
            )
        Console(width=140).print(table)


def _count(question: EvalQuestion, collection: Collection, counts: _Counts) -> None:
    earlier = [asked for asked, _ in question.earlier]
    query = follow_ups.rewrite(question.text, earlier)
    lookups = search.search_parts(list_queries(query), collection.context, k=N_SEARCHED)
    passages = select_passages([lookup.passages for lookup in lookups])
    evidence: JsonObject = {
        "passages": [_show(n, passage) for n, passage in enumerate(passages, 1)],
        "not_found": list(lookups[0].not_found),
        "keywords": {title: list(words) for title, words in lookups[0].keywords.items()},
    }
    quotation = quote(question.text, [evidence], background=follow_ups.find_background(question.text, earlier))
    if question.is_unanswerable:
        counts.n_unanswerable += 1
        counts.refused_rightly += quotation.is_refusal
        return
    ranking = list(dict.fromkeys(collection.names[p.document_id] for p in lookups[0].passages))
    is_found = measures.has_every_group(ranking, question.groups)
    is_answered = not quotation.is_refusal and not measures.find_missing_facts(quotation.text, question.facts)
    counts.n += 1
    counts.found += is_found
    counts.shown += not measures.find_missing_facts(_cut(passages), question.facts)
    counts.answered += is_answered
    counts.refused += quotation.is_refusal
    counts.chars += len(quotation.text)
    if question.kind == PARAPHRASE:
        counts.n_paraphrases += 1
        counts.paraphrases_found += is_found
        counts.paraphrases_answered += is_answered


def _show(n: int, passage: Passage) -> JsonObject:
    return {
        "n": n,
        "title": passage.title,
        "heading": passage.heading_path,
        "url": passage.url,
        "document_id": passage.document_id,
        "score": round(passage.score, SCORE_DIGITS),
        "text": passage.text,
    }


def _cut(passages: Sequence[Passage]) -> str:
    """Returns the text of the first passages that have room, with their titles and headings."""
    shown: list[str] = []
    n_chars = 0
    for passage in passages:
        n_chars += len(passage.text)
        if shown and n_chars > SHOWN_CHARS:
            break
        shown.append(f"{passage.title}\n{passage.heading_path}\n{passage.text}")
    return "\n".join(shown)
