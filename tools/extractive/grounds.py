"""Whether statements are grounds enough to answer a question at all, by a logistic regression.

Trained by ``make train`` on questions that their documents answer and on near misses that they do not. A judge of
words and vectors cannot tell every near miss from a paraphrase: docs/limits-and-figures.md says how often.
"""

import math
from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.search.regression import read_regression
from ingest.search.text import words
from tools.extractive import relevance
from tools.extractive.features import Evidence
from tools.extractive.question import ParsedQuestion
from tools.extractive.relevance import Scores, score

FEATURES = (
    "best_passage",
    "coverage",
    "long_uncovered",
    "unknown_word",
    "name_missing",
    "named_without",
    "keywords",
)

Numbers = NDArray[np.float64]


def find_answered(
    questions: Sequence[ParsedQuestion], evidence: Evidence, not_found: Container[str]
) -> list[Scores]:
    """Returns the scores of those questions that the evidence answers.

    ``not_found`` are words that occur almost nowhere in the documents.
    """
    scored = [(question, score(question, evidence)) for question in questions]
    return [scores for question, scores in scored if judge(question, scores, evidence, not_found) >= 0]


def judge(question: ParsedQuestion, scores: Scores, evidence: Evidence, not_found: Container[str]) -> float:
    """Returns how much speaks for an answer, as log odds beyond what is needed: below 0 nothing is answered."""
    trained = read_regression(relevance.WEIGHTS_FILE, FEATURES, "grounds")
    features = measure(question, scores, evidence, not_found)
    return float(features @ trained.weights) + trained.constant


def measure(question: ParsedQuestion, scores: Scores, evidence: Evidence, not_found: Container[str]) -> Numbers:
    """Returns the features of a question and its evidence, float64 ``(len(FEATURES),)``.

    A long question tells a story, of which an answer needs few words: ``long_uncovered`` makes up for what is not
    covered of one. Of key words any may be left unanswered, which is what ``keywords`` says.
    """
    return np.array(
        [
            max(statement.score for statement in evidence.statements),
            scores.coverage,
            (1 - scores.coverage) * math.log1p(len(words(question.text))),
            any(word in not_found for word in scores.absent),
            scores.is_name_missing,
            scores.is_named_without,
            not question.is_sentence,
        ],
        float,
    )
