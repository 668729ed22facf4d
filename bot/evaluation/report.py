"""The report of a run: what ``docent eval --json`` prints, and what is stored to compare later runs with.

Owns the shape of that JSON; stored files and programs rely on its keys, so they do not change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict, cast

Figures = Mapping[str, float]  # by the names of bot.evaluation.figures.FigureName
Setting = str | int | list[str] | None
REQUIRED_KEYS = {"set", "at", "questions", "fingerprint"}
_NOT_FIGURES = {"seconds"}  # numbers at the top level that are no figures


class RetrievalReport(TypedDict):
    """What the search returned for a question; None where the question names no files."""

    files: list[str]
    ms: float
    is_hit: bool | None
    ndcg: float | None
    recall: float | None
    reciprocal_rank: float | None
    not_in_view: NotRequired[list[str] | None]


class AnswerReport(TypedDict):
    """What was answered; see :class:`bot.evaluation.answers.AnsweredQuestion`."""

    turn_id: str
    text: str
    status: str
    reason: str
    is_refusal: bool
    is_quoted: bool
    cited: list[str]
    missing: list[str]
    not_shown: list[str]
    is_complete: bool | None
    cites_right: bool | None
    seconds: float
    cost_usd: float
    is_right: bool | None


class QuestionReport(TypedDict):
    """A question with its results; ``answered`` only if it was asked."""

    id: str
    kind: str
    question: str
    groups: list[list[str]]
    facts: list[str]
    unanswerable: bool
    found: RetrievalReport
    answered: NotRequired[AnswerReport]


class IndexingReport(TypedDict):
    """How fast the set's own documents were indexed."""

    n: int
    n_problems: int
    seconds: float
    per_second: float


@dataclass(frozen=True)
class EvalReport:
    """``by_kind`` has the figures of each kind of question; ``not_indexed`` the files that were not found.

    ``settings`` are those on which the figures depend. ``documents`` is None for an index that existed before.
    """

    set: str
    at: str
    seconds: float
    figures: Figures
    by_kind: Mapping[str, Figures]
    not_indexed: list[str]
    settings: Mapping[str, Setting]
    documents: IndexingReport | None
    fingerprint: str
    questions: list[QuestionReport]

    def to_json(self) -> dict[str, object]:
        """Returns the report as one object, with the figures at its top level."""
        return {
            "set": self.set,
            "at": self.at,
            "seconds": self.seconds,
            **self.figures,
            "by_kind": self.by_kind,
            "not_indexed": self.not_indexed,
            "settings": self.settings,
            "documents": self.documents,
            "fingerprint": self.fingerprint,
            "questions": self.questions,
        }

    @staticmethod
    def from_json(report: object) -> "EvalReport | None":
        """Parses what :meth:`to_json` returned, perhaps in an older release; None if it is something else."""
        if not isinstance(report, dict) or not report.keys() >= REQUIRED_KEYS:
            return None
        numbers = {name: value for name, value in report.items() if isinstance(value, int | float)}
        return EvalReport(
            set=str(report["set"]),
            at=str(report["at"]),
            seconds=float(report.get("seconds", 0)),
            figures={name: value for name, value in numbers.items() if name not in _NOT_FIGURES},
            by_kind=report.get("by_kind", {}),
            not_indexed=report.get("not_indexed", []),
            settings=report.get("settings", {}),
            documents=report.get("documents"),
            fingerprint=str(report["fingerprint"]),
            questions=cast(list[QuestionReport], report["questions"]),
        )
