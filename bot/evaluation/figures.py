"""Sums up the results of a question set in figures: counts, means, percentiles and costs.

Owns the figures' names, which are those of the JSON and of ``--at-least`` and ``--at-most``, and says of each
which direction is better. The measures of a single question are in :mod:`bot.evaluation.measures`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import cast

from agent.types import TurnStatus
from bot.evaluation import measures
from bot.evaluation.answers import AnsweredQuestion
from bot.evaluation.questions import EvalQuestion
from bot.evaluation.report import AnswerReport, QuestionReport, RetrievalReport
from bot.evaluation.retrieval import RetrievalResult

N_FILES = 10  # of a search result that are reported


class FigureName(StrEnum):
    """The keys of the figures in the JSON. Names with ``n_with_`` and the like are only what others are out of."""

    N_QUESTIONS = "n_questions"
    N_ANSWERABLE = "n_answerable"
    N_UNANSWERABLE = "n_unanswerable"
    N_WITH_FILES = "n_with_files"
    N_WITH_FACTS = "n_with_facts"
    HITS_AT_5 = "hits_at_5"
    NDCG_AT_10 = "ndcg_at_10"
    RECALL_AT_10 = "recall_at_10"
    MRR = "mrr"
    N_FACTS_IN_VIEW = "n_facts_in_view"
    SEARCH_P50_MS = "search_p50_ms"
    SEARCH_P95_MS = "search_p95_ms"
    N_FACTS_SHOWN = "n_facts_shown"
    N_FACTS_COMPLETE = "n_facts_complete"
    N_WRONG_REFUSALS = "n_wrong_refusals"
    N_RIGHT_REFUSALS = "n_right_refusals"
    N_RIGHT_CITATIONS = "n_right_citations"
    MEAN_ANSWER_CHARS = "mean_answer_chars"
    ANSWER_P50_SECONDS = "answer_p50_seconds"
    ANSWER_P95_SECONDS = "answer_p95_seconds"
    COST_USD = "cost_usd"
    N_FAILED = "n_failed"
    N_QUOTED = "n_quoted"


@dataclass(frozen=True)
class Figure:
    """How a figure is printed. ``out_of`` names the figure that a count is a part of; others have none."""

    name: FigureName
    label: str
    out_of: FigureName | None = None
    unit: str = ""
    n_digits: int = 0
    is_better_less: bool = False

    @property
    def is_time(self) -> bool:
        """Returns whether it is measured with a clock and therefore differs from run to run."""
        return self.unit in (" ms", " s")


RETRIEVAL = (
    Figure(FigureName.HITS_AT_5, "all files in top 5", out_of=FigureName.N_WITH_FILES),
    Figure(FigureName.NDCG_AT_10, "nDCG@10", n_digits=4),
    Figure(FigureName.RECALL_AT_10, "recall@10", n_digits=4),
    Figure(FigureName.MRR, "MRR", n_digits=4),
    Figure(FigureName.N_FACTS_IN_VIEW, "facts in 4,000 characters", out_of=FigureName.N_WITH_FACTS),
)
ANSWERS = (
    Figure(FigureName.N_FACTS_SHOWN, "facts retrieved", out_of=FigureName.N_WITH_FACTS),
    Figure(FigureName.N_FACTS_COMPLETE, "facts answered", out_of=FigureName.N_WITH_FACTS),
    Figure(FigureName.N_WRONG_REFUSALS, "wrongly refused", out_of=FigureName.N_ANSWERABLE, is_better_less=True),
    Figure(FigureName.N_RIGHT_REFUSALS, "rightly refused", out_of=FigureName.N_UNANSWERABLE),
    Figure(FigureName.N_RIGHT_CITATIONS, "right file cited", out_of=FigureName.N_WITH_FILES),
)
SEARCH_EFFORT = (
    Figure(FigureName.SEARCH_P50_MS, "search, median", unit=" ms", n_digits=1, is_better_less=True),
    Figure(FigureName.SEARCH_P95_MS, "search, 95th percentile", unit=" ms", n_digits=1, is_better_less=True),
)
ANSWER_EFFORT = (
    Figure(FigureName.MEAN_ANSWER_CHARS, "mean answer", unit=" characters", is_better_less=True),
    Figure(FigureName.ANSWER_P50_SECONDS, "answer, median", unit=" s", n_digits=2, is_better_less=True),
    Figure(FigureName.ANSWER_P95_SECONDS, "answer, 95th percentile", unit=" s", n_digits=2, is_better_less=True),
    Figure(FigureName.COST_USD, "cost in dollars", n_digits=4, is_better_less=True),
    Figure(FigureName.N_FAILED, "failed", is_better_less=True),
    Figure(FigureName.N_QUOTED, "quoted by the fallback", is_better_less=True),
)
EFFORT = (*SEARCH_EFFORT, *ANSWER_EFFORT)
OF_ANSWERS = (*ANSWERS, *ANSWER_EFFORT)
ALL = (*RETRIEVAL, *ANSWERS, *EFFORT)


@dataclass(frozen=True)
class Case:
    """A question with its search result and, if it was asked, its answer."""

    question: EvalQuestion
    found: RetrievalResult
    answered: AnsweredQuestion | None = None

    @property
    def is_answered_right(self) -> bool | None:
        """Returns whether the answer has all facts, or refuses an unanswerable question; None if unknown."""
        if self.answered is None:
            return None
        return self.answered.is_refusal if self.question.is_unanswerable else self.answered.is_complete

    def to_json(self) -> QuestionReport:
        """Returns the case as it is reported and stored."""
        question, found = self.question, asdict(self.found) | {"files": list(self.found.files[:N_FILES])}
        report = QuestionReport(
            id=question.id,
            kind=question.kind,
            question=question.text,
            groups=[list(group) for group in question.groups],
            facts=[wordings[0] for wordings in question.facts],
            unanswerable=question.is_unanswerable,
            found=cast(RetrievalReport, found),
        )
        if self.answered:
            answered = asdict(self.answered) | {"is_right": self.is_answered_right}
            report["answered"] = cast(AnswerReport, answered)
        return report


def summarize(cases: Sequence[Case]) -> dict[str, float]:
    """Returns the figures of these cases; means are over the questions that name files.

    Figures of answers are left out if no question was asked.
    """
    unanswerable = [case for case in cases if case.question.is_unanswerable]
    measured = [case.found for case in cases if case.found.is_hit is not None]
    times = [case.found.ms for case in cases]
    out_of_view = [case.found.not_in_view for case in cases if case.found.not_in_view is not None]
    figures: dict[str, float] = {
        FigureName.N_QUESTIONS: len(cases),
        FigureName.N_ANSWERABLE: len(cases) - len(unanswerable),
        FigureName.N_UNANSWERABLE: len(unanswerable),
        FigureName.N_WITH_FILES: len(measured),
        FigureName.N_WITH_FACTS: len(out_of_view),
        FigureName.HITS_AT_5: sum(bool(result.is_hit) for result in measured),
        FigureName.NDCG_AT_10: _mean([result.ndcg for result in measured]),
        FigureName.RECALL_AT_10: _mean([result.recall for result in measured]),
        FigureName.MRR: _mean([result.reciprocal_rank for result in measured]),
        FigureName.N_FACTS_IN_VIEW: sum(not facts for facts in out_of_view),
        FigureName.SEARCH_P50_MS: round(measures.percentile(times, 0.5), 1),
        FigureName.SEARCH_P95_MS: round(measures.percentile(times, 0.95), 1),
    }
    if any(case.answered for case in cases):
        figures |= _summarize_answers([(case.question, case.answered) for case in cases if case.answered])
    return {str(name): value for name, value in figures.items()}


def summarize_by_kind(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Returns the figures of each kind of question, in the set's order; empty if no question has a kind."""
    kinds = dict.fromkeys(case.question.kind for case in cases)
    if not any(kinds):
        return {}
    return {kind: summarize([case for case in cases if case.question.kind == kind]) for kind in kinds}


