"""How a turn ends: the text that is shown, why it ended so, and which sentences a person reads about it."""

from agent.llm.model_names import is_local
from agent.prompting import citations
from agent.translation.speech import join, mark, say
from agent.turn import grounding, notices
from agent.turn.config import AgentConfig
from agent.turn.events import Finished
from agent.turn.recorder import TurnRecorder
from agent.types import EndReason

BUDGET_AND_MORE = mark("{budget}. {more}")


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
        notice = say(notices.NO_MODEL) if is_quoted else ""
    reason = EndReason.ANSWERED if is_quoted else _explain_nothing(recorder)
    return Finished(text, recorder.end_reason or reason, notice, cited)


def _conclude_settled(recorder: TurnRecorder) -> Finished:
    text = str(recorder.messages[-1].get("content") or "")
    by_number = {source.n: source for source in recorder.sources}
    cited = tuple(by_number[n] for n in citations.find_cited(text, by_number))
    return Finished(text, EndReason.ANSWERED, "", cited)


def _judge(recorder: TurnRecorder, config: AgentConfig, over_budget: str) -> Finished:
    text = str(recorder.messages[-1].get("content") or "")
    verdict = grounding.judge(text, recorder.sources, recorder.finished, config.tools)
    is_without = verdict.reason in {EndReason.UNCITED, EndReason.NO_EVIDENCE}
    reason = _explain_nothing(recorder) if is_without else verdict.reason
    end = recorder.end_reason
    if end is EndReason.BUDGET:
        notice = say(BUDGET_AND_MORE, budget=over_budget, more=say(notices.BUDGET_INCOMPLETE))
    else:
        known = reason if reason is EndReason.NOT_SEARCHED else verdict.reason
        notice = _say_known(notices.BY_REASON.get(end or known))
    said = join([_say_known(notices.CUT_OFF.get(recorder.transcript.finish_reason)), notice])
    return Finished(verdict.text, end or reason, said, verdict.cited, verdict.closest)


def _explain_nothing(recorder: TurnRecorder) -> EndReason:
    """Returns why an answer rests on no document: they do not say, or could not be asked."""
    return EndReason.NOT_SEARCHED if grounding.is_unknown(recorder.finished) else EndReason.NO_EVIDENCE


def _quoted_notice(end: EndReason | None, over_budget: str, *, is_quoted: bool) -> str:
    """Returns why the fallback answered; that it quotes is said only where it does."""
    if end is EndReason.BUDGET:
        return say(BUDGET_AND_MORE, budget=over_budget, more=say(notices.BUDGET_QUOTED))
    if end is EndReason.PROVIDER_DOWN:
        return say(notices.BY_REASON[end] if is_quoted else notices.MODEL_AWAY)
    by_reason = _say_known(notices.BY_REASON.get(end)) if end else ""
    return join([by_reason, say(notices.QUOTED) if is_quoted else ""])


def _say_known(sentence: str | None) -> str:
    return say(sentence) if sentence else ""
