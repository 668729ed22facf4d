"""How a turn ends: the text that is shown, why it ended so, and the sentences a person reads about it."""

from collections.abc import Mapping

from agent.llm.model_names import is_local
from agent.prompting import citations
from agent.turn import grounding
from agent.turn.config import AgentConfig
from agent.turn.events import Finished
from agent.turn.recorder import TurnRecorder
from agent.types import EndReason

INCOMPLETE = "so this answer may be incomplete."
NOTICES: Mapping[EndReason, str] = {
    EndReason.STEPS: f"I stopped after the allowed number of steps, {INCOMPLETE}",
    EndReason.CALLS: f"I stopped after the allowed number of look-ups, {INCOMPLETE}",
    EndReason.REPEATS: f"I stopped because I was going in circles, {INCOMPLETE}",
    EndReason.TOKENS: f"I stopped at the token limit, {INCOMPLETE}",
    EndReason.COST: f"I stopped at the cost limit for one answer, {INCOMPLETE}",
    EndReason.TIME: f"I ran out of time, {INCOMPLETE}",
    EndReason.NO_ANSWER: "The language model did not give a usable answer, so this one may be incomplete.",
    EndReason.PROVIDER_DOWN: (
        "The language model cannot be reached now, so this is quoted directly from the documents."
    ),
    EndReason.UNCITED: "Nothing above is taken from the documents.",
    EndReason.WEAK_EVIDENCE: (
        "I am not sure of this: what I found in the documents fits the question only loosely."
    ),
}
CUT_OFF: Mapping[str | None, str] = {  # by the provider's finish reason
    "length": "This answer was cut off at its allowed length.",
    "content_filter": "The language model's provider held a part of this answer back.",
}
MODEL_AWAY = "The language model cannot be reached now. Later it may answer this."
BUDGET = "A budget for the language model has no room"
BUDGET_INCOMPLETE = "This answer may be incomplete."
BUDGET_QUOTED = "Until then I quote the documents directly."
QUOTED = "It is quoted directly from the documents."
NO_MODEL = "No language model is configured, so this is quoted directly from the documents."
NO_ANSWER_AT_ALL = "I could not put an answer together this time. Please ask again."


def conclude(recorder: TurnRecorder, config: AgentConfig, *, over_budget: str) -> Finished:
    """Returns the end of a turn whose final text is committed.

    A configured model's text is judged by what was found; text of this process's own model is quoted, and its
    refusal is a field of the message, as it is that a person has settled the question before. ``over_budget`` says
    whose budget is used up, where one is.
    """
    has_model = not is_local(config.models[0].name)
    if recorder.messages[-1].get("is_settled", False):
        return _conclude_settled(recorder)
    if has_model and not recorder.transcript.is_quoted:
        return _judge(recorder, config, over_budget)
    message = recorder.messages[-1]
    text, is_refusal = str(message.get("content") or ""), message.get("is_refusal", False)
    if message.get("is_small_talk", False):
        return Finished(text, EndReason.SMALL_TALK, "", ())
    by_number = {source.n: source for source in recorder.sources}
    cited = tuple(by_number[n] for n in citations.find_cited(text, by_number))
    is_quoted = bool(cited) and not is_refusal
    if has_model:
        notice = _quoted_notice(recorder.end_reason, over_budget, is_quoted=is_quoted)
    else:
        notice = NO_MODEL if is_quoted else ""
    reason = EndReason.ANSWERED if is_quoted else EndReason.NO_EVIDENCE
    return Finished(text, recorder.end_reason or reason, notice, cited)


def _conclude_settled(recorder: TurnRecorder) -> Finished:
    text = str(recorder.messages[-1].get("content") or "")
    by_number = {source.n: source for source in recorder.sources}
    cited = tuple(by_number[n] for n in citations.find_cited(text, by_number))
    return Finished(text, EndReason.ANSWERED, "", cited)


def _judge(recorder: TurnRecorder, config: AgentConfig, over_budget: str) -> Finished:
    text = str(recorder.messages[-1].get("content") or "")
    verdict = grounding.judge(text, recorder.sources, recorder.finished, config.tools)
    reason = EndReason.NO_EVIDENCE if verdict.reason is EndReason.UNCITED else verdict.reason
    end = recorder.end_reason
    notice = (
        f"{over_budget}. {BUDGET_INCOMPLETE}" if end is EndReason.BUDGET else NOTICES.get(end or verdict.reason)
    )
    notices = [CUT_OFF.get(recorder.transcript.finish_reason), notice]
    return Finished(verdict.text, end or reason, " ".join(filter(None, notices)), verdict.cited, verdict.closest)


def _quoted_notice(end: EndReason | None, over_budget: str, *, is_quoted: bool) -> str:
    """Returns why the fallback answered; that it quotes is said only where it does."""
    if end is EndReason.BUDGET:
        return f"{over_budget}. {BUDGET_QUOTED}"
    if end is EndReason.PROVIDER_DOWN:
        return NOTICES[end] if is_quoted else MODEL_AWAY
    return " ".join(filter(None, [NOTICES.get(end) if end else None, QUOTED if is_quoted else None]))
