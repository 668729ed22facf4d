"""Questions with results made up, for tests of what is counted, stored and printed."""

from bot.evaluation.answers import AnsweredQuestion
from bot.evaluation.figures import Case
from bot.evaluation.questions import EvalQuestion
from bot.evaluation.retrieval import RetrievalResult


def answer(
    text: str = "5 days [1].",
    *,
    is_refusal: bool = False,
    missing: tuple[str, ...] = (),
    is_complete: bool | None = True,
    status: str = "completed",
    seconds: float = 1.0,
) -> AnsweredQuestion:
    return AnsweredQuestion(
        turn_id="01a2",
        text=text,
        status=status,
        reason="no_evidence" if is_refusal else "answered",
        is_refusal=is_refusal,
        is_quoted=False,
        cited=("leave.md",),
        missing=missing,
        not_shown=missing,
        is_complete=is_complete,
        cites_right=True,
        seconds=seconds,
        cost_usd=0.5,
    )


def case(
    id_: str = "leave", *, kind: str = "plain", is_hit: bool = True, answered: AnsweredQuestion | None = None
) -> Case:
    """A question that one file answers, which is first or not found."""
    question = EvalQuestion(
        id=id_,
        text="How long?",
        kind=kind,
        grades={"leave.md": 1.0},
        groups=(("leave.md",),),
        facts=(("5 days",),),
    )
    measure = 1.0 if is_hit else 0.0
    files = ("leave.md", "travel.md") if is_hit else ("travel.md",)
    return Case(question, RetrievalResult(files, 20.0, is_hit, measure, measure, measure), answered)


def unanswerable(id_: str = "yeti", *, answered: AnsweredQuestion | None = None) -> Case:
    question = EvalQuestion(id=id_, text="Who feeds the yeti?", kind="unanswerable", is_unanswerable=True)
    return Case(question, RetrievalResult(("travel.md",), 40.0), answered)
