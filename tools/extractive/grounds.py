"""Whether statements are grounds enough to answer a question at all."""

from collections.abc import Container, Sequence

from tools.extractive.features import Evidence
from tools.extractive.question import ParsedQuestion
from tools.extractive.relevance import Scores, score

RELEVANT_FROM = 0.5  # see tools.extractive.relevance: nothing below has ever answered a question
COVERAGE, UNKNOWN_WORD, NAMED_WITHOUT = 1.5, 1.2, 1.2  # weights of what speaks for an answer, and against it
# Chosen on 150 questions to the sample handbook and on random halves of it: of those whose answer a half lacks
# 79 % are refused, of the others 25 %. The threshold was also held against a handbook of 246 pages, where 7 of 10
# and 1 of 50 are refused; 0.05 less refuses 5 and 1 there, 0.1 more 7 and 4.
ENOUGH_FOR_A_QUESTION, ENOUGH_FOR_KEY_WORDS = 2.25, 1.25


def find_answered(
    questions: Sequence[ParsedQuestion], evidence: Evidence, not_found: Container[str]
) -> list[Scores]:
    """Returns the scores of those questions that the evidence answers.

    ``not_found`` are words that occur almost nowhere in the documents.
    """
    scored = [(question, score(question, evidence)) for question in questions]
    return [scores for question, scores in scored if _is_answered(question, scores, not_found)]


def _is_answered(question: ParsedQuestion, scores: Scores, not_found: Container[str]) -> bool:
    """Returns False where nothing is relevant, a name is in no document, or too much of the question is missing.

    Of key words any may be left unanswered.
    """
    best = max(scores.relevance)
    if best < RELEVANT_FROM or scores.is_name_missing:
        return False
    is_unknown = any(word in not_found for word in scores.absent)
    grounds = best + COVERAGE * scores.coverage - UNKNOWN_WORD * is_unknown
    grounds -= NAMED_WITHOUT * scores.is_named_without
    return grounds >= (ENOUGH_FOR_A_QUESTION if question.is_sentence else ENOUGH_FOR_KEY_WORDS)
