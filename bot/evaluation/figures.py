"""A set's figures: what is counted and averaged over its questions, and in which direction each is better.

The names are those of the JSON, and what ``--at-least`` and ``--at-most`` take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.evaluation import measures
from bot.evaluation.answers import AnsweredQuestion
from bot.evaluation.questions import EvalQuestion
from bot.evaluation.retrieval import RetrievalResult

Figures = Mapping[str, float]
N_FILES = 10  # shown of what a question found


@dataclass(frozen=True)
class Figure:
    """``of`` names the figure it is counted out of; the others are means, times or sums."""

    name: str
    label: str
    of: str = ""
    unit: str = ""
    n_digits: int = 0
    is_better_less: bool = False

    @property
    def is_time(self) -> bool:
        """Measured by a clock, and so never twice the same."""
        return self.unit in (" ms", " s")


RETRIEVAL = (
    Figure("hits_at_5", "all files in top 5", of="n_with_files"),
    Figure("ndcg_at_10", "nDCG@10", n_digits=4),
    Figure("recall_at_10", "recall@10", n_digits=4),
    Figure("mrr", "MRR", n_digits=4),
)
ANSWERS = (
    Figure("n_facts_shown", "facts looked up", of="n_with_facts"),
    Figure("n_facts_complete", "all facts", of="n_with_facts"),
    Figure("n_wrong_refusals", "wrongly refused", of="n_answerable", is_better_less=True),
    Figure("n_right_refusals", "rightly refused", of="n_unanswerable"),
    Figure("n_right_citations", "right file cited", of="n_with_files"),
)
EFFORT = (
    Figure("search_p50_ms", "search, half within", unit=" ms", n_digits=1, is_better_less=True),
    Figure("search_p95_ms", "search, 95 % within", unit=" ms", n_digits=1, is_better_less=True),
    Figure("mean_answer_chars", "mean answer", unit=" characters", is_better_less=True),
    Figure("answer_p50_seconds", "answer, half within", unit=" s", n_digits=2, is_better_less=True),
    Figure("answer_p95_seconds", "answer, 95 % within", unit=" s", n_digits=2, is_better_less=True),
    Figure("cost_usd", "cost in dollars", n_digits=4, is_better_less=True),
    Figure("n_failed", "failed", is_better_less=True),
    Figure("n_quoted", "quoted instead of the model", is_better_less=True),
)
ALL = (*RETRIEVAL, *ANSWERS, *EFFORT)


@dataclass(frozen=True)
class Case:
    """A question, what it found, and what it was answered where it was asked."""

    question: EvalQuestion
    found: RetrievalResult
    answered: AnsweredQuestion | None = None

    @property
    def is_answered_right(self) -> bool | None:
        """Whether the answer holds all facts, or refuses what nothing answers; None if nobody can say."""
        if self.answered is None:
            return None
        return self.answered.is_refusal if self.question.is_unanswerable else self.answered.is_complete

    def as_json(self) -> dict[str, Any]:
        """For programs, and for a later run to compare with."""
        question = self.question
        told: dict[str, Any] = {
            "id": question.id,
            "kind": question.kind,
            "question": question.text,
            "groups": [list(group) for group in question.groups],
            "facts": [wordings[0] for wordings in question.facts],
            "unanswerable": question.is_unanswerable,
            "found": asdict(self.found) | {"files": list(self.found.files[:N_FILES])},
        }
        if self.answered:
            told["answered"] = asdict(self.answered) | {"is_right": self.is_answered_right}
        return told


def summarize(cases: Sequence[Case]) -> dict[str, float]:
    """Every figure that can be told of these cases. Means are over the questions that name files."""
    unanswerable = [case for case in cases if case.question.is_unanswerable]
    measured = [case.found for case in cases if case.found.is_hit is not None]
    times = [case.found.ms for case in cases]
    figures: dict[str, float] = {
        "n_questions": len(cases),
        "n_answerable": len(cases) - len(unanswerable),
        "n_unanswerable": len(unanswerable),
        "n_with_files": len(measured),
        "hits_at_5": sum(bool(found.is_hit) for found in measured),
        "ndcg_at_10": _mean([found.ndcg for found in measured]),
        "recall_at_10": _mean([found.recall for found in measured]),
        "mrr": _mean([found.reciprocal_rank for found in measured]),
        "search_p50_ms": round(measures.percentile(times, 0.5), 1),
        "search_p95_ms": round(measures.percentile(times, 0.95), 1),
    }
    if any(case.answered for case in cases):
        figures |= _of_answers([(case.question, case.answered) for case in cases if case.answered])
    return figures


def summarize_by_kind(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """The same for each kind of question, in the set's order; empty where kinds are not told."""
    kinds = dict.fromkeys(case.question.kind for case in cases)
    if not any(kinds):
        return {}
    return {kind: summarize([case for case in cases if case.question.kind == kind]) for kind in kinds}


def _of_answers(pairs: Sequence[tuple[EvalQuestion, AnsweredQuestion]]) -> dict[str, float]:
    answerable = [answered for question, answered in pairs if not question.is_unanswerable]
    unanswerable = [answered for question, answered in pairs if question.is_unanswerable]
    seconds = [answered.seconds for _, answered in pairs]
    return {
        "n_with_facts": sum(answered.is_complete is not None for answered in answerable),
        "n_facts_shown": sum(a.is_complete is not None and not a.not_shown for a in answerable),
        "n_facts_complete": sum(bool(answered.is_complete) for answered in answerable),
        "n_wrong_refusals": sum(answered.is_refusal for answered in answerable),
        "n_right_refusals": sum(answered.is_refusal for answered in unanswerable),
        "n_right_citations": sum(bool(a.cites_right) and not a.is_refusal for a in answerable),
        "n_failed": sum(answered.status != "completed" for _, answered in pairs),
        "n_quoted": sum(answered.is_quoted for _, answered in pairs),
        "mean_answer_chars": round(_mean([len(answered.text) for answered in answerable])),
        "answer_p50_seconds": round(measures.percentile(seconds, 0.5), 3),
        "answer_p95_seconds": round(measures.percentile(seconds, 0.95), 3),
        "cost_usd": round(sum(answered.cost_usd for _, answered in pairs), 6),
    }


def _mean(values: Sequence[float | None]) -> float:
    told = [value for value in values if value is not None]
    return round(sum(told) / len(told), 4) if told else 0.0
