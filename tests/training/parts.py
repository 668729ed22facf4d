"""The three regressions that are trained, each on what the one before it finds.

``passage``: does a candidate of a search hold a fact of the answer? ``statement``: does a statement? ``grounds``:
do the documents answer the question at all?
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.prompting.prompt import SCORE_DIGITS
from agent.types import CitedPassage, Passage
from bot.evaluation import measures
from bot.evaluation.questions import EvalQuestion
from ingest.index.candidates import Candidate
from ingest.search import ranking, search
from tests.training import regression
from tests.training.collections import ABSTRACTS, Collection
from tools.extractive import features, follow_ups, grounds, relevance
from tools.extractive.features import Evidence
from tools.extractive.question import ParsedQuestion, choose_language, parse
from tools.extractive.statements import list_statements
from tools.search_docs import list_queries, select_passages

N_SEARCHED = 20  # passages, the default of the product
CLAIM_WEIGHT = 0.25  # of a claim's candidates: there are many claims, and they are no handbook's questions
NEAR_MISS_WEIGHT = 3.0  # of a question that its documents do not answer: there are few
ANSWERED = 0.93  # share of the answerable questions that the grounds let through, in training
SHOWN_SCORE = 2.0  # added to a passage's log odds for its score: about right for the best passage of a search

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A question, the candidates of its search, and which of them hold a fact, come from a right document."""

    collection: Collection
    question: EvalQuestion
    query: str
    background: str
    candidates: Sequence[Candidate]
    has_fact: Numbers
    is_right_document: Numbers
    features: Numbers


@dataclass(frozen=True)
class Found:
    """What a search shows of an example: statements, and which hold a fact."""

    example: Example
    question: ParsedQuestion
    evidence: Evidence
    not_found: Sequence[str]
    has_fact: Numbers
    features: Numbers


def make_examples(collection: Collection) -> list[Example]:
    """Searches for each question."""
    return [_make_example(collection, question) for question in collection.questions]


def _make_example(collection: Collection, question: EvalQuestion) -> Example:
    earlier = [asked for asked, _ in question.earlier]
    query = follow_ups.rewrite(question.text, earlier)
    (first,), _ = collection.context.candidates(query)
    corrected = search.correct(query, first, collection.context)
    candidates = corrected.candidates
    files = [collection.names[candidate.document_id] for candidate in candidates]
    is_right = np.array([float(file in question.grades) for file in files])
    facts = np.array([float(_holds_fact(candidate, question)) for candidate in candidates])
    return Example(
        collection=collection,
        question=question,
        query=query,
        background=follow_ups.find_background(question.text, earlier),
        candidates=candidates,
        has_fact=is_right if collection.name == ABSTRACTS else facts * is_right,
        is_right_document=is_right,
        features=ranking.measure(corrected.query, candidates),
    )


def _holds_fact(candidate: Candidate, question: EvalQuestion) -> bool:
    text = f"{candidate.title}\n{candidate.heading_path}\n{candidate.text}"
    return len(measures.find_missing_facts(text, question.facts)) < len(question.facts)


def train_passages(examples: Sequence[Example]) -> tuple[Numbers, float]:
    """Trains on the candidates whose words were compared; other passages of a right document count for nothing."""
    rows, labels, weights = [], [], []
    for example in examples:
        compared = example.features[:, 2:].any(axis=1)
        counts = np.where((example.is_right_document > 0) & (example.has_fact == 0), 0.0, 1.0)
        if example.collection.name == ABSTRACTS:
            counts *= CLAIM_WEIGHT
        rows.append(example.features[compared])
        labels.append(example.has_fact[compared])
        weights.append(counts[compared])
    found, constant = regression.fit(np.concatenate(rows), np.concatenate(labels), np.concatenate(weights))
    return found, constant + SHOWN_SCORE


def find(example: Example) -> Found | None:
    """Searches with the weights there are, and cuts what is shown into statements; None if nothing is shown."""
    lookups = search.search_parts(list_queries(example.query), example.collection.context, k=N_SEARCHED)
    passages, whole = select_passages([lookup.passages for lookup in lookups]), lookups[0]
    statements = [
        statement
        for n, passage in enumerate(passages, 1)
        for statement in list_statements(_cite(n, passage), " ".join(whole.keywords.get(passage.title, ())))
    ]
    if not statements:
        return None
    question = parse(example.question.text, example.background)
    evidence = features.extract(statements, choose_language([question], (s.text for s in statements)))
    matches = features.match_words(question, evidence)
    weights = features.idf_weights(matches, evidence, question.weights)
    right = {n for n, passage in enumerate(passages, 1) if _is_right(passage, example)}
    facts = example.question.facts
    has_fact = [
        float(s.n in right and len(measures.find_missing_facts(f"{s.lead} {s.text}", facts)) < len(facts))
        for s in statements
    ]
    measured = relevance.measure(question, evidence, matches, weights)
    return Found(example, question, evidence, whole.not_found, np.array(has_fact), measured)


def _cite(n: int, passage: Passage) -> CitedPassage:
    return CitedPassage(n, replace(passage, score=round(passage.score, SCORE_DIGITS)))


def _is_right(passage: Passage, example: Example) -> bool:
    return example.collection.names[passage.document_id] in example.question.grades


def train_statements(found: Sequence[Found]) -> tuple[Numbers, float]:
    """Trains on all statements that were shown."""
    rows = np.concatenate([one.features for one in found])
    labels = np.concatenate([one.has_fact for one in found])
    return regression.fit(rows, labels, np.ones(len(labels)))


def train_grounds(found: Sequence[Found]) -> tuple[Numbers, float]:
    """Trains on all questions; the constant lets :data:`ANSWERED` of the answerable ones through."""
    rows = np.stack(
        [
            grounds.measure(one.question, relevance.score(one.question, one.evidence), one.evidence, one.not_found)
            for one in found
        ]
    )
    is_answered = np.array([float(not one.example.question.is_unanswerable) for one in found])
    weights, _ = regression.fit(rows, is_answered, np.where(is_answered > 0, 1.0, NEAR_MISS_WEIGHT))
    needed = np.quantile((rows @ weights)[is_answered > 0], 1 - ANSWERED)
    return weights, -float(needed)