def _summarize_answers(pairs: Sequence[tuple[EvalQuestion, AnsweredQuestion]]) -> dict[str, float]:
    answerable = [answer for question, answer in pairs if not question.is_unanswerable]
    unanswerable = [answer for question, answer in pairs if question.is_unanswerable]
    seconds = [answer.seconds for _, answer in pairs]
    return {
        FigureName.N_WITH_FACTS: sum(answer.is_complete is not None for answer in answerable),
        FigureName.N_FACTS_SHOWN: sum(a.is_complete is not None and not a.not_shown for a in answerable),
        FigureName.N_FACTS_COMPLETE: sum(bool(answer.is_complete) for answer in answerable),
        FigureName.N_WRONG_REFUSALS: sum(answer.is_refusal for answer in answerable),
        FigureName.N_RIGHT_REFUSALS: sum(answer.is_refusal for answer in unanswerable),
        FigureName.N_RIGHT_CITATIONS: sum(bool(a.cites_right) and not a.is_refusal for a in answerable),
        FigureName.N_FAILED: sum(answer.status != TurnStatus.COMPLETED for _, answer in pairs),
        FigureName.N_QUOTED: sum(answer.is_quoted for _, answer in pairs),
        FigureName.MEAN_ANSWER_CHARS: round(_mean([len(answer.text) for answer in answerable])),
        FigureName.ANSWER_P50_SECONDS: round(measures.percentile(seconds, 0.5), 3),
        FigureName.ANSWER_P95_SECONDS: round(measures.percentile(seconds, 0.95), 3),
        FigureName.COST_USD: round(sum(answer.cost_usd for _, answer in pairs), 6),
    }


def _mean(values: Sequence[float | None]) -> float:
    numbers = [value for value in values if value is not None]
    return round(sum(numbers) / len(numbers), 4) if numbers else 0.0
